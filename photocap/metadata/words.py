"""What people have written about a photo besides its caption: keywords, titles, names and places.

Sources: IPTC Photo Metadata 2023.2; MWG Guidelines 2.0 section 5.9 (regions); Microsoft's People Tagging schema;
the namespaces of Lightroom, digiKam and Windows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from photocap.formats.base import CommentKind, Part
from photocap.formats.exif_texts import exif_texts
from photocap.metadata import iptc
from photocap.metadata.captions import Copy, Origin, Place, clean_text
from photocap.metadata.contents import Contents
from photocap.metadata.files import Surroundings
from photocap.metadata.iptc import IptcError, texts_in, texts_in_resources
from photocap.metadata.neighbours import takeout_words
from photocap.metadata.signature import is_own_alt_text, own_keywords
from photocap.metadata.xml import Element, XmlError
from photocap.metadata.xmp import ALT_TEXT, Packet, name_of
from photocap.records import Description, PhotoWords

_KEYWORDS = (name_of("dc:subject"),)
_HIERARCHIES = (
    name_of("lr:hierarchicalSubject"),
    name_of("digiKam:TagsList"),
    name_of("MicrosoftPhoto:LastKeywordXMP"),
)
_TITLES = (name_of("dc:title"), name_of("photoshop:Headline"), name_of("acdsee:headline"))
_PERSONS = (name_of("Iptc4xmpExt:PersonInImage"),)
_PLACES = tuple(map(name_of, ("Iptc4xmpCore:Location", "photoshop:City", "photoshop:State", "photoshop:Country")))
_INNER_PLACES = tuple(
    name_of(f"Iptc4xmpExt:{local}") for local in ("Sublocation", "City", "ProvinceState", "CountryName", "LocationName")
)
_REGION_NAMES = (name_of("mwg-rs:Name"), name_of("MPReg:PersonDisplayName"))
_REGION_TYPE = name_of("mwg-rs:Type")
_PERSON_TYPES = ("", "Face", "Person")
_STEPS = re.compile(r"[|/\\]")
_MAX_WORDS = 1000  # of each kind; a bound for files made to fill an index


def find_words(contents: Contents, around: Surroundings) -> PhotoWords:
    """Return what people have written in a photo and beside it besides descriptions; unreadable parts have none."""
    packets = [packet for _, packet in _packets(contents, around)]
    datasets = _Datasets(contents)
    takeout = [takeout_words(file.data) for file in around.takeout]
    exifs = [exif_texts(exif) for exif in contents.layout.texts.exifs]
    own = {keyword for packet in packets for keyword in own_keywords(packet)}
    keywords = [
        *_of(packets, _KEYWORDS),
        *(step for path in _of(packets, _HIERARCHIES) for step in _STEPS.split(path)),
        *datasets.texts(iptc.KEYWORDS),
        *(keyword for block in exifs for text in block.xp_keywords for keyword in text.split(";")),
    ]
    titles = [
        *_of(packets, _TITLES),
        *datasets.texts(iptc.TITLE),
        *datasets.texts(iptc.HEADLINE),
        *(title for block in exifs for title in block.xp_titles),
        *(text for kind, text in contents.layout.texts.comments if kind is CommentKind.TITLE),
    ]
    people = [
        *_of(packets, _PERSONS),
        *(name for packet in packets for name in _region_names(packet.rdf)),
        *(name for words in takeout for name in words.people),
    ]
    places = [
        *_of(packets, _PLACES),
        *(text for packet in packets for text in _inner(packet.rdf, _INNER_PLACES)),
        *(text for dataset in iptc.PLACES for text in datasets.texts(dataset)),
    ]
    return PhotoWords(
        keywords=_each_once(keyword for keyword in keywords if keyword.strip() not in own),
        titles=_each_once(titles),
        people=_each_once(people),
        places=_each_once(places),
    )


def find_alt_texts(contents: Contents, around: Surroundings) -> tuple[Copy, ...]:
    """Return the alternative texts in a photo and its sidecars, and whose they are."""
    found = []
    for path, packet in _packets(contents, around):
        own = packet.text(ALT_TEXT) if is_own_alt_text(packet) else None
        for language, text in packet.texts(ALT_TEXT):
            origin = Origin.PHOTOCAP if text == own else Origin.PERSON
            found.append(Copy(place=Place.ALT_TEXT, path=path, text=clean_text(text), origin=origin, language=language))
    return tuple(found)


def descriptions_of(copies: Iterable[Copy]) -> tuple[Description, ...]:
    """Return every description by a person, each text once."""
    found: dict[str, Description] = {}
    for copy in copies:
        if copy.origin is Origin.PERSON:
            found.setdefault(copy.text, Description(copy.place.value, copy.text))
    return tuple(found.values())[:_MAX_WORDS]


def _packets(contents: Contents, around: Surroundings) -> Iterator[tuple[Path, Packet]]:
    """Yield the packets in a photo and beside it, each with the file it is in."""
    if contents.packet is not None:
        yield contents.path, contents.packet
    sidecars = ((path, sidecar.data) for path, sidecar in {**around.own, **around.shared}.items())
    for path, data in (*((contents.path, data) for data in contents.layout.texts.packets), *sidecars):
        try:
            yield path, Packet(data)
        except XmlError:
            continue


def _of(packets: Iterable[Packet], names: Iterable[tuple[str, str]]) -> list[str]:
    return [text for packet in packets for name in names for _, text in packet.texts(name)]


def _region_names(element: Element) -> Iterator[str]:
    """Yield the names in face regions, wherever they stand."""
    if _value(element, _REGION_TYPE) in _PERSON_TYPES:
        yield from (name for key in _REGION_NAMES if (name := _value(element, key)))
    for child in element.children:
        yield from _region_names(child)


def _value(element: Element, name: tuple[str, str]) -> str:
    """Return a field of a structure, which is an attribute or an element."""
    value = element.attribute(name)
    inner = element.child(name)
    return value if value is not None else inner.text if inner is not None else ""


def _inner(element: Element, names: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """Yield the texts of fields inside structures, wherever they stand."""
    yield from (attribute.value for attribute in element.attributes if attribute.name in names)
    for child in element.children:
        if child.name in names and not child.children:
            yield child.text
        elif child.name in names:
            yield from (item.text for array in child.children for item in array.children)
        else:
            yield from _inner(child, names)


class _Datasets:
    """The IPTC of a photo."""

    def __init__(self, contents: Contents) -> None:
        parts, texts = contents.layout.parts, contents.layout.texts
        self._blocks: list[tuple[Callable[[bytes, tuple[int, int]], list[str]], bytes]] = [
            *((texts_in_resources, irb) for irb in (parts.get(Part.IRB, b""), *texts.irbs)),
            *((texts_in, iim) for iim in (parts.get(Part.IIM, b""), *texts.iims)),
        ]

    def texts(self, dataset: tuple[int, int]) -> list[str]:
        """Return every value of a dataset; damaged blocks have none."""
        found: list[str] = []
        for read, block in self._blocks:
            try:
                found += read(block, dataset)
            except IptcError:
                continue
        return found


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for raw in texts if (text := clean_text(raw))))[:_MAX_WORDS]
