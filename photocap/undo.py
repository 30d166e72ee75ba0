"""What is needed to take a write back, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UndoRecord:
    """One write to one file.

    Attributes:
        path: the file that is written (a photo or a sidecar).
        sha256_before: SHA-256 (hex) of the file before the write; None where it did not exist.
        sha256_after: SHA-256 (hex) of the file after the write.
        patch: opaque bytes from which `metadata` rebuilds the old file out of the new one.
    """

    path: Path
    sha256_before: str | None
    sha256_after: str
    patch: bytes
