import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photocap.datasets import CaptionRow, read_captions, split_by_image
from photocap.errors import CaptionFileError


@pytest.fixture
def table_of(tmp_path):
    def read(content: str | bytes, name="captions.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_captions(path)

    return read


def test_flickr8k_captions_txt(table_of):
    table = table_of('image,caption\n1.jpg,A dog .\n1.jpg,"A dog , running ."\n2.jpg,A cat .\n')
    assert table.rows == (
        CaptionRow("1.jpg", "A dog .", None, 2),
        CaptionRow("1.jpg", "A dog , running .", None, 3),
        CaptionRow("2.jpg", "A cat .", None, 4),
    )
    assert table.problems == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_split_names(table_of, delimiter):
    lines = ["image caption split", "1.jpg dog train", "2.jpg cat val", "3.jpg cow test", "4.jpg owl restval"]
    table = table_of("\n".join(lines).replace(" ", delimiter))
    assert [row.split for row in table.rows] == ["train", "dev", "test", "train"]


def test_flickr30k_table(table_of):
    table = table_of("image_name| comment_number| comment\n1.jpg| 0| A dog .\n1.jpg| 1| Two, or so .\n")
    assert [row.caption for row in table.rows] == ["A dog .", "Two, or so ."]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(table_of, encoding):
    text = "image,caption\r\n1.jpg,Ein Mädchen läuft\r\n"
    data = ("\ufeff" + text if encoding == "utf-16-le" else text).encode(encoding)
    table = table_of(data)
    assert table.rows[0].caption == "Ein Mädchen läuft"
    assert bool(table.problems) is (encoding == "cp1252")


def test_bad_rows_are_listed_with_their_line_and_cost_the_others_nothing(table_of):
    table = table_of(
        "image,caption,split\n1.jpg,ok,train\n,no image,train\n3.jpg,,dev\n4.jpg,dog, cat,train\n"
        '5.jpg,hm,later\n6.jpg\n\n7.jpg,"open quote,train\n8.jpg,ok too,dev\n1.jpg,leak,dev\n'
    )
    assert [row.image for row in table.rows] == ["1.jpg", "7.jpg", "8.jpg", "1.jpg"]
    assert [row.split for row in table.rows] == ["train", "train", "dev", "train"]
    assert [problem.line for problem in table.problems] == [3, 4, 5, 6, 7, 11]
    assert "needs quotes" in table.problems[2].text
    assert "later" in table.problems[3].text


def test_a_quoted_caption_may_span_lines(table_of):
    table = table_of('image,caption\n1.jpg,"two\nlines"\n2.jpg,one\n')
    assert [(row.caption, row.line) for row in table.rows] == [("two lines", 2), ("one", 4)]


def test_a_field_longer_than_csv_allows(table_of):
    long = "very " * 100_000
    table = table_of(f'image,caption\n1.jpg,{long}\n2.jpg,"{long}\n3.jpg,dog\n')
    assert [row.image for row in table.rows] == ["1.jpg", "2.jpg", "3.jpg"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no column"),
        ("picture,words\n1,2\n", "no column 'image'"),
        ("image,caption\n", "empty"),
        ("image,caption\n1.jpg,\n", "empty caption"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "not a text file"),
    ],
)
def test_a_file_without_use_is_one_clear_error(table_of, content, reason):
    with pytest.raises(CaptionFileError, match=reason) as raised:
        table_of(content)
    assert "captions.csv" in str(raised.value)


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(CaptionFileError, match="No such file"):
        read_captions(tmp_path / "none.csv")


def test_flickr8k_token_file_with_its_split_lists(table_of, tmp_path):
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("1.jpg\n")
    (tmp_path / "Flickr_8k.devImages.txt").write_text("2.jpg\n")
    content = "1.jpg#0\tA dog , running .\n1.jpg#1\tA dog\nbroken\n2.jpg#0\tA cat .\n3.jpg#0\t\n4.jpg#0\tA cow\n"
    table = table_of(content, "Flickr8k.token.txt")
    assert [(row.image, row.split, row.line) for row in table.rows] == [
        ("1.jpg", "train", 1),
        ("1.jpg", "train", 2),
        ("2.jpg", "dev", 4),
        ("4.jpg", None, 6),
    ]
    assert table.rows[0].caption == "A dog , running ."
    assert [problem.line for problem in table.problems] == [3, 5]


