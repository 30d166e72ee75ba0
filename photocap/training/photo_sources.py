"""From the photos of a training to what the decoder looks at, with what earlier trainings left in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.captioning.device import Engine
from photocap.captioning.processors import cpu_threads
from photocap.training.dataset import CaptionDataset, CaptionedPhoto
from photocap.training.distributed import Processes
from photocap.training.features import (
    CachedFeatures,
    CachedRows,
    FeatureSource,
    LiveFeatures,
    Side,
    encoder_hash,
    fit_features,
    fitting_photos,
)
from photocap.training.init import Start
from photocap.training.pictures import Pictures
from photocap.training.row_store import CACHE_BYTES, RowStore, open_store
from photocap.training.stage_cache import CachedActivations

Stage = Callable[[str, int, int], None]
PICTURES, FEATURES, ACTIVATIONS = "pictures", "features", "activations"  # how the names of the cache's files begin
_FITTED = ("encoder.reduce.weight", "encoder.reduce.bias", "decoder.pooled_mean", "decoder.pooled_std")


@dataclass(kw_only=True)
class PhotoSources:
    """The photos of both sides, decoded and encoded as far as the training needs it.

    What takes long is done by the first of several processes; what it raises ends it, and what is done by then stays
    in the cache.

    Attributes:
        photos: of each side.
        start: the model.
        config: how it is trained.
        engine: where it runs.
        processes: those that train together.
        folders: where the cache may be; the last one is the training's own.
        stage: told (what is being done, how much is done, how much there is).
        limit_bytes: how much the cache may hold.
        pictures: of each side.
    """

    photos: Mapping[str, Sequence[CaptionedPhoto]]
    start: Start
    config: TrainConfig
    engine: Engine
    processes: Processes
    folders: Sequence[Path]
    stage: Stage
    limit_bytes: int = CACHE_BYTES
    pictures: dict[str, Pictures] = field(default_factory=dict)
    _opened: list[RowStore] = field(default_factory=list)

    def sides(self) -> dict[str, Side]:
        """Return both sides, ready to train on."""
        try:
            return self._sides()
        finally:
            for store in self._opened:
                store.close()

    def _sides(self) -> dict[str, Side]:
        side_px = self.start.model.config.image_size_px
        store = self._store(f"{PICTURES}-{side_px}", 3 * side_px**2)
        self.pictures = {
            side: Pictures(photos, store, side_px, workers=cpu_threads()) for side, photos in self.photos.items()
        }
        if self.start.is_new:
            self.start.model.load_state_dict(self.processes.share(self._fitted), strict=False)
        if self.config.fine_tune == "none":
            return self._cached()
        if self.config.fine_tune == "last" and self.start.model.encoder.parts == "resnet":
            return self._before_last_stage()
        return self._live(store)

    def _store(self, name: str, row_bytes: int) -> RowStore:
        """Open a store in the first process; the others read what that one wrote."""
        rows = sum(map(len, self.photos.values()))

        def first() -> Path:
            self._opened.append(open_store(self.folders, name, row_bytes, rows, self.limit_bytes))
            return self._opened[-1].file

        file = self.processes.share(first)
        return self._opened[-1] if self.processes.is_first else RowStore(file, row_bytes)

    def _live(self, store: RowStore) -> dict[str, Side]:
        """Decode all photos; the encoder sees them anew in each step."""
        found = {}
        for side, pictures in self.pictures.items():
            with self.processes.first_ahead():
                if self.processes.is_first:
                    pictures.load(range(len(pictures)), self._progress(f"decoding {side} photos", len(pictures)))
                else:
                    store.refresh()
            unusable = [number for number, key in enumerate(pictures.keys) if key not in store]
            model = self.start.model
            found[side] = self._side(side, unusable, LiveFeatures(model.encoder, pictures, model.config, self.engine))
        return found

    def _cached(self) -> dict[str, Side]:
        """Encode all photos."""
        model = self.start.model
        row_bytes = CachedFeatures.row_bytes(model.config)
        return self._encoded(FEATURES, encoder_hash(model.encoder), row_bytes, CachedFeatures)

    def _before_last_stage(self) -> dict[str, Side]:
        """Compute what the last stage starts from; that stage alone runs in each step."""
        model = self.start.model
        digest, row_bytes = (
            encoder_hash(model.encoder, without_last_stage=True),
            CachedActivations.row_bytes(model.config),
        )
        return self._encoded(ACTIVATIONS, digest, row_bytes, partial(CachedActivations, model.encoder))

    def _encoded(
        self,
        kind: str,
        digest: str,
        row_bytes: int,
        cached: Callable[[Pictures, RowStore, ModelConfig, Engine], CachedRows],
    ) -> dict[str, Side]:
        """Compute what is not on disk yet of both sides."""
        model = self.start.model
        name = f"{kind}-{digest}-{model.config.image_size_px}-{self.engine.dtype}"
        store = self._store(name.replace("torch.", ""), row_bytes)
        found = {}
        for side, pictures in self.pictures.items():
            source = cached(pictures, store, model.config, self.engine)
            with self.processes.first_ahead():
                if self.processes.is_first:
                    source.fill(model.encoder, self._progress(f"encoding {side} photos", len(pictures)))
                else:
                    store.refresh()
            found[side] = self._side(side, source.unusable, source)
        return found

    def _side(self, side: str, unusable: Sequence[int], features: FeatureSource) -> Side:
        start = self.start
        data = CaptionDataset(self.photos[side], start.vocabulary, start.model.config.max_words, unusable)
        return Side(data, features)

    def _fitted(self) -> dict[str, Tensor]:
        """Fit what a new model does to features, or find it in the cache; return that part of its state."""
        model, pictures = self.start.model, self.pictures["train"]
        digest = hashlib.sha256(f"{encoder_hash(model.encoder.trunk)} {model.config.feature_size}".encode())
        for number in fitting_photos(len(pictures)):
            digest.update(pictures.keys[number].encode())
        file = self.folders[0] / f"{FEATURES}-fit-{digest.hexdigest()[:16]}.safetensors"
        if file.exists():
            return load_file(file)
        fit_features(model, pictures, self.engine, self._progress("fitting the reduction", len(pictures)))
        found = {name: value.cpu() for name, value in model.state_dict().items() if name in _FITTED}
        new = file.with_suffix(".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in found.items()}, new)
        new.replace(file)
        return found

    def _progress(self, name: str, total: int) -> Callable[[int], None]:
        return lambda done: self.stage(name, done, total)
