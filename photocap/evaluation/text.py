"""An evaluation in words: lines for a terminal and values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from photocap.evaluation import Evaluation
from photocap.evaluation.retrieval import Retrieval
from photocap.evaluation.similarity import SimilarityFit
from photocap.evaluation.things import ThingRetrieval
from photocap.metrics import CaptionScores, Interval

_SHOWN_NOUNS = 10
_FEWEST = 30  # photos, for an interval that says something
_FEW = 100  # document frequencies, and with them CIDEr-D, depend on the number of photos


def score_lines(evaluation: Evaluation) -> list[str]:
    """Return the scores as lines of text; everything but the photos themselves."""
    return [
        *_scores(evaluation),
        *_bounds(evaluation),
        *_language(evaluation),
        *_confidence(evaluation),
        *_nouns(evaluation),
        *_people(evaluation),
        *_objects(evaluation),
    ]


def source_table(found: Mapping[str, Evaluation]) -> list[str]:
    """Return the scores that matter most as a table, one line for each caption file."""
    head = ("source", "photos", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D", "CHAIR", "mAP", "AUROC")
    rows = [head, *(_source_row(name, evaluation) for name, evaluation in found.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _source_row(name: str, evaluation: Evaluation) -> tuple[str, ...]:
    scores, labels, auroc = evaluation.scores, evaluation.labels, evaluation.calibration.auroc
    return (
        name,
        f"{len(evaluation.photos):,}",
        f"{scores.bleu[3]:.1f}",
        "-" if scores.meteor is None else f"{scores.meteor:.1f}",
        f"{scores.rouge_l:.1f}",
        f"{scores.cider_d:.1f}",
        f"{evaluation.hallucination.chair_s:.1f}",
        f"{labels.mean_average_precision:.2f}" if labels else "-",
        "-" if auroc is None else f"{auroc:.2f}",
    )


def search_lines(photos: Mapping[str, Retrieval], things: Mapping[str, ThingRetrieval]) -> list[str]:
    """Return how well photos and things are found, one line for each way of searching."""
    lines = [
        _line(way, f"R@1 {r.at_1:.1f}, R@5 {r.at_5:.1f}, R@10 {r.at_10:.1f}{_range(r.at_10_interval)}")
        for way, r in photos.items()
    ]
    for way, found in things.items():
        worst = ", ".join(f"{name} {precision:.0%}" for name, precision in found.worst)
        lines.append(_line(way, f"R-precision {found.r_precision:.2f} of {found.things} nouns; least {worst}"))
    return lines


def similarity_lines(fit: SimilarityFit) -> list[str]:
    """Return what a search shows for its look, as fitted."""
    return [
        _line("similarity", f"{fit.scale:.2f} x cosine {fit.offset:+.2f}, in log-odds, of {fit.things} nouns"),
        _line("floor", f"{fit.floor:.3f}; above it {fit.recall:.0%} of the photos of a thing, half of all shown fit"),
        _line("  of descriptions", f"{fit.description_floor:.3f}"),
        _line("absent things", f"{fit.absent_shown} of {fit.absent} show a photo"),
    ]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything as plain values, without the photos."""
    scores = asdict(evaluation.scores)
    del scores["cider_d_each"]
    return {
        "model": evaluation.model_id,
        "split": evaluation.split,
        "photos": len(evaluation.photos),
        "references": sum(len(photo.references) for photo in evaluation.photos),
        "scores": {**scores, "bleu": list(evaluation.scores.bleu)},
        "language": asdict(evaluation.language),
        "human": asdict(evaluation.human) if evaluation.human else None,
        "floor": asdict(evaluation.floor),
        "calibration": asdict(evaluation.calibration),
        "parent_calibration": asdict(evaluation.parent_calibration) if evaluation.parent_calibration else None,
        "nouns": [asdict(noun) for noun in evaluation.nouns],
        "people": asdict(evaluation.people),
        "hallucination": {
            **asdict(evaluation.hallucination),
            "chair_s": evaluation.hallucination.chair_s,
            "chair_i": evaluation.hallucination.chair_i,
        },
        "labels": asdict(evaluation.labels) if evaluation.labels else None,
        "images_per_second": evaluation.images_per_second,
        "machine": evaluation.machine,
        "problems": [asdict(problem) for problem in evaluation.problems],
    }


def _scores(evaluation: Evaluation) -> Iterator[str]:
    scores = evaluation.scores
    yield f"{evaluation.model_id}: {len(evaluation.photos):,} photos, split {evaluation.split}"
    for n, value in enumerate(scores.bleu, start=1):
        yield _line(f"BLEU-{n}", f"{value:.1f}{_interval(evaluation, f'bleu_{n}')}")
    yield _line("METEOR", _meteor(scores))
    yield _line("ROUGE-L", f"{scores.rouge_l:.1f}{_interval(evaluation, 'rouge_l')}")
    few = f"  (of fewer than {_FEW} photos: compares with nothing)" if len(evaluation.photos) < _FEW else ""
    yield _line("CIDEr-D", f"{scores.cider_d:.1f}{_interval(evaluation, 'cider_d')}{few}")


