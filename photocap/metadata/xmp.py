"""XMP packets: reading their properties, and comparing all that is not photocap's.

Sources: ISO 16684-1 (XMP part 1), sections 7 (RDF) and 8 (language alternatives).
"""

from __future__ import annotations

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
    "xmpDM": "http://ns.adobe.com/xmp/1.0/DynamicMedia/",
    "dcterms": "http://purl.org/dc/terms/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
}
_WRAPPERS = {("adobe:ns:meta/", "xmpmeta"), ("adobe:ns:meta/", "xapmeta")}
ARRAYS = {(RDF, "Alt"), (RDF, "Bag"), (RDF, "Seq")}
PREFIX_OF = {namespace: prefix for prefix, namespace in _PREFIXES.items()}

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


class Packet:
    """One parsed XMP packet.

    Args:
        data: the packet, wrapper and padding included.

    Raises:
        XmlError: it is not well-formed XML with an rdf:RDF element, or has a document type. An empty x:xmpmeta is
            taken for one that has no properties yet.
    """

    def __init__(self, data: bytes) -> None:
        self.data = as_utf_8(data)
        self.is_editable = self.data is data  # what was in another encoding is read only
        root = parse_xml(self.data.rstrip(b"\0"))
        self.hollow = root if _is_hollow(root) else None
        self.rdf = _find_rdf(root) if self.hollow is None else _nothing_behind(root)
        self.tops = [child for child in self.rdf.children if child.name == (RDF, "Description")]

    def text(self, name: Name) -> str | None:
        """Return a property's text: the default one of a language alternative, None where there is none."""
        for top in self.tops:
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

    def _frame(self) -> tuple[bytes, bytes]:
        """Return what stands before and behind the rdf:RDF, or would."""
        root = self.hollow
        if root is None:
            return self.data[: self.rdf.start], self.data[self.rdf.end :]
        if root.is_closed_at_once:
            return self.data[: root.end - 2] + b">", f"</{root.raw_name}>".encode() + self.data[root.end :]
        return self.data[: root.inner_end], self.data[root.inner_end :]

    def names(self) -> list[Name]:
        """Return the names of the properties that are there, each once."""
        found: dict[Name, None] = {}
        for top in self.rdf.children:
            found.update((attribute.name, None) for attribute in top.attributes)
            found.update((element.name, None) for element in top.children)
        return list(found)

    def has(self, name: Name) -> bool:
        """Return whether a property is there, whatever its value."""
        return any(top.attribute(name) is not None or top.child(name) for top in self.rdf.children)

    def foreign(self, own: set[Name], texts: dict[Name, str]) -> list[object]:
        """Return everything that is not photocap's, in a form that can be compared.

        Args:
            own: simple properties to leave out.
            texts: language alternatives; of these the default is left out, and a language that says the same.
        """
        head, end = self._frame()
        end = end.rstrip(b"\0").replace(b'end="r"', b'end="w"')  # ExifTool makes it writable
        found: list[object] = [head, end.split()]
        for top in self.tops:
            found += [(a.name, a.value) for a in top.attributes if a.name not in own and a.name not in texts]
            for child in top.children:
                if child.name in texts:
                    default = _text_of(child)
                    found += [(lang, t) for lang, t in _languages(child) if t not in (default, texts[child.name])]
                elif child.name not in own:
                    found.append(child.canonical())
        # An rdf:about says nothing of its own, and an emptied Description leaves with its last property.
        return [item for item in found if not (isinstance(item, tuple) and item[0] in ((RDF, "about"), ("", "about")))]


def _is_hollow(root: Element) -> bool:
    return root.name in _WRAPPERS and not root.children and not root.text.strip()


def _nothing_behind(root: Element) -> Element:
    """Return an rdf:RDF without properties for a packet that has none."""
    at = root.end
    return Element(name=(RDF, "RDF"), raw_name="rdf:RDF", attributes=[], start=at, inner_start=at, inner_end=at, end=at)


def _find_rdf(root: Element) -> Element:
    found = [element for element in (root, *root.children) if element.name == (RDF, "RDF")]
    if len(found) > 1:
        raise XmlError(f"it has {len(found)} rdf:RDF elements")
    if not found:
        raise XmlError("it has no rdf:RDF element")
    return found[0]


def language_of(item: Element) -> str:
    """Return the language of an item of an alternative, the default one where it says none."""
    return (item.attribute((XML, "lang")) or "x-default").lower()


def _languages(element: Element) -> list[tuple[str, str]]:
    """Return the languages of an alternative and their texts."""
    return [(language_of(item), item_text(item)) for array in element.children for item in array.children]


def _values(element: Element) -> list[tuple[str, str]]:
    items = [
        ((item.attribute((XML, "lang")) or "").lower(), item_text(item))
        for array in element.children
        if array.name in ARRAYS
        for item in array.children
    ]
    return items or [("", item_text(element))]


def _text_of(element: Element) -> str:
    """Return a property's text: the default language, else the first, else what is directly inside."""
    languages = _languages(element)
    if not languages:
        return item_text(element)
    return next((text for language, text in languages if language == "x-default"), languages[0][1])


def item_text(item: Element) -> str:
    """Return an item's text; a qualified one keeps it in rdf:value (ISO 16684-1, 7.8)."""
    holder = item.child((RDF, "Description")) or item
    value = holder.attribute((RDF, "value"))
    if value is not None:
        return value
    inner = holder.child((RDF, "value"))
    return inner.text if inner is not None else item.text


EMPTY_PACKET = Packet(_WRAPPER.encode())
