"""Ctrl-C during long work: the first one asks it to save and stop, the second one ends the program at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from photocap.cli import console


class StopOnCtrlC:
    """Listens for Ctrl-C while work is done in a `with` block.

    The interpreter runs a signal's handler only between two of its own steps, which may be seconds apart while the
    network computes. So another thread hears of the signal, through a socket that the system's handler writes to.

    Attributes:
        asked: whether the work is to stop.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Return whether the work is to stop."""
        return self.asked

    def __enter__(self) -> StopOnCtrlC:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        threading.Thread(target=self._listen, args=(self._reader,), name="photocap-ctrl-c", daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        signal.set_wakeup_fd(self._fd_before)
        self._writer.close()  # ends the thread

    def _listen(self, reader: socket.socket) -> None:
        with reader:
            while number := reader.recv(1):
                if number[0] != signal.SIGINT:
                    continue
                if self.asked:
                    end_at_once()
                self.asked = True
                console.warn("stopping ... (Ctrl-C once more ends at once)")


def end_at_once(leave: Callable[[int], object] = os._exit) -> None:
    """End the program as it stands; files are replaced atomically, so none is left half written."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # the progress bar has hidden the cursor
    leave(console.INTERRUPTED)
