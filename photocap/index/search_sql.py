"""Every SQL statement that a search needs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from photocap.index.database import Database
from photocap.index.filter_sql import Condition, Plan
from photocap.query import COLUMNS, quoted

_BM25 = f"bm25(photo_fts, {', '.join(map(str, COLUMNS.values()))})"

_SCORE = f"coalesce(-{_BM25}, 0.0)"  # bm25 is no number where a damaged page makes FTS5 miscount
_PERSONS_BM25 = f"bm25(photo_fts, {', '.join('1.0' if name == 'person_words' else '0.0' for name in COLUMNS)})"
_TEXT = '"(?:[^"]|"")*"'
_ANY_TEXT = re.compile(rf"\(*{_TEXT}(?: OR {_TEXT})*\)*")  # a word or a phrase, or any of some, in any column

RANKED_AT_MOST = 5_000
"""So many matches are ranked; of more, the newest are, and older ones in a person's words come behind those."""

_FEW = 20_000
"""Up to so many photos, it is quicker to look whether each has the words than to go through all that have them."""

_SOME = 100_000
"""Up to so many photos of one index, they are listed first: to look up each photo that has the words takes longer."""

_WITHOUT_LIMIT = -1


class Sort(Enum):
    """In which order photos come."""

    RELEVANCE = "relevance"
    DATE = "date"
    NEWEST = "newest"
    OLDEST = "oldest"
    CONFIDENCE = "confidence"
    PATH = "path"


_SHOWN = f"""
    CREATE VIRTUAL TABLE IF NOT EXISTS temp.shown USING fts5(
        {", ".join(COLUMNS)}, tokenize="porter unicode61 remove_diacritics 2");
    DELETE FROM temp.shown;
"""
_ASKED = f"""
    CREATE VIRTUAL TABLE IF NOT EXISTS temp.asked USING fts5(
        {", ".join(COLUMNS)}, content="", columnsize=0, tokenize="porter unicode61 remove_diacritics 2")
"""
_CONFIDENCE = "(SELECT confidence FROM picture WHERE picture.id = photo.picture_id)"
_BY_PERSON = "(SELECT person_caption IS NOT NULL FROM picture WHERE picture.id = photo.picture_id)"
_ORDER = {
    Sort.RELEVANCE: f"{_BY_PERSON} DESC, photo.taken DESC, photo.id DESC",
    Sort.DATE: "photo.taken DESC, photo.id DESC",
    Sort.NEWEST: "photo.taken DESC, photo.id DESC",
    Sort.OLDEST: "photo.taken IS NULL, photo.taken, photo.id",
    Sort.CONFIDENCE: f"{_CONFIDENCE} DESC, photo.id DESC",
    Sort.PATH: "photo.path",
}


@dataclass(frozen=True)
class Match:
    """A photo that matches, by number; `score` grows with relevance; `by_person`: in a person's words."""

    photo_id: int
    picture_id: int
    score: float
    by_person: bool = False


@dataclass(frozen=True)
class Ranked:
    """The best matches, how many were seen, and before which photo there may be more; None where all were seen."""

    matches: list[Match]
    seen: int
    unseen_before: int | None = None


_Source = tuple[str, tuple[object, ...]]  # SQL, mostly FROM and WHERE, with its values


