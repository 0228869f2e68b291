"""`triptych models`: what can be asked for pictures, and what is missing for the rest."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from triptych.app.catalogue_check import WRONG, Finding, check_catalogue
from triptych.app.container import App
from triptych.app.local_models import look_around
from triptych.app.model_views import model_views
from triptych.app.open_models import OpenFetch, fits
from triptych.catalog.open_models import OpenEntry, open_entries, open_entry
from triptych.cli.exits import Exit
from triptych.cli.output import dollars, err, json_errors, out, print_json, table
from triptych.cli.session import run_in_app, settings_for
from triptych.http.client import HttpClient
from triptych.imaging.diffusion.folder import INDEX
from triptych.imaging.diffusion.memory import GIB, HELD, Placement
from triptych.imaging.diffusion.runtime import installed
from triptych.providers.local import NO_EXTRA
from triptych.spec.clock import SystemClock
from triptych.spec.json import JsonObject

app = typer.Typer(add_completion=False)
MARKS = {"ready": "green", "limited": "yellow", "no_key": "bright_black", "off": "bright_black", "down": "red"}


def row(model: JsonObject) -> tuple[str | Text, ...]:
    """One model as a line of the table."""
    state = str(model["state"])
    amount = model["price_micro_usd"]
    cost = "free" if model["free"] else dollars(amount if isinstance(amount, int) else None)
    kind = str(model["lane"]) if model["is_ai"] else f"{model['lane']}, procedural, not AI"
    return str(model["id"]), Text(state.replace("_", " "), MARKS[state]), cost, kind


def missing(model: JsonObject) -> str | None:
    """What to do before a model can be used, for the command line; None when it is ready."""
    if model["reason_code"] == "no_key":
        return f"no key yet: triptych keys set {model['provider']}"
    return None if model["reason"] is None else str(model["reason"])


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Lists every model with its state and its price for one picture, and says what to do for those not ready."""
    if context.invoked_subcommand is not None:
        return

    async def work(application: App) -> None:
        views = model_views(application.models, application.router)
        if as_json:
            print_json({"models": views})
            return
        table(("model", "state", "a picture", "lane"), [row(model) for model in views])
        out.file.flush()
        reasons = {(str(model["provider"]), why) for model in views if (why := missing(model)) is not None}
        for provider, why in sorted(reasons):
            err.print(Text.assemble((f"{provider}: ", "bold"), why))

    with json_errors(as_json):
        run_in_app(settings_for(data), work)


@app.command()
def check(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Compares the model cards with what every provider lists now: models that are gone, end soon or have no card, and prices
    older than 60 days. Asks providers that have a key; costs nothing. Exits with 1 when a card is no longer true."""
    found: tuple[Finding, ...] = ()

    async def work(application: App) -> None:
        nonlocal found
        today = datetime.fromtimestamp(application.clock.now_ms() / 1000, UTC).date()
        found = await check_catalogue(application.models, today)

    with json_errors(as_json):
        run_in_app(settings_for(data), work)
    if as_json:
        print_json({"findings": [each.json() for each in found]})
    else:
        for each in found:
            colour = "red" if each.kind in WRONG else "yellow" if each.kind in {"ends", "old_price"} else "bright_black"
            out.print(
                Text.assemble(
                    (f"{each.kind.replace('_', ' '):12} ", colour), f"{each.model or each.provider} {each.text}"
                )
            )
    if any(each.kind in WRONG for each in found):
        raise typer.Exit(Exit.ERROR)


@app.command("open")
def open_models(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that do not fit into this machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Lists open models that can be fetched and drawn with on this machine, from small to large."""
    with json_errors(as_json):
        settings = settings_for(data)
        here = asyncio.run(look_around())
        listed = [(one, fits(one, here)) for one in open_entries()]
        shown = [(one, how) for one, how in listed if every or how is not None]
    if as_json:
        print_json({"machine": asdict(here), "models": [open_json(one, how) for one, how in shown]})
        return
    memory = f"{here.free / GIB:.1f} GB free" + (
        f", {here.main / GIB:.1f} GB in main memory" if here.device == "cuda" else ""
    )
    err.print(Text(f"Looked at: {here.name}, {memory}." + ("" if installed() else f" {NO_EXTRA}"), "dim"))
    table(
        ("name", "download", "held", "state", "licence"),
        [open_row(one, how, settings.models_folder) for one, how in shown],
    )
    if len(shown) < len(listed):
        err.print(Text(f"{len(listed) - len(shown)} more do not fit into this machine; --all shows them.", "dim"))


def open_row(one: OpenEntry, how: Placement | None, place: Path) -> tuple[str | Text, ...]:
    """One model of the list as a line of the table."""
    here = (place / one.id / INDEX).is_file()
    held = Text("does not fit", "yellow") if how is None else f"{HELD[how.way]}, {how.precision}"
    return one.id, f"{one.about_gb:g} GB", held, Text("here", "green") if here else "", one.license


def open_json(one: OpenEntry, how: Placement | None) -> JsonObject:
    """One model of the list as JSON."""
    return {**msgspec.to_builtins(one), "held": None if how is None else asdict(how)}


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="A model of `triptych models open`.")],
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
) -> None:
    """Fetches an open model, on from where it broke off, and checks every file by its hash. Then it is `local/NAME`."""
    # Loaded here because no other command of this group draws bars.
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    entry, place = open_entry(name), settings_for(data).models_folder
    err.print(Text(f"{entry.name} by {entry.maker}. Licence: {entry.license}."))

    async def fetched(bars: Progress) -> Path:
        bar = bars.add_task(entry.id, total=None)
        clock = SystemClock()
        async with HttpClient(clock) as client:
            return await OpenFetch(place, client, clock).get(
                entry, lambda here, total: bars.update(bar, completed=here, total=total)
            )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        folder = asyncio.run(fetched(bars))
    print(folder)
    err.print(Text(f'Draw with it: triptych generate "a fox" -m local/{entry.id}' if installed() else NO_EXTRA))
