"""Names: which words of captions name somebody or something, and whether a model says them where they belong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass

from photocap.tokenizer import Words, tokenize

_WORD = re.compile(r"[^\W\d_]+(?:[-'\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;]\s*[\"'(]*$")
_LEAST_CAPTIONS = 2
_MOST_SMALL = 0.05  # share of a name's occurrences that somebody wrote in small letters
_TITLE_CASE = 0.6  # share of words with capitals from which a caption says nothing about names


@dataclass(frozen=True)
class NameUse:
    """How often names are said.

    Attributes:
        wanted: how often a kept-back photo shows somebody whom a person named.
        said: how often of these the model says that name.
        said_wrongly: how many kept-back photos get a name that nobody gave them.
        photos: all kept-back photos.
    """

    wanted: int
    said: int
    said_wrongly: int
    photos: int

    def __str__(self) -> str:
        """Return "12 of 20 (60%), wrongly on 1 of 80 photos"."""
        share = f" ({self.said / self.wanted:.0%})" if self.wanted else ""
        return f"{self.said:,} of {self.wanted:,}{share}, wrongly on {self.said_wrongly:,} of {self.photos:,} photos"


def find_names(captions: Iterable[str], known: Container[str]) -> dict[str, str]:
    """Return the names in captions as the tokeniser has them, each with its usual spelling.

    A name is written with a capital wherever it stands; at the beginning of a sentence, where every word is, only a
    word that the model does not know is taken for one.

    Args:
        captions: the captions as people wrote them.
        known: the words that the model knew before.
    """
    capital: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    small: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for caption in captions:
        words = list(_WORD.finditer(caption))
        if len(words) > 3 and sum(m[0][0].isupper() for m in words) > _TITLE_CASE * len(words):
            continue
        for match in words:
            spelling = re.sub(r"['\N{RIGHT SINGLE QUOTATION MARK}]s$", "", match[0])
            word = spelling.lower()
            if not spelling[0].isupper():
                small[word] += 1
                continue
            capital[word] += 1
            before = caption[: match.start()]
            inside[word] += bool(before.strip()) and not _SENTENCE_END.search(before)
            spellings.setdefault(word, Counter())[spelling] += 1
    return {
        word: spellings[word].most_common(1)[0][0]
        for word, count in capital.items()
        if count >= _LEAST_CAPTIONS
        and len(word) > 1
        and small[word] <= _MOST_SMALL * count
        and (inside[word] >= _LEAST_CAPTIONS or word not in known)
        and tokenize(word) == [word]
    }


def measure_names(names: Collection[str], sentences: Sequence[str], references: Sequence[Sequence[Words]]) -> NameUse:
    """Count where sentences say names, and where the captions by people do.

    Args:
        names: as the tokeniser has them.
        sentences: what a model says of each photo.
        references: the captions by people of each photo, as tokens.
    """
    wanted = said = wrongly = 0
    for sentence, captions in zip(sentences, references, strict=True):
        given = {word for caption in captions for word in caption}.intersection(names)
        spoken = set(tokenize(sentence)).intersection(names)
        wanted += len(given)
        said += len(given & spoken)
        wrongly += bool(spoken - given)
    return NameUse(wanted, said, wrongly, len(sentences))
