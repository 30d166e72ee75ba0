"""Changes to XMP packets: photocap's own properties are set, everything else stays as it is, byte for byte.

Source: ISO 16684-1 (XMP part 1), sections 7 (RDF) and 8 (language alternatives).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from photocap.formats.splice import Edit, growth
from photocap.metadata.xml import Name, XmlError
from photocap.metadata.xmp import ARRAYS, PREFIX_OF, RDF, XML, Packet, item_text, language_of

_BLANK_BEFORE = re.compile(rb"\s*\Z")
_END = b"<?xpacket end="
_BLANKS = b" \t\n\r"


@dataclass(frozen=True, kw_only=True)
class BagChange:
    """Which items to add to an array and which to take away."""

    added: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()

    def empties(self, items: Iterable[str]) -> bool:
        """Return whether of an array with these items nothing is left."""
        return bool(self.removed) and not self.added and all(item.strip() in self.removed for item in items)


@dataclass(frozen=True)
class XmpChange:
    """What to change in a packet.

    Attributes:
        texts: language alternatives (dc:description and the like) and their new default text.
        simple: plain properties and their new values; None removes a property.
        bags: arrays and what to change in them.
    """

    texts: dict[Name, str]
    simple: dict[Name, str | None] = field(default_factory=dict)
    bags: dict[Name, BagChange] = field(default_factory=dict)


def packet_edits(packet: Packet, change: XmpChange, *, limit_bytes: int | None = None) -> list[Edit]:
    """Return the edits to a packet that make a change.

    Args:
        packet: the packet.
        change: the new values.
        limit_bytes: where given, padding is given up to stay below it.

    Raises:
        XmlError: it does not fit, or is in another encoding than UTF-8.
    """
    if not packet.is_editable:
        raise XmlError("it is in another encoding than UTF-8")
    return _Editor(packet).edits(change, limit_bytes)


class _Editor:
    """Finds the places in a packet where properties are set, removed and added."""

    def __init__(self, packet: Packet) -> None:
        self._packet, self._data, self._rdf, self._tops = packet, packet.data, packet.rdf, packet.tops

    def edits(self, change: XmpChange, limit_bytes: int | None) -> list[Edit]:
        """Return the edits that make a change."""
        edits: list[Edit] = []
        fresh: dict[Name, str] = {}
        removed: set[Name] = set()
        for name, text in change.texts.items():
            in_place = self._text_edits(name, text)
            edits += in_place
            if not in_place:
                removed.add(name)
                fresh[name] = _language_alternative(name, text)
        for name, value in change.simple.items():
            in_place = [] if value is None else self._simple_edits(name, value)
            edits += in_place
            if not in_place:
                removed.add(name)
            if not in_place and value is not None:
                fresh[name] = f"<{_qualified(name)}>{escape(value)}</{_qualified(name)}>"
        emptied = {
            name for name, bag in change.bags.items() if bag.empties(text for _, text in self._packet.texts(name))
        }
        for name, bag in change.bags.items():
            in_place = [] if name in emptied else self._bag_edits(name, bag)
            edits += in_place
            if not in_place and bag.added:
                fresh[name] = _bag(name, bag.added)
        edits += self._removals(removed | emptied)
        if fresh:
            edits.append(self._insertion(list(fresh.values()), {namespace for namespace, _ in fresh}))
        return edits + self._shortened_padding(growth(edits), limit_bytes)

    def _text_edits(self, name: Name, text: str) -> list[Edit]:
        """Return the edits that set a text where its language alternative already stands; none where it must move."""
        places = [child for top in self._tops for child in top.children if child.name == name]
        as_attribute = any(top.attribute(name) is not None for top in self._tops)
        if len(places) != 1 or as_attribute or (alt := places[0].child((RDF, "Alt"))) is None:
            return []
        items = [item for item in alt.children if item.name == (RDF, "li")]
        default = next((item for item in items if language_of(item) == "x-default"), None)
        if alt.is_closed_at_once or any(item.children or item.is_closed_at_once for item in items):
            return []
        if default is None:
            tag = alt.raw_name[: -len("Alt")] + "li"
            new = f'<{tag} xml:lang="x-default">{escape(text)}</{tag}>'.encode()
            return [Edit(alt.inner_start, alt.inner_start, new)]
        old = default.text
        stale = [item for item in items if item.text == old]
        return [Edit(item.inner_start, item.inner_end, escape(text).encode()) for item in stale]

    def _simple_edits(self, name: Name, value: str) -> list[Edit]:
        """Return the edit that sets a plain property where it stands; none where it has to move."""
        elements = [child for top in self._tops for child in top.children if child.name == name]
        attributes = [attribute for top in self._tops for attribute in top.attributes if attribute.name == name]
        if len(elements) + len(attributes) != 1:
            return []
        if attributes:
            raw_name, _, _ = self._data[attributes[0].start : attributes[0].end].partition(b"=")
            return [Edit(attributes[0].start, attributes[0].end, raw_name + b"=" + quoteattr(value).encode())]
        if elements[0].children or elements[0].is_closed_at_once:
            return []
        return [Edit(elements[0].inner_start, elements[0].inner_end, escape(value).encode())]

    def _bag_edits(self, name: Name, change: BagChange) -> list[Edit]:
        """Return the edits to an array where it stands; none where there is none yet.

        Raises:
            XmlError: it is written in an unusual way.
        """
        places = [child for top in self._tops for child in top.children if child.name == name]
        if not places and all(top.attribute(name) is None for top in self._tops):
            return []
        array = next((child for place in places for child in place.children if child.name in ARRAYS), None)
        if array is None:
            raise XmlError(f"its {_qualified(name)} is written in an unusual way")
        gone = [item for item in array.children if item_text(item).strip() in change.removed]
        edits = [Edit(self._blank_start(item.start), item.end, b"") for item in gone]
        tag = f"{array.raw_name.rpartition(':')[0]}:li".lstrip(":")
        items = "".join(f"<{tag}>{escape(text)}</{tag}>" for text in change.added).encode()
        if array.is_closed_at_once and items:
            edits.append(Edit(array.end - 2, array.end, b">" + items + f"</{array.raw_name}>".encode()))
        elif items:
            last = array.children[-1].end if array.children else array.inner_start
            if gone and gone[-1] is array.children[-1]:  # one edit, not two that touch
                edits[-1] = Edit(edits[-1].start, edits[-1].end, items)
            else:
                edits.append(Edit(last, last, items))
        return edits

    def _removals(self, names: set[Name]) -> list[Edit]:
        edits = []
        for top in self._tops:
            attributes = [a for a in top.attributes if a.name in names]
            children = [c for c in top.children if c.name in names]
            kept = [a for a in top.attributes if a.name[0] not in (RDF, XML, "") and a.name not in names]
            if (attributes or children) and not kept and len(children) == len(top.children):
                edits.append(Edit(self._blank_start(top.start), top.end, b""))
                continue
            edits += [Edit(a.start, a.end, b"") for a in attributes]
            edits += [Edit(self._blank_start(c.start), c.end, b"") for c in children]
        return edits

    def _shortened_padding(self, grown_bytes: int, limit_bytes: int | None) -> list[Edit]:
        excess = len(self._data) + grown_bytes - (limit_bytes or sys.maxsize)
        if excess <= 0:
            return []
        end = max(self._data.find(_END, self._rdf.end), self._rdf.end)
        padding = self._data[self._rdf.end : end]
        if len(padding) - len(padding.rstrip(_BLANKS)) < excess:
            raise XmlError(f"with the caption it is {excess:,} bytes longer than this format allows")
        return [Edit(end - excess, end, b"")]

    def _blank_start(self, position: int) -> int:
        """Return where the blanks before a place begin, so that a removed line leaves no empty one."""
        blanks = _BLANK_BEFORE.search(self._data, max(0, position - 200), position)
        return blanks.start() if blanks else position

    def _insertion(self, properties: list[str], namespaces: set[str]) -> Edit:
        abouts = (top.attribute(name) for top in self._tops for name in ((RDF, "about"), ("", "about")))
        about = next((value for value in abouts if value is not None), "")
        declared = "".join(f' xmlns:{PREFIX_OF[ns]}="{ns}"' for ns in sorted(namespaces))
        hollow = self._packet.hollow
        if self._rdf.raw_name != "rdf:RDF":
            declared = f' xmlns:rdf="{RDF}"' + declared
        body = "".join(f"  {line}\n" for line in properties)
        new = f" <rdf:Description rdf:about={quoteattr(about)}{declared}>\n{body} </rdf:Description>\n".encode()
        if hollow is not None:
            new = f'<rdf:RDF xmlns:rdf="{RDF}">\n'.encode() + new + b"</rdf:RDF>"
            if hollow.is_closed_at_once:
                return Edit(hollow.end - 2, hollow.end, b">" + new + f"</{hollow.raw_name}>".encode())
            return Edit(hollow.inner_end, hollow.inner_end, new)
        if self._rdf.is_closed_at_once:
            end_tag = f"</{self._rdf.raw_name}>".encode()
            return Edit(self._rdf.end - 2, self._rdf.end, b">\n" + new + end_tag)
        return Edit(self._rdf.inner_end, self._rdf.inner_end, new)


def _qualified(name: Name) -> str:
    return f"{PREFIX_OF[name[0]]}:{name[1]}"


def _bag(name: Name, items: Iterable[str]) -> str:
    tag = _qualified(name)
    inner = "".join(f"<rdf:li>{escape(item)}</rdf:li>" for item in items)
    return f"<{tag}><rdf:Bag>{inner}</rdf:Bag></{tag}>"


def _language_alternative(name: Name, text: str) -> str:
    tag = _qualified(name)
    return f'<{tag}><rdf:Alt><rdf:li xml:lang="x-default">{escape(text)}</rdf:li></rdf:Alt></{tag}>'
