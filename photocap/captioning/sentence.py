"""Words of a model as a sentence that people would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import dropwhile, zip_longest

from photocap.captioning.articles import indefinite_article
from photocap.captioning.labels import label_table
from photocap.tokenizer import join_words

_ADJECTIVES = (
    "black white red blue green yellow brown orange pink purple gray grey tan dark light young old little small "
    "large big tall long wooden"
)
COMMON_ADJECTIVES = frozenset(_ADJECTIVES.split())


def as_sentence(words: Sequence[str]) -> str:
    """Write words as people write a caption: "a owl has a yellow eyes" -> "An owl has yellow eyes."."""
    text = join_words(_with_fitting_articles(list(_without_articles_of_plurals(words))))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _with_fitting_articles(words: Sequence[str]) -> Iterator[str]:
    """Yield words with "an" for an "a" that stands before a vowel; "an" is left as it is."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        yield indefinite_article(following) if word == "a" else word


def _without_articles_of_plurals(words: Sequence[str]) -> Iterator[str]:
    """Yield words less each "a" or "an" whose noun, behind common adjectives, is a plural."""
    for place, word in enumerate(words):
        if word not in ("a", "an") or not _begins_with_plural(words[place + 1 :]):
            yield word


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