class SearchQueries:
    """Matching, counting, ranking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_matches(self, plan: Plan, at_most: int, *, before: int | None = None) -> int:
        """Count the photos that match, but no further than `at_most`; with `before`, those with a lower number."""
        if before is not None:
            source, values = _before(_words_first(plan, self._passing(plan)), before)
        else:
            source, values = self._source(plan)
        with self._database.reading() as connection:
            row = connection.execute(f"SELECT count(*) FROM (SELECT 1 {source} LIMIT ?)", (*values, at_most))
            count: int = row.fetchone()[0]
        return count

    def ranked(self, plan: Plan, limit: int) -> Ranked:
        """Return the matches of a text search: those in a person's words first, then by bm25."""
        assert plan.fts is not None  # the caller's choice of `ranked` over `ordered`
        at_most = max(RANKED_AT_MOST, limit)
        passing = self._passing(plan)
        if passing < _FEW:
            # The words are common ones, which bm25 hardly tells apart.
            matches = self._ordered(_rows_first(plan), Sort.RELEVANCE, max(_FEW, limit))
            return Ranked(matches[:limit], len(matches))
        source, values = _words_first(plan, passing)
        newest = (
            f"SELECT photo.id, photo.picture_id, {_SCORE} AS score, {_PERSONS_BM25} < 0 AS by_person {source}"
            " ORDER BY photo_fts.rowid DESC LIMIT ?"
        )
        # Where any of some texts will do, a photo with one of them in a person's words matches in these alone.
        is_any = bool(_ANY_TEXT.fullmatch(plan.fts))
        order = f"{'by_person DESC, ' if is_any else ''}score DESC, id DESC"
        best = f"SELECT *, count(*) OVER (), min(id) OVER () FROM ({newest}) ORDER BY {order} LIMIT ?"
        in_persons_words = _words_first(Plan(f"{{person_words}} : ({plan.fts})", plan.condition), passing)
        with self._database.reading() as connection:
            found = connection.execute(best, (*values, at_most, limit)).fetchall()
            seen, oldest = found[0][4:] if found else (0, 0)
            if not is_any:
                by_person = connection.execute(*_newest(in_persons_words, at_most)).fetchall()
            else:
                by_person = [row for row in found if row[3]]
                if seen == at_most and len(by_person) < limit:
                    older = _newest(_before(in_persons_words, oldest), limit - len(by_person))
                    by_person += connection.execute(*older).fetchall()
        # The second list brings what is not among the newest, and marks what is.
        scores = {row[0]: row[2] for row in found}
        ids = {row[0]: Match(*row[:3]) for row in found}
        ids |= {id_: Match(id_, picture, scores.get(id_, 0.0), by_person=True) for id_, picture, *_ in by_person}
        matches = list(ids.values())
        matches.sort(key=lambda match: (not match.by_person, -match.score, -match.photo_id))
        return Ranked(matches[:limit], seen, oldest if seen == at_most else None)

    def ordered(self, plan: Plan, sort: Sort, limit: int) -> list[Match]:
        """Return the matches by date or confidence, those without last."""
        rows_first = plan.fts is None or self._is_common(plan.fts)
        return self._ordered(_rows_first(plan) if rows_first else _words_first(plan, _SOME), sort, limit)

    def newest(self, plan: Plan, limit: int) -> list[int]:
        """Return some of the matches: those that the index met last where words are searched, else by date."""
        passing = self._passing(plan)
        if plan.fts is None or passing < _FEW:
            return [match.photo_id for match in self._ordered(_rows_first(plan), Sort.NEWEST, limit)]
        with self._database.reading() as connection:
            return [photo_id for photo_id, _ in connection.execute(*_newest(_words_first(plan, passing), limit))]

    def _ordered(self, source: _Source, sort: Sort, limit: int) -> list[Match]:
        sql = f"SELECT photo.id, photo.picture_id, 0.0 {source[0]} ORDER BY {_ORDER[sort]} LIMIT ?"
        with self._database.reading() as connection:
            rows = connection.execute(sql, (*source[1], limit)).fetchall()
        return [Match(*row) for row in rows]

    def _is_common(self, fts: str) -> bool:
        return self.count_photos(fts, RANKED_AT_MOST) == RANKED_AT_MOST

    def _source(self, plan: Plan) -> _Source:
        passing = self._passing(plan)
        return _rows_first(plan) if plan.fts is None or passing < _FEW else _words_first(plan, passing)

    def _passing(self, plan: Plan) -> int:
        """Return how many photos the filters of common words let through; `_SOME` where many do or counting is slow."""
        if plan.fts is None or not plan.is_filtered or not self._is_common(plan.fts):
            return _SOME
        filters = Plan(None, plan.condition)
        at_most = _SOME if self._is_in_an_index(filters) else _FEW
        count = self.count_matches(filters, at_most)
        return count if count < at_most else _SOME

    def _is_in_an_index(self, filters: Plan) -> bool:
        source, values = _rows_first(filters)
        with self._database.reading() as connection:
            steps = connection.execute(f"EXPLAIN QUERY PLAN SELECT photo.id {source}", values).fetchall()
        return any("SEARCH photo USING COVERING INDEX" in detail for *_, detail in steps)

    def photos_of(self, picture_ids: Sequence[int], condition: Condition, limit: int = _WITHOUT_LIMIT) -> list[Match]:
        """Return the first photos of these pictures that meet a condition, in the pictures' order."""
        sql = (
            "SELECT photo.id, photo.picture_id, 0.0 FROM json_each(?) AS asked"
            f" CROSS JOIN photo ON photo.picture_id = asked.value WHERE {condition.sql} ORDER BY asked.id LIMIT ?"
        )
        with self._database.reading() as connection:
            rows = connection.execute(sql, (json.dumps(list(picture_ids)), *condition.values, limit)).fetchall()
        return [Match(*row) for row in rows]

    def count_photos(self, fts: str, at_most: int) -> int:
        """Count the photos that `fts` finds, but no further than `at_most`."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM photo_fts WHERE photo_fts MATCH ? LIMIT ?)", (fts, at_most)
            )
            count: int = row.fetchone()[0]
        return count

    def having(self, photo_ids: Sequence[int], expressions: Sequence[str]) -> dict[str, set[int]]:
        """Return for each FTS5 expression those of some photos that it finds."""
        columns = ", ".join(COLUMNS)
        with self._database.reading() as connection:
            # An index of these photos' words alone: asking the whole one for each of them takes ten times as long.
            connection.execute(_ASKED)
            connection.execute("INSERT INTO temp.asked (asked) VALUES ('delete-all')")
            connection.execute(
                f"INSERT INTO temp.asked (rowid, {columns}) SELECT photo_id, {columns} FROM search_text"
                " WHERE photo_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(photo_ids)),),
            )
            found = "SELECT rowid FROM temp.asked WHERE asked MATCH ?"
            return {fts: {id_ for (id_,) in connection.execute(found, (fts,))} for fts in expressions}

    def pictures_of(self, photo_ids: Sequence[int]) -> dict[int, int]:
        """Return the pictures that photos show."""
        sql = "SELECT id, picture_id FROM photo WHERE picture_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))"
        with self._database.reading() as connection:
            return dict(connection.execute(sql, (json.dumps(list(photo_ids)),)).fetchall())

    def highlighted(self, photo_ids: Sequence[int], fts: str, start: str, end: str) -> dict[int, str]:
        """Return the captions of photos with the words that `fts` finds between `start` and `end`."""
        ids = json.dumps(list(photo_ids))
        with self._database.reading() as connection:
            # The captions as they were written, read by the tokenizer of the index.
            connection.executescript(_SHOWN)
            connection.execute(
                "INSERT INTO temp.shown (rowid, person_words)"
                " SELECT photo.id, coalesce(person_caption, model_caption) FROM photo"
                " JOIN picture ON picture.id = picture_id WHERE photo.id IN (SELECT value FROM json_each(?))",
                (ids,),
            )
            rows = connection.execute(
                "SELECT rowid, highlight(shown, 0, ?, ?) FROM temp.shown WHERE shown MATCH ?", (start, end, fts)
            ).fetchall()
        return {id_: text for id_, text in rows if text}

    def words(self) -> list[str]:
        """Return every word without digits that photos have, or once had, in lower case."""
        with self._database.reading() as connection:
            return [word for (word,) in connection.execute("SELECT word FROM word")]

    def words_with(self, part: str, at_most: int) -> list[str]:
        """Return the shortest words that contain these letters (three or more)."""
        sql = "SELECT word FROM word_trigram WHERE word_trigram MATCH ? ORDER BY length(word), word LIMIT ?"
        with self._database.reading() as connection:
            return [word for (word,) in connection.execute(sql, (quoted(part), at_most))]


def _rows_first(plan: Plan) -> _Source:
    """Return what goes from the filters to the words."""
    condition = plan.condition
    if plan.fts is None:
        return f"FROM photo WHERE {condition.sql}", condition.values
    has_words = "+photo.id IN (SELECT rowid FROM photo_fts WHERE photo_fts MATCH ?)"
    return f"FROM photo WHERE {condition.sql} AND {has_words}", (*condition.values, plan.fts)


def _words_first(plan: Plan, passing: int) -> _Source:
    """Return what goes from the words to the filters, which let so many photos pass; CROSS JOIN holds the order."""
    condition = plan.condition.sql
    if passing < _SOME:
        condition = f"+photo_fts.rowid IN (SELECT photo.id FROM photo WHERE {condition})"
    joined = "FROM photo_fts CROSS JOIN photo ON photo.id = photo_fts.rowid"
    return f"{joined} WHERE photo_fts MATCH ? AND {condition}", (plan.fts, *plan.condition.values)


def _newest(source: _Source, limit: int) -> _Source:
    """Return the SELECT of those of a source of `_words_first` that the index met last; scores take far longer."""
    sql, values = source
    return f"SELECT photo.id, photo.picture_id {sql} ORDER BY photo_fts.rowid DESC LIMIT ?", (*values, limit)


def _before(source: _Source, photo_id: int) -> _Source:
    """Return what a source of `_words_first` has of photos with a number below one."""
    return f"{source[0]} AND photo_fts.rowid < ?", (*source[1], photo_id)
