"""`triptych keys owner`: the key that says which nodes are yours. It stays on a machine of yours that is no node."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from triptych.app.hub import hub_origin
from triptych.cli.output import Exit, err, out, table
from triptych.cli.session import settings_for
from triptych.http.client import HttpClient
from triptych.network.meeting import Meeting
from triptych.node.owning import MOST_DAYS, make_owner, open_owner, tell
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError
from triptych.spec.words import utc

app = typer.Typer(no_args_is_help=True, help="Your key as the owner of nodes: make, sign a node, list, end a node.")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]
Node = Annotated[str, typer.Argument(help="The node's id, as `triptych node --id` prints it.")]
ANY_ID = {"ignore_unknown_options": True}  # one id in 64 begins with a hyphen, and is no option


@app.command()
def make(data: Data = None) -> None:
    """Makes your owner's key, once, and prints its name. A second time it only prints the name."""
    found = make_owner(settings_for(data).data)
    out.print(Text(found.id), soft_wrap=True)
    err.print(Text(f"The key is {found.path}. Keep a copy, and keep it off your nodes: it can end them."))


@app.command(context_settings=ANY_ID)
def sign(
    node: Node,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it counts.")] = MOST_DAYS,
    data: Data = None,
) -> None:
    """Prints your signed word that a node is yours. The node takes it with `triptych node --owner FILE`."""
    found, clock = open_owner(settings_for(data).data), SystemClock()
    print(found.sign(node, clock.now_ms(), days))
    until = utc(clock.now_ms() + days * 86_400_000)
    err.print(
        Text(f"It counts until {until}. Start the node with `triptych node --owner FILE`, FILE being what was printed.")
    )


@app.command("list")
def list_nodes(data: Data = None) -> None:
    """Shows the nodes that you have signed for, and until when that counts."""
    found, now = open_owner(settings_for(data).data), SystemClock().now_ms()
    rows = []
    for node, said in sorted(found.nodes().items(), key=lambda one: one[1].until_ms):
        state = "you ended it" if said.ended is not None else "yours" if now < said.until_ms else "sign it again"
        rows.append((node, utc(said.until_ms), state))
    if not rows:
        err.print("No node yet. Sign one: `triptych keys owner sign NODE`.")
        return
    table(("node", "until", ""), rows)


@app.command(context_settings=ANY_ID)
def end(
    node: Node,
    hub: Annotated[
        list[str] | None,
        typer.Option(help="A hub to be told. May be given again.", show_default="the hubs of your settings"),
    ] = None,
    data: Data = None,
) -> None:
    """Ends a node of yours for good, from anywhere: hubs list it no more, and studios ask nothing of it."""
    settings = settings_for(data)
    hubs = tuple(dict.fromkeys(hub_origin(one) for one in hub or settings.hubs))
    if not hubs:
        raise BadRequestError("No hub is named that could be told.", param="hub",
                              hint="Add --hub https://hub.example, where the node is listed.")  # fmt: skip
    clock = SystemClock()
    word = open_owner(settings.data).end(node, clock.now_ms())

    async def told() -> dict[str, str | None]:
        async with HttpClient(clock) as client:
            return await tell(word, [Meeting(one, client, clock, private=True) for one in hubs])

    said = asyncio.run(told())
    for one, fault in said.items():
        err.print(Text(f"{one} was told." if fault is None else f"{one} was not told: {fault}"))
    if any(said.values()):
        err.print("Do this again later: the others have to be told, too.")
        raise typer.Exit(Exit.ERROR)
