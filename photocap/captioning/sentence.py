"""Words of a model as a sentence of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from photocap.captioning.articles import indefinite_article
from photocap.captioning.labels import label_table
from photocap.tokenizer import join_words

_ADJECTIVES = (
    "black white red blue green yellow brown orange pink purple gray grey tan dark light young old little small "
    "large big tall long wooden"
)
COMMON_ADJECTIVES = frozenset(_ADJECTIVES.split())
_ARTICLES = ("a", "an")
_VERBS_OF_ONE = ("is", "was", "has", "stands", "sits", "lies", "looks", "hangs", "grows")


def as_said(words: Sequence[str]) -> list[tuple[int, str]]:
    """Return the words of a sentence as people say them, each with its place among a model's words.

    "a" is "an" before a vowel ("an" is left as it is). Before a plural, behind common adjectives, neither is said; but
    where the verb speaks of one thing as well, the subject is that one: "a tulips stands" -> "a tulip stands".
    """
    said: list[tuple[int, str]] = []
    forms = list(words)
    for place, word in enumerate(words):
        if word in _ARTICLES:
            noun = _place_of_noun(words, place + 1)
            if _is_plural(words, noun):
                if place or not _has_verb_of_one(words, noun):
                    continue
                forms[noun] = _singulars()[words[noun]]
        said.append((place, forms[place]))
    following = [*(word for _, word in said[1:]), ""]
    return [
        (place, indefinite_article(after) if word == "a" else word)
        for (place, word), after in zip(said, following, strict=False)
    ]


def as_sentence(words: Iterable[str]) -> str:
    """Write words as people write a caption: "a dog runs" -> "A dog runs."."""
    text = join_words(words)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _place_of_noun(words: Sequence[str], place: int) -> int:
    """Return the place of the first word from one on that is no common adjective."""
    while place < len(words) and words[place] in COMMON_ADJECTIVES:
        place += 1
    return place


def _is_plural(words: Sequence[str], place: int) -> bool:
    """Return whether there is a plural, and no part of another noun's name: "sports" before "car"."""
    noun, following = (*words[place : place + 2], "", "")[:2]
    return noun in _singulars() and following not in _nouns()


def _has_verb_of_one(words: Sequence[str], noun: int) -> bool:
    """Return whether a verb in the singular follows: "stands", "that is"."""
    following = (word for word in words[noun + 1 : noun + 3] if word != "that")
    return next(following, "") in _VERBS_OF_ONE


@cache
def _nouns() -> frozenset[str]:
    return frozenset(word for entry in label_table().values() for word in entry.words)


@cache
def _singulars() -> Mapping[str, str]:
    """Return the singulars of plurals in -s, where the table of labels has both for one label."""
    return {
        plural: word
        for entry in label_table().values()
        for word in entry.words
        for plural in (f"{word}s", f"{word}es", f"{word[:-1]}ies", f"{word.removesuffix('e').removesuffix('f')}ves")
        if plural in entry.words
    }
