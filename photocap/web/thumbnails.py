"""Small JPEGs of photos, made when first looked at and kept in a folder of bounded size."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path

from photocap.index import PhotoRow
from photocap.photos import render_jpeg
from photocap.system.atomicfile import replace_file
from photocap.web.decoder import PhotoDecoder

THUMBNAIL_PX = 512
SCREEN_PX = 2048
DEFAULT_LIMIT_BYTES = 1 << 30
_KEPT_SHARE = 0.8  # what is left after a clean-up
_TOUCH_AFTER_S = 24 * 3600  # how exactly the last look at a thumbnail is remembered


class Thumbnails:
    """A cache of rendered photos; what was looked at longest ago makes way.

    Args:
        folder: where they are kept; it holds nothing else.
        decoder: renders them.
        limit_bytes: how much they may take.
    """

    def __init__(self, folder: Path, decoder: PhotoDecoder, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._folder = folder
        self._decoder = decoder
        self._limit_bytes = limit_bytes
        self._size_bytes: int | None = None  # not known before the first write
        self._cleaning = threading.Lock()

    def get(self, photo: PhotoRow, longest_side_px: int) -> bytes:
        """Return a photo as a JPEG that fits a square.

        Raises:
            ReadError: the photo cannot be read.
        """
        path = self._path(photo, longest_side_px)
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            _note_use(path)
            return data
        data = self._decoder.run(render_jpeg, photo.path, longest_side_px)
        with contextlib.suppress(OSError):  # a full disk costs the cache, not the picture
            self._keep(path, data)
        return data

    def _path(self, photo: PhotoRow, longest_side_px: int) -> Path:
        """Name the file after what decides how the photo looks: its picture, and when it was changed (turned, say)."""
        identity = f"{photo.picture_hash}\n{photo.mtime_ns}\n{longest_side_px}"
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        return self._folder / name[:2] / f"{name[2:]}.jpg"

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, data)
        with self._cleaning:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._files())
            else:
                self._size_bytes += len(data)
            if self._size_bytes > self._limit_bytes:
                self._clean_up()

    def _clean_up(self) -> None:
        files = sorted(self._files())
        size_bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if size_bytes <= self._limit_bytes * _KEPT_SHARE:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                size_bytes -= size
        self._size_bytes = size_bytes

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return the last use, the size and the path of each file."""
        found = []
        for path in self._folder.glob("*/*.jpg"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        return found


def _note_use(path: Path) -> None:
    if time.time() - path.stat().st_mtime > _TOUCH_AFTER_S:
        os.utime(path)
