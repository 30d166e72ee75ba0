"""`photocap` as a process of its own, with the fake captioner in place of the real one. For tests only.

FAKE_DELAY_S: how long each batch takes. DIE_AT: kill -9 at the Nth system call that makes something durable.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from fakes import FakeCaptioner
from PIL import Image

from photocap import atomicfile
from photocap.captioning import registry
from photocap.records import Caption


class SlowCaptioner(FakeCaptioner):
    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        time.sleep(float(os.environ.get("FAKE_DELAY_S", "0")))
        return super().caption_batch(images)


def load_captioner(*_: Any, **__: Any) -> FakeCaptioner:
    sys.stderr.write("MODEL LOADED\n")
    return SlowCaptioner()


def die_at(number: int) -> None:
    """Make the process kill itself right before the Nth write, flush or rename, wherever that is."""
    count = itertools.count(1)

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapped

    for name in ("write", "fsync", "replace", "utime"):
        setattr(os, name, deadly(getattr(os, name)))
    atomicfile._rename = deadly(atomicfile._rename)


registry.load_captioner = load_captioner
if os.environ.get("DIE_AT"):
    die_at(int(os.environ["DIE_AT"]))

if __name__ == "__main__":
    from photocap.cli import main

    main()
