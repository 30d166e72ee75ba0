"""How captions are written, as the commands that write share it: their options and the policy made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from photocap.cli import options
from photocap.metadata import Also, MetadataMode, Mtime, Overwrite, SidecarName, WritePolicy

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    options.metadata_option,
    options.sidecar_dir_option,
    options.sidecar_name_option,
    options.alt_text_option,
    options.also_option,
    options.mtime_option,
)


def writing_options(function: F) -> F:
    """Add the options that `write_policy` reads."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def write_policy(
    chosen: Mapping[str, Any], *, overwrite: Overwrite = Overwrite.JUNK, keywords: bool = False
) -> WritePolicy:
    """Return how captions are written, out of the options.

    Args:
        chosen: the values of `writing_options`.
        overwrite: which captions may be replaced.
        keywords: whether what the model recognised is written too.
    """
    return WritePolicy(
        mode=MetadataMode(chosen["metadata"]),
        overwrite=overwrite,
        alt_text=chosen["alt_text"],
        mtime=Mtime(chosen["mtime"]),
        sidecar_dir=chosen["sidecar_dir"],
        sidecar_name=SidecarName(chosen["sidecar_name"]),
        keywords=keywords,
        also=frozenset(map(Also, chosen["also"])),
    )
