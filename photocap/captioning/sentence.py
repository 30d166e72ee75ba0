"""Grammar of generated sentences: articles, plurals, the capital and the full stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from photocap.captioning.articles import indefinite_article
from photocap.captioning.labels import label_table

_ADJECTIVES = (
    "black white red blue green yellow brown orange pink purple gray grey tan dark light young old little small "
    "large big tall long wooden"
)
COMMON_ADJECTIVES = frozenset(_ADJECTIVES.split())
_ARTICLES = ("a", "an")
_NOT_NOUNS = COMMON_ADJECTIVES - {"orange", "light"}  # which are nouns, too
_NEED_ANOTHER = "a an the and of with in on at to is are for by from"
CANNOT_END = frozenset(_NEED_ANOTHER.split())  # words that need another behind them
_SINGULAR_VERBS = ("is", "was", "has", "stands", "sits", "lies", "looks", "hangs", "grows")


def correct_grammar(words: Sequence[str]) -> list[tuple[int, str]]:
    """Return the corrected words of a generated sentence, each with its index among the generated ones.

    "a" becomes "an" before a vowel ("an" is left as it is). A plural loses its indefinite article, also where common
    adjectives stand between; but a subject whose verb is singular as well becomes singular: "a tulips stands" -> "a
    tulip stands". A phrase at the end that lacks its noun is left out: "stands on a red and white" -> "stands".
    """
    corrected: list[tuple[int, str]] = []
    words = words[: _end(words)]
    forms = list(words)
    for index, word in enumerate(words):
        if word in _ARTICLES:
            noun = _noun_index(words, index + 1)
            if _is_plural(words, noun):
                if index or not _has_singular_verb(words, noun):
                    continue
                forms[noun] = _singulars()[words[noun]]
        corrected.append((index, forms[index]))
    following = [*(word for _, word in corrected[1:]), ""]
    return [
        (index, indefinite_article(after) if word == "a" else word)
        for (index, word), after in zip(corrected, following, strict=False)
    ]


def as_sentence(text: str) -> str:
    """Write what a model says as people write a caption: "a dog runs " -> "A dog runs."."""
    text = " ".join(text.split())
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}" if text else ""


def _end(words: Sequence[str]) -> int:
    """Return how many words there are before a phrase at the end that lacks its noun, or all if that were none."""
    end = last = len(words)
    while last and (words[last - 1] == "and" or words[last - 1] in _NOT_NOUNS):
        last -= 1
    if last and words[last - 1] in _ARTICLES:
        end = last
    while end and words[end - 1] in CANNOT_END:
        end -= 1
    return end or len(words)


def _noun_index(words: Sequence[str], start: int) -> int:
    """Return the index of the first word from `start` on that is no common adjective."""
    while start < len(words) and words[start] in COMMON_ADJECTIVES:
        start += 1
    return start


def _is_plural(words: Sequence[str], noun: int) -> bool:
    """Return whether a word is a plural, and not part of another noun's name: "flowers" before "vase"."""
    word, following = (*words[noun : noun + 2], "", "")[:2]
    return word in _singulars() and following not in _nouns()


def _has_singular_verb(words: Sequence[str], noun: int) -> bool:
    """Return whether "stands" or "that is" or the like follows."""
    following = (word for word in words[noun + 1 : noun + 3] if word != "that")
    return next(following, "") in _SINGULAR_VERBS


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
