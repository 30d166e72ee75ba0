"""IPTC-IIM inside Photoshop resources: reading and updating the caption where IPTC is already there.

Sources: IPTC-IIM 4.2 (datasets 1:90, 2:5, 2:25, 2:90 to 2:120), Adobe Photoshop File Formats (image resources 0x0404
and 0x0425).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TypeAlias

from photocap.formats.splice import Edit

MAX_CAPTION_BYTES = 2000  # IIM 4.2, 2:120
_MAX_KEYWORD_BYTES = 64  # IIM 4.2, 2:25; photocap's own are ASCII
_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")
_IPTC, _DIGEST = 0x0404, 0x0425
_CHARSET, _CAPTION = (1, 90), (2, 120)
TITLE, KEYWORDS, HEADLINE = (2, 5), (2, 25), (2, 105)
PLACES = ((2, 92), (2, 90), (2, 95), (2, 101))  # sublocation, city, state, country
_UTF8 = b"\x1b%G"
_UTF8_NAME = "utf-8"
_MAX_PARTS = 10_000  # real files have some dozen
_MAX_BLOCKS = 16  # of IPTC in one block of resources
_Dataset: TypeAlias = "tuple[tuple[int, int], int, int, int]"


class IptcError(ValueError):
    """The block is damaged."""


@dataclass(frozen=True)
class _Resource:
    id: int
    size_at: int
    start: int
    end: int  # without the padding


def captions_in_resources(irb: bytes) -> list[str]:
    """Return every IPTC caption inside Photoshop resources.

    Raises:
        IptcError: the block is damaged.
    """
    return [caption for resource in _iptc_resources(irb) for caption in captions_in(irb[resource.start : resource.end])]


def texts_in_resources(irb: bytes, dataset: tuple[int, int]) -> list[str]:
    """Return every value of a dataset inside Photoshop resources.

    Raises:
        IptcError: the block is damaged.
    """
    found = (irb[resource.start : resource.end] for resource in _iptc_resources(irb))
    return [text for iim in found for text in texts_in(iim, dataset)]


@dataclass(frozen=True, kw_only=True)
class IptcChange:
    """What to change among the datasets.

    Attributes:
        caption: the new caption; None leaves it as it is.
        added: keywords to add.
        removed: keywords to take away.
    """

    caption: str | None = None
    added: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()


def resource_edits(irb: bytes, change: IptcChange, *, create: bool = False) -> list[Edit]:
    """Return the edits that change the datasets and the digest over them.

    Args:
        irb: the Photoshop resources.
        change: what to change.
        create: also where there is no IPTC so far; else there are no edits then.

    Raises:
        IptcError: the block is damaged.
    """
    resource = _iptc_resource(irb)
    if resource is None:
        fresh = changed_datasets(b"", change)
        return [*digest_edits(irb, fresh), Edit(len(irb), len(irb), _resource_bytes(fresh))] if create else []
    old = irb[resource.start : resource.end]
    new = changed_datasets(old, change)
    if new == old:
        return []
    padded_end = resource.end + ((resource.end - resource.start) & 1)
    edits = [
        Edit(resource.size_at, resource.size_at + 4, struct.pack(">I", len(new))),
        Edit(resource.start, min(padded_end, len(irb)), new + b"\0" * (len(new) & 1)),
    ]
    return edits + digest_edits(irb, new)


def has_iptc(irb: bytes) -> bool:
    """Return whether there is IPTC inside Photoshop resources.

    Raises:
        IptcError: the block is damaged.
    """
    return bool(_iptc_resources(irb))


def fresh_resources(change: IptcChange) -> bytes:
    """Return Photoshop resources with IPTC alone."""
    return _resource_bytes(changed_datasets(b"", change))


def _resource_bytes(iim: bytes) -> bytes:
    head = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iim))
    return head + iim + b"\0" * (len(iim) & 1)


def digest_edits(irb: bytes, iim: bytes) -> list[Edit]:
    """Return the edits that make the digest over IPTC true again; none where there is none.

    Raises:
        IptcError: the block is damaged.
    """
    digest = hashlib.md5(iim, usedforsecurity=False).digest()
    stale = [r for r in _resources(irb) if r.id == _DIGEST and r.end - r.start == len(digest)]
    return [Edit(r.start, r.end, digest) for r in stale]


def foreign_resources(irb: bytes) -> list[object]:
    """Return all that is neither caption nor keyword (nor the digest over them), for comparison."""
    found: list[object] = []
    for resource in _resources(irb):
        content = irb[resource.start : resource.end]
        if resource.id == _IPTC and (datasets := foreign_datasets(content)):
            found.append(datasets)
        elif resource.id not in (_IPTC, _DIGEST):
            found.append((resource.id, content))
    return found


def captions_in(iim: bytes) -> list[str]:
    """Return every caption among IIM datasets.

    Raises:
        IptcError: the datasets are damaged.
    """
    return texts_in(iim, _CAPTION)


def texts_in(iim: bytes, dataset: tuple[int, int]) -> list[str]:
    """Return every value of a dataset.

    Raises:
        IptcError: the datasets are damaged.
    """
    datasets = _datasets(iim)
    fallback = _fallback(iim, datasets)
    return [_decoded(iim[start:end], fallback) for key, _, start, end in datasets if key == dataset]


def changed_datasets(iim: bytes, change: IptcChange) -> bytes:
    """Return the datasets with caption and keywords changed, the others byte for byte as they were.

    Texts are written in the encoding the datasets have. Where that cannot hold one and nothing else depends on the
    encoding, UTF-8 is declared; else that text is left out, since a mangled one is worse than none.

    Raises:
        IptcError: the datasets are damaged.
    """
    datasets = _datasets(iim)
    fallback = _fallback(iim, datasets)
    tail = iim[datasets[-1][3] if datasets else 0 :]
    kept = [
        (key, iim[at:end])
        for key, at, start, end in datasets
        if not (key == _CAPTION and change.caption is not None)
        and not (key == KEYWORDS and _decoded(iim[start:end], fallback) in change.removed)
    ]
    texts = [(KEYWORDS, keyword[:_MAX_KEYWORD_BYTES]) for keyword in change.added]
    if change.caption:
        texts.append((_CAPTION, _cut(change.caption)))
    is_utf8 = fallback == _UTF8_NAME
    others_ascii = all(raw[5:].isascii() for key, raw in kept if key[0] > 1)
    needs_utf8 = any(not text.isascii() for _, text in texts)
    if needs_utf8 and not is_utf8 and others_ascii and not any(key == _CHARSET for key, _ in kept):
        kept.insert(sum(key < _CHARSET for key, _ in kept), (_CHARSET, _dataset(_CHARSET, _UTF8)))
        is_utf8 = True
    for key, text in texts:
        try:
            raw_text = text.encode("utf-8" if is_utf8 else "cp1252")
        except UnicodeEncodeError:
            continue
        at = next((i for i, (other, _) in enumerate(kept) if other > key), len(kept))
        kept.insert(at, (key, _dataset(key, raw_text)))
    new = b"".join(raw for _, raw in kept)
    return iim if new + tail == iim else new  # else the padding is another


def foreign_datasets(iim: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """Return all datasets but the caption, keywords and the encoding, for comparison."""
    own = (_CAPTION, KEYWORDS, _CHARSET)
    return [(key, iim[start:end]) for key, _, start, end in _datasets(iim) if key not in own]


def _iptc_resources(irb: bytes) -> list[_Resource]:
    found = [resource for resource in _resources(irb) if resource.id == _IPTC]
    if len(found) > _MAX_BLOCKS:
        raise IptcError(f"it has IPTC {len(found):,} times")
    return found


def _iptc_resource(irb: bytes) -> _Resource | None:
    found = _iptc_resources(irb)
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


def _datasets(iim: bytes) -> list[_Dataset]:
    """Return (record and dataset number, where it begins, where its value begins, where it ends) of each dataset."""
    found: list[_Dataset] = []
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


def _fallback(iim: bytes, datasets: list[_Dataset]) -> str:
    """Return the encoding of what is not in UTF-8 by itself: the declared one, else Windows Latin."""
    is_utf8 = any(key == _CHARSET and iim[start:end] == _UTF8 for key, _, start, end in datasets)
    return _UTF8_NAME if is_utf8 else "cp1252"


def _decoded(raw: bytes, fallback: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(fallback, "replace")


def _cut(text: str) -> str:
    """Return the text shortened to what fits, at a whole character."""
    return text.encode()[:MAX_CAPTION_BYTES].decode("utf-8", "ignore")


def _dataset(key: tuple[int, int], value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, *key, len(value)) + value
