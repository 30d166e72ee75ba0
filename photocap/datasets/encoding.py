"""Text files of unknown encoding."""

from __future__ import annotations

import codecs
from pathlib import Path

from photocap.datasets.rows import Problem
from photocap.errors import CaptionFileError

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_text(path: Path) -> tuple[str, list[Problem]]:
    """Read a text file whatever its encoding; a guessed encoding is reported as a problem of line 0."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CaptionFileError(path, error.strerror or str(error)) from error
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    if encoding == "utf-8" and b"\0" in data:
        raise CaptionFileError(path, "is not a text file", "give a CSV with the columns image and caption")
    try:
        return data.decode(encoding), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        note = f"not {encoding.upper()} (line {line}): read as Windows-1252; save it as UTF-8 to be sure"
        return data.decode("cp1252", "replace"), [Problem(0, note)]
