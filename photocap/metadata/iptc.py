"""IPTC-IIM inside Photoshop resources: reading and updating the caption where IPTC is already there.

Sources: IPTC-IIM 4.2 (datasets 1:90 and 2:120), Adobe Photoshop File Formats (image resources 0x0404 and 0x0425).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from photocap.formats.splice import Edit

MAX_CAPTION_BYTES = 2000  # IIM 4.2, 2:120
_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")
_IPTC, _DIGEST = 0x0404, 0x0425
_CHARSET, _CAPTION = (1, 90), (2, 120)
_UTF8 = b"\x1b%G"
_MAX_PARTS = 10_000  # real files have some dozen


class IptcError(ValueError):
    """The block is damaged."""


@dataclass(frozen=True)
class _Resource:
    id: int
    size_at: int
    start: int
    end: int  # without the padding


def caption_in_resources(irb: bytes) -> str | None:
    """Return the IPTC caption inside Photoshop resources, None where there is none.

    Raises:
        IptcError: the block is damaged.
    """
    resource = _iptc_resource(irb)
    return None if resource is None else caption_in(irb[resource.start : resource.end])


def resource_edits(irb: bytes, text: str) -> list[Edit]:
    """Return the edits that set the caption and its digest; none where there is no IPTC.

    Raises:
        IptcError: the block is damaged.
    """
    resource = _iptc_resource(irb)
    if resource is None:
        return []
    new = with_caption(irb[resource.start : resource.end], text)
    padded_end = resource.end + ((resource.end - resource.start) & 1)
    edits = [
        Edit(resource.size_at, resource.size_at + 4, struct.pack(">I", len(new))),
        Edit(resource.start, min(padded_end, len(irb)), new + b"\0" * (len(new) & 1)),
    ]
    return edits + digest_edits(irb, new)


def digest_edits(irb: bytes, iim: bytes) -> list[Edit]:
    """Return the edits that make the digest over IPTC true again; none where there is none.

    Raises:
        IptcError: the block is damaged.
    """
    digest = hashlib.md5(iim, usedforsecurity=False).digest()
    stale = [r for r in _resources(irb) if r.id == _DIGEST and r.end - r.start == len(digest)]
    return [Edit(r.start, r.end, digest) for r in stale]


def foreign_resources(irb: bytes) -> list[object]:
    """Return all that is not the caption (or the digest over it), for comparison."""
    found: list[object] = []
    for resource in _resources(irb):
        content = irb[resource.start : resource.end]
        if resource.id == _IPTC:
            found.append(foreign_datasets(content))
        elif resource.id != _DIGEST:
            found.append((resource.id, content))
    return found


def caption_in(iim: bytes) -> str | None:
    """Return the caption among IIM datasets, None where there is none.

    Raises:
        IptcError: the datasets are damaged.
    """
    datasets = _datasets(iim)
    raw = next((iim[start:end] for key, _, start, end in datasets if key == _CAPTION), None)
    return None if raw is None else _decoded(raw, iim)


def with_caption(iim: bytes, text: str) -> bytes:
    """Return the datasets with the caption replaced or added, the others byte for byte as they were.

    The caption is written in the encoding the datasets have. Where that cannot hold it and nothing else depends on
    the encoding, UTF-8 is declared; else the caption is left out, since a mangled one is worse than none.

    Raises:
        IptcError: the datasets are damaged.
    """
    datasets = _datasets(iim)
    kept = [(key, iim[at:end]) for key, at, _, end in datasets if key != _CAPTION]
    tail = iim[datasets[-1][3] if datasets else 0 :]
    is_utf8 = _is_utf8(iim)
    others_ascii = all(raw[5:].isascii() for key, raw in kept if key[0] > 1)
    if not text.isascii() and not is_utf8 and others_ascii and not any(key == _CHARSET for key, _ in kept):
        kept.insert(sum(key < _CHARSET for key, _ in kept), (_CHARSET, _dataset(_CHARSET, _UTF8)))
        is_utf8 = True
    try:
        raw_text = _cut(text).encode("utf-8" if is_utf8 else "cp1252")
    except UnicodeEncodeError:
        raw_text = b""
    if raw_text:
        at = next((i for i, (key, _) in enumerate(kept) if key > _CAPTION), len(kept))
        kept.insert(at, (_CAPTION, _dataset(_CAPTION, raw_text)))
    return b"".join(raw for _, raw in kept) + tail


def foreign_datasets(iim: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """Return all datasets but the caption and the encoding, for comparison."""
    return [(key, iim[start:end]) for key, _, start, end in _datasets(iim) if key not in (_CAPTION, _CHARSET)]


def _iptc_resource(irb: bytes) -> _Resource | None:
    found = [resource for resource in _resources(irb) if resource.id == _IPTC]
    if len(found) > 1:
        raise IptcError("it has IPTC twice")
    return found[0] if found else None


def _resources(irb: bytes) -> list[_Resource]:
    found: list[_Resource] = []
    position = 0
    while position < len(irb):
        if irb[position : position + 4] not in _SIGNATURES:
            if not irb[position:].strip(b"\0"):  # padding
                break
            raise IptcError(f"there is no Photoshop resource at byte {position}")
        name_bytes = (irb[position + 6] if position + 6 < len(irb) else 0) + 1
        size_at = position + 6 + name_bytes + (name_bytes & 1)
        if size_at + 4 > len(irb):
            raise IptcError("its last Photoshop resource is cut off")
        size = int.from_bytes(irb[size_at : size_at + 4], "big")
        start, end = size_at + 4, size_at + 4 + size
        if end > len(irb):
            raise IptcError("a Photoshop resource reaches past the end")
        if len(found) >= _MAX_PARTS:
            raise IptcError(f"it has more than {_MAX_PARTS:,} Photoshop resources")
        found.append(_Resource(int.from_bytes(irb[position + 4 : position + 6], "big"), size_at, start, end))
        position = end + (size & 1)
    return found


def _datasets(iim: bytes) -> list[tuple[tuple[int, int], int, int, int]]:
    """Return (record and dataset number, where it begins, where its value begins, where it ends) of each dataset."""
    found: list[tuple[tuple[int, int], int, int, int]] = []
    position = 0
    while position < len(iim) and iim[position] == 0x1C:
        if position + 5 > len(iim):
            raise IptcError("its last IPTC dataset is cut off")
        length = int.from_bytes(iim[position + 3 : position + 5], "big")
        start = position + 5
        if length & 0x8000:
            width = length & 0x7FFF
            if width > 4:
                raise IptcError("an IPTC dataset has an impossible length")
            length = int.from_bytes(iim[start : start + width], "big")
            start += width
        if start + length > len(iim):
            raise IptcError("an IPTC dataset reaches past the end")
        if len(found) >= _MAX_PARTS:
            raise IptcError(f"it has more than {_MAX_PARTS:,} IPTC datasets")
        found.append(((iim[position + 1], iim[position + 2]), position, start, start + length))
        position = start + length
    if iim[position:].strip(b"\0"):
        raise IptcError("there is something other than datasets in its IPTC")
    return found


def _is_utf8(iim: bytes) -> bool:
    return any(key == _CHARSET and iim[start:end] == _UTF8 for key, _, start, end in _datasets(iim))


def _decoded(raw: bytes, iim: bytes) -> str:
    """Return text in the declared encoding; undeclared bytes are UTF-8 where they can be, else Windows Latin."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8" if _is_utf8(iim) else "cp1252", "replace")


def _cut(text: str) -> str:
    """Return the text shortened to what fits, at a whole character."""
    return text.encode()[:MAX_CAPTION_BYTES].decode("utf-8", "ignore")


def _dataset(key: tuple[int, int], value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, *key, len(value)) + value
