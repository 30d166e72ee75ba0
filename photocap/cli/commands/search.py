"""`photocap search`: find photos by words."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options

if TYPE_CHECKING:
    from photocap.index import PhotoIndex
    from photocap.search import SearchResult


_SOME_FAILED = 3
_LONG_OPTION = re.compile(r"--[a-z][a-z-]*(=|$)")


class WordsCommand(click.Command):
    """A command whose words may begin with a minus: `photocap search dog -beach`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Shield such words by a blank, before click takes them for options."""
        return super().parse_args(ctx, [arg if self._may_be_option(arg) else f" {arg}" for arg in args])

    def _may_be_option(self, arg: str) -> bool:
        if not arg.startswith("-"):
            return True
        short = {name for parameter in self.params for name in parameter.opts if len(name) == 2} | {"-h", "--"}
        # A slip in --a-long-option is an error, but nobody puts a blank into one before its value.
        return arg in short or _LONG_OPTION.match(arg) is not None


@click.command("search", cls=WordsCommand)
@click.argument("words", nargs=-1)
@options.db_option
@options.model_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many photos to show.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many of the best to leave out.")
@click.option(
    "--sort",
    type=click.Choice(["relevance", "newest", "oldest", "date", "path", "confidence"]),
    default="relevance",
    show_default=True,
    help="The order; date is newest first.",
)
@click.option("--unique", is_flag=True, help="Show one of several copies or of a burst.")
@click.option(
    "--like", type=click.Path(path_type=Path), help="Show photos that look like this one, in or outside the library."
)
@click.option("--words-only", is_flag=True, help="Leave out photos that only look like what the words say.")
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    show_default="what the model was measured with",
    help="Show by look only photos with at least this similarity.",
)
@click.option("--explain", is_flag=True, help="Say how the query was read, and why each photo ranks where it does.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table.")
@options.json_option
@options.null_option
@options.quiet_option
@click.option("--open", "open_best", is_flag=True, help="Open the best photo in the system's viewer.")
@click.option("--copy-to", type=click.Path(path_type=Path), help="Copy the photos into this folder.")
@click.option("--link-to", type=click.Path(path_type=Path), help="Make links to the photos in this folder.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the photos.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    db: Path,
    model: Path | None,
    like: Path | None,
    explain: bool,
    **chosen: Any,
) -> None:
    """Find photos by words.

    \b
        photocap search "dog on a beach"
        photocap search dog -beach before:2019 camera:pentax
        photocap search '"old town"' OR bridge --sort date --html found.html
        photocap search --like holiday/IMG_2041.jpg snow

    Searched are captions, labels, keywords, titles, people, places, file and folder names, cameras and dates,
    whatever the words' endings, accents and case. Understood are "phrases", AND, OR, NOT, -word, pre*, parentheses,
    plain words such as "dog or cat" and "no people", and fields:

    \b
    caption: label: keyword: title: person: place: filename: folder: path: type: date: after:
    before: time: added: near: camera: lens: iso: fnumber: focal: rating: conf:
    width: height: size: has: is:

    docs/search-syntax.md has them all. Everything else is text: no query is wrong. Photos that have the words come
    first, then those that look like what they say. On a terminal a table is printed, into a pipe one path a line.
    Exit code 4: nothing was found.
    """
    from photocap.cli import output_search
    from photocap.cli.open_index import open_for_reading

    if not words and not like:
        raise click.UsageError("Missing argument 'WORDS...'.")
    text = " ".join(words)
    with open_for_reading(db) as index:
        result = _find(index, text, model, like, chosen)
        output_search.explain(result, in_full=explain)
        _print(index, result, chosen, in_full=explain)
    output_search.summarise(result, chosen["offset"])
    failed = output_search.deliver(result, text, chosen["copy_to"], chosen["link_to"], chosen["html"])
    if chosen["open_best"] and result.hits:
        from photocap.cli.viewer import open_photo_in_viewer

        open_photo_in_viewer(result.hits[0].photo.path)
    ctx.exit(_SOME_FAILED if failed else 0 if result.hits else console.NOTHING_FOUND)


def _find(
    index: PhotoIndex, text: str, model: Path | None, like: Path | None, chosen: Mapping[str, Any]
) -> SearchResult:
    from photocap.cli.model_choice import look_at, text_encoder_for
    from photocap.index import Sort
    from photocap.search import search

    # What a program or a folder takes, nobody looks at first.
    sure_only = not sys.stdout.isatty() or any(chosen[name] for name in ("end_with_null", "copy_to", "link_to"))
    return search(
        index,
        text,
        sort=Sort(chosen["sort"]),
        text_encoder=text_encoder_for(index, model),
        like=look_at(index, like, model)[0] if like else None,
        sure_only=sure_only,
        **{name: chosen[name] for name in ("limit", "offset", "min_score", "words_only", "unique")},
    )


def _print(index: PhotoIndex, result: SearchResult, chosen: Mapping[str, Any], *, in_full: bool) -> None:
    from photocap.cli import output_search

    end_with_null = chosen["end_with_null"]
    if chosen["as_json"]:
        for hit in result.hits:
            console.emit_json(output_search.as_record(hit))
    elif chosen["as_csv"]:
        output_search.print_csv(result.hits)
    elif end_with_null or not sys.stdout.isatty():
        _print_paths([hit.photo.path for hit in result.hits], end_with_null=end_with_null)
    else:
        output_search.print_table(index, result.query, result.hits, in_full=in_full)


def _print_paths(paths: Sequence[Path], *, end_with_null: bool) -> None:
    for path in paths:
        console.emit_path(path, end_with_null=end_with_null)
