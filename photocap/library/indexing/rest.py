"""Files that something is still writing to are left alone until they rest."""

from __future__ import annotations

from pathlib import Path

from photocap.photos import PhotoFile


class RestingFiles:
    """Recognises, over several looks at a library, the files that did not change from one look to the next.

    No clock is trusted, a file server's or this machine's: a file rests when two looks find it the same.
    """

    def __init__(self) -> None:
        self._before: dict[Path, tuple[int, ...]] = {}
        self._now: dict[Path, tuple[int, ...]] = {}
        self._moving = 0

    def is_at_rest(self, photo: PhotoFile) -> bool:
        """Return whether a file, its sidecars and the picture that stands for it are as the look before met them."""
        state = self._now[photo.path] = _state(photo)
        is_same = self._before.get(photo.path) == state
        self._moving += not is_same
        return is_same

    def end_look(self) -> bool:
        """Begin the next look; return whether there were files in this one that do not rest yet."""
        self._before, self._now = self._now, {}
        moving, self._moving = self._moving, 0
        return moving > 0


def _state(photo: PhotoFile) -> tuple[int, ...]:
    state = (photo.size_bytes, photo.newest_mtime_ns, photo.inode)
    try:
        beside = photo.companion.stat() if photo.companion else None
    except OSError:  # it will be met again when it is there
        return state
    return (*state, beside.st_size, beside.st_mtime_ns) if beside else state
