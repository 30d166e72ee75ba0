import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokens import tokens

from photocap.captioning.vocabulary import END, PAD, START, UNK, Vocabulary
from photocap.tokenizer import join_words, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog , running .", "a dog running"),
        ("The child's hat isn't red!", "the child 's hat is n't red"),
        ("A boy\N{RIGHT SINGLE QUOTATION MARK}s T-shirt", "a boy 's t-shirt"),
        ("They cannot see the 3.5 m wall", "they can not see the 3.5 m wall"),
        ('He said "stop" ... (twice)', "he said stop twice"),
        ("", ""),
        (" ?! ", ""),
    ],
)
def test_tokenize(text, words):
    assert tokenize(text) == words.split()


@given(st.text())
def test_joined_words_are_taken_apart_the_same_way(text):
    words = tokenize(text)
    assert tokenize(join_words(tokenize(join_words(words)))) == tokenize(join_words(words))


def test_vocabulary_keeps_frequent_words_most_frequent_first():
    vocabulary = Vocabulary.from_captions(tokens(["a dog", "a cat", "a dog runs"]), min_count=2)
    assert vocabulary.words == ("a", "dog")
    assert len(vocabulary) == 6
    assert vocabulary.encode(["a", "cat", "dog"]) == [4, UNK, 5]
    assert "dog" in vocabulary
    assert "cat" not in vocabulary


def test_decode_stops_at_the_end_and_skips_specials():
    vocabulary = Vocabulary(["a", "dog"])
    assert vocabulary.decode([START, 4, UNK, PAD, 5, END, 4]) == ["a", "dog"]


def test_grown_vocabulary_keeps_the_old_ids():
    old = Vocabulary(["a", "dog"])
    new = old.grown(tokens(["Rex the dog", "a Rex"]))
    assert new.words == ("a", "dog", "rex", "the")
    assert new.encode(["dog"]) == old.encode(["dog"])


def test_a_word_cannot_stand_twice():
    with pytest.raises(ValueError, match="once"):
        Vocabulary(["a", "a"])
    with pytest.raises(ValueError, match="once"):
        Vocabulary(["<end>"])
