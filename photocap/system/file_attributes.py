"""Give a new file the owner, mode and attributes of the one that it replaces, or of the photo that it is about."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import sys
from pathlib import Path

_COPIED_ATTRIBUTES = ("user.", "system.posix_acl_")


class CannotCarry(OSError):
    """The new file could not be given the old one's owner or attributes, so it must not replace it."""


def carry_attributes(source: Path, temp: Path, descriptor: int, like: os.stat_result) -> None:
    """Give the new file the old one's owner, extended attributes (access lists among them) and mode.

    Args:
        source: the old file.
        temp: the new file.
        descriptor: the new file, opened.
        like: the stat of the old file.

    Raises:
        CannotCarry: it cannot be given one of them.
    """
    if hasattr(os, "fchown"):
        new = os.fstat(descriptor)
        if (new.st_uid, new.st_gid) != (like.st_uid, like.st_gid):
            try:
                os.fchown(descriptor, like.st_uid, like.st_gid)
            except OSError as error:
                raise CannotCarry(error.errno, "the file belongs to another user or group") from error
    if hasattr(os, "listxattr"):
        _copy_extended(source, descriptor)
    elif sys.platform == "darwin":
        _copy_on_mac(source, descriptor)
    os.chmod(temp, stat.S_IMODE(like.st_mode))


def resemble(temp: Path, descriptor: int, beside: os.stat_result) -> None:
    """Give a new file the mode of the photo that it is about, and its owner where we may."""
    if hasattr(os, "fchown"):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, beside.st_uid, beside.st_gid)
    os.chmod(temp, stat.S_IMODE(beside.st_mode) & 0o666 | 0o600)


def _copy_extended(source: Path, descriptor: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError:  # the file system has none
        return
    for name in names:
        if name.startswith(_COPIED_ATTRIBUTES):
            try:
                os.setxattr(descriptor, name, os.getxattr(source, name))
            except OSError as error:
                raise CannotCarry(error.errno, f"its attribute {name} cannot be carried over") from error


def _copy_on_mac(source: Path, descriptor: int) -> None:
    """Carry Finder tags, comments and access lists, which Python has no calls for (see `man copyfile`)."""
    acl, xattr = 1 << 0, 1 << 2
    with source.open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).fcopyfile(file.fileno(), descriptor, None, acl | xattr) != 0:
            raise CannotCarry(ctypes.get_errno(), "its Finder tags and access list cannot be carried over")
