"""An evaluation on the terminal or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console
from photocap.datasets import Problem

if TYPE_CHECKING:
    from photocap.cli.finding_again import Found
    from photocap.evaluation import Evaluation
    from photocap.evaluation.engines import EngineDifference
    from photocap.evaluation.similarity import SimilarityFit

_SHOWN_PROBLEMS = 10


def print_evaluations(
    found: Mapping[str, Evaluation],
    again: Mapping[str, Found],
    differences: Sequence[EngineDifference],
    fit: SimilarityFit | None,
    *,
    as_json: bool,
) -> None:
    """Print the scores of each source, of searching in it, of other engines, and the fitted similarity.

    What could not be read of a source goes to stderr before.
    """
    from photocap.evaluation.engines import difference_line
    from photocap.evaluation.text import score_lines, search_lines, similarity_lines, source_table, to_json

    for evaluation in found.values():
        list_problems(evaluation.problems)
    if as_json:
        values = {name: to_json(evaluation) | _found_as_json(again.get(name)) for name, evaluation in found.items()}
        record = next(iter(values.values())) if len(values) == 1 else {"sources": values}
        record |= {"engines": list(map(asdict, differences))} if differences else {}
        console.emit_json(record | ({"similarity": asdict(fit)} if fit else {}))
        return
    for name, evaluation in found.items():
        if len(found) > 1:
            click.echo(f"== {name}")
        searched = search_lines(again[name].photos, again[name].things) if name in again else []
        click.echo("\n".join([*score_lines(evaluation), *searched]))
    if len(found) > 1:
        click.echo("\n".join(["", *source_table(found)]))
    if differences:
        click.echo("\n".join(["", *map(difference_line, differences)]))
    if fit:
        click.echo("\n".join(similarity_lines(fit)))


def _found_as_json(again: Found | None) -> dict[str, Any]:
    if again is None:
        return {}
    return {
        "retrieval": {way: asdict(result) for way, result in again.photos.items()},
        "nouns_found": {way: asdict(result) for way, result in again.things.items()},
    }


def print_judged(table: Path, *, as_json: bool) -> None:
    """Print what people said in the table of a contact sheet."""
    from photocap.evaluation.sheets import judgement_lines, read_judged

    rows = read_judged(table)
    if as_json:
        console.emit_json({"judged": [asdict(row) for row in rows]})
    else:
        click.echo("\n".join(judgement_lines(rows)))


def list_problems(problems: Sequence[Problem]) -> None:
    """Warn of the first rows and photos that could not be used."""
    for problem in problems[:_SHOWN_PROBLEMS]:
        console.warn(f"line {problem.line}: {problem.text}" if problem.line else problem.text)
    if len(problems) > _SHOWN_PROBLEMS:
        console.warn(f"and {len(problems) - _SHOWN_PROBLEMS:,} more; --json lists them all")
