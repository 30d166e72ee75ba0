"""Grammar of generated sentences: articles, plurals, the capital and the full stop."""

from __future__ import annotations

import pytest

from photocap.captioning.sentence import as_sentence, correct_grammar


@pytest.mark.parametrize(
    ("generated", "corrected"),
    [
        ("a owl sits on a oak", "an owl sits on an oak"),
        ("a old man beside an elephant", "an old man beside an elephant"),
        ("a umbrella over a unicycle", "an umbrella over a unicycle"),
        ("a unusual one-way street", "an unusual one-way street"),
        ("a used car on a one-way street", "a used car on a one-way street"),
        ("a european urinal", "a european urinal"),
        ("photo of a Elsa and a", "photo of an Elsa"),
        # a plural has no indefinite article
        ("a cat with a yellow eyes looks up", "a cat with yellow eyes looks up"),
        ("a large yellow tulips", "large yellow tulips"),
        ("a orange leaves on an knives", "orange leaves on knives"),
        ("a dog and a wolves", "a dog and wolves"),
        ("a clothes line and a flowers vase", "a clothes line and a flowers vase"),
        ("a bus and a red dress beside a glass", "a bus and a red dress beside a glass"),
        ("a few dogs and a two cats", "a few dogs and a two cats"),
        # but a subject is singular where its verb is
        ("a large yellow tulips stands in a garden", "a large yellow tulip stands in a garden"),
        ("a oranges that is on a table", "an orange that is on a table"),
        ("a leaves is on a cake with a blue letters stands", "a leaf is on a cake with blue letters stands"),
        ("a tulips stand in a garden", "tulips stand in a garden"),
        ("a tulips that", "tulips that"),
        # nothing ends on an article, or on what should describe a noun
        ("a man is standing on a red and white", "a man is standing"),
        ("the large dogs of a tall", "the large dogs"),
        ("a photo of a cat and a", "a photo of a cat"),
        ("a man holding a", "a man holding"),
        ("a cat eats an orange", "a cat eats an orange"),
        ("a bus that is red and white", "a bus that is red and white"),
        ("a red", "a red"),
        ("a man is on the", "a man"),
        ("", ""),
    ],
)
def test_corrections(generated: str, corrected: str) -> None:
    assert " ".join(word for _, word in correct_grammar(generated.split())) == corrected


def test_corrected_words_keep_their_indices() -> None:
    corrected = correct_grammar(["a", "owl", "with", "a", "yellow", "eyes"])
    assert corrected == [(0, "an"), (1, "owl"), (2, "with"), (4, "yellow"), (5, "eyes")]


def test_capital_and_full_stop() -> None:
    assert [as_sentence(text) for text in ("a  dog ", "a dog.", "what?", " ")] == ["A dog.", "A dog.", "What?", ""]
