"""What `restore` may touch: an index may come from a stranger, and its journal says which bytes go into which file."""

from __future__ import annotations

import re
from pathlib import Path

from photocap.formats.base import CaptionWriter
from photocap.formats.detect import SNIFF_BYTES, format_of
from photocap.metadata import is_sidecar

_XMP_START = re.compile(rb"\s*<(?:\?|!--|[\w:]*(?:xmpmeta|xapmeta|RDF)\b)")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_LOOKED_AT_BYTES = 4096


class NotOurs(ValueError):
    """The file is not of a kind that photocap writes; the text says so."""


def check_kind(path: Path, current: bytes, old: bytes | None) -> None:
    """Make sure that a restore turns a photo into a photo or a sidecar into a sidecar, or takes a sidecar away.

    Args:
        path: the file.
        current: its content.
        old: what it is to become; None: it is to be removed.

    Raises:
        NotOurs: it would do something else.
    """
    if is_sidecar(path):
        is_ours = _is_xmp(current) and (old is None or not old or _is_xmp(old))
    else:
        kind = _writable_kind(current)
        is_ours = old is not None and kind is not None and kind is _writable_kind(old)
    if not is_ours:
        raise NotOurs("it is not a photo or a sidecar, before and after; photocap writes to no other files")


def _is_xmp(data: bytes) -> bool:
    start = data[:_LOOKED_AT_BYTES]
    for mark in _BYTE_ORDER_MARKS:
        start = start.removeprefix(mark)
    return _XMP_START.match(start.replace(b"\0", b"")) is not None  # the zeros are those of UTF-16


def _writable_kind(data: bytes) -> type | None:
    found = format_of(data[:SNIFF_BYTES])
    return None if found is None or found.writer is CaptionWriter.NOBODY else type(found)