def test_karpathy_json(table_of):
    content = {
        "dataset": "coco",
        "images": [
            {"filename": "1.jpg", "split": "restval", "sentences": [{"raw": "A dog.", "tokens": ["a", "dog"]}]},
            {"filename": "2.jpg", "filepath": "val2014", "split": "val", "sentences": [{"tokens": ["a", "cat"]}]},
            {"filename": "3.jpg", "split": "test"},
            {"filename": "4.jpg", "split": "test", "sentences": [{"raw": 7}]},
            "nonsense",
        ],
    }
    table = table_of(json.dumps(content), "dataset.json")
    assert [(row.image, row.caption, row.split) for row in table.rows] == [
        ("1.jpg", "A dog.", "train"),
        ("val2014/2.jpg", "a cat", "dev"),
    ]
    assert [problem.line for problem in table.problems] == [3, 4, 5]


def test_coco_captions_json(table_of):
    content = {
        "images": [{"id": 9, "file_name": "9.jpg"}, {"id": 8, "file_name": "8.jpg"}, {"name": "no id"}],
        "annotations": [
            {"image_id": 8, "id": 1, "caption": "A dog\n on grass. "},
            {"image_id": 7, "id": 2, "caption": "No such image"},
            {"id": 3, "caption": "No image at all"},
            {"image_id": 9, "id": 4, "caption": "half a \ud83d smile"},
        ],
    }
    table = table_of(json.dumps(content), "captions_val2017.json")
    assert [(row.image, row.caption) for row in table.rows] == [
        ("8.jpg", "A dog on grass."),
        ("9.jpg", "half a ? smile"),
    ]
    assert [problem.line for problem in table.problems] == [2, 3, 3]


@pytest.mark.parametrize("content", ["[1, 2]", '{"images": [', "{}", '{"images": []}', "[" * 100_000])
def test_json_of_another_kind_is_one_clear_error(table_of, content):
    with pytest.raises(CaptionFileError, match=r"captions\.csv"):
        table_of(content)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_one_clear_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "captions"
        path.write_bytes(b"image,caption\n" + content)
        with contextlib.suppress(CaptionFileError):
            assert read_captions(path).rows


def rows(n_images, split=None):
    return [CaptionRow(f"{i}.jpg", f"caption {j}", split, 1) for i in range(n_images) for j in range(5)]


def test_split_by_image_keeps_an_images_captions_together():
    splits = split_by_image(rows(1000))
    train, dev = ({row.image for row in splits[name]} for name in ("train", "dev"))
    assert not train & dev
    assert len(train) + len(dev) == 1000
    assert 70 < len(dev) < 130
    assert all(len(splits[name]) == 5 * len(images) for name, images in (("train", train), ("dev", dev)))


def test_split_by_image_is_stable_under_growth_and_order():
    before = {row.image for row in split_by_image(rows(100))["dev"]}
    after = {row.image for row in split_by_image(reversed(rows(200)))["dev"]}
    assert before >= {image for image in after if int(image[:-4]) < 100}  # nobody leaves train
    assert before != {row.image for row in split_by_image(rows(100), seed=1)["dev"]}


@pytest.mark.parametrize(("images", "kept_back"), [(20, 5), (60, 15), (120, 30), (200, 30)])
def test_of_a_small_set_more_is_kept_back(images, kept_back):
    assert len({row.image for row in split_by_image(rows(images))["dev"]}) == kept_back
    assert len({row.image for row in split_by_image(rows(images), dev_share=0.5)["dev"]}) > images / 3


def test_a_small_set_still_has_a_dev_image_and_a_given_split_is_respected():
    assert all(split_by_image(rows(3), seed=seed)["dev"] for seed in range(20))
    assert not split_by_image(rows(1))["dev"]
    splits = split_by_image(rows(3, "test"))
    assert (len(splits["train"]), len(splits["dev"]), len(splits["test"])) == (0, 0, 15)
    named = [*rows(3), CaptionRow("dev.jpg", "a", "dev", 1)]
    assert [row.image for row in split_by_image(named)["dev"]] == ["dev.jpg"]
