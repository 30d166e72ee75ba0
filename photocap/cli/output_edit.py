"""What `edit` and `review` say about the files they wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from photocap.cli import console
from photocap.errors import printable
from photocap.records import Written

if TYPE_CHECKING:
    from photocap.library.edit import CorrectedFile


def show_corrected(files: Sequence[CorrectedFile], words: str, *, as_json: bool) -> bool:
    """Print what became of each file; tell whether one failed."""
    for file in files:
        if as_json:
            console.emit_json(
                {
                    "path": file.path,
                    "before": file.before,
                    "caption": words,
                    "written": file.written.value,
                    "reason": file.reason or None,
                    "error": file.error or None,
                }
            )
        elif file.error:
            console.warn(f"photocap: {file.error}; your words are in the index")
        else:
            before = f'"{printable(file.before)}"' if file.before else "no caption"
            if file.written is Written.NONE and file.reason:
                console.note(f"{printable(file.path)}: {before} stays ({file.reason})")
                continue
            where = file.written.value + (f", {file.reason}" if file.reason else "")
            console.note(f'{printable(file.path)}: {before} -> "{printable(words)}" ({where})')
    return any(file.error for file in files)
