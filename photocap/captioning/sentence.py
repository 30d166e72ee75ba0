"""Words of a model as a sentence of people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import dropwhile

from photocap.captioning.articles import indefinite_article
from photocap.captioning.labels import label_table
from photocap.tokenizer import join_words

_ADJECTIVES = (
    "black white red blue green yellow brown orange pink purple gray grey tan dark light young old little small "
    "large big tall long wooden"
)
COMMON_ADJECTIVES = frozenset(_ADJECTIVES.split())


def as_said(words: Sequence[str]) -> list[tuple[int, str]]:
    """Return the words of a sentence as people say them, each with its place among a model's words.

    "a" is "an" before a vowel ("an" is left as it is); before a plural, behind common adjectives, neither is said.
    """
    kept = [
        (place, word)
        for place, word in enumerate(words)
        if word not in ("a", "an") or not _begins_with_plural(words[place + 1 :])
    ]
    following = [*(word for _, word in kept[1:]), ""]
    return [
        (place, indefinite_article(after) if word == "a" else word)
        for (place, word), after in zip(kept, following, strict=False)
    ]


def as_sentence(words: Iterable[str]) -> str:
    """Write words as people write a caption: "a dog runs" -> "A dog runs."."""
    text = join_words(words)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _begins_with_plural(words: Sequence[str]) -> bool:
    """Return whether the first noun is a plural, and no part of another's name: "sports" before "car"."""
    noun, following, *_ = (*dropwhile(COMMON_ADJECTIVES.__contains__, words), "", "")
    return noun in _plurals() and following not in _nouns()


@cache
def _nouns() -> frozenset[str]:
    return frozenset(word for entry in label_table().values() for word in entry.words)


@cache
def _plurals() -> frozenset[str]:
    """Return the plurals in -s of the table of labels: those that have their singular beside them."""
    return frozenset(
        plural
        for entry in label_table().values()
        for word in entry.words
        for plural in (f"{word}s", f"{word}es", f"{word[:-1]}ies", f"{word.removesuffix('e').removesuffix('f')}ves")
        if plural in entry.words
    )
