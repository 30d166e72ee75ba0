"""XMP packets: reading the properties photocap knows, and changing those alone.

The packet is edited as bytes; unknown namespaces, the order, the padding and the wrapper stay as they are.
Sources: ISO 16684-1 (XMP part 1), sections 7 (RDF) and 8 (language alternatives).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from photocap.formats.splice import Edit, growth
from photocap.metadata.xml import Element, Name, XmlError, as_utf_8, parse_xml

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
_PREFIXES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "photocap": "urn:photocap:xmp:1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
    "dcterms": "http://purl.org/dc/terms/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
}
_ARRAYS = {(RDF, "Alt"), (RDF, "Bag"), (RDF, "Seq")}
_PREFIX_OF = {namespace: prefix for prefix, namespace in _PREFIXES.items()}

DESCRIPTION: Name = (_PREFIXES["dc"], "description")
CAPTION_WRITER: Name = (_PREFIXES["photoshop"], "CaptionWriter")
ALT_TEXT: Name = (_PREFIXES["Iptc4xmpCore"], "AltTextAccessibility")
PHOTOCAP = _PREFIXES["photocap"]
SUBJECT: Name = (_PREFIXES["dc"], "subject")
PROVENANCE: Name = (_PREFIXES["dcterms"], "provenance")
SIDECAR_FOR: Name = (_PREFIXES["photoshop"], "SidecarForExtension")


def name_of(qualified: str) -> Name:
    """Return the full name of a property that is written with one of the usual prefixes, as "dc:title"."""
    prefix, _, local = qualified.partition(":")
    return (_PREFIXES[prefix], local)


_WRAPPER = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n<rdf:RDF xmlns:rdf="{RDF}">\n'
    "</rdf:RDF>\n</x:xmpmeta>\n"
    '<?xpacket end="w"?>'
)
EMPTY_PACKET = _WRAPPER.encode()
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


class Packet:
    """One parsed XMP packet.

    Args:
        data: the packet, wrapper and padding included.

    Raises:
        XmlError: it is not well-formed XML with an rdf:RDF element, or has a document type.
    """

    def __init__(self, data: bytes) -> None:
        self.data = as_utf_8(data)
        self.is_editable = self.data is data  # what was in another encoding is read only
        self.rdf = _find_rdf(parse_xml(self.data.rstrip(b"\0")))
        self._tops = [child for child in self.rdf.children if child.name == (RDF, "Description")]

    def text(self, name: Name) -> str | None:
        """Return a property's text: the default one of a language alternative, None where there is none."""
        for top in self._tops:
            value = top.attribute(name)
            if value is None and (element := top.child(name)) is not None:
                value = _text_of(element)
            if value is not None:
                return value
        return None

    def texts(self, name: Name) -> list[tuple[str, str]]:
        """Return every value of a property with its language, however often it is given; blank ones are left out.

        Values of arrays and of language alternatives are given one by one. The language of plain values is empty.
        """
        found: list[tuple[str, str]] = []
        for top in self.rdf.children:  # typed ones too, which RDF allows and XMP does not
            found += [("", attribute.value) for attribute in top.attributes if attribute.name == name]
            for element in top.children:
                if element.name == name:
                    found += _values(element)
        return [(language, text) for language, text in found if text.strip()]

    def has(self, name: Name) -> bool:
        """Return whether a property is there, whatever its value."""
        return any(top.attribute(name) is not None or top.child(name) for top in self.rdf.children)

    def foreign(self, own: set[Name], texts: dict[Name, str]) -> list[object]:
        """Return everything that is not photocap's, in a form that can be compared.

        Args:
            own: simple properties to leave out.
            texts: language alternatives; of these the default is left out, and a language that says the same.
        """
        end = self.data[self.rdf.end :].rstrip(b"\0").replace(b'end="r"', b'end="w"')  # ExifTool makes it writable
        found: list[object] = [self.data[: self.rdf.start], end.split()]
        for top in self._tops:
            found += [(a.name, a.value) for a in top.attributes if a.name not in own and a.name not in texts]
            for child in top.children:
                if child.name in texts:
                    default = _text_of(child)
                    found += [(lang, t) for lang, t in _languages(child) if t not in (default, texts[child.name])]
                elif child.name not in own:
                    found.append(child.canonical())
        # An rdf:about says nothing of its own, and an emptied Description leaves with its last property.
        return [item for item in found if not (isinstance(item, tuple) and item[0] in ((RDF, "about"), ("", "about")))]

    def edits(self, change: XmpChange, *, limit_bytes: int | None = None) -> list[Edit]:
        """Return the edits that make the change.

        Args:
            change: the new values.
            limit_bytes: where given, padding is given up to stay below it.

        Raises:
            XmlError: it does not fit, or is in another encoding than UTF-8.
        """
        if not self.is_editable:
            raise XmlError("it is in another encoding than UTF-8")
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
        emptied = {name for name, bag in change.bags.items() if bag.empties(text for _, text in self.texts(name))}
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
        default = next((item for item in items if _language(item) == "x-default"), None)
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
            raw_name, _, _ = self.data[attributes[0].start : attributes[0].end].partition(b"=")
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
        array = next((child for place in places for child in place.children if child.name in _ARRAYS), None)
        if array is None:
            raise XmlError(f"its {_qualified(name)} is written in an unusual way")
        gone = [item for item in array.children if _item_text(item).strip() in change.removed]
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
        excess = len(self.data) + grown_bytes - (limit_bytes or sys.maxsize)
        if excess <= 0:
            return []
        end = max(self.data.find(_END, self.rdf.end), self.rdf.end)
        padding = self.data[self.rdf.end : end]
        if len(padding) - len(padding.rstrip(_BLANKS)) < excess:
            raise XmlError(f"with the caption it is {excess:,} bytes longer than this format allows")
        return [Edit(end - excess, end, b"")]

    def _blank_start(self, position: int) -> int:
        """Return where the blanks before a place begin, so that a removed line leaves no empty one."""
        blanks = _BLANK_BEFORE.search(self.data, max(0, position - 200), position)
        return blanks.start() if blanks else position

    def _insertion(self, properties: list[str], namespaces: set[str]) -> Edit:
        abouts = (top.attribute(name) for top in self._tops for name in ((RDF, "about"), ("", "about")))
        about = next((value for value in abouts if value is not None), "")
        declared = "".join(f' xmlns:{_PREFIX_OF[ns]}="{ns}"' for ns in sorted(namespaces))
        if self.rdf.raw_name != "rdf:RDF":
            declared = f' xmlns:rdf="{RDF}"' + declared
        body = "".join(f"  {line}\n" for line in properties)
        new = f" <rdf:Description rdf:about={quoteattr(about)}{declared}>\n{body} </rdf:Description>\n".encode()
        if self.rdf.is_closed_at_once:
            end_tag = f"</{self.rdf.raw_name}>".encode()
            return Edit(self.rdf.end - 2, self.rdf.end, b">\n" + new + end_tag)
        return Edit(self.rdf.inner_end, self.rdf.inner_end, new)


