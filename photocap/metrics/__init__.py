"""Caption scores under the COCO-caption protocol, all printed x 100.

Captions come as tokens: who asks has split them, with `photocap.tokenizer` for scores that compare with published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from photocap.metrics.bleu import bleu_counts, bleu_of_counts
from photocap.metrics.bootstrap import Interval, bootstrap, bootstrap_mean
from photocap.metrics.cider import CiderD, DocumentFrequency
from photocap.metrics.meteor import MeteorScore, meteor_without_paraphrases
from photocap.metrics.meteor_java import meteor_1_5
from photocap.metrics.rouge import rouge_l
from photocap.tokenizer import Words

__all__ = ["CaptionScores", "CiderD", "DocumentFrequency", "Interval", "cider_d", "score_captions"]


@dataclass(frozen=True, kw_only=True)
class CaptionScores:
    """Scores of a set of captions, all x 100.

    Attributes:
        bleu: BLEU-1, -2, -3 and -4 over the whole set.
        meteor: METEOR, or None.
        meteor_name: which METEOR that is: 1.5 by its authors' program, or without that one's table of paraphrases.
        meteor_reason: why there is no METEOR.
        rouge_l: mean over images.
        cider_d: mean over images.
        cider_d_each: one score per image, in order.
        intervals: 95 % intervals over photos of "bleu_1", "bleu_4", "rouge_l" and "cider_d",
            where they were asked for and there are at least two photos.
    """

    bleu: tuple[float, ...]
    meteor: float | None
    meteor_name: str
    meteor_reason: str
    rouge_l: float
    cider_d: float
    cider_d_each: tuple[float, ...]
    intervals: Mapping[str, Interval]


def score_captions(
    candidates: Sequence[Words], references: Sequence[Sequence[Words]], *, meteor: bool = True, intervals: bool = False
) -> CaptionScores:
    """Score one caption per image against all its references.

    `meteor=False` leaves out METEOR, which takes some seconds.
    """
    bleu = [bleu_counts(words, texts) for words, texts in zip(candidates, references, strict=True)]
    rouge = [rouge_l(words, texts) for words, texts in zip(candidates, references, strict=True)]
    mean_cider, cider = cider_d(candidates, references)
    found = _meteor(candidates, references) if meteor else MeteorScore(None, "not asked for")
    return CaptionScores(
        bleu=bleu_of_counts([sum(column) for column in zip(*bleu, strict=True)] or [0] * 10),
        meteor=found.value,
        meteor_name=found.name,
        meteor_reason=found.reason,
        rouge_l=_mean(rouge),
        cider_d=mean_cider,
        cider_d_each=tuple(cider),
        intervals=_intervals(bleu, rouge, cider) if intervals else {},
    )


def _meteor(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> MeteorScore:
    """Return METEOR 1.5 where its program runs, else METEOR without paraphrases."""
    published = meteor_1_5(candidates, references)
    return published if published.value is not None else meteor_without_paraphrases(candidates, references)


def _intervals(bleu: Sequence[Sequence[int]], rouge: Sequence[float], cider: Sequence[float]) -> dict[str, Interval]:
    found = {
        "bleu_1": bootstrap(bleu, lambda sums: bleu_of_counts(sums)[0]),
        "bleu_4": bootstrap(bleu, lambda sums: bleu_of_counts(sums)[3]),
        "rouge_l": bootstrap_mean(rouge),
        "cider_d": bootstrap_mean(cider),
    }
    return {name: interval for name, interval in found.items() if interval}


def cider_d(
    candidates: Sequence[Words],
    references: Sequence[Sequence[Words]],
    document_frequency: DocumentFrequency | None = None,
) -> tuple[float, list[float]]:
    """Return the mean CIDEr-D over all images, and each one's, both x 100.

    Document frequencies are those of the whole `references` unless others are given: scoring
    the same captions in small batches gives far higher numbers that compare with nothing.
    """
    scorer = CiderD(references, document_frequency)
    scores = [scorer.score(words, image) for image, words in enumerate(candidates)]
    return _mean(scores), scores


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
