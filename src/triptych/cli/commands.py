"""All commands in one place."""

from pathlib import Path
from typing import Annotated

import typer

from triptych import __version__
from triptych.cli import doctor, keys, log, models, policy, wallet, workers
from triptych.cli.generate import generate
from triptych.cli.hub import hub
from triptych.cli.logs import configure_logging
from triptych.cli.node import node
from triptych.cli.output import out
from triptych.cli.serve import run_server
from triptych.cli.session import settings_for
from triptych.cli.share import GUEST, ShareWanted
from triptych.cli.stats import stats
from triptych.cli.verify import check_receipt

app = typer.Typer(
    name="triptych", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="One prompt, many image models, side by side.",
)  # fmt: skip
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
app.add_typer(log.app, name="log")
app.add_typer(workers.app, name="workers")
app.add_typer(wallet.app, name="wallet")
app.command("verify")(check_receipt)
app.command()(generate)
app.command()(stats)
app.command()(hub)
app.command()(node)
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
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Let workers made for AI Horde join: 192.168.1.5:8760.", show_default="no"
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Share what draws on this machine with a friend: prints an invite.")
    ] = False,
    guest: Annotated[str, typer.Option(help="With --share: who the invite is for.")] = GUEST,
    public: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="With --share: the address that the invite names.",
            show_default="this machine's in its network",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="With --share: address of the web server in front, or its network, where that is another machine. May be given again."
        ),
    ] = None,
    lan: Annotated[bool, typer.Option("--lan", help="With --share: be found in this network.")] = False,
) -> None:
    """Serves the studio, a page for the browser, and the API on this machine until it is stopped with Ctrl+C.

    What these options do not say is in triptych.toml in the data folder; `triptych doctor` tells where that is.
    """
    proxies = None if proxy is None else tuple(proxy)
    settings = settings_for(data, host=host, port=port, browser=browser, workers=workers, share_proxies=proxies)
    configure_logging(settings.log_level)
    run_server(settings, ShareWanted(guest=guest, public=public, lan=lan) if share else None)
