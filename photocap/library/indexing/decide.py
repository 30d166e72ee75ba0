"""Where a photo's caption comes from: a person, the index, the same picture in this run, or the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from photocap.index import CaptionRecord, KnownPicture, PhotoIndex
from photocap.library.indexing.examine import Examined
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import Overwrite
from photocap.records import CaptionMemory, CaptionSource


@dataclass(frozen=True)
class Decision:
    """What is to happen with an examined photo.

    Attributes:
        caption: the caption, where it needs no model.
        needs_picture: whether the network must see the picture.
        waits: the same picture is on its way through the network; its caption will do.
        rejected: a person rejected this picture's caption; there shall be none.
        moved_from: where this very photo was before.
        had: the caption that this path had so far, if it still shows the same picture.
        memory: what the index knows of the picture's captions.
    """

    examined: Examined
    caption: CaptionRecord | None = None
    needs_picture: bool = False
    waits: bool = False
    rejected: bool = False
    moved_from: Path | None = None
    had: CaptionRecord | None = None
    memory: CaptionMemory = field(default_factory=CaptionMemory)


class Decider:
    """Decides photo by photo, in the order of the walk."""

    def __init__(self, index: PhotoIndex, options: IndexOptions) -> None:
        self._index = index
        self._may_replace_persons = options.policy.overwrite is Overwrite.ALL
        self._wants_embeddings = options.space_id is not None
        self._recaption = options.recaption
        self._coming: set[str] = set()
        self._claimed: set[Path] = set()

    def decide(self, examined: Examined) -> Decision:
        """Decide about one photo."""
        if examined.trouble:
            return Decision(examined)
        known = self._index.photos.find_picture(examined.picture_hash)
        memory = self._index.captions.memory((examined.picture_hash, examined.caption_key), examined.photo.path)
        examined = replace(examined, metadata=examined.metadata.remembering(memory))
        caption, rejected = self._without_model(examined, known)
        lacks_embedding = self._wants_embeddings and not (known and known.has_embedding)
        needs_picture = (caption is None and not rejected) or lacks_embedding
        waits = needs_picture and caption is None and examined.caption_key in self._coming
        if needs_picture or caption != (known and known.caption):
            self._coming.add(examined.caption_key)
        moved_from = self._former_place(examined, known)
        is_same = examined.known is not None and examined.known.picture_hash == examined.picture_hash
        had = known.caption if known and is_same else None
        return Decision(examined, caption, needs_picture and not waits, waits, rejected, moved_from, had, memory)

    def known_caption(self, caption_key: str) -> CaptionRecord | None:
        """Return the caption that the index has for a picture by now."""
        known = self._index.photos.find_picture(caption_key)
        return known.caption if known else None

    def arrived(self, caption_keys: set[str]) -> None:
        """Note that these pictures stand in the index now."""
        self._coming -= caption_keys

    def _without_model(self, examined: Examined, known: KnownPicture | None) -> tuple[CaptionRecord | None, bool]:
        """Return the caption that is there already, and whether a person wants none."""
        if examined.persons_words and not self._may_replace_persons:
            return CaptionRecord(examined.persons_words, CaptionSource.PERSON), False
        if known is None or (known.caption is None and not known.rejected):
            known = self._index.photos.find_picture(examined.caption_key)
        if known is None:
            return None, False
        if known.caption and self._is_to_be_replaced(known.caption):
            return None, False
        return known.caption, known.rejected

    def _is_to_be_replaced(self, caption: CaptionRecord) -> bool:
        if caption.source is CaptionSource.PERSON:
            return self._may_replace_persons
        return self._recaption is not None and self._recaption.replaces(
            caption.text, caption.model_id, caption.confidence
        )

    def _former_place(self, examined: Examined, known: KnownPicture | None) -> Path | None:
        """Return where a photo that is new to the index stood before it was moved or renamed."""
        if examined.known is not None or known is None:
            return None
        for path in known.paths:
            if path not in self._claimed and path != examined.photo.path and self._is_gone(path, examined):
                self._claimed.add(path)
                return path
        return None

    def _is_gone(self, path: Path, examined: Examined) -> bool:
        """Tell a file that was moved away from one whose whole drive is not there."""
        if os.path.lexists(path):
            return False
        stamp = self._index.photos.file_state(path)
        return path.parent.is_dir() or (stamp is not None and stamp.inode == examined.photo.inode)
