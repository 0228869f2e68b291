"""All commands in one place."""

from pathlib import Path
from typing import Annotated

import typer

from triptych import __version__
from triptych.cli import doctor, keys, log, policy
from triptych.cli.generate import generate
from triptych.cli.logs import configure_logging
from triptych.cli.models import models
from triptych.cli.output import out
from triptych.cli.serve import run_server
from triptych.cli.session import settings_for
from triptych.cli.stats import stats
from triptych.cli.verify import check_receipt

app = typer.Typer(
    name="triptych", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="One prompt, many image models, side by side.",
)  # fmt: skip
app.add_typer(keys.app, name="keys")
app.add_typer(policy.app, name="policy")
app.add_typer(log.app, name="log")
app.command("verify")(check_receipt)
app.command()(generate)
app.command()(models)
app.command()(stats)
app.command()(doctor.doctor)


def show_version(asked: bool) -> None:
    """Prints the version and ends."""
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One prompt, many image models, side by side."""
    configure_logging("warning")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8700")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default="the platform's own")] = None,
    browser: Annotated[
        bool | None, typer.Option("--browser/--no-browser", help="Open the page in a browser.", show_default="yes")
    ] = None,
) -> None:
    """Serves the studio and the API on this machine until it is stopped."""
    settings = settings_for(data, host=host, port=port, browser=browser)
    configure_logging(settings.log_level)
    run_server(settings)
