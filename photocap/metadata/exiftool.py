"""ExifTool, where the user has it: the only safe writer of HEIC, AVIF and JPEG XL, started once and kept open.

It is handed the EXIF block and the XMP packet as they are to be, so it decides nothing about their content.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

MIN_VERSION = 12.30  # the first with JPEG XL
_SECONDS = 60.0
_READY = "{ready}"


class ExifToolError(ValueError):
    """ExifTool is missing, too old, or did not write the file; the text says which."""


class ExifTool:
    """One ExifTool process, started at the first write; safe to use from several threads.

    Args:
        command: the program; found on PATH.
    """

    def __init__(self, command: str = "exiftool") -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> ExifTool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes, suffix: str, *, exif: bytes | None, xmp: bytes | None) -> bytes:
        """Return a file with its EXIF block and XMP packet replaced.

        Args:
            data: the file.
            suffix: how the name of such a file ends; a constant of the format, never taken from the photo's name.
            exif: the new block, from its TIFF header on; None leaves the old one.
            xmp: the new packet; None leaves the old one.

        Raises:
            ExifToolError: nothing was written.
        """
        with self._lock, tempfile.TemporaryDirectory(prefix="photocap-") as name:
            folder = Path(name)
            old, new = folder / f"old{suffix}", folder / f"new{suffix}"  # never the photo's own name
            old.write_bytes(data)
            arguments = []
            if xmp is not None:
                (folder / "xmp").write_bytes(xmp)
                arguments.append(f"-XMP<={folder / 'xmp'}")
            if exif is not None:
                (folder / "exif").write_bytes(exif)
                arguments.append(f"-EXIF<={folder / 'exif'}")
            answer = self._run([*arguments, "-o", str(new), str(old)])
            if not new.is_file():
                raise ExifToolError(f"ExifTool did not write it: {_first_line(answer)}")
            return new.read_bytes()

    def read(self, path: Path, options: Sequence[str]) -> str:
        """Return what ExifTool prints about a file.

        Args:
            path: the file; it is only read.
            options: of the command line.

        Raises:
            ExifToolError: there is no ExifTool, or it failed.
        """
        with self._lock:
            return self._run([*options, os.path.abspath(path)])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.stdin is None or process.stdout is None:
                return
            try:
                process.communicate("-stay_open\nFalse\n", timeout=_SECONDS)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                process.kill()
                process.communicate()

    def _run(self, arguments: list[str]) -> str:
        """Return what ExifTool prints for one command; a process that hangs is killed."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        watchdog = threading.Timer(_SECONDS, process.kill)
        watchdog.start()
        try:
            process.stdin.write(_argument_lines([*arguments, "-execute"]))
            process.stdin.flush()
            lines = []
            while (line := process.stdout.readline()).strip() != _READY:
                if not line:
                    raise OSError("it ended")
                lines.append(line)
            return "".join(lines)
        except OSError as error:
            process.kill()
            process.communicate()
            self._process = None
            raise ExifToolError(f"ExifTool failed: {error}") from error
        finally:
            watchdog.cancel()

    def _start(self) -> subprocess.Popen[str]:
        program = shutil.which(self._command)
        if program is None:
            raise ExifToolError("this format takes ExifTool, and it is not installed")
        try:
            done = subprocess.run([program, "-ver"], capture_output=True, text=True, timeout=_SECONDS, check=False)
            version = float(re.sub(r"[^\d.].*", "", done.stdout.strip()) or 0)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ExifToolError(f"ExifTool cannot be started: {error}") from error
        if version < MIN_VERSION:
            raise ExifToolError(f"ExifTool {version} is too old; {MIN_VERSION:.2f} or later writes into this format")
        return subprocess.Popen(
            [program, "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",  # names of files need not be UTF-8
        )


def _argument_lines(arguments: list[str]) -> str:
    """Return arguments as ExifTool reads them from its input, one a line.

    Raises:
        ExifToolError: an argument holds a line break, after which the rest of it would be an option of its own;
            ExifTool has options that run programs.
    """
    if any(character in argument for argument in arguments for character in "\r\n\0"):
        raise ExifToolError("a file name with a line break is not handed to ExifTool")
    return "".join(f"{argument}\n" for argument in arguments)


def _first_line(answer: str) -> str:
    return next((line.strip() for line in answer.splitlines() if "Error" in line), "no reason given")
