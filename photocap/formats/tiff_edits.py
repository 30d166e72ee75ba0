"""Values set in a TIFF structure by appending: every old byte keeps its offset.

So maker notes, thumbnails and strips, which are found by offset, stay valid. Source: TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from photocap.formats.splice import Edit
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import SIZES, TiffError


def tiff_edits(block: TiffBlock, values: Mapping[int, tuple[int, bytes]], *, limit_bytes: int) -> list[Edit]:
    """Return the edits that set values in the first directory.

    Values that stand at the very end, where an earlier call put them, are taken off first. Any other value goes
    into the old one's place where it fits, else to the end; a new tag takes a copy of the directory there too.

    Args:
        block: the structure.
        values: for each tag its type and its bytes, a whole number of items.
        limit_bytes: how long the block may become.

    Raises:
        TiffError: it would be longer, or something points past the end.
    """
    return _Editor(block).edits(values, limit_bytes)


class _Editor:
    """Finds the places where values are set."""

    def __init__(self, block: TiffBlock) -> None:
        self._block, self._data, self._first, self._layout = block, block.data, block.first, block.layout

    def edits(self, values: Mapping[int, tuple[int, bytes]], limit_bytes: int) -> list[Edit]:
        """Return the edits that set values."""
        self._block.check()
        tags = [entry.tag for entry in self._first.entries]
        if any(tags.count(tag) > 1 for tag in values):
            raise TiffError("its first directory has a tag twice")
        tail_at, at_the_end = self._tail_start(set(values))
        homeless = {tag for tag, (_, new) in values.items() if tag in at_the_end or not self._fits(tag, new)}
        tail = _Tail(tail_at)
        # Some writers leave out the last directory's pointer to the next one; what comes must not be taken for it.
        ends = [directory.next_at + self._layout.offset_bytes for directory in self._block.directories]
        tail.reserve(max(0, max(ends) - tail_at))
        if not set(values) <= set(tags):
            edits = self._moved_directory(values, homeless, tail)
        else:
            edits = [edit for tag in values for edit in self._patched(tag, values[tag], homeless, tail)]
        if tail_at + len(tail.data) > limit_bytes:
            raise TiffError(f"with the caption it would have more than the {limit_bytes:,} bytes allowed")
        if tail.data or tail_at != len(self._data):
            edits.append(Edit(tail_at, len(self._data), bytes(tail.data)))
        return edits

    def _patched(self, tag: int, value: tuple[int, bytes], homeless: set[int], tail: _Tail) -> list[Edit]:
        """Return the edits of an entry that is there already."""
        entry = self._block.entry(tag)
        assert entry is not None  # the caller looked
        if tag in homeless:
            return [Edit(entry.at, entry.at + self._layout.entry_bytes, self._packed(tag, value, tail))]
        kind, new = value
        room = self._layout.offset_bytes if entry.is_inline else entry.length
        edits = [Edit(entry.start, entry.start + room, new.ljust(room, b"\0"))]
        head = struct.pack(self._layout.order + "HH" + self._layout.offset, tag, kind, len(new) // SIZES[kind])
        if not entry.is_inline and len(new) <= self._layout.offset_bytes:
            head += new.ljust(self._layout.offset_bytes, b"\0")  # so short a value stands in the entry itself
        return [*edits, Edit(entry.at, entry.at + len(head), head)]

    def _moved_directory(self, values: Mapping[int, tuple[int, bytes]], homeless: set[int], tail: _Tail) -> list[Edit]:
        """Put a copy of the first directory with the new entries into the tail and point the header to it."""
        rows = [(e.tag, self._data[e.at : e.at + self._layout.entry_bytes]) for e in self._first.entries]
        fresh = [tag for tag in values if self._block.entry(tag) is None]
        count = len(rows) + len(fresh)
        size = struct.calcsize("<" + self._layout.count) + count * self._layout.entry_bytes + self._layout.offset_bytes
        at = tail.reserve(size)
        edits: list[Edit] = []
        for tag, value in values.items():
            entry = self._block.entry(tag)
            if entry is None:  # entries are sorted; where they are not, their order stays
                place = next((i for i, row in enumerate(rows) if row[0] > tag), len(rows))
                rows.insert(place, (tag, self._packed(tag, value, tail)))
                continue
            place = next(i for i, row in enumerate(rows) if row[0] == tag)
            if tag in homeless or entry.is_inline:
                rows[place] = (tag, self._packed(tag, value, tail))
            else:  # its old room is used, so the copy's entry only takes the new length
                in_room, head = self._patched(tag, value, homeless, tail)
                edits.append(in_room)
                rows[place] = (tag, head.new + rows[place][1][len(head.new) :])
        directory = struct.pack(self._layout.order + self._layout.count, count) + b"".join(raw for _, raw in rows)
        tail.fill(at, directory + struct.pack(self._layout.order + self._layout.offset, self._first.next))
        pointer = struct.pack(self._layout.order + self._layout.offset, at)
        return [*edits, Edit(self._layout.offset_bytes, self._layout.offset_bytes + self._layout.offset_bytes, pointer)]

    def _packed(self, tag: int, value: tuple[int, bytes], tail: _Tail) -> bytes:
        """Return an entry, its value inside or in the tail."""
        kind, new = value
        head = struct.pack(self._layout.order + "HH" + self._layout.offset, tag, kind, len(new) // SIZES[kind])
        if len(new) <= self._layout.offset_bytes:
            return head + new.ljust(self._layout.offset_bytes, b"\0")
        return head + struct.pack(self._layout.order + self._layout.offset, tail.put(new))

    def _fits(self, tag: int, new: bytes) -> bool:
        entry = self._block.entry(tag)
        if entry is None:
            return False
        return len(new) <= (self._layout.offset_bytes if entry.is_inline else entry.length)

    def _tail_start(self, tags: set[int]) -> tuple[int, set[int]]:
        """Return where the block ends without the values of these tags that stand at its very end, and those tags."""
        end = len(self._data)
        found = set()
        places = [e for e in self._first.entries if e.tag in tags and not e.is_inline]
        for entry in sorted(places, key=lambda e: e.start, reverse=True):
            if entry.start + entry.length + (entry.length & 1) == end:
                end = entry.start
                found.add(entry.tag)
        return end, found


class _Tail:
    """Bytes to append, word-aligned as TIFF 6.0 asks."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.data = bytearray()

    def reserve(self, length: int) -> int:
        """Make room and return where it stands in the block."""
        if (self._at + len(self.data)) & 1:
            self.data += b"\0"
        start = self._at + len(self.data)
        self.data += bytes(length)
        return start

    def put(self, value: bytes) -> int:
        """Append a value and return where it stands."""
        start = self.reserve(len(value) + (len(value) & 1))
        self.fill(start, value)
        return start

    def fill(self, start: int, value: bytes) -> None:
        """Write into reserved room."""
        self.data[start - self._at : start - self._at + len(value)] = value
