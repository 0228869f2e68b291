"""`triptych models`: what can be asked for pictures, and what is missing for the rest."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from triptych.app.container import App
from triptych.app.model_views import model_views
from triptych.cli.output import dollars, err, json_errors, out, print_json, table
from triptych.cli.session import run_in_app, settings_for
from triptych.spec.json import JsonObject

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


def models(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Lists every model with its state and its price for one picture, and says what to do for those not ready."""

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
