"""Objects in captions and labels against what is there; contact sheets and what is written into them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tokens import tokens

from photocap.datasets.label_tables import COCO_LABELS, read_known_labels
from photocap.errors import CaptionFileError
from photocap.evaluation import EvaluatedPhoto
from photocap.evaluation.objects import average_precision, hallucination, label_scores
from photocap.evaluation.sheets import TABLE, read_judged, write_sheets
from photocap.records import Caption, Label


def test_there_are_eighty_categories_and_the_label_table_has_them_all() -> None:
    from photocap.captioning.labels import label_table

    assert len(COCO_LABELS) == 80
    assert label_table().keys() >= COCO_LABELS


def test_chair_on_a_case_made_by_hand() -> None:
    captions = [
        "a man rides a horse on the beach",  # both there: the references say "guy" and "horses"
        "a dog on a couch",  # a sofa is a couch; the dog is a cat
        "a plate of food",  # names nothing of COCO's
        "a woman with a hot dog",  # known to be there, whatever the references say; no dog is named
        "a person near a bus",  # a truck, and nobody
    ]
    references = [
        ["a guy on a beach", "two horses"],
        ["a cat sleeps on the sofa"],
        ["lunch"],
        ["someone eats"],
        ["a red truck"],
    ]
    known = [None, None, None, frozenset({"hot dog", "person"}), frozenset({"truck"})]
    found = hallucination(tokens(captions), tokens(references), known)
    assert found.captions == 5
    assert (found.with_object, found.chair_s) == (2, 40.0)
    assert (found.objects, found.wrong_objects) == (8, 3)
    assert found.chair_i == pytest.approx(37.5)
    assert (found.without_beings, found.invented_beings) == (2, 1)


def test_average_precision_by_hand() -> None:
    there = np.array([True, False, True, False])
    assert average_precision(np.array([0.9, 0.8, 0.7, 0.1]), there) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([0.9, 0.1, 0.8, 0.2]), there) == 1.0


def test_label_scores_count_only_categories_that_some_photo_shows() -> None:
    names = ("dog", "meadow", "cat")
    known = [frozenset({"dog"}), frozenset({"person"})]
    shown = [frozenset({"dog", "meadow"}), frozenset({"dog"})]
    found = label_scores(names, [(0.2, 0.9, 0.1), (0.7, 0.1, 0.6)], shown, known)
    assert found is not None
    assert (found.photos, found.categories, found.mean_average_precision) == (2, 1, 0.5)
    assert (found.shown, found.shown_right) == (2, 1)
    assert label_scores(("meadow",), [(0.1,)], [frozenset()], known[:1]) is None


def test_known_labels_are_read_with_their_names_here_and_empty_rows_left_out(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("image,coco_labels,nouns\na.jpg,tv;sports ball;dog,screen\nb.jpg,,sky\n")
    assert read_known_labels(table) == {"a.jpg": {"television", "ball", "dog"}}
    table.write_text("image,nouns\na.jpg,dog\n")
    with pytest.raises(CaptionFileError, match="coco_labels"):
        read_known_labels(table)


def photo(path: Path, text: str, *labels: str) -> EvaluatedPhoto:
    return EvaluatedPhoto(
        path, Caption(text=text, confidence=0.75, labels=tuple(Label(n, 0.9) for n in labels)), ("x",), 0.0
    )


@pytest.fixture
def pictures(tmp_path: Path) -> list[EvaluatedPhoto]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(23):
        Image.new("RGB", (40, 30), (number * 10, 0, 255)).save(folder / f"{number}.png")
    return [photo(folder / f"{number}.png", f"Picture {number}, a <b>dog</b>.", "dog") for number in range(23)]


def test_sheets_hold_twenty_photos_each_and_the_table_a_row_for_each(
    pictures: Sequence[EvaluatedPhoto], tmp_path: Path
) -> None:
    sheets = write_sheets(pictures, tmp_path / "sheets")
    assert [sheet.name for sheet in sheets] == ["sheet-001.jpg", "sheet-002.jpg"]
    with Image.open(sheets[1]) as image:
        assert image.convert("RGB").getpixel((10, 10))[2] > 200  # the 21st picture
        assert image.convert("RGB").getpixel((image.width - 10, 10)) == (255, 255, 255)  # no 24th
    with open(tmp_path / "sheets" / TABLE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 23
    assert rows[2] | {"verdict": "", "invented": ""} == rows[2]
    assert rows[2]["caption"] == "Picture 2, a <b>dog</b>."
    assert rows[2]["labels"] == "dog"


def fill_in(table: Path, verdicts: Sequence[tuple[str, str, str]]) -> None:
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    for row, (kind, verdict, invented) in zip(rows, verdicts, strict=False):
        row.update(kind=kind, verdict=verdict, invented=invented)
    with open(table, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_filled_in_table_is_summed_up_by_kind(pictures: Sequence[EvaluatedPhoto], tmp_path: Path) -> None:
    write_sheets(pictures, tmp_path)
    table = tmp_path / TABLE
    with pytest.raises(CaptionFileError, match="no verdict"):
        read_judged(table)
    fill_in(table, [("food", "right", ""), ("food", "Wrong ", "x"), ("room", "detail", "")])
    food, room, together = read_judged(table)
    assert (food.kind, food.photos, food.right, food.detail, food.wrong, food.invented) == ("food", 2, 1, 0, 1, 1)
    assert (room.kind, room.photos, room.detail) == ("room", 1, 1)
    assert (together.kind, together.photos, together.right) == ("all", 3, 1)
    fill_in(table, [("food", "good", "")])
    with pytest.raises(CaptionFileError, match=r"line 2: 'good'"):
        read_judged(table)


class DogCaptioner:
    """Sees a dog everywhere, with labels to say so."""

    model_id = "dogs@1"
    image_size_px = 16
    batch_size = 8
    label_names = ("dog", "cat")

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        return [
            Caption(
                text="A dog.",
                confidence=0.5,
                labels=(Label("dog", 0.9),),
                label_probabilities=(0.9, float(np.asarray(i).mean())),
            )
            for i in images
        ]


@pytest.fixture
def dog_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_, **__: DogCaptioner())
    monkeypatch.setattr("photocap.metrics.meteor_java._find_jar", lambda: None)


@pytest.mark.usefixtures("dog_model")
def test_several_caption_files_give_a_table_with_chair_and_label_scores(
    pictures: Sequence[EvaluatedPhoto], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    folder = pictures[0].path.parent
    for name, text in (("dogs", "a dog"), ("cats", "a cat")):
        rows = [f"{number}.png,{text},dev" for number in range(4)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["image,caption,split", *rows]))
    labels = tmp_path / "labels.csv"
    labels.write_text("image,coco_labels\n" + "\n".join(f"{n}.png,{'cat' if n else 'dog'}" for n in range(4)))
    files = [tmp_path / "dogs.csv", tmp_path / "cats.csv"]
    asked = ["evaluate", *files, "--images", folder, "--labels", labels, "--model", tmp_path]
    values = json.loads(cli(*asked, "--json").stdout)["sources"]
    assert values["dogs"]["hallucination"]["chair_s"] == 0.0
    assert values["cats"]["hallucination"]["chair_s"] == 75.0  # the labels of the first one say dog
    assert values["dogs"]["labels"]["mean_average_precision"] == 1.0
    done = cli(*asked, "--sheet", tmp_path / "sheets")
    assert done.exit_code == 0, done.output
    table = done.stdout.splitlines()[-3:]
    assert table[0].split()[:2] == ["source", "photos"]
    assert [line.split()[0] for line in table[1:]] == ["dogs", "cats"]
    assert (tmp_path / "sheets" / "sheet-001.jpg").is_file()


def test_judged_is_summed_up_without_a_model(
    pictures: Sequence[EvaluatedPhoto], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    write_sheets(pictures, tmp_path)
    fill_in(tmp_path / TABLE, [("food", "right", ""), ("food", "wrong", "yes")])
    done = cli("evaluate", "--judged", tmp_path / TABLE)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split() == ["food", "2", "50%", "0%", "50%", "50%"]
    assert cli("evaluate").exit_code == 2
