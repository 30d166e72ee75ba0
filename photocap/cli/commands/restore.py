"""`photocap restore`: take back what photocap wrote into files."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options
from photocap.errors import printable

_SOME_FAILED = 3


@click.command("restore")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--run", "run_id", type=int, help="Only what this run wrote (see `photocap status`).")
@click.option(
    "--by-mark",
    is_flag=True,
    help="Also take captions out of photos whose write this index does not know; not byte for byte.",
)
@click.option("--dry-run", is_flag=True, help="List what would be taken back; change nothing.")
@options.db_option
@options.sidecar_dir_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    run_id: int | None,
    by_mark: bool,
    dry_run: bool,
    db: Path,
    sidecar_dir: Path | None,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - console.note obeys it
) -> None:
    """Take back what photocap wrote, byte for byte.

    \b
        photocap restore --dry-run
        photocap restore ~/Pictures/2024 holiday/IMG_2041.jpg

    Without PATH, every file that photocap wrote to. A photo that was moved, renamed or copied is found by its picture:
    name the place where it is now. A file that somebody has changed since is left alone and named.
    The captions stay in the index.
    """
    from photocap.cli.open_index import open_for_reading, open_for_writing
    from photocap.library.recovery import recover_interrupted_writes
    from photocap.library.restore import restore
    from photocap.metadata import DryRun, WritePolicy

    restored = left = 0
    with open_for_reading(db) if dry_run else open_for_writing(db) as index:
        if not dry_run:
            recover_interrupted_writes(index)
        asked = [path.absolute() for path in paths]
        mode = DryRun.YES if dry_run else DryRun.NO
        policy = WritePolicy(sidecar_dir=sidecar_dir)
        for result in restore(index, asked, run_id=run_id, dry_run=mode, by_mark=by_mark, policy=policy):
            restored += result.is_restored
            left += not result.is_restored
            outcome = ("would be restored" if dry_run else "restored") if result.is_restored else "left alone"
            if as_json:
                console.emit_json({"path": result.path, "outcome": outcome, "reason": result.reason or None})
            else:
                reason = f": {printable(result.reason)}" if result.reason else ""
                click.echo(f"{printable(result.path)}  {outcome}{reason}")
    if not restored and not left:
        console.note("nothing to restore: this index knows of no write by photocap to these files")
    else:
        console.note(f"{restored:,} {'would be ' if dry_run else ''}restored, {left:,} left alone")
    ctx.exit(_SOME_FAILED if left or not restored else 0)
