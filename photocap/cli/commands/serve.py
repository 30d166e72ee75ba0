"""`photocap serve`: a web page on this machine to try captions."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free port.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@options.model_option
@options.device_option
@options.neutral_people_option
@options.hedge_below_option
def command(
    port: int, open_browser: bool, model: Path | None, device: str, neutral_people: bool, hedge_below: float
) -> None:
    """Try captions in a web page on this machine.

    \b
        photocap serve --open

    Only this machine can reach the page, and nothing is stored. Ctrl-C ends it.
    """
    from photocap.captioning.captioner import load_captioner
    from photocap.web.server import CaptionServer

    captioner = load_captioner(model, device=device, neutral_people=neutral_people, hedge_below=hedge_below)
    with CaptionServer(captioner, port) as server:
        console.note(f"{server.url}  (Ctrl-C ends it)")
        if open_browser:
            click.launch(server.url)
        server.serve_forever()
