"""CIDEr-D: how much a caption agrees with what several people wrote about the same picture.

Vedantam, Zitnick, Parikh: CIDEr, Consensus-based Image Description Evaluation (CVPR 2015), section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

N = 4  # n-grams of one to four words
SIGMA = 6.0  # width of the Gaussian that punishes a difference in length, in words
_SCALE = 10.0 * 100.0  # the paper's factor of ten, printed x 100 like the other scores

Tokens = Sequence[Hashable]
NGram = tuple[Hashable, ...]


@dataclass(frozen=True)
class DocumentFrequency:
    """In how many images' references each n-gram occurs: what makes a rare word worth more.

    Attributes:
        counts: n-gram -> number of images.
        n_images: number of images counted.
    """

    counts: dict[NGram, int]
    n_images: int

    @classmethod
    def of(cls, references: Sequence[Sequence[Tokens]]) -> DocumentFrequency:
        """Count over images, each with the token sequences of its references."""
        counts: Counter[NGram] = Counter()
        for sentences in references:
            counts.update({ngram for sentence in sentences for ngram in _ngrams(sentence)})
        return cls(dict(counts), len(references))


@dataclass(frozen=True)
class _ImageReferences:
    """One image's references, turned round: n-gram -> which references have it, and how heavily."""

    weights: dict[NGram, tuple[tuple[int, float], ...]]
    norms: tuple[tuple[float, ...], ...]  # (N, R): vector length for each n and reference
    lengths: tuple[int, ...]  # (R): words in each reference


class CiderD:
    """A scorer prepared for fixed references; fast enough to be the reward of a training.

    Document frequencies and reference vectors are computed once; a candidate of twelve words
    then costs less than 100 microseconds. Tokens are words or ids, as long as both sides use the same.

    Args:
        references: for each image, the token sequences of its references.
        document_frequency: counted elsewhere; None counts over `references`. The choice moves
            the score: published numbers count over the whole evaluated set.
        end: a token put at the end of every reference, so that a candidate which carries it
            (because it was finished, not cut off) is rewarded for ending like people do.
    """

    def __init__(
        self,
        references: Sequence[Sequence[Tokens]],
        document_frequency: DocumentFrequency | None = None,
        end: Hashable | None = None,
    ) -> None:
        if end is not None:
            references = [[[*sentence, end] for sentence in sentences] for sentences in references]
        frequency = document_frequency or DocumentFrequency.of(references)
        self._unseen = log(frequency.n_images) if frequency.n_images else 0.0
        self._idf = {ngram: self._unseen - log(count) for ngram, count in frequency.counts.items()}
        self._images = [self._prepare(sentences) for sentences in references]

    def score(self, candidate: Tokens, image: int) -> float:
        """Return the CIDEr-D (x 100, as printed) of a candidate for the image of that number."""
        references = self._images[image]
        n_references = len(references.lengths)
        dots = [[0.0] * n_references for _ in range(N)]
        squares = [0.0] * N
        for ngram, count in Counter(_ngrams(candidate)).items():
            weight = count * self._idf.get(ngram, self._unseen)
            n = len(ngram) - 1
            squares[n] += weight * weight
            for r, reference_weight in references.weights.get(ngram, ()):
                dots[n][r] += min(weight, reference_weight) * reference_weight
        total = 0.0
        for r, length in enumerate(references.lengths):
            cosines = sum(dots[n][r] / (sqrt(squares[n]) * references.norms[n][r]) for n in range(N) if dots[n][r])
            total += cosines * exp(-((len(candidate) - length) ** 2) / (2 * SIGMA**2))
        return _SCALE * total / (N * n_references)

    def _prepare(self, sentences: Sequence[Tokens]) -> _ImageReferences:
        if not sentences:
            raise ValueError("an image without references cannot be scored")
        weights: dict[NGram, list[tuple[int, float]]] = {}
        squares = [[0.0] * len(sentences) for _ in range(N)]
        for r, sentence in enumerate(sentences):
            for ngram, count in Counter(_ngrams(sentence)).items():
                weight = count * self._idf.get(ngram, self._unseen)
                squares[len(ngram) - 1][r] += weight * weight
                weights.setdefault(ngram, []).append((r, weight))
        return _ImageReferences(
            {ngram: tuple(pairs) for ngram, pairs in weights.items()},
            tuple(tuple(sqrt(s) for s in row) for row in squares),
            tuple(len(sentence) for sentence in sentences),
        )


def _ngrams(tokens: Tokens) -> list[NGram]:
    words = tuple(tokens)
    return [words[i : i + n] for n in range(1, N + 1) for i in range(len(words) - n + 1)]
