"""Faults at every system call of a write: the old file or the new file, never anything else, never a false success."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
import warnings

import metadata_files as files
import pytest

from photocap.errors import PhotocapError
from photocap.metadata import MetadataMode, Signature, WritePolicy, prepare_write
from photocap.records import Written
from photocap.system import atomicfile
from photocap.system.atomicfile import TEMP_PREFIX, TEMP_SUFFIX, remove_stale_temps

try:
    import fcntl
except ImportError:
    pytest.skip("these faults are those of POSIX systems", allow_module_level=True)

TEXT = "a dog on a beach"
KILLED = 99
FILE_CALLS = ["open", "write", "fsync", "close", "replace", "chmod", "utime", "fstat", "lstat", "stat", "access"]
OTHER_CALLS = ["listxattr", "getxattr", "setxattr", "fchown", "unlink", "readlink"]
CALLS = {os: FILE_CALLS + OTHER_CALLS, fcntl: ["flock"], io: ["open"], atomicfile: ["_rename"]}
SIDECAR = WritePolicy(mode=MetadataMode.SIDECAR)


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(TEMP_PREFIX)}


class Scene:
    """A folder with one photo, set up again before each fault."""

    def __init__(self, folder, name, photo, policy=files.DEFAULT, sidecar=None):
        self.folder, self.path, self.policy = folder, folder / name, policy
        self.before = {name: photo} | ({f"{name}.xmp": sidecar} if sidecar else {})
        self.reset()
        files.write(self.path, TEXT, policy)  # what a process does only once is not among the calls
        self.reset()
        with Interference(lambda *_: None) as calm:
            files.write(self.path, TEXT, policy)
        self.calls = calm.names
        self.after = tree(folder)
        assert self.after != self.before

    def reset(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for name, data in self.before.items():
            (self.folder / name).write_bytes(data)


class Interference:
    """Counts the system calls of a write and does something before a chosen one."""

    def __init__(self, act, at=-1):
        self.act, self.at, self.names = act, at, []

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        for module, names in CALLS.items():
            for name in names:
                if hasattr(module, name):
                    self.patch.setattr(module, name, self.wrapped(name, getattr(module, name)))
        return self

    def wrapped(self, name, real):
        def call(*args, **kwargs):
            self.names.append(name)
            if len(self.names) - 1 == self.at:
                self.act(name, real, args)
            # What reaches the disk is the kernel's affair; waiting for it here would only make the test slow.
            return None if name == "fsync" else real(*args, **kwargs)

        return call

    def __exit__(self, *_):
        self.patch.undo()


def failing(number):
    def act(name, real, args):
        if name == "close":
            real(*args)
        raise OSError(number, os.strerror(number))

    return act


def half_written(_name, real, args):
    """Write a part, then find the disk full."""
    if _name == "write":
        real(args[0], bytes(args[1])[: len(args[1]) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed(name, real, args):
    if name == "write":
        real(args[0], bytes(args[1])[: len(args[1]) // 3])
    os._exit(KILLED)


SCENES = {
    "jpeg": ("photo.jpg", files.jpeg(files.exif_segment(), files.xmp_segment())),
    "png": ("photo.png", files.encoded("PNG")),
    "webp": ("photo.webp", files.encoded("WEBP")),
    "tiff": ("photo.tif", files.encoded("TIFF")),
    "new-sidecar": ("photo.jpg", files.jpeg(), SIDECAR),
    "merged-sidecar": ("photo.jpg", files.jpeg(), SIDECAR, files.xmp_packet()),
}


@pytest.fixture(params=SCENES)
def scene(request, tmp_path):
    return Scene(tmp_path / "scene", *SCENES[request.param])


def check_fault(scene, act, at):
    """Let one call fail; the folder must be as before or as after, and success must mean after."""
    scene.reset()
    success = False
    with Interference(act, at):
        try:
            success = files.write(scene.path, TEXT, scene.policy).written is not Written.NONE
        except PhotocapError as error:
            success = not str(error).startswith(str(scene.folder))
    found = tree(scene.folder)
    where = f"call {at}: {scene.calls[at]}"
    if success and found != scene.after:  # the photo could not be written, but a sidecar could
        assert found.pop(f"{scene.path.name}.xmp", None), where
        assert found == scene.before, where
    elif not success:
        assert found in (scene.before, scene.after), where
    remove_stale_temps(scene.folder)
    assert set(os.listdir(scene.folder)) <= {scene.path.name, f"{scene.path.name}.xmp"}, where


def check_kill(scene, at):
    """Kill the process at one call; the next start finds the folder as before or as after."""
    scene.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork in a process with threads: here it only writes
        child = os.fork()
    if child == 0:
        try:
            with Interference(killed, at):
                files.write(scene.path, TEXT, scene.policy)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    remove_stale_temps(scene.folder)
    assert tree(scene.folder) in (scene.before, scene.after)
    assert not [name for name in os.listdir(scene.folder) if name.endswith(TEMP_SUFFIX)]


ERRORS = [failing(errno.ENOSPC), failing(errno.EIO), failing(errno.EACCES), failing(errno.EPERM), half_written]


def test_a_sample_of_faults(scene):
    for at in range(0, len(scene.calls), 3):
        check_fault(scene, ERRORS[at // 3 % len(ERRORS)], at)
    for at in range(0, len(scene.calls), 9):
        check_kill(scene, at)


@pytest.mark.slow
def test_every_fault_at_every_call(scene):
    for at, act in itertools.product(range(len(scene.calls)), ERRORS):
        check_fault(scene, act, at)
    for at in range(len(scene.calls)):
        check_kill(scene, at)


@pytest.mark.slow
def test_the_slow_test_injects_hundreds_of_faults(tmp_path):
    calls = [len(Scene(tmp_path / name, *SCENES[name]).calls) for name in SCENES]
    assert sum(calls) * (len(ERRORS) + 1) >= 900


@pytest.mark.parametrize("how", ["in place", "by rename"])
def test_a_file_that_changes_meanwhile_is_left_alone(scene, how):
    target = scene.path if scene.policy is not SIDECAR else scene.path.with_name(f"{scene.path.name}.xmp")
    others = scene.before.get(target.name, b"") + b"\n"  # another program adds a byte

    def act(*_):
        if how == "in place":
            target.write_bytes(others)
        else:
            (scene.folder / "new").write_bytes(others)
            os.replace(scene.folder / "new", target)

    opened = scene.calls.index("flock")  # by then everything has been read
    checked = scene.calls.index("_rename")  # on Linux it notices what the last look has not
    if atomicfile._renameat2() is None:
        checked = len(scene.calls) - 1 - scene.calls[::-1].index("lstat")
    for at in range(opened, checked + 1):
        scene.reset()
        with Interference(act, at) as interference:
            interference.act = once(act, interference)
            with pytest.raises(PhotocapError, match="changed meanwhile"):
                files.write(scene.path, TEXT, scene.policy)
        assert target.read_bytes() == others
        assert set(os.listdir(scene.folder)) == set(scene.before) | {target.name}


def once(act, interference):
    """Return an action that is not itself interfered with."""

    def act_once(*_):
        interference.at = -1
        act()

    return act_once


def test_temporary_files_of_a_living_run_are_not_removed(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(files.jpeg())
    prepared = prepare_write(path, TEXT, marking=Signature("m", "1", None, "d"), policy=files.DEFAULT)
    assert remove_stale_temps(tmp_path) == 0
    prepared.commit()
    (tmp_path / f"{TEMP_PREFIX}0123{TEMP_SUFFIX}").write_bytes(b"left by a killed run")
    assert remove_stale_temps(tmp_path) == 1
    assert os.listdir(tmp_path) == ["photo.jpg"]
