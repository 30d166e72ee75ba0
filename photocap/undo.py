"""What is needed to take a write back, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UndoRecord:
    """One write to one file; `metadata.undoing` makes and reads it.

    Attributes:
        path: the file that is written (a photo or a sidecar).
        sha256_kept: SHA-256 (hex) of the bytes that the write leaves as they are; None in records of an index of
            version 1, whose other hashes are of the whole file.
        sha256_before: of the places that it changes, as they were; None where the file did not exist.
        sha256_after: of these places as they are after the write.
        patch: opaque bytes from which the old file is rebuilt out of the new one.
    """

    path: Path
    sha256_kept: str | None
    sha256_before: str | None
    sha256_after: str
    patch: bytes
