"""A small XML reader that knows at which byte each element stands.

XMP is edited as bytes, so that whatever other programs wrote stays as they wrote it. Document types and entities are
refused: metadata has no use for them, attackers have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 32 << 20
_MAX_DEPTH = 100
_XML = "http://www.w3.org/XML/1998/namespace"
_START_TAG = re.compile(rb"""<[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*>""")
_ATTRIBUTE = re.compile(rb"""\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*')""")
# XMP of real photos has some thousand elements; masks painted in Lightroom, some ten thousand.
_MAX_ELEMENTS = 50_000
_MAX_ATTRIBUTES = 100_000

_STARTS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
_DECLARED = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""")
_SINGLE_BYTE = ("iso-8859-1", "iso-8859-15", "latin1", "windows-1252", "cp1252", "windows-1250", "iso-8859-2")

Name = tuple[str, str]  # namespace, local name


class XmlError(ValueError):
    """The bytes are no XML that may be edited."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute and its place, the blank before it included."""

    name: Name
    value: str
    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Element:
    """One element and its place in the bytes.

    Attributes:
        name: namespace and local name.
        raw_name: the name as it is written, prefix included.
        start: where `<` of the start tag stands.
        inner_start: the byte after the start tag.
        inner_end: where the end tag begins; equal to `inner_start` for `<a/>`.
        end: the byte after the end tag.
        pieces: the character data directly inside, as it comes between the children.
    """

    name: Name
    raw_name: str
    attributes: list[Attribute]
    start: int
    inner_start: int
    inner_end: int = 0
    end: int = 0
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the character data directly inside."""
        return "".join(self.pieces)

    @property
    def is_closed_at_once(self) -> bool:
        """Return whether it is written `<a/>`, not `<a></a>`."""
        return self.end == self.inner_start

    def attribute(self, name: Name) -> str | None:
        """Return an attribute's value, None where there is none."""
        return next((a.value for a in self.attributes if a.name == name), None)

    def child(self, name: Name) -> Element | None:
        """Return the first child of that name."""
        return next((c for c in self.children if c.name == name), None)

    def canonical(self) -> tuple[object, ...]:
        """Return the content without places, prefixes and blanks between elements, for comparison."""
        attributes = tuple(sorted((a.name, a.value) for a in self.attributes))
        text = self.text if not self.children else self.text.strip()
        return (self.name, attributes, text, tuple(child.canonical() for child in self.children))


def as_utf_8(data: bytes) -> bytes:
    """Return XML in UTF-8, whichever encoding it is in: by its mark, by its zeros, or as it declares.

    Bytes that are no UTF-8 and declare nothing are Latin-1, as older programs wrote.
    """
    encoding = _encoding(data)
    if encoding:
        return data.decode(encoding, "replace").encode("utf-8", "replace")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").encode()
    return data


def _encoding(data: bytes) -> str:
    """Return the encoding of XML that is not in UTF-8; empty where it is, or where nothing tells."""
    for start, encoding in _STARTS.items():
        if data.startswith(start):
            return encoding
    declared = _DECLARED.match(data[:200])
    name = declared.group(1).decode("ascii").lower() if declared else ""
    return name if name in _SINGLE_BYTE else ""


def parse_xml(data: bytes) -> Element:
    """Return the root element of UTF-8 XML.

    Raises:
        XmlError: malformed, too large or too deep, in another encoding, or with a document type.
    """
    if len(data) > MAX_BYTES:
        raise XmlError(f"{len(data):,} bytes are more than the limit of {MAX_BYTES:,}")
    return _TreeBuilder(data).build()


class _TreeBuilder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[Element] = []
        self._scope: dict[str, list[str]] = {"xml": [_XML], "": [""]}  # of each prefix the namespaces, the inner last
        self._declared: list[list[str]] = []  # the prefixes that each open element declares
        self._elements = self._attributes = 0
        self._root: Element | None = None
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def build(self) -> Element:
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise XmlError(str(error)) from error
        if self._root is None:
            raise XmlError("no element found")
        return self._root

    def _refuse(self, *_declaration: object) -> None:
        raise XmlError("it declares a document type or an entity")

    def _start(self, raw_name: str, flat: list[str]) -> None:
        if len(self._open) >= _MAX_DEPTH:
            raise XmlError(f"elements are nested more than {_MAX_DEPTH} deep")
        start = self._parser.CurrentByteIndex
        tag = _START_TAG.match(self._data, start)
        if tag is None:
            raise XmlError(f"no start tag at byte {start}")
        attributes = self._attributes_of(flat, start + 1 + len(raw_name.encode()), tag.end())
        element = Element(
            name=self._resolve(raw_name), raw_name=raw_name, attributes=attributes, start=start, inner_start=tag.end()
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _attributes_of(self, flat: list[str], start: int, end: int) -> list[Attribute]:
        """Return the attributes that stand between two places in a start tag, and note what prefixes it declares."""
        declared: list[str] = []
        self._declared.append(declared)
        self._count(len(flat) // 2)
        if not flat:  # most elements
            return []
        places = self._attribute_places(start, end)
        if 2 * len(places) != len(flat):
            raise XmlError(f"the attributes at byte {start} cannot be distinguished")
        plain = []
        for raw, value, place in zip(flat[::2], flat[1::2], places, strict=True):
            if raw.startswith("xmlns") and raw[5:6] in (":", ""):
                declared.append(raw[6:])
                self._scope.setdefault(raw[6:], []).append(value)
            else:
                plain.append((raw, value, place))
        return [Attribute(self._resolve(raw, is_attribute=True), value, *place) for raw, value, place in plain]

    def _end(self, _raw_name: str) -> None:
        element = self._open.pop()
        for prefix in self._declared.pop():
            self._scope[prefix].pop()
        if self._data[element.inner_start - 2 : element.inner_start] == b"/>":
            element.inner_end = element.end = element.inner_start
        else:
            element.inner_end = self._parser.CurrentByteIndex
            element.end = self._data.index(b">", element.inner_end) + 1

    def _characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def _count(self, attributes: int) -> None:
        self._elements += 1
        self._attributes += attributes
        if self._elements > _MAX_ELEMENTS or self._attributes > _MAX_ATTRIBUTES:
            raise XmlError(f"it has more than {_MAX_ELEMENTS:,} elements or {_MAX_ATTRIBUTES:,} attributes")

    def _attribute_places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return where the attributes of a start tag stand; each is looked for where the last one ends."""
        places = []
        while place := _ATTRIBUTE.match(self._data, start, end):
            places.append(place.span())
            start = place.end()
        return places

    def _resolve(self, raw: str, *, is_attribute: bool = False) -> Name:
        prefix, colon, local = raw.rpartition(":")
        if is_attribute and not colon:
            return ("", local)  # the default namespace is not for attributes
        namespaces = self._scope.get(prefix)
        if not namespaces:
            raise XmlError(f"the prefix {prefix!r} is not declared")
        return (namespaces[-1], local)
