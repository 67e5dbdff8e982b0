"""The commands that stay open: the review in the browser, and the watch."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from assembler.cli import output
from assembler.cli.app import (
    CANCEL,
    AllowCode,
    Draft,
    Force,
    Json,
    ProviderName,
    Quiet,
    Timeline,
    Workers,
    app,
)
from assembler.cli.output import Style


@app.command()
def review(
    timeline: Timeline,
    draft: Draft = False,
    provider: ProviderName = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; any free one by default.")] = 0,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the address, open no browser.")
    ] = False,
    allow_code: AllowCode = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look at the film in the browser: nudge seams, choose takes, undo. Spends nothing unasked."""
    from assembler.reviewing.review import review as work

    style = Style(json, quiet)
    output.note(style, "reading the film…")

    def opened(address: str) -> None:
        output.result(style, address, {"address": address})
        output.note(style, "open it in a browser on this machine; Ctrl-C ends the review")
        if not no_open:
            import webbrowser

            webbrowser.open(address)

    work(
        timeline,
        opened=opened,
        port=port,
        draft=draft,
        provider=provider,
        allow_code=allow_code,
        cancel=CANCEL,
    )
    CANCEL.clear()  # it isn't broken off by Ctrl-C, that is how it ends
    output.note(style, "the review has ended; what was changed is in the timeline")


@app.command()
def watch(
    timeline: Timeline,
    allow_code: AllowCode = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look again and again, for network disks.")
    ] = False,
    force: Force = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check and render the draft, and again after every change of the timeline or its media."""
    from assembler.reviewing.watch import watch as work

    style = Style(json, quiet)
    output.note(style, f"watching {timeline}; Ctrl-C ends it")
    for made in work(
        timeline,
        allow_code=allow_code,
        force=force,
        poll=poll,
        workers=workers,
        showing=lambda: output.progress(style),
        cancel=CANCEL,
    ):
        if json:
            print(json_module.dumps(made.data(), ensure_ascii=False, default=str), flush=True)  # noqa: T201
        elif made.error is not None:
            output.failure(style, made.error)
        else:
            output.result(style, made.text(), made.data())
    CANCEL.clear()  # as above
    output.note(style, "the watch has ended")
