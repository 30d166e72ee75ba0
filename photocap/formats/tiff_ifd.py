"""TIFF structures: the EXIF block inside other formats, and TIFF and BigTIFF files themselves.

Sources: TIFF 6.0, sections 2 and 8; Exif 3.0, section 4.6; the BigTIFF layout of libtiff.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain

from photocap.formats.tiff_structure import EXIF_POINTER, SIZES, Directory, Entry, TiffError, TiffLayout

_MAGIC, _BIG_MAGIC = 42, 43
RAW_MAGICS = (0x55, 0x4F52, 0x5352)  # Panasonic and Olympus raw files, which are TIFF otherwise

_POINTERS = {0x8769: "Exif", 0x8825: "GPS", 0xA005: "Interop", 0x014A: "Sub"}
# Data found by a pair of tags: where it stands and how long it is (strips, tiles, thumbnail).
_PAIRS = ((0x0111, 0x0117), (0x0144, 0x0145), (0x0201, 0x0202))
_LAYOUT = frozenset(chain.from_iterable(_PAIRS))
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
# Real files stay far below these. They bound the time that a made-up one takes, whose directories share their bytes.
_MAX_ENTRIES = 50_000
_MAX_DIRECTORIES = 5_000
_MAX_DEPTH = 8
_MAX_PAIRS = 200_000
_SHARED_BYTES = 0xFFFF  # JPEG holds no longer block


def shared_block(data: bytes) -> TiffBlock:
    """Return a block, raw headers included; one short enough for EXIF is parsed once for its several uses in a write.

    Raises:
        TiffError: no TIFF header, or the first directory is damaged.
    """
    return _shared_block(data) if len(data) <= _SHARED_BYTES else TiffBlock(data, is_raw=True)


class TiffBlock:
    """A TIFF structure over bytes; offsets count from their beginning.

    Args:
        data: the block, or the whole file.
        is_raw: also take the headers that makers of cameras have given their raw files.

    Raises:
        TiffError: no TIFF header, or the first directory is damaged.
    """

    def __init__(self, data: bytes, *, is_raw: bool = False) -> None:
        self.data = data
        self._order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        magic = self._number("H", 2) if self._order and len(data) >= 8 else 0
        if magic not in (_MAGIC, _BIG_MAGIC) and not (is_raw and magic in RAW_MAGICS):
            raise TiffError("it has no TIFF header")
        self.is_big = magic == _BIG_MAGIC
        self.is_raw = magic in RAW_MAGICS
        self.layout = TiffLayout(
            order=self._order,
            offset="Q" if self.is_big else "I",
            count="Q" if self.is_big else "H",
            offset_bytes=8 if self.is_big else 4,
            entry_bytes=20 if self.is_big else 12,
        )
        if self.is_big and (len(data) < 16 or self._number("H", 4) != 8):
            raise TiffError("its BigTIFF header is damaged")
        self._read: dict[tuple[str, int], Directory] = {}
        self._is_checked = False
        self.first = self._directory("0", self._number(self.layout.offset, self.layout.offset_bytes))

    def entry(self, tag: int) -> Entry | None:
        """Return an entry of the first directory, None where the tag is absent."""
        return next((entry for entry in self.first.entries if entry.tag == tag), None)

    def value(self, tag: int) -> bytes | None:
        """Return the bytes of a value of the first directory, None where the tag is absent."""
        entry = self.entry(tag)
        return None if entry is None else self._bytes(entry)

    def values(self, *tags: int) -> dict[int, list[bytes]]:
        """Return the bytes of every value of the first directory by tag; in a damaged one a tag may have several."""
        return self._values_in([self.first], tags)

    def inner_values(self, *tags: int) -> dict[int, list[bytes]]:
        """Return the same of the Exif directory.

        Raises:
            TiffError: that directory is damaged.
        """
        pointers = [entry for entry in self.first.entries if entry.tag == EXIF_POINTER]
        places = {at for pointer in pointers for at in self._numbers(pointer)[:_MAX_DEPTH]}
        return self._values_in([self._directory("0/Exif", at) for at in sorted(places)], tags)

    def all_values(self, tag: int) -> list[bytes]:
        """Return the bytes of every value that has this tag, in whichever directory.

        Raises:
            TiffError: the directories are damaged.
        """
        return [self._bytes(entry) for directory in self.directories for entry in directory.entries if entry.tag == tag]

    @property
    def is_little_endian(self) -> bool:
        """Return whether numbers are written with the least significant byte first."""
        return self._order == "<"

    def type_of(self, tag: int) -> int | None:
        """Return the type of a value of the first directory, None where the tag is absent."""
        entry = self.entry(tag)
        return None if entry is None else entry.type

    @cached_property
    def directories(self) -> list[Directory]:
        """Return every directory that can be reached, each once.

        Raises:
            TiffError: a pointer leads out of the data, or there is no end to them.
        """
        found = []
        seen = {self.first.at}
        waiting = [("0", self.first.at)]
        entries = 0
        while waiting:
            name, at = waiting.pop()
            directory = self.first if at == self.first.at else self._directory(name, at)
            found.append(directory)
            entries += len(directory.entries)
            if entries > _MAX_ENTRIES:
                raise TiffError(f"its directories have more than {_MAX_ENTRIES:,} entries")
            for target in self._targets(directory):
                if target[1] not in seen:
                    seen.add(target[1])
                    waiting.append(target)
            if len(seen) > _MAX_DIRECTORIES:
                raise TiffError(f"it has more than {_MAX_DIRECTORIES:,} directories")
        return found

    def check(self) -> None:
        """Make sure that nothing points past the end, where appended bytes would be taken for something else.

        Raises:
            TiffError: something does; or the same bytes are claimed over and over; or a directory says twice where
                its data is, of which each program takes its own.
        """
        if self._is_checked:
            return
        claimed_bytes = 0
        for directory in self.directories:
            layout = [entry.tag for entry in directory.entries if entry.tag in _LAYOUT]
            if len(set(layout)) < len(layout):
                raise TiffError("it says twice where the data of a directory is")
            for entry in directory.entries:
                if entry.start + entry.length > len(self.data):
                    raise TiffError(f"its tag 0x{entry.tag:04X} points past the end")
                claimed_bytes += entry.length
        self._check_claim(claimed_bytes)
        pairs = 0
        for starts, lengths in self._pairs():
            pairs += max(starts.count, lengths.count)
            if pairs > _MAX_PAIRS:
                raise TiffError(f"its data lies in more than {_MAX_PAIRS:,} places")
            claimed_bytes += self._checked_bytes(starts, lengths)
        self._check_claim(claimed_bytes)
        self._is_checked = True

    def foreign(self, own: set[int]) -> list[tuple[object, ...]]:
        """Return all tags but the given ones of the first directory, with their bytes and places, for comparison."""
        found: list[tuple[object, ...]] = []
        for directory in self.directories:
            for entry in directory.entries:
                if directory.at == self.first.at and entry.tag in own:
                    continue
                place = None if entry.is_inline else entry.start
                found.append((directory.name, entry.tag, entry.type, entry.count, place, self._bytes(entry)))
            found.append((directory.name, directory.next))
        return found

    def picture(self) -> list[tuple[int, bytes]]:
        """Return the places of strips, tiles and thumbnails, and a digest of each, for comparison."""
        found = []
        view = memoryview(self.data)
        for starts, lengths in self._pairs():
            pairs = zip(self._numbers(starts), self._numbers(lengths), strict=False)
            found += [(at, hashlib.sha256(view[at : at + n]).digest()) for at, n in pairs]
        return found

    def _targets(self, directory: Directory) -> Iterator[tuple[str, int]]:
        if directory.next and directory.name.isdigit():  # the others are alone, whatever stands behind them
            yield str(int(directory.name) + 1), directory.next
        if directory.name.count("/") > _MAX_DEPTH:
            raise TiffError(f"its directories are nested more than {_MAX_DEPTH} deep")
        for entry in directory.entries:
            if entry.tag in _POINTERS and entry.type in _NUMBERS:
                if entry.count > _MAX_DIRECTORIES:
                    raise TiffError(f"it has more than {_MAX_DIRECTORIES:,} directories")
                for at in self._numbers(entry):
                    yield f"{directory.name}/{_POINTERS[entry.tag]}", at

    def _check_claim(self, claimed_bytes: int) -> None:
        if claimed_bytes > 2 * len(self.data):  # some writers let two tags share their bytes, none lets a hundred
            raise TiffError("its tags claim more bytes than it has")

    def _pairs(self) -> Iterator[tuple[Entry, Entry]]:
        """Yield the pairs of entries that say where data stands and how long it is."""
        for directory in self.directories:
            by_tag = {entry.tag: entry for entry in directory.entries}
            for start_tag, length_tag in _PAIRS:
                if start_tag in by_tag and length_tag in by_tag:
                    yield by_tag[start_tag], by_tag[length_tag]

    def _checked_bytes(self, starts: Entry, lengths: Entry) -> int:
        """Return how many bytes of data a pair of entries claims, all of which must be there."""
        claimed_bytes = 0
        for start, length in zip(self._numbers(starts), self._numbers(lengths), strict=False):
            if start + length > len(self.data):
                raise TiffError(f"the data of its tag 0x{starts.tag:04X} reaches past the end")
            claimed_bytes += length
        return claimed_bytes

    def _directory(self, name: str, at: int) -> Directory:
        found = self._read.get((name, at))
        if found is None:
            found = self._read[name, at] = self._parsed_directory(name, at)
        return found

    def _parsed_directory(self, name: str, at: int) -> Directory:
        count_bytes = struct.calcsize("<" + self.layout.count)
        if not 0 < at <= len(self.data) - count_bytes:
            raise TiffError(f"its directory {name} lies outside")
        count = self._number(self.layout.count, at)
        next_at = at + count_bytes + count * self.layout.entry_bytes
        has_next = next_at + self.layout.offset_bytes <= len(self.data)
        if next_at > len(self.data) or (name == "0" and not has_next):
            raise TiffError(f"its directory {name} reaches past the end")
        if count > _MAX_ENTRIES:
            raise TiffError(f"its directories have more than {_MAX_ENTRIES:,} entries")
        return Directory(
            name=name,
            at=at,
            entries=tuple(self._entries(at + count_bytes, next_at)),
            next_at=next_at,
            next=self._number(self.layout.offset, next_at) if has_next else 0,
        )

    def _entries(self, at: int, end: int) -> Iterator[Entry]:
        width, offset_bytes = self.layout.entry_bytes, self.layout.offset_bytes
        rows = struct.iter_unpack(self._order + "HH" + 2 * self.layout.offset, memoryview(self.data)[at:end])
        for tag, kind, count, offset in rows:
            length = SIZES.get(kind, 0) * count
            is_inline = length <= offset_bytes
            at += width
            start = at - offset_bytes if is_inline else offset
            yield Entry(tag=tag, type=kind, count=count, at=at - width, start=start, length=length, is_inline=is_inline)

    def _bytes(self, entry: Entry) -> bytes:
        return self.data[entry.start : entry.start + entry.length]

    def _numbers(self, entry: Entry) -> tuple[int, ...]:
        code = _NUMBERS.get(entry.type)
        raw = self._bytes(entry)
        if code is None or not entry.length:
            return ()
        if len(raw) != entry.length:
            raise TiffError(f"its tag 0x{entry.tag:04X} points past the end")
        return struct.unpack(f"{self._order}{entry.count}{code}", raw)

    def _values_in(self, directories: Iterable[Directory], tags: Sequence[int]) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {tag: [] for tag in tags}
        for directory in directories:
            for entry in directory.entries:
                if entry.tag in found:
                    found[entry.tag].append(self._bytes(entry))
        return found

    def _number(self, code: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self._order + code, self.data, at)[0])
        except struct.error as error:
            raise TiffError("it ends early") from error


@lru_cache(maxsize=8)
def _shared_block(data: bytes) -> TiffBlock:
    return TiffBlock(data, is_raw=True)
