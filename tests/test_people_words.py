from photocap.captioning.model_files import base_model_dir, read_model_info
from photocap.captioning.neutral_terms import neutral_ids
from photocap.captioning.vocabulary import PAD, Vocabulary
from photocap.evaluation.measures import MEN, WOMEN


def moves(vocabulary):
    """Return the words that move and where to, None for nowhere."""
    words = ("<pad>", "<start>", "<end>", "<unk>", *vocabulary.words)
    ids = neutral_ids(vocabulary)
    assert len(ids) == len(vocabulary)
    return {words[i]: words[to] if to != PAD else None for i, to in enumerate(ids) if i != to}


def test_a_neutral_word_speaks_for_its_words():
    words = ["a", "man", "woman", "person", "dog", "boy", "child", "he", "their", "his", "black"]
    expected = {"man": "person", "woman": "person", "boy": "child", "he": None, "his": "their"}
    assert moves(Vocabulary(words)) == expected


def test_the_first_neutral_word_that_there_is_speaks():
    assert moves(Vocabulary(["husband", "person"])) == {"husband": "person"}
    assert moves(Vocabulary(["husband", "person", "spouse"])) == {"husband": "spouse"}
    assert moves(Vocabulary(["husband", "dog"])) == {"husband": None}


def test_the_base_model_has_a_neutral_word_for_all_but_those_it_does_without():
    vocabulary = Vocabulary(read_model_info(base_model_dir()).words)
    found = moves(vocabulary)
    assert {
        "man": "person",
        "women": "people",
        "girl": "child",
        "her": "their",
        "mother": "parent",
    }.items() <= found.items()
    assert {"asian", "african-american", "dark-skinned", "fat"} <= {word for word, to in found.items() if to is None}
    assert not {"black", "white", "brown", "american", "young", "old", "baby", "person", "child"} & set(found)
    assert not set(found.values()) & set(found), "what speaks for others is itself neutral"


def test_no_word_that_the_evaluation_counts_is_left():
    assert set(moves(Vocabulary(sorted(MEN | WOMEN)))) == (MEN | WOMEN)
