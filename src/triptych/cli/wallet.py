"""`triptych wallet`: what nodes that ask a price are paid with, and how much they may be paid."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from triptych.app.caps import micro_usd
from triptych.app.container import App
from triptych.cli.output import Exit, err, out, table
from triptych.cli.session import run_in_app, settings_for
from triptych.spec.errors import BadRequestError
from triptych.spec.words import usd, utc

app = typer.Typer(
    no_args_is_help=True, help="Pay nodes that ask a price (needs the extra x402): set, allow, show, remove."
)
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]
MOST_USD = 1000


@app.command("set")
def set_wallet(data: Data = None) -> None:
    """Asks for the private key of a wallet and keeps it encrypted. Take a wallet of its own with little in it."""

    async def work(application: App) -> None:
        typed = typer.prompt("Private key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
        address = await application.neighbours.paying.set_wallet(str(typed))
        err.print(f"The wallet {address} is kept. Nothing is paid before `triptych wallet allow`.")

    run_in_app(settings_for(data), work)


@app.command()
def allow(
    each: Annotated[str, typer.Option(help="Dollars for one picture at most; 0 asks no node that wants money.")],
    day: Annotated[str, typer.Option(help="Dollars within any 24 hours at most.")],
    checks: Annotated[
        str, typer.Option(help="Of it, dollars a day (UTC) for looking at what such nodes draw; 0 looks at none.")
    ] = "0",
    data: Data = None,
) -> None:
    """Allows that nodes which ask a price are asked and paid."""
    amounts = {name: dollars(name, text) for name, text in (("each", each), ("day", day), ("checks", checks))}

    async def work(application: App) -> None:
        await application.neighbours.paying.allow(**amounts)
        if amounts["each"]:
            err.print(
                f"Up to {usd(amounts['each'])} for a picture and {usd(amounts['day'])} in 24 hours are paid to nodes."
            )
            if amounts["checks"]:
                err.print(f"Of it, up to {usd(amounts['checks'])} a day are for looking at what they draw.")
        else:
            err.print("No node is paid.")

    run_in_app(settings_for(data), work)


@app.command()
def show(data: Data = None) -> None:
    """Shows the wallet's address, what is allowed, and every payment. Never the key."""

    async def work(application: App) -> None:
        paying = application.neighbours.paying
        out.print(f"wallet: {paying.address or 'none'}", soft_wrap=True)
        out.print(
            f"allowed: {usd(paying.allowed.per_request)} for a picture, {usd(paying.allowed.per_day)} in 24 hours"
        )
        if paying.checks:
            spent = 0 if application.audits.purse is None else (await application.audits.purse.today()).amount_micro_usd
            out.print(f"looking at nodes: {usd(spent)} of {usd(paying.checks)} today")
        rows = []
        for one in await paying.payments():
            fate = "not known" if one.settled is None else "paid" if one.settled.success else "not paid"
            fate = f"{fate}, a check" if one.purpose.startswith("check/") else fate
            to = one.payment.payload.authorization.to
            rows.append(
                (utc(one.signed_ms), usd(one.micro_usd), to, fate, one.settled.transaction if one.settled else "")
            )
        if rows:
            table(("signed", "amount", "to", "fate", "transaction"), rows)

    run_in_app(settings_for(data), work)


@app.command("remove")
def remove(data: Data = None) -> None:
    """Forgets the wallet's key. What was paid stays listed."""

    async def work(application: App) -> Exit:
        gone = await application.neighbours.paying.forget_wallet()
        err.print("The key is forgotten." if gone else "There was no wallet.")
        return Exit.OK if gone else Exit.ERROR

    raise typer.Exit(run_in_app(settings_for(data), work))


def dollars(name: str, text: str) -> int:
    """Micro-dollars of an amount in dollars. Raises BadRequestError."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= MOST_USD:
        raise BadRequestError(f"--{name} is {text!r}; it takes dollars from 0 to {MOST_USD}, such as 0.05.", param=name)
    return micro_usd(found) or 0
