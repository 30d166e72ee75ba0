"""Words of a model as a sentence of people."""

from __future__ import annotations

import pytest

from photocap.captioning.sentence import as_said, as_sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a owl sits on a oak", "An owl sits on an oak."),
        ("a old man beside an elephant", "An old man beside an elephant."),
        ("a umbrella over a unicycle", "An umbrella over a unicycle."),
        ("a unusual one-way street", "An unusual one-way street."),
        ("a used car on a one-way street", "A used car on a one-way street."),
        ("a european urinal", "A european urinal."),
        ("photo of a Elsa and a", "Photo of an Elsa and a."),
        ("", ""),
    ],
)
def test_an_article_fits_the_word_behind_it(words: str, sentence: str) -> None:
    assert as_sentence(word for _, word in as_said(words.split())) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a cat with a yellow eyes looks up", "A cat with yellow eyes looks up."),
        ("a large yellow tulips", "Large yellow tulips."),
        ("a orange leaves on an knives", "Orange leaves on knives."),
        ("a dog and a wolves", "A dog and wolves."),
        ("a sports car beside a glass", "A sports car beside a glass."),
        ("a clothes line and a flowers vase", "A clothes line and a flowers vase."),
        ("a bus and a red dress", "A bus and a red dress."),
        ("a few dogs and a two cats", "A few dogs and a two cats."),
        ("the large dogs of a tall", "The large dogs of a tall."),
    ],
)
def test_a_plural_has_no_indefinite_article(words: str, sentence: str) -> None:
    assert as_sentence(word for _, word in as_said(words.split())) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a large yellow tulips stands in a garden", "A large yellow tulip stands in a garden."),
        ("a oranges that is on a table", "An orange that is on a table."),
        ("a leaves is on a cake with a blue letters stands", "A leaf is on a cake with blue letters stands."),
        ("a tulips stand in a garden", "Tulips stand in a garden."),
        ("a tulips that", "Tulips that."),
    ],
)
def test_a_subject_is_one_where_the_verb_says_so_too(words: str, sentence: str) -> None:
    assert as_sentence(word for _, word in as_said(words.split())) == sentence


def test_words_keep_their_places() -> None:
    assert as_said(["a", "owl", "with", "a", "yellow", "eyes"]) == [
        (0, "an"),
        (1, "owl"),
        (2, "with"),
        (4, "yellow"),
        (5, "eyes"),
    ]
