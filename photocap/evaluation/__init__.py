"""How good a model's captions are, held against what people wrote about the same photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photocap.datasets import CaptionRow, Problem, split_by_image
from photocap.datasets.sources import CaptionSet
from photocap.errors import CaptionFileError
from photocap.evaluation.captions import CaptionRun, caption_photos, machine_name
from photocap.evaluation.measures import (
    Calibration,
    ConstantFloor,
    HumanCeiling,
    Language,
    NounRecall,
    PeopleWords,
    constant_floor,
    human_ceiling,
    measure_calibration,
    measure_language,
    noun_recall,
    people_words,
)
from photocap.evaluation.objects import Hallucination, LabelScores, hallucination, known_of, label_scores
from photocap.metrics import CaptionScores, score_captions
from photocap.records import Caption, CaptionerProtocol, LabelledCaptioner
from photocap.tokenizer import Words, tokenize

__all__ = ["EvaluatedPhoto", "Evaluation", "evaluate"]


@dataclass(frozen=True)
class EvaluatedPhoto:
    """One photo, the model's caption, what people wrote, and the caption's CIDEr-D (x 100)."""

    path: Path
    caption: Caption
    references: tuple[str, ...]
    cider_d: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All that is known of a model on a set of photos.

    Attributes:
        model_id: the model.
        split: which photos: "train", "dev", "test" or "all".
        photos: in the order of the caption file.
        problems: rows and photos that could not be used.
        scores: the usual scores with their intervals.
        language: how the model speaks.
        human: people against people, where photos have several references.
        floor: the commonest caption given to every photo.
        calibration: whether the confidence means what it says.
        parent_calibration: the same of the confidence that these captions would have by the calibration of the model
            that this one was trained further from; None where that is unknown.
        nouns: recall of the commonest nouns.
        people: errors about men and women.
        hallucination: what captions name that is not there.
        labels: how good the labels are; None where the model has none or nothing is known of the photos.
        images_per_second: of the captioner, decoding included.
        machine: where that was.
    """

    model_id: str
    split: str
    photos: tuple[EvaluatedPhoto, ...]
    problems: tuple[Problem, ...]
    scores: CaptionScores
    language: Language
    human: HumanCeiling | None
    floor: ConstantFloor
    calibration: Calibration
    parent_calibration: Calibration | None
    nouns: tuple[NounRecall, ...]
    people: PeopleWords
    hallucination: Hallucination
    labels: LabelScores | None
    images_per_second: float
    machine: str

    @property
    def worst_first(self) -> list[EvaluatedPhoto]:
        """Return the photos by rising CIDEr-D."""
        return sorted(self.photos, key=lambda photo: photo.cider_d)


def evaluate(
    source: CaptionSet,
    captioner: CaptionerProtocol,
    *,
    split: str = "dev",
    folders: Sequence[Path] = (),
    known_labels: Mapping[str, frozenset[str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Caption the photos of one split and hold the sentences against the references.

    Args:
        source: the captions by people and where their images are.
        captioner: the model.
        split: "train", "dev", "test", or "all" for every row.
        folders: where images are looked for before the source's own folder.
        known_labels: by file name the COCO categories that photos show.
        progress: called with how many photos of how many are done.

    Raises:
        CaptionFileError: no row is in the split, or none of its photos can be read.
    """
    splits = split_by_image(source.table.rows)
    rows = list(source.table.rows) if split == "all" else splits[split]
    if not rows:
        raise CaptionFileError(source.path, f"has no row in the split {split!r}", "--split all takes every row")
    groups, problems = _group(rows, [*folders, source.images])
    captioned = caption_photos(captioner, list(groups), progress)
    problems += [Problem(groups[path][0].line, str(error)) for path, error in captioned.errors.items()]
    if not captioned.captions:
        raise CaptionFileError(source.path, f"no photo can be used: {problems[0].text}", "--images names their folder")
    references = [tuple(row.caption for row in groups[path]) for path in captioned.captions]
    known = [tokenize(row.caption) for row in splits["train"] or rows]
    names = captioner.label_names if isinstance(captioner, LabelledCaptioner) else ()
    return _measure(
        captioner.model_id,
        split,
        captioned,
        references,
        known,
        (*source.table.problems, *problems),
        _Truth(names, known_of(list(captioned.captions), known_labels or {})),
    )


@dataclass(frozen=True)
class _Truth:
    """The model's labels, and for each photo the COCO categories that are known of it."""

    names: Sequence[str]
    known: Sequence[frozenset[str] | None]

    def label_scores(self, captions: Sequence[Caption]) -> LabelScores | None:
        """Measure the labels of the photos of which something is known."""
        rows = [
            (caption.label_probabilities, frozenset(label.name for label in caption.labels), labels)
            for caption, labels in zip(captions, self.known, strict=True)
            if labels is not None and caption.label_probabilities
        ]
        if not rows:
            return None
        return label_scores(self.names, *zip(*rows, strict=True))


def _measure(
    model_id: str,
    split: str,
    captioned: CaptionRun,
    references: Sequence[tuple[str, ...]],
    known: Sequence[Words],
    problems: tuple[Problem, ...],
    truth: _Truth,
) -> Evaluation:
    captions = list(captioned.captions.values())
    said = [tokenize(caption.text) for caption in captions]
    wanted = [[tokenize(text) for text in texts] for texts in references]
    scores = score_captions(said, wanted, intervals=True)
    by_parent = [caption.parent_confidence for caption in captions if caption.parent_confidence is not None]
    return Evaluation(
        model_id=model_id,
        split=split,
        photos=tuple(map(EvaluatedPhoto, captioned.captions, captions, references, scores.cider_d_each)),
        problems=problems,
        scores=scores,
        language=measure_language(said),
        human=human_ceiling(said, wanted),
        floor=constant_floor(known, wanted),
        calibration=measure_calibration([caption.confidence for caption in captions], scores.cider_d_each),
        parent_calibration=measure_calibration(by_parent, scores.cider_d_each) if by_parent else None,
        nouns=tuple(noun_recall(said, wanted)),
        people=people_words(said, wanted),
        hallucination=hallucination(said, wanted, truth.known),
        labels=truth.label_scores(captions),
        images_per_second=captioned.images_per_second,
        machine=machine_name(),
    )


def _group(rows: Sequence[CaptionRow], folders: Sequence[Path]) -> tuple[dict[Path, list[CaptionRow]], list[Problem]]:
    """Gather each photo's rows; photos that are not there are problems, reported once."""
    found: dict[str, Path | None] = {}
    groups: dict[Path, list[CaptionRow]] = {}
    problems = []
    for row in rows:
        if row.image not in found:
            found[row.image] = next((f / row.image for f in folders if (f / row.image).is_file()), None)
            if found[row.image] is None:
                problems.append(Problem(row.line, f"{row.image} is not in {', '.join(map(str, folders))}"))
        if path := found[row.image]:
            groups.setdefault(path, []).append(row)
    return groups, problems
