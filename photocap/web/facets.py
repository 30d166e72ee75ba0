"""What a query, or the whole library, can be narrowed down to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from photocap.errors import printable
from photocap.index import PhotoIndex
from photocap.search import find_matches
from photocap.web.site import PAGE_PHOTOS, page, site_of

_FACET_PHOTOS = 1_000
_FACET_VALUES = 12
_CONFIDENCE_BANDS = (("0.8", "", "very likely right"), ("0.4", "0.8", "uncertain"), ("", "0.4", "likely wrong"))


@dataclass(frozen=True, kw_only=True)
class Facet:
    """One value to filter by.

    Attributes:
        label: what is shown.
        term: what it adds to a query.
        photos: how many photos have it.
        is_least: whether more photos may have it, since counting stopped.
        asked: the query that is shown.
    """

    label: str
    term: str
    photos: int
    is_least: bool = False
    asked: str = ""

    @property
    def is_on(self) -> bool:
        """Return whether the query filters by it already."""
        return f" {self.term} " in f" {self.asked} "

    @property
    def query(self) -> str:
        """Return the query with this filter, or without it where it is on."""
        if self.is_on:
            return f" {self.asked} ".replace(f" {self.term} ", " ", 1).strip()
        return f"{self.asked} {self.term}".strip()

    @property
    def count(self) -> str:
        """Return the number as it is shown; where counting stopped, as "310+"."""
        return f"{self.photos:,}" + ("+" if self.is_least else "")


def facets(request: Request) -> Response:
    """Show what the photos of a query, or of the whole library, can be narrowed down to."""
    site = site_of(request)
    text = request.query_params.get("q", "").strip()
    matches = None
    with site.library.reading() as index:
        if text:
            matches = find_matches(
                index, text, at_most=_FACET_PHOTOS, page=PAGE_PHOTOS, text_encoder=site.text_encoder(index)
            )
            groups = _facets_of(index, matches.photo_ids)
        else:
            groups = _library_facets(index)
    is_least = matches is not None and not matches.is_all
    shown = {
        title: [replace(each, asked=text, is_least=is_least) for each in values]
        for title, values in groups.items()
        if values
    }
    return page(request, "facets.html", groups=shown, counted=_FACET_PHOTOS if is_least else 0)


def _facets_of(index: PhotoIndex, photo_ids: Sequence[int]) -> dict[str, list[Facet]]:
    """Count the values among some photos."""
    values = index.facets.values_among(photo_ids)
    years = Counter(each.year for each in values if each.year)
    cameras = Counter(each.camera for each in values if each.camera)
    folders = Counter(each.folder for each in values)
    edited = sum(each.is_by_person for each in values)
    sure = [each.confidence for each in values if each.confidence is not None]
    bands = [
        sum(float(low or 0) <= confidence < float(high or 2) for confidence in sure)
        for low, high, _ in _CONFIDENCE_BANDS
    ]
    return {
        "Year": [
            Facet(label=year, term=f"date:{year}", photos=count) for year, count in sorted(years.items(), reverse=True)
        ],
        "Label": [_label(*pair) for pair in index.facets.labels_among(photo_ids, _FACET_VALUES)],
        "Camera": [_camera(name, count) for name, count in cameras.most_common(_FACET_VALUES)],
        "Folder": [_folder(folder, count) for folder, count in folders.most_common(_FACET_VALUES)],
        "Caption": _caption_facets(edited, bands),
    }


def _library_facets(index: PhotoIndex) -> dict[str, list[Facet]]:
    facets = index.facets
    bands = [facets.confident(float(low or 0), float(high or 2)) for low, high, _ in _CONFIDENCE_BANDS]
    return {
        "Year": [Facet(label=year, term=f"date:{year}", photos=count) for year, count in facets.years()],
        "Label": [_label(*pair) for pair in facets.labels(_FACET_VALUES)],
        "Camera": [_camera(name, count) for name, count in facets.cameras(_FACET_VALUES)],
        "Caption": _caption_facets(facets.edited(), bands),
    }


def _caption_facets(edited: int, bands: Sequence[int]) -> list[Facet]:
    found = [Facet(label="written by a person", term="is:edited", photos=edited)]
    for (low, high, label), count in zip(_CONFIDENCE_BANDS, bands, strict=True):
        terms = [f"conf:>={low}"] if low else []
        terms += [f"conf:<{high}"] if high else []
        found.append(Facet(label=label, term=" ".join(terms), photos=count))
    return [facet for facet in found if facet.photos]


def _camera(name: str, count: int) -> Facet:
    return Facet(label=name, term=f"camera:{quoted(name)}", photos=count)


def _label(name: str, count: int) -> Facet:
    return Facet(label=name, term=f"label:{quoted(name)}", photos=count)


def _folder(folder: Path, count: int) -> Facet:
    label = printable(folder.name or folder)
    return Facet(label=label, term=f"path:{quoted(printable(folder))}", photos=count)


def quoted(text: str) -> str:
    """Return a value as a query may hold it, in quotation marks where it needs them."""
    plain = text.replace('"', " ")
    return plain if plain.isalnum() else f'"{plain}"'
