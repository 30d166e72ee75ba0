"""What a set of captions says about the model that wrote them; pictures are not needed for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from photocap.captioning.confidence import (
    RIGHT_CIDER_D,
    ReliabilityBin,
    auroc,
    expected_calibration_error,
    recalibrated,
    reliability_table,
)
from photocap.captioning.sentence import CANNOT_END
from photocap.evaluation.nouns import common_nouns
from photocap.metrics import CaptionScores, score_captions
from photocap.tokenizer import Words

_MAX_FOLDS = 5
WOMEN = frozenset(["woman", "women", "girl", "girls", "lady", "ladies", "female", "females", "she", "her", "mother"])
MEN = frozenset(["man", "men", "boy", "boys", "guy", "guys", "male", "males", "he", "his", "him", "father"])


@dataclass(frozen=True, kw_only=True)
class Language:
    """How a model speaks.

    Attributes:
        distinct: different captions.
        vocabulary: different words used.
        mean_words: words in a caption on average.
        stutters: captions with a word twice in a row.
        loose_ends: captions that stop at a word that needs another, like "with a".
    """

    distinct: int
    vocabulary: int
    mean_words: float
    stutters: int
    loose_ends: int


@dataclass(frozen=True)
class HumanCeiling:
    """People against people: each reference in turn is scored against the others of its photo.

    The model is scored against the same smaller sets of references, which give lower numbers
    than the full ones; only these two compare.
    """

    human_bleu_4: float
    human_cider_d: float
    model_bleu_4: float
    model_cider_d: float


@dataclass(frozen=True)
class ConstantFloor:
    """The commonest caption, given to every photo."""

    caption: str
    bleu_4: float
    cider_d: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether the confidence means what it says.

    Attributes:
        right_from: CIDEr-D (x 100) from which a caption counts as right.
        right_share: share of captions that are right.
        error: expected calibration error of the confidence as it comes, in [0, 1].
        error_refitted: the same after fitting on one half of the photos and measuring on the other.
        auroc: chance that a right caption has a higher confidence than a wrong one.
        table: captions grouped by confidence.
    """

    right_from: float
    right_share: float
    error: float
    error_refitted: float
    auroc: float | None
    table: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class NounRecall:
    """How often a noun is said where people say it.

    Attributes:
        noun: the word.
        images: photos where at least two references have it (one, where there is only one).
        recall: share of these whose caption has it.
    """

    noun: str
    images: int
    recall: float


@dataclass(frozen=True)
class PeopleWords:
    """How often a model calls people what nobody who saw the photo called them.

    A photo counts as one of women where at least two references (one, where there is only one) have a word
    for women or girls and none has one for men or boys; of men likewise.

    Attributes:
        women: photos of women.
        women_called_men: of these, captions with words for men or boys only.
        men: photos of men.
        men_called_women: of these, captions with words for women or girls only.
    """

    women: int
    women_called_men: int
    men: int
    men_called_women: int


def measure_language(sentences: Sequence[Words]) -> Language:
    """Describe captions without looking at any reference."""
    return Language(
        distinct=len({tuple(words) for words in sentences}),
        vocabulary=len({word for words in sentences for word in words}),
        mean_words=sum(map(len, sentences)) / max(len(sentences), 1),
        stutters=sum(any(a == b for a, b in pairwise(words)) for words in sentences),
        loose_ends=sum(bool(words) and words[-1] in CANNOT_END for words in sentences),
    )


def human_ceiling(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> HumanCeiling | None:
    """Score people and model against the references without one; None where no photo has two."""
    chosen = [(c, r) for c, r in zip(captions, references, strict=True) if len(r) > 1]
    if not chosen:
        return None
    folds = min(_MAX_FOLDS, max(len(r) for _, r in chosen))
    human, model = [], []
    for fold in range(folds):
        left_out = [fold % len(r) for _, r in chosen]
        others = [[*r[:i], *r[i + 1 :]] for (_, r), i in zip(chosen, left_out, strict=True)]
        people = [r[i] for (_, r), i in zip(chosen, left_out, strict=True)]
        human.append(score_captions(people, others, meteor=False))
        model.append(score_captions([c for c, _ in chosen], others, meteor=False))
    return HumanCeiling(*_mean_scores(human), *_mean_scores(model))


def constant_floor(known: Iterable[Words], references: Sequence[Sequence[Words]]) -> ConstantFloor:
    """Score the commonest of the known captions as if it were every photo's."""
    counts = Counter(map(tuple, known))
    commonest = min(counts, key=lambda words: (-counts[words], " ".join(words)))
    scores = score_captions([commonest] * len(references), references, meteor=False)
    return ConstantFloor(" ".join(commonest), *_mean_scores([scores]))


def measure_calibration(confidences: Sequence[float], cider_d: Sequence[float]) -> Calibration:
    """Hold confidences against the CIDEr-D of their captions."""
    right = [score >= RIGHT_CIDER_D for score in cider_d]
    return Calibration(
        right_from=RIGHT_CIDER_D,
        right_share=sum(right) / max(len(right), 1),
        error=expected_calibration_error(confidences, right),
        error_refitted=expected_calibration_error(recalibrated(confidences, right), right),
        auroc=auroc(confidences, right),
        table=tuple(reliability_table(confidences, right)),
    )


def noun_recall(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[NounRecall]:
    """Return the recall of the 100 nouns that the references use most often."""
    said = [set(words) for words in captions]
    spoken = [Counter(word for words in texts for word in set(words)) for texts in references]
    recalls = []
    for noun in common_nouns(words for texts in references for words in texts):
        images = [i for i, counts in enumerate(spoken) if counts[noun] >= min(2, len(references[i]))]
        if images:
            recalls.append(NounRecall(noun, len(images), sum(noun in said[i] for i in images) / len(images)))
    return recalls


def people_words(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> PeopleWords:
    """Count errors about men and women, both ways."""
    photos: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for caption, texts in zip(captions, references, strict=True):
        seen = [_sex(words) for words in texts]
        for sex, other in (("women", "men"), ("men", "women")):
            if seen.count(sex) >= min(2, len(texts)) and not {other, "both"} & set(seen):
                photos[sex] += 1
                errors[sex] += _sex(caption) == other
    return PeopleWords(photos["women"], errors["women"], photos["men"], errors["men"])


def _sex(words: Words) -> str:
    """Return "women", "men", "both" or "" for the people a sentence names."""
    women, men = not WOMEN.isdisjoint(words), not MEN.isdisjoint(words)
    return "both" if women and men else "women" if women else "men" if men else ""


def _mean_scores(scores: Sequence[CaptionScores]) -> tuple[float, float]:
    return sum(s.bleu[3] for s in scores) / len(scores), sum(s.cider_d for s in scores) / len(scores)
