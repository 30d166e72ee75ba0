"""`photocap` as a process of its own, with the fake captioner in place of the real one. For tests only.

FAKE_DELAY_S: how long each batch takes. WAIT_FOR: all but the first wait until this file is there.
DIE_AT: kill -9 at the Nth system call that makes something durable. FULL_AT: from the Nth write to a photo on, the disk
is full. MAX_FILE_BYTES: as if it were for every larger file, the index among them.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from fakes import FakeCaptioner
from PIL import Image

from photocap.captioning import registry
from photocap.records import Caption
from photocap.system import atomicfile


class SlowCaptioner(FakeCaptioner):
    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        time.sleep(float(os.environ.get("FAKE_DELAY_S", "0")))
        while self.batches and not os.path.exists(os.environ.get("WAIT_FOR", os.sep)):
            time.sleep(0.05)
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


def be_full_at(number: int) -> None:
    """Let every write from the Nth on fail as on a full disk."""
    count, real = itertools.count(1), os.write

    def write(descriptor: int, data: bytes) -> int:
        if next(count) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    os.write = write


def limit_files(size_bytes: int) -> None:
    """Let files grow no larger; SQLite, which writes by itself, takes that for a full disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, -1))


if os.environ.get("FULL_AT"):
    be_full_at(int(os.environ["FULL_AT"]))
if os.environ.get("MAX_FILE_BYTES"):
    limit_files(int(os.environ["MAX_FILE_BYTES"]))
if os.environ.get("DIE_AT"):
    die_at(int(os.environ["DIE_AT"]))

if __name__ == "__main__":
    from photocap.cli import main

    main()
