"""A terminal that obeys photocap only: names, captions and models come from anybody, and may hold commands for it.

What is written to it through `sys.stdout` and `sys.stderr` shows control characters as `\\x1b`. The consoles of rich,
which colour and move the cursor, write to the stream behind the guard, and what they are given is made printable first.
"""

from __future__ import annotations

import sys
from typing import IO, Any

_KEPT = "\n\t"
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_ESCAPES = {code: f"\\x{code:02x}" for code in _CONTROLS if chr(code) not in _KEPT}


def visible(text: str) -> str:
    """Return text with its control characters as escapes; line breaks and tabs stay."""
    return text.translate(_ESCAPES)


class GuardedStream:
    """A text stream to a terminal on which control characters become visible."""

    def __init__(self, stream: IO[str]) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        """Write text; return how much of it was taken."""
        self.unguarded.write(visible(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guard_terminal() -> None:
    """Guard stdout and stderr where they are a terminal."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty() and not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))


def unguarded(stream: IO[str]) -> IO[str]:
    """Return the stream behind a guard."""
    return stream.unguarded if isinstance(stream, GuardedStream) else stream
