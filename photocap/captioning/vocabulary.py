"""Words and their ids: how a caption becomes numbers and numbers become a caption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from photocap.tokenizer import Words

PAD, START, END, UNK = range(4)
SPECIAL_WORDS = ("<pad>", "<start>", "<end>", "<unk>")


class Vocabulary:
    """The words a model knows.

    Ids 0 to 3 are `<pad>`, `<start>`, `<end>` and `<unk>`; the word `words[i]` has the id i + 4.

    Args:
        words: the words in the order of their ids, without the four special ones.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._all = SPECIAL_WORDS + self.words
        self._ids = {word: i for i, word in enumerate(self._all)}
        if len(self._ids) != len(self._all):
            raise ValueError("a vocabulary names each word once, and the special words not at all")

    @classmethod
    def from_captions(cls, captions: Iterable[Words], min_count: int = 5) -> Vocabulary:
        """Return the words seen at least `min_count` times, the most frequent first."""
        return cls(frequent_words(captions, min_count))

    def grown(self, captions: Iterable[Words], min_count: int = 1) -> Vocabulary:
        """Return this vocabulary with the captions' new words behind the old ones, whose ids stay."""
        new = [word for word in frequent_words(captions, min_count) if word not in self._ids]
        return Vocabulary(self.words + tuple(new))

    def encode(self, words: Iterable[str]) -> list[int]:
        """Return the words' ids, `UNK` for unknown ones; no start or end is added."""
        return [self._ids.get(word, UNK) for word in words]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the words up to the first `END`, special ones left out."""
        words = []
        for i in ids:
            if i == END:
                break
            if i > UNK:
                words.append(self._all[i])
        return words

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __len__(self) -> int:
        return len(self._all)


def frequent_words(captions: Iterable[Words], min_count: int) -> list[str]:
    """Return the words seen at least `min_count` times: by falling count, then by alphabet."""
    counts = Counter(word for caption in captions for word in caption)
    return sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
