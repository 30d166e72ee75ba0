"""`photocap dupes`: list photos that are the same picture."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options


@click.command("dupes")
@options.db_option
@click.option("--near", is_flag=True, help="Also photos that look almost the same, by what the model saw.")
@options.json_option
@options.null_option
@options.quiet_option
def command(
    db: Path,
    near: bool,
    as_json: bool,
    end_with_null: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """List photos that are the same picture.

    \b
        photocap dupes
        photocap dupes --near --json

    Photos are the same when their picture data is, whatever their names, dates and captions. Groups are
    separated by an empty line (with -0 by an empty name). Nothing is deleted.
    """
    from photocap.cli.open_index import open_for_reading

    groups = 0
    with open_for_reading(db) as index:
        if near:
            from photocap.search.similar import near_duplicates

            found = near_duplicates(index)
        else:
            found = index.photos.duplicates()
        for paths in found:
            if as_json:
                console.emit_json({"paths": [str(path) for path in paths]})
            else:
                _print_group(paths, first=not groups, end_with_null=end_with_null)
            groups += 1
    console.note(console.count(groups, "group"))


def _print_group(paths: list[Path], *, first: bool, end_with_null: bool) -> None:
    if not first:
        click.echo("\0" if end_with_null else "\n", nl=False)
    for path in paths:
        console.emit_path(path, end_with_null=end_with_null)
