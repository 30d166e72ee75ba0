"""The kinds of captioners, built in and from other distributions, behind one way to load them.

A model folder says its kind in `config.json`. A kind is a module (or any object) with two functions, see
`CaptionerKind`; distributions add kinds through the entry-point group `photocap.captioners`.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from photocap.captioning.model_files import DEFAULT_KIND, KIND, base_model_dir, hash_file, read_config
from photocap.errors import CheckpointError, PhotocapError, unexpected
from photocap.records import CaptionerProtocol

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from photocap.captioning.text_encoder import TextEncoder

GROUP = "photocap.captioners"
VLM = "vlm"
# Those of this package need no entry point, so that a checkout works as it is; no other distribution replaces them.
_BUILT_IN = {DEFAULT_KIND: "photocap.captioning.resnet_lstm", VLM: "photocap.captioning.vlm"}


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What is known of a model before it is loaded.

    Attributes:
        directory: its folder.
        name: the model's name.
        image_size_px: the shorter side of the pictures that it wants.
        hash_weights: returns the SHA-256 (hex) of its weights; called when first needed, since weights may be large.
        kind: the kind of captioner.
        variant: appended to the id where the model is run in a way that changes what it says, such as "+neutral".
        space_id: names the joint text-image space; None where the model has none.
        summary: what `photocap models list` says besides.
        files: the files that make up the model, relative to its folder.
        details: more about it for `photocap models info`, JSON values.
    """

    directory: Path
    name: str
    image_size_px: int
    hash_weights: Callable[[], str] = field(repr=False, compare=False)
    kind: str = DEFAULT_KIND
    variant: str = ""
    space_id: str | None = None
    summary: str = ""
    files: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def weights_sha256(self) -> str:
        """Return the SHA-256 (hex) of the weights."""
        return self.hash_weights()

    @property
    def model_id(self) -> str:
        """Return the name, the first 12 digits of the weights' hash, and the variant."""
        return f"{self.name}@{self.weights_sha256[:12]}{self.variant}"


@dataclass(frozen=True, kw_only=True)
class CaptionerOptions:
    """How a captioner is to run; a kind that cannot honour an option which was asked for raises `PhotocapError`.

    Attributes:
        engine: "auto", "onnx", "onnx-int8", "onnx-float32", "torch" or "torch-float32"; one that names no precision
            takes what the machine computes fastest.
        device: "auto", or a torch device such as "cpu", "cuda", "cuda:1", "mps".
        batch_size: photos at once; None chooses.
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: leave out words about people for which there are neutral ones.
        hedge_below: the confidence from which a sentence is said without "perhaps".
        plain_below: the confidence below which a sentence gives way to a label; None takes the model's own.
    """

    engine: str = "auto"
    device: str = "auto"
    batch_size: int | None = None
    beam_size: int | None = None
    neutral_people: bool = False
    hedge_below: float = 0.0
    plain_below: float | None = None


class CaptionerKind(Protocol):
    """A kind of captioner: a module with these functions.

    A kind whose models have a joint text-image space also has `load_text_encoder(folder)`.
    """

    def read_facts(self, folder: Path) -> ModelFacts:
        """Read what is known of a model without loading it.

        Raises:
            CheckpointError: the folder holds no model of this kind.
        """
        ...

    def load(self, folder: Path, options: CaptionerOptions) -> CaptionerProtocol:
        """Load a model and make it ready.

        Raises:
            CheckpointError: the model cannot be used.
            PhotocapError: an option cannot be honoured, or something is not installed.
        """
        ...


def read_facts(model_dir: Path | None = None) -> ModelFacts:
    """Read what is known of a model without loading it; None is the base model.

    Raises:
        CheckpointError: the folder holds no model, or one of a kind that is not installed.
    """
    folder = model_dir or base_model_dir()
    return _kind_of(folder).read_facts(folder)


def load_captioner(
    model_dir: Path | None = None,
    *,
    engine: str = "auto",
    device: str = "auto",
    batch_size: int | str = "auto",
    beam_size: int | None = None,
    neutral_people: bool = False,
    hedge_below: float | None = None,
    plain_below: float | None = None,
) -> CaptionerProtocol:
    """Load a model of whatever kind and make it ready.

    Args:
        model_dir: a model folder; None is the base model.
        engine: "auto", "onnx", "onnx-int8", "onnx-float32", "torch" or "torch-float32"; this and the following as for
            `CaptionerOptions`.
        device: "auto", or a torch device such as "cpu", "cuda", "cuda:1", "mps".
        batch_size: photos at once, or "auto".
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: leave out words about people for which there are neutral ones.
        hedge_below: the confidence from which a sentence is said without "perhaps"; None: every one.
        plain_below: the confidence below which a sentence gives way to a label; None takes the model's own.

    Raises:
        CheckpointError: the model cannot be used.
        PhotocapError: an option cannot be honoured, or something is not installed.
    """
    folder = model_dir or base_model_dir()
    options = CaptionerOptions(
        engine=engine,
        device=device,
        batch_size=None if isinstance(batch_size, str) else batch_size,
        beam_size=beam_size,
        neutral_people=neutral_people,
        hedge_below=hedge_below or 0.0,
        plain_below=plain_below,
    )
    return _kind_of(folder).load(folder, options)


def load_text_encoder(model_dir: Path | None = None) -> TextEncoder | None:
    """Read the text side of a model's joint space; None where it has none.

    Raises:
        CheckpointError: the model cannot be used.
    """
    folder = model_dir or base_model_dir()
    load: Callable[[Path], TextEncoder | None] | None = getattr(_kind_of(folder), "load_text_encoder", None)
    return load(folder) if load else None


def hash_files(paths: Iterable[Path]) -> str:
    """Return one SHA-256 (hex) over the content of files; of a single one its own."""
    digests = [hash_file(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def kinds() -> list[str]:
    """Return the names of all kinds that are installed."""
    return sorted({*_BUILT_IN, *(point.name for point in _entry_points())})


def _kind_of(folder: Path) -> CaptionerKind:
    values = read_config(folder)
    # Folders of Hugging Face models say their architecture, and know nothing of photocap.
    kind = values.get(KIND, VLM if "model_type" in values and "format" not in values else DEFAULT_KIND)
    if kind in _BUILT_IN:
        module: Any = importlib.import_module(_BUILT_IN[kind])
        return module  # type: ignore[no-any-return]
    points = [point for point in _entry_points() if point.name == kind]
    if not points:
        hint = f"these are: {', '.join(kinds())}"
        raise CheckpointError(folder, f"is of the kind {kind!r}, for which no captioner is installed", hint)
    try:
        return points[0].load()  # type: ignore[no-any-return]
    except Exception as error:  # another distribution's code
        raise PhotocapError(f"the captioner {points[0].value} cannot be imported: {unexpected(error)}") from error


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points  # here, since it imports the email package: 20 ms of each search

    return entry_points(group=GROUP)
