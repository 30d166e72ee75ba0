"""The index as the rest of photocap sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from photocap.errors import WriteError
from photocap.index.browse import Browse
from photocap.index.captions import Captions
from photocap.index.connection import check_all, check_place, connect_for_reading, connect_for_writing, is_outdated
from photocap.index.counts import IndexCounts, count_everything
from photocap.index.database import Database
from photocap.index.embeddings import Embeddings
from photocap.index.facets import Facets
from photocap.index.filter_sql import distance_km
from photocap.index.likely_labels import LikelyLabels
from photocap.index.photos import Photos
from photocap.index.private_copy import brought_up_to_date
from photocap.index.record import record_batch
from photocap.index.rows import PhotoRecord
from photocap.index.runs import Runs
from photocap.index.scan import Scan
from photocap.index.search_sql import SearchQueries
from photocap.index.sqlite_errors import damaged
from photocap.index.undo_journal import UndoJournal
from photocap.index.writer_lock import WriterLock, run_lock

# What nonsense in a damaged page may lead to, far from here.
_PERHAPS_OF_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class PhotoIndex:
    """An open index, which others may read and write meanwhile: a writer keeps others out inside `writing` only.

    Paths go in and come out as `pathlib.Path`, absolute; names that are not UTF-8 survive.

    Attributes:
        path: the SQLite file.
        is_copy: whether it is read in a copy, since it is of an older photocap and cannot be brought up to date.
        photos: the photos, and the pictures they show.
        captions: the captions of pictures, with their history.
        embeddings: the pictures' embeddings.
        likely_labels: what pictures likely show.
        query: full-text search and ranking.
        browse: the library in order: by date, by folder, for review.
        facets: how many photos have which year, camera, label, folder.
        runs: the runs of commands that write.
        scan: which files a scan of the library has met.
        undo: the journal of writes to files.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, lock: WriterLock | None, *, is_copy: bool = False
    ) -> None:
        self.path = path
        self.is_copy = is_copy
        self._database = database = Database(connection, path, lock)
        connection.create_function("distance_km", 4, distance_km, deterministic=True)
        self.photos = Photos(database)
        self.captions = Captions(database)
        self.embeddings = Embeddings(database)
        self.likely_labels = LikelyLabels(database)
        self.query = SearchQueries(database)
        self.browse = Browse(database)
        self.facets = Facets(database)
        self.runs = Runs(database)
        try:
            self.scan = Scan(database)
        except BaseException:
            connection.close()
            raise
        self.undo = UndoJournal(database)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = False,
        read_only: bool = False,
        check: bool = True,
        waiting: Callable[[str], None] | None = None,
    ) -> PhotoIndex:
        """Open the index at `path`.

        Args:
            path: the index.
            create: make one where there is none.
            read_only: change nothing.
            check: read the whole file before writing where the last writer did not come to an end, and once a week.
            waiting: called with a line about it when another writer makes this one wait for longer than a second.

        Raises:
            IndexNotFound: there is none and `create` is false.
            IndexUnusable: damaged, of a newer photocap, or not photocap's; it was not touched.
            IndexBusy: another process writes to it.
            WriteError: it cannot be written.
        """
        path = Path(path)
        check_place(path, create=create)
        if read_only:
            return cls._open_for_reading(path)
        lock = WriterLock(path, waiting)
        with lock.held():
            exists = check_place(path, create=create)  # another may have made it while we waited
            check = check and lock.is_check_due
            connection = connect_for_writing(path, exists=exists, check=check)
            if check or not exists:
                lock.note_check()
        return cls(connection, path, lock)

    @classmethod
    def _open_for_reading(cls, path: Path) -> PhotoIndex:
        connection = connect_for_reading(path)
        if not is_outdated(connection):
            return cls(connection, path, None)
        connection.close()
        try:
            cls.open(path).close()
        except WriteError:
            return cls(brought_up_to_date(path), path, None, is_copy=True)
        return cls(connect_for_reading(path), path, None)

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Keep other writers out meanwhile, for files and index that change together; may be nested.

        Each change is a transaction and keeps others out by itself; this is for what takes several steps. Nobody should
        be asked anything inside, and no network be run.

        Yields:
            Whether a writer was killed before and what it had begun is not settled yet; see `note_recovery`.

        Raises:
            IndexBusy: another writes, and has not come to an end in a minute.
        """
        with self._database.writing():
            yield self._database.lock is not None and self._database.lock.is_recovery_due

    def note_recovery(self) -> None:
        """Remember, inside `writing`, that what a killed writer had begun is settled."""
        if self._database.lock is not None:
            self._database.lock.note_recovery()

    @contextmanager
    def indexing(self) -> Iterator[None]:
        """Be the only run that indexes; short writers are not kept out.

        Raises:
            IndexBusy: another run indexes.
        """
        with run_lock(self.path):
            yield

    def others_version(self) -> int:
        """Return a number that is another one whenever another connection has changed the index since."""
        return self._database.others_version()

    def record_batch(self, run_id: int, records: Iterable[PhotoRecord], *, settled: Sequence[int] = ()) -> None:
        """Record a batch of photos in one transaction; the undo rows `settled` become WRITTEN in it."""
        record_batch(self._database, run_id, records, settled)

    def counts(self) -> IndexCounts:
        """Count everything; reads the whole index once."""
        return count_everything(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.connection.close()

    def __enter__(self) -> PhotoIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, sqlite3.Error):  # nobody has put it into words where it came up
                raise damaged(self.path, str(error)) from error
            if isinstance(error, _PERHAPS_OF_DAMAGE) and (damage := check_all(self._database.connection)):
                raise damaged(self.path, damage) from error
        finally:
            self.close()