def _find_rdf(root: Element) -> Element:
    found = [element for element in (root, *root.children) if element.name == (RDF, "RDF")]
    if len(found) > 1:
        raise XmlError(f"it has {len(found)} rdf:RDF elements")
    if not found:
        raise XmlError("it has no rdf:RDF element")
    return found[0]


def _language(item: Element) -> str:
    return (item.attribute((XML, "lang")) or "x-default").lower()


def _languages(element: Element) -> list[tuple[str, str]]:
    """Return the languages of an alternative and their texts."""
    return [(_language(item), _item_text(item)) for array in element.children for item in array.children]


def _values(element: Element) -> list[tuple[str, str]]:
    items = [
        ((item.attribute((XML, "lang")) or "").lower(), _item_text(item))
        for array in element.children
        if array.name in _ARRAYS
        for item in array.children
    ]
    return items or [("", _item_text(element))]


def _text_of(element: Element) -> str:
    """Return a property's text: the default language, else the first, else what is directly inside."""
    languages = _languages(element)
    if not languages:
        return _item_text(element)
    return next((text for language, text in languages if language == "x-default"), languages[0][1])


def _item_text(item: Element) -> str:
    """Return an item's text; a qualified one keeps it in rdf:value (ISO 16684-1, 7.8)."""
    holder = item.child((RDF, "Description")) or item
    value = holder.attribute((RDF, "value"))
    if value is not None:
        return value
    inner = holder.child((RDF, "value"))
    return inner.text if inner is not None else item.text


def _qualified(name: Name) -> str:
    return f"{_PREFIX_OF[name[0]]}:{name[1]}"


def _bag(name: Name, items: Iterable[str]) -> str:
    tag = _qualified(name)
    inner = "".join(f"<rdf:li>{escape(item)}</rdf:li>" for item in items)
    return f"<{tag}><rdf:Bag>{inner}</rdf:Bag></{tag}>"


def _language_alternative(name: Name, text: str) -> str:
    tag = _qualified(name)
    return f'<{tag}><rdf:Alt><rdf:li xml:lang="x-default">{escape(text)}</rdf:li></rdf:Alt></{tag}>'
