"""What can be found out about a photo before any caption is thought of; runs in worker threads."""

from __future__ import annotations

from dataclasses import dataclass, field

from photocap.formats.sidecar_names import FolderNames
from photocap.library.indexing.held_files import HeldFiles
from photocap.library.indexing.job import PhotoJob, Trouble
from photocap.library.stopwatch import Stopwatch
from photocap.metadata import ExifTool, WritePolicy, read_metadata
from photocap.photos import picture_hash, read_facts, read_photo
from photocap.records import HashKind


@dataclass(frozen=True, kw_only=True)
class Readers:
    """What the photos of a run are read with.

    Attributes:
        names: knows what lies in the folders.
        hash_kind: of the index's pictures.
        exiftool: asked for what cannot be read here; starts with the first photo that needs it.
        held: files' contents on their way to the decoder.
        stopwatch: measures the stages.
    """

    names: FolderNames = field(default_factory=FolderNames)
    hash_kind: HashKind = HashKind.BLAKE3
    exiftool: ExifTool = field(default_factory=ExifTool)
    held: HeldFiles = field(default_factory=HeldFiles)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)


def examine(job: PhotoJob, policy: WritePolicy, readers: Readers) -> PhotoJob:
    """Read a photo's hash, facts and words from one opening of it; what goes wrong is part of the result."""
    path, companion, stage = job.photo.path, job.photo.companion, readers.stopwatch.stage
    try:
        with stage("read"):
            data = read_photo(path)
        with stage("hash"):
            own_hash = picture_hash(path, data=data, kind=readers.hash_kind)
            key = picture_hash(companion, kind=readers.hash_kind) if companion else own_hash
        with stage("facts"):
            facts = read_facts(path, data=data)
            metadata = read_metadata(
                path, sidecar_dir=policy.sidecar_dir, names=readers.names, exiftool=readers.exiftool, data=data
            )
    except Exception as problem:  # one photo never stops a run
        job.trouble = Trouble.of(problem)
    else:
        job.picture_hash, job.caption_key, job.facts, job.metadata = own_hash, key, facts, metadata
        if not companion:
            readers.held.hold(job, data)
    return job
