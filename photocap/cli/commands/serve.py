"""`photocap serve`: the library as a page in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options, settings
from photocap.cli.writing_options import write_policy, writing_options

if TYPE_CHECKING:
    from photocap.records import CaptionerProtocol
    from photocap.web.guard import Access
    from photocap.web.site import Site


@click.command("serve")
@options.db_option
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address lets other machines in.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@writing_options
@options.model_option
@options.device_option
@options.engine_option
@options.neutral_people_option
@options.hedge_below_option
def command(
    db: Path,
    port: int,
    host: str,
    open_browser: bool,
    model: Path | None,
    **chosen: Any,
) -> None:
    """Search, look at, correct and review the library in a web page.

    \b
        photocap serve --open

    Only this machine can reach the page. With another --host, other machines can; the address that is
    printed then holds a token without which nobody gets in. Pictures that are tried on the page are not
    stored. Ctrl-C ends it.
    """
    from photocap.web.guard import Access
    from photocap.web.server import listen, server_for

    with listen(host, port) as listener:
        access = Access.for_address(host, listener.getsockname()[1])
        server = server_for(_site(access, db, model, chosen))
        # Installed before the address is printed: Ctrl-C while asyncio sets up its loop would end in a traceback.
        with server.capture_signals():
            console.note(f"{access.url}  (Ctrl-C ends it)")
            if access.token:
                console.warn("photocap: other machines can reach this page, and what they send is not encrypted")
            if open_browser:
                click.launch(access.url)
            server.run(sockets=[listener])


def _site(access: Access, db: Path, model: Path | None, chosen: Mapping[str, Any]) -> Site:
    """Put together what the pages need; the model is loaded when the first of them asks for it."""
    from photocap.cli.model_choice import text_encoder_for
    from photocap.web.decoder import PhotoDecoder
    from photocap.web.library import Library
    from photocap.web.model import BackgroundModel
    from photocap.web.site import Site
    from photocap.web.thumbnails import Thumbnails

    def load() -> CaptionerProtocol:
        from photocap.captioning.registry import load_captioner

        return load_captioner(
            model,
            engine=chosen["engine"],
            device=chosen["device"],
            neutral_people=chosen["neutral_people"],
            hedge_below=chosen["hedge_below"],
        )

    decoder = PhotoDecoder()
    return Site(
        access=access,
        library=Library(db, write_policy(chosen)),
        decoder=decoder,
        model=BackgroundModel(load, decoder),
        thumbnails=Thumbnails(settings.cache_dir() / "thumbnails", decoder),
        load_text_encoder=lambda index: text_encoder_for(index, model),
    )