def _meteor(scores: CaptionScores) -> str:
    if scores.meteor is None:
        return f"- ({scores.meteor_reason})"
    return f"{scores.meteor:.1f}  ({scores.meteor_name.removeprefix('METEOR').strip(' ()')})"


def _bounds(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.human:
        human = evaluation.human
        yield _line(
            "people", f"CIDEr-D {human.human_cider_d:.1f}, BLEU-4 {human.human_bleu_4:.1f}, one against the others"
        )
        yield _line(
            "model", f"CIDEr-D {human.model_cider_d:.1f}, BLEU-4 {human.model_bleu_4:.1f}, against the same others"
        )
    floor = evaluation.floor
    yield _line("floor", f'CIDEr-D {floor.cider_d:.1f}, BLEU-4 {floor.bleu_4:.1f}, "{floor.caption}" for every photo')


def _language(evaluation: Evaluation) -> Iterator[str]:
    language, photos = evaluation.language, len(evaluation.photos)
    yield _line("distinct captions", f"{language.distinct:,} of {photos:,} ({language.distinct / photos:.0%})")
    yield _line("vocabulary used", f"{language.vocabulary:,} words")
    yield _line("mean length", f"{language.mean_words:.1f} words")
    yield _line(
        "unsound", f"{language.stutters:,} with a word twice in a row, {language.loose_ends:,} with a loose end"
    )
    yield _line("speed", f"{evaluation.images_per_second:.1f} images/s with decoding ({evaluation.machine})")


def _confidence(evaluation: Evaluation) -> Iterator[str]:
    found, parent = evaluation.calibration, evaluation.parent_calibration
    yield _line("right", f"{found.right_share:.0%} of captions (CIDEr-D of {found.right_from:.0f} or more)")
    by_parent = f"; as the parent is calibrated {parent.error:.3f}" if parent else ""
    yield _line("calibration error", f"{found.error:.3f}, refitted {found.error_refitted:.3f}{by_parent}")
    if found.auroc is not None:
        by_parent = f"; as the parent is calibrated {parent.auroc:.2f}" if parent and parent.auroc is not None else ""
        yield _line("AUROC", f"{found.auroc:.2f} for right against wrong by confidence{by_parent}")
    for group in found.table:
        yield _line(
            f"  {group.low:.1f} to {group.high:.1f}",
            f"{group.count:>6,} captions, confidence {group.confidence:.2f}, right {group.accuracy:.2f}",
        )


def _nouns(evaluation: Evaluation) -> Iterator[str]:
    nouns = sorted(evaluation.nouns, key=lambda noun: noun.recall)
    if not nouns:
        return
    mean = sum(noun.recall for noun in nouns) / len(nouns)
    yield _line("noun recall", f"{mean:.0%}, mean of the {len(nouns)} commonest nouns")
    for name, chosen in (("  least", nouns[:_SHOWN_NOUNS]), ("  most", nouns[::-1][:_SHOWN_NOUNS])):
        yield _line(name, ", ".join(f"{noun.noun} {noun.recall:.0%}" for noun in chosen))


def _people(evaluation: Evaluation) -> Iterator[str]:
    people = evaluation.people
    if people.women:
        yield _line("women called men", f"{people.women_called_men / people.women:.0%} of {people.women:,} photos")
    if people.men:
        yield _line("men called women", f"{people.men_called_women / people.men:.0%} of {people.men:,} photos")


def _objects(evaluation: Evaluation) -> Iterator[str]:
    found, labels = evaluation.hallucination, evaluation.labels
    yield _line("CHAIR", f"{found.chair_s:.1f} % of captions, {found.chair_i:.1f} % of named objects are not there")
    if found.without_beings:
        share = found.invented_beings / found.without_beings
        yield _line("invented beings", f"{share:.0%} of {found.without_beings:,} photos without a person or an animal")
    if labels:
        yield _line("label mAP", f"{labels.mean_average_precision:.2f}, {labels.categories} categories of COCO")
        right = f", {labels.shown_right / labels.shown:.0%} of them right" if labels.shown else ""
        yield _line("labels shown", f"{labels.shown:,} of those on {labels.photos:,} photos{right}")


def _interval(evaluation: Evaluation, name: str) -> str:
    """Return the score's interval; over a handful of photos it would span almost everything and is left out."""
    return _range(evaluation.scores.intervals.get(name)) if len(evaluation.photos) >= _FEWEST else ""


def _range(interval: Interval | None) -> str:
    return f"  ({interval.low:.1f} to {interval.high:.1f})" if interval else ""


def _line(name: str, value: str) -> str:
    return f"{name:<18} {value}"
