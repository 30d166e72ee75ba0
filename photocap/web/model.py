"""The captioner, loaded in the background when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from photocap.errors import PhotocapError
from photocap.photos import load_image
from photocap.records import AttentiveCaptioner, Caption, CaptionerProtocol
from photocap.web.decoder import PhotoDecoder


class ModelState(Enum):
    """How far the loading has come."""

    IDLE = "idle"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class BackgroundModel:
    """A captioner that costs nothing until it is asked for.

    Args:
        load: makes the captioner; called at most once unless it fails.
        decoder: decodes the pictures.
    """

    def __init__(self, load: Callable[[], CaptionerProtocol], decoder: PhotoDecoder) -> None:
        self._load = load
        self._decoder = decoder
        self._lock = threading.Lock()  # one picture in the network at a time
        self._starting = threading.Lock()
        self._captioner: CaptionerProtocol | None = None
        self._thread: threading.Thread | None = None
        self._error = ""

    @property
    def state(self) -> ModelState:
        """Return how far the loading has come."""
        if self._captioner is not None:
            return ModelState.READY
        if self._thread is not None and self._thread.is_alive():
            return ModelState.LOADING
        return ModelState.FAILED if self._error else ModelState.IDLE

    @property
    def error(self) -> str:
        """Return why the model could not be loaded; empty where it could."""
        return self._error

    def start(self) -> None:
        """Begin to load, unless that has happened."""
        with self._starting:
            if self.state in (ModelState.IDLE, ModelState.FAILED):
                self._error = ""
                self._thread = threading.Thread(target=self._run, name="model", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            self._captioner = self._load()
        except Exception as error:  # whatever it is, the page must say so and the next try start anew
            self._error = str(error) or type(error).__name__

    def caption(self, path: Path) -> Caption:
        """Return the caption of a picture file; waits for the model.

        Raises:
            ReadError: it is no picture, damaged or too large.
            PhotocapError: the model cannot be loaded.
        """
        self.start()
        thread = self._thread
        if thread is not None:
            thread.join()
        captioner = self._captioner
        if captioner is None:
            raise PhotocapError(f"the model cannot be loaded: {self._error}")
        image = self._decoder.run(load_image, path, captioner.image_size_px)
        with self._lock:
            if isinstance(captioner, AttentiveCaptioner):
                return captioner.caption_with_attention(image)
            return captioner.caption_batch([image])[0]
