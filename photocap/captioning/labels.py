"""Labels: nouns that a picture shows. Their names, the words that say them, and what is sure of one picture.

The table `labels.csv` is the project's own: for each label the words of a caption that say it, the broader labels
that it implies ("kitten" -> "cat" -> "animal"), and the ImageNet-1k classes that show it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from photocap.captioning.articles import indefinite_article
from photocap.records import Label
from photocap.tokenizer import tokenize

_TABLE = Path(__file__).with_name("labels.csv")
_NO_ARTICLE = (
    "people clothes glasses sunglasses jeans pants shorts stairs scissors headphones blinds binoculars fries "
    "fireworks furniture food fruit night traffic water snow sand grass ice meat bread rice pasta cheese "
    "jewelry graffiti smoke fog rain hay wood metal plastic leather wool broccoli"
)
_UNCOUNTED = frozenset(_NO_ARTICLE.split())
_LIKELY = 0.4


@dataclass(frozen=True)
class LabelEntry:
    """One row of the table.

    Attributes:
        name: the label.
        words: the words and phrases of a caption that say it, singular and plural.
        broader: the labels next above it.
        imagenet: numbers of the ImageNet-1k classes that show it.
    """

    name: str
    words: tuple[str, ...]
    broader: tuple[str, ...]
    imagenet: tuple[int, ...]


@dataclass(frozen=True)
class LabelSet:
    """The labels that a model knows, in the order of its label head's outputs.

    Attributes:
        names: the labels.
        shown_from: for each label the probability from which it is shown; above 1 it never is.
        absent_below: for each label the probability below which the picture surely does not show it; 0 is never.
    """

    names: tuple[str, ...]
    shown_from: tuple[float, ...]
    absent_below: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise ValueError where the three do not fit together."""
        if not len(self.names) == len(self.shown_from) == len(self.absent_below):
            raise ValueError("the labels and their thresholds differ in number")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a label is named twice")

    @cached_property
    def broader(self) -> tuple[frozenset[str], ...]:
        """Return for each label all labels above it."""
        return tuple(broader_labels(name) for name in self.names)

    def shown(self, probabilities: Sequence[float]) -> tuple[Label, ...]:
        """Return the labels that are sure enough to be shown, the likeliest first."""
        rows = zip(self.names, probabilities, self.shown_from, strict=True)
        return _likeliest_first(Label(n, p) for n, p, least in rows if p >= least)

    def likely(self, probabilities: Sequence[float]) -> tuple[Label, ...]:
        """Return the labels that may well be there, but are not sure enough to be shown, the likeliest first."""
        rows = zip(self.names, probabilities, self.shown_from, strict=True)
        return _likeliest_first(Label(n, p) for n, p, least in rows if _LIKELY <= p < least)

    def absent(self, probabilities: Sequence[float]) -> list[str]:
        """Return the labels that the picture surely does not show."""
        rows = zip(self.names, probabilities, self.absent_below, strict=True)
        return [name for name, p, limit in rows if p < limit]


def _likeliest_first(labels: Iterable[Label]) -> tuple[Label, ...]:
    return tuple(sorted(labels, key=lambda label: -label.probability))


@cache
def label_table() -> Mapping[str, LabelEntry]:
    """Read the table of labels, by name."""
    with open(_TABLE, encoding="utf-8", newline="") as file:
        entries = [
            LabelEntry(
                row["label"],
                tuple(row["words"].split(";")),
                tuple(filter(None, row["broader"].split(";"))),
                _numbers(row["imagenet"]),
            )
            for row in csv.DictReader(file)
        ]
    return {entry.name: entry for entry in entries}


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of "7-9 12"."""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


@cache
def broader_labels(name: str) -> frozenset[str]:
    """Return all labels above one, at any distance."""
    entry = label_table().get(name)
    above = entry.broader if entry else ()
    return frozenset(above).union(*(broader_labels(label) for label in above))


@cache
def narrower_labels(name: str) -> frozenset[str]:
    """Return all labels of the table below one."""
    return frozenset(label for label in label_table() if name in broader_labels(label))


def words_of(name: str, *, narrower: bool = False) -> frozenset[str]:
    """Return the words and phrases that say a label, or with `narrower` anything that implies it."""
    names = [name, *narrower_labels(name)] if narrower else [name]
    return frozenset(word for label in names for word in _own_words(label))


def _own_words(name: str) -> tuple[str, ...]:
    entry = label_table().get(name)
    return entry.words if entry else (name,)


@cache
def _names_by_phrase() -> Mapping[tuple[str, ...], str]:
    # The table's words are tokens already: a search does not wait for 1,800 of them to be split again.
    return {tuple(word.split()): entry.name for entry in label_table().values() for word in entry.words}


def labels_in(words: Sequence[str]) -> frozenset[str]:
    """Return the labels that a tokenised caption names, phrases before single words, without those above them."""
    found, place = set(), 0
    names = _names_by_phrase()
    while place < len(words):
        for length in (3, 2, 1):
            name = names.get(tuple(words[place : place + length]))
            if name is not None:
                found.add(name)
                break
        place += length if name is not None else 1
    return frozenset(found)


def label_named(text: str) -> str | None:
    """Return the label that a text says and nothing besides: "traffic lights" -> "traffic light"; None for others."""
    return _names_by_phrase().get(tuple(tokenize(text)))


def with_broader(names: Iterable[str]) -> frozenset[str]:
    """Return labels together with all labels above them."""
    named = frozenset(names)
    return named.union(*(broader_labels(name) for name in named))


def most_specific(labels: Sequence[Label]) -> list[Label]:
    """Leave out the labels that another one of them implies: of "cat", "animal" only "cat" stays."""
    implied = frozenset[str]().union(*(broader_labels(label.name) for label in labels))
    return [label for label in labels if label.name not in implied]


def label_sentence(labels: Sequence[Label]) -> str | None:
    """Return "A photo of a coffee cup." for the likeliest label; None where there is none."""
    specific = most_specific(labels)
    if not specific:
        return None
    name = specific[0].name
    return f"A photo of {with_article(name)}."


def with_article(name: str) -> str:
    """Return a noun as it follows "a photo of": "a cup", "an apple", "people"."""
    if name in _UNCOUNTED:
        return name
    return f"{indefinite_article(name)} {name}"
