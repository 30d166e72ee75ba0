"""find_photos: what is found, what is passed by and why."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from systems import needs_byte_names, posix_only

from photocap.photos import Skip, Skipped, WalkOptions, find_photos, outermost


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def found(*roots: Path, **options: Any) -> list[str]:
    base = roots[0] if roots[0].is_dir() else roots[0].parent
    return [os.path.relpath(photo.path, base) for photo in find_photos(roots, WalkOptions(**options))]


def skips(*roots: Path, **options: Any) -> Counter[Skip]:
    seen: list[Skipped] = []
    list(find_photos(roots, WalkOptions(**options), on_skip=seen.append))
    return Counter(skip.why for skip in seen)


def test_photos_by_name_in_any_case_sorted_files_first(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a.jpeg", "z/c.heic", "y/d.CR2", "notes.txt", "a.jpg.xmp", "clip.mp4", "y/e.MOV")
    assert found(tmp_path) == ["a.jpeg", "b.JPG", "y/d.CR2", "z/c.heic"]
    assert skips(tmp_path) == {Skip.VIDEO: 2}


def test_stat_comes_along(tmp_path: Path) -> None:
    path = make(tmp_path, "a.jpg") / "a.jpg"
    (photo,) = find_photos([tmp_path])
    status = path.stat()
    assert (photo.path, photo.size_bytes, photo.mtime_ns) == (path, 1, status.st_mtime_ns)
    assert (photo.inode, photo.device) == (status.st_ino, status.st_dev)


def test_hidden_and_system_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".git/c.jpg", "@eaDir/d.jpg", "$RECYCLE.BIN/e.jpg", "Cache/f.jpg")
    make(tmp_path, "Mine.photoslibrary/originals/g.jpg", "thumbs/h.jpg", "tagged/i.jpg", "tagged/CACHEDIR.TAG")
    assert found(tmp_path) == ["a.jpg"]
    assert skips(tmp_path) == {Skip.HIDDEN: 3, Skip.SYSTEM: 6}
    assert found(tmp_path / "Cache") == ["f.jpg"]  # who names a folder wants it
    assert found(tmp_path / "tagged") == ["i.jpg"]


def test_ignore_files_follow_gitignore(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "screenshots/b.jpg", "2019/c.jpg", "2019/d.png", "2019/keep/e.png", "x/y/2019/f.jpg")
    (tmp_path / ".photocapignore").write_text("# no PNGs\n*.png\n/2019/c.jpg\nscreenshots/\n")
    (tmp_path / "2019" / "keep" / ".photocapignore").write_text("!e.png\n")
    assert found(tmp_path) == ["a.jpg", "2019/keep/e.png", "x/y/2019/f.jpg"]
    assert skips(tmp_path)[Skip.IGNORED] == 3


def test_exclude(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "old/b.jpg", "new/c.jpg", "new/old/d.jpg")
    assert found(tmp_path, exclude=("/old",)) == ["a.jpg", "new/c.jpg", "new/old/d.jpg"]
    assert found(tmp_path, exclude=("old/", "c.*")) == ["a.jpg"]


def test_links_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    library, outside = make(tmp_path / "in", "a.jpg", "sub/b.jpg"), make(tmp_path / "out", "c.jpg", "d/e.jpg")
    (library / "loop").symlink_to(library)
    (library / "sub" / "up").symlink_to("..")
    (library / "self").symlink_to("self")
    (library / "l.jpg").symlink_to(outside / "c.jpg")
    (library / "m.jpg").symlink_to(library / "a.jpg")
    (library / "n.jpg").symlink_to(outside / "c.jpg")
    (library / "dead.jpg").symlink_to("nowhere.jpg")
    (library / "linked").symlink_to(outside / "d")
    assert found(library) == ["a.jpg", "sub/b.jpg"]
    assert found(library, follow_links=True) == ["a.jpg", "l.jpg", "linked/e.jpg", "sub/b.jpg"]
    assert skips(library, follow_links=True)[Skip.LOOP] == 2


def test_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    make(tmp_path / "real", "a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert found(tmp_path / "link") == ["a.jpg"]


def test_overlapping_roots_give_each_photo_once(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg")
    assert found(tmp_path, tmp_path / "sub", tmp_path / "a.jpg", tmp_path / "sub" / "..") == ["a.jpg", "sub/b.jpg"]
    assert outermost([tmp_path / "sub", tmp_path / "subway"]) == [tmp_path / "sub", tmp_path / "subway"]


def test_files_as_roots_are_taken_whatever_their_name(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt", "clip.mp4", ".hidden.jpg")
    assert found(tmp_path / "notes.txt", tmp_path / "clip.mp4", tmp_path / ".hidden.jpg") == [
        ".hidden.jpg",
        "notes.txt",
    ]


def test_raw_files_know_the_picture_beside_them(tmp_path: Path) -> None:
    make(tmp_path, "IMG_1.CR2", "img_1.jpg", "IMG_2.NEF", "other/IMG_2.jpg")
    companions = {photo.path.name: photo.companion for photo in find_photos([tmp_path])}
    assert companions["IMG_1.CR2"] == tmp_path / "img_1.jpg"
    assert companions["IMG_2.NEF"] is None
    assert companions["img_1.jpg"] is None


def test_root_that_is_gone(tmp_path: Path) -> None:
    seen: list[Skipped] = []
    make(tmp_path, "a.jpg")
    photos = list(find_photos([tmp_path / "gone", tmp_path / "a.jpg" / "x", tmp_path / "a.jpg"], on_skip=seen.append))
    assert [photo.path.name for photo in photos] == ["a.jpg"]
    assert [(skip.why, skip.path.name) for skip in seen] == [(Skip.GONE, "gone")]


def test_folders_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    original = os.scandir

    def scandir(path: str) -> object:
        if os.path.basename(path) == "b":
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    seen: list[Skipped] = []
    assert [p.path.name for p in find_photos([tmp_path], on_skip=seen.append)] == ["1.jpg", "3.jpg"]
    assert [(skip.why, skip.path.name, skip.error) for skip in seen] == [
        (Skip.UNREADABLE, "b", "no permission to look into this folder")
    ]


def test_ignore_file_that_cannot_be_understood(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a" / ".photocapignore").write_text("!\n")
    seen: list[Skipped] = []
    assert [p.path.name for p in find_photos([tmp_path], on_skip=seen.append)] == ["2.jpg"]
    assert seen[0].why is Skip.UNREADABLE
    assert ".photocapignore" in seen[0].error


@needs_byte_names
def test_awkward_names_survive(tmp_path: Path) -> None:
    names = [b"with space.jpg", b"new\nline.jpg", b"caf\xe9.jpg", "\N{CAMERA}.jpg".encode(), b"-rf.jpg"]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + name, "wb"):
            pass
    assert {os.fsencode(photo.path.name) for photo in find_photos([tmp_path])} == set(names)


@posix_only
def test_pipes_and_folders_with_photo_names_are_no_photos(tmp_path: Path) -> None:
    make(tmp_path, "folder.jpg/a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert found(tmp_path) == ["folder.jpg/a.jpg"]


def test_one_file_system() -> None:
    if not os.path.ismount("/proc"):
        pytest.skip("no second file system at a known place")
    seen: list[Skipped] = []
    walk = find_photos([Path("/")], WalkOptions(one_file_system=True, exclude=("/*", "!/proc")), on_skip=seen.append)
    assert list(walk) == []
    assert Path("/proc") in [skip.path for skip in seen if skip.why is Skip.OTHER_FILE_SYSTEM]


def test_ten_thousand_files_in_one_folder(tmp_path: Path) -> None:
    for i in range(10_000):
        os.close(os.open(tmp_path / f"{i}.jpg", os.O_CREAT | os.O_WRONLY))
    assert len(list(find_photos([tmp_path]))) == 10_000


def test_deep_folders(tmp_path: Path) -> None:
    make(tmp_path, "/".join(["d"] * 300 + ["a.jpg"]))
    assert len(list(find_photos([tmp_path]))) == 1
