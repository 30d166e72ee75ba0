"""Plain data that every layer shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from PIL import Image


class CaptionSource(Enum):
    """Who wrote a caption."""

    PERSON = "person"
    MODEL = "model"


class HashKind(Enum):
    """How the data of a picture are hashed; the value is how many hex digits such a hash has, which tell the kind.

    160 or 128 bits are enough for any library, and short in an index.
    """

    SHA256 = 40
    BLAKE3 = 32

    @classmethod
    def of(cls, picture_hash: str) -> HashKind:
        """Return of which kind a hash is."""
        return cls.SHA256 if len(picture_hash) == cls.SHA256.value else cls.BLAKE3


class Verdict(Enum):
    """What a person decided about a caption."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


class Written(Enum):
    """Where the caption is besides the index (or would be, in a dry run)."""

    EMBEDDED = "embedded"
    SIDECAR = "sidecar"
    NONE = "none"


@dataclass(frozen=True)
class Label:
    """A noun that a picture shows, and the probability in [0, 1] that it does."""

    name: str
    probability: float


@dataclass(frozen=True)
class WordProbability:
    """A word of a caption.

    Attributes:
        word: the word.
        probability: that the model gave it after the words before it.
        attention: how much the model looked at each place of a square grid over the picture, row by row;
            empty where nobody asked, or where the model looks at the picture as a whole.
    """

    word: str
    probability: float
    attention: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Caption:
    """A sentence about a picture.

    Attributes:
        text: the sentence.
        confidence: calibrated probability in [0, 1] that the sentence fits the picture.
        embedding: the picture's place in the joint text-image space, unit length,
            float16 little-endian bytes; None where the model has none.
        labels: nouns that the picture surely shows, the likeliest first.
        likely_labels: nouns that it likely shows, but not surely, the likeliest first.
        words: the sentence's words as the model generated them, also where `text` says less than they do.
        label_probabilities: of every label that the model knows, in its order; empty where it knows none.
        parent_confidence: what the confidence would be by the calibration of the model that this one was trained
            further from; None where that is unknown.
    """

    text: str
    confidence: float
    _: KW_ONLY
    embedding: bytes | None = field(default=None, repr=False)
    labels: tuple[Label, ...] = ()
    likely_labels: tuple[Label, ...] = field(default=(), repr=False)
    words: tuple[WordProbability, ...] = ()
    label_probabilities: tuple[float, ...] = field(default=(), repr=False)
    parent_confidence: float | None = field(default=None, repr=False)


@runtime_checkable
class AttentiveCaptioner(Protocol):
    """A captioner that can show where it looked."""

    def caption_with_attention(self, image: Image.Image) -> Caption:
        """Return the caption of an upright RGB picture, its words with their `attention`."""
        ...


@runtime_checkable
class LabelledCaptioner(Protocol):
    """A captioner whose captions carry labels."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the labels that `Caption.label_probabilities` are of, in their order."""
        ...


@runtime_checkable
class DescribedCaptioner(Protocol):
    """A captioner that says what runs it."""

    @property
    def runs_on(self) -> str:
        """Return the library, the precision and the device, for people."""
        ...


@runtime_checkable
class ConcurrentCaptioner(Protocol):
    """A captioner that may be given the next batch while it has one in hand."""

    @property
    def batches_at_once(self) -> int:
        """Return how many threads may usefully call `caption_batch` at the same time."""
        ...


class CaptionerProtocol(Protocol):
    """What a captioner of any kind offers.

    Attributes:
        model_id: its name and version, noted beside each caption.
        weights_sha256: which weights exactly (hex).
        space_id: names the joint text-image space of its embeddings; None where it gives none.
        image_size_px: pictures come with a shorter side of at least this where the photo is large enough.
        batch_size: how many pictures it wants at once.
    """

    model_id: str
    weights_sha256: str
    space_id: str | None
    image_size_px: int
    batch_size: int

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption per upright RGB image, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredCaption:
    """A caption that was made elsewhere, with its provenance.

    Attributes:
        caption: the caption; the confidence of a person's means nothing.
        source: a person or a model.
        model_id: the model; None for people.
        weights_sha256: which weights exactly; None where that was not noted.
    """

    caption: Caption
    source: CaptionSource
    model_id: str | None
    weights_sha256: str | None


class CaptionStore(Protocol):
    """Captions that were made elsewhere, by the hash of the picture.

    Attributes:
        space_id: names the joint text-image space of their embeddings; None where they have none.
    """

    space_id: str | None

    def get(self, hash_of_picture: Callable[[HashKind], str]) -> StoredCaption | None:
        """Return what is known of a picture, which is asked for its hash; None where there is no caption of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class PhotoFacts:
    """What a photo says about itself; None where it says nothing, or nothing sensible.

    Attributes:
        width_px: of the upright picture.
        height_px: of the upright picture.
        taken: by the camera's own clock, without a time zone.
        camera: make and model, the make not said twice.
        latitude: degrees, north positive.
        longitude: degrees, east positive.
        rating: stars, 0 to 5.
        iso: sensitivity.
        f_number: aperture.
        focal_length_mm: as the lens has it.
        taken_source: who says when it was taken: "exif" (the metadata in the file), "filename" or "takeout".
    """

    width_px: int
    height_px: int
    taken: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    iso: int | None = None
    f_number: float | None = None
    focal_length_mm: float | None = None
    taken_source: str | None = None


@dataclass(frozen=True)
class Description:
    """One description by a person.

    Attributes:
        place: where it stands, such as "xmp" or "sidecar".
        text: the words.
    """

    place: str
    text: str


@dataclass(frozen=True, kw_only=True)
class PhotoWords:
    """What a photo's metadata says in words.

    Attributes:
        keywords: tags.
        titles: titles.
        people: names of people.
        places: names of places: city, region, country.
        descriptions: every description by a person, the caption among them.
    """

    keywords: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    descriptions: tuple[Description, ...] = ()


@dataclass(frozen=True)
class CaptionMemory:
    """What the index knows of a picture's captions.

    Attributes:
        machine: texts that a model wrote, and no person has taken over.
        seen: descriptions by people that it has met before: what differs from them is the newer word.
        here: those of them that it met in this very file when it was last read.
    """

    machine: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    here: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class UndoRecord:
    """One write to one file; `metadata.undo` makes and reads it.

    Attributes:
        path: the file that is written (a photo or a sidecar).
        sha256_before: SHA-256 (hex) of the places that the write changes, as they were; None where the file did not
            exist.
        sha256_after: of these places as they are after the write.
        patch: opaque bytes from which the old file is rebuilt out of the new one.
        blake3_kept: BLAKE3 (hex) of the bytes that the write leaves as they are, which takes a quarter of the time of
            SHA-256; None in records of an index before version 9.
        sha256_kept: their SHA-256, in records of an index of version 2 to 8. Those of version 1 have neither: their
            other hashes are of the whole file.
        photo: the photo whose caption it is, as the index knows it; None where a record of an index before version 4
            names a sidecar of which no photo is known.
    """

    path: Path
    sha256_before: str | None
    sha256_after: str
    patch: bytes
    blake3_kept: str | None = None
    sha256_kept: str | None = None
    photo: Path | None = None
