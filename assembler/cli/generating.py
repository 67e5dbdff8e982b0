"""The commands for clips and money: one call of the library each."""

from __future__ import annotations

from typing import Annotated

import typer

from assembler.cli import output
from assembler.cli.app import (
    CANCEL,
    BudgetUsd,
    Json,
    KeepLater,
    NoWait,
    ProviderName,
    Quiet,
    Timeline,
    Verbose,
    Wait,
    Workers,
    Yes,
    app,
    asking,
    dollars,
    patience_s,
    show,
)
from assembler.cli.output import Style
from assembler.errors import UsageError

takes = typer.Typer(help="List, choose and re-roll the takes of generated links.")
app.add_typer(takes, name="takes", no_args_is_help=True)

Link = Annotated[str, typer.Argument(help="A link, as the plan shows it: dawn.2.", metavar="LINK")]


@app.command()
def generate(
    timeline: Timeline,
    provider: ProviderName = None,
    budget: BudgetUsd = None,
    wait: Wait = None,
    no_wait: NoWait = False,
    keep_later: KeepLater = False,
    yes: Yes = False,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make and fetch the clips that aren't there, and nothing else."""
    from assembler.assemble.generating import generate as work

    style = Style(json, quiet, verbose)
    with output.progress(style) as progress:
        made = work(
            timeline,
            provider=provider,
            budget_usd=dollars(budget),
            keep_later=keep_later,
            confirm=asking(style, yes),
            wait_s=patience_s(wait, no_wait),
            workers=workers,
            progress=progress,
            cancel=CANCEL,
        )
    show(style, made)


@app.command()
def fetch(timeline: Timeline, json: Json = False, quiet: Quiet = False) -> None:
    """Fetch the clips of segments with a `url` that aren't there."""
    from assembler.assemble.generating import fetch as work

    style = Style(json, quiet)
    with output.progress(style) as progress:
        found = work(timeline, progress=progress, cancel=CANCEL)
    output.result(style, found.text(), found.data())


@takes.command("list")
def list_(
    timeline: Timeline,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show every link's takes; the one in use has a star."""
    from assembler.assemble.takes import takes as work

    found = work(timeline, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@takes.command("show")
def show_(
    timeline: Timeline,
    link: Link,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show one link's takes, and which fits best between its neighbours."""
    from assembler.assemble.takes import show as work

    found = work(timeline, link, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@takes.command()
def choose(
    timeline: Timeline,
    link: Link,
    number: Annotated[int, typer.Argument(min=1, help="Which take.", metavar="TAKE")],
    keep_later: KeepLater = False,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Use another take of a link; says what has to be made anew, and for how much."""
    from assembler.assemble.choosing import choose as work

    found = work(timeline, link, number, keep_later=keep_later, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@takes.command()
def reroll(
    timeline: Timeline,
    link: Link,
    keep_later: KeepLater = False,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask for a new take of a link, which the next `render` or `generate` makes."""
    from assembler.assemble.choosing import reroll as work

    found = work(timeline, link, keep_later=keep_later, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@takes.command()
def keep(
    timeline: Timeline,
    links: Annotated[
        list[str] | None, typer.Argument(help="Links; all that can be kept when none is named.")
    ] = None,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep older takes of links that only start on another frame now."""
    from assembler.assemble.choosing import keep as work

    found = work(timeline, links or (), provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())


@takes.command()
def settle(
    timeline: Timeline,
    submission: Annotated[str, typer.Argument(help="Our id of it: asm-….", metavar="ID")],
    job: Annotated[str | None, typer.Option(help="The platform's id of the job it became.")] = None,
    none: Annotated[bool, typer.Option("--none", help="No job was made of it.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what became of a submission whose reply was lost."""
    from assembler.assemble.takes import settle as work

    if (job is None) != none:
        raise UsageError("say either --job ID or --none", fix="look into the platform's list.")
    found = work(timeline, submission, job)
    output.result(Style(json, quiet), found.text(), found.data())


@app.command()
def costs(
    timeline: Timeline,
    provider: ProviderName = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what clips have cost and will cost, by segment, take and provider."""
    from assembler.assemble.costs import costs as work

    found = work(timeline, provider=provider)
    output.result(Style(json, quiet), found.text(), found.data())
