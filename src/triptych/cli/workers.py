"""`triptych workers`: the keys that let workers made for AI Horde into this studio, or behind the node of this machine."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from triptych.app.container import App
from triptych.app.node_workers import NodeHouse
from triptych.cli.output import err, out
from triptych.cli.session import run_in_app, settings_for
from triptych.node.horde.house import House
from triptych.spec.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help="Workers made for AI Horde: who may join.")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]
Name = Annotated[str, typer.Argument(help="Whose worker it is: me, Mira.")]
OfNode = Annotated[bool, typer.Option("--node", help="For the node of this data folder, in place of the studio.")]
Answer = TypeVar("Answer")


def _in_house(data: Path | None, node: bool, work: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Does something with the keys of the studio, or of the node."""
    settings = settings_for(data)

    async def in_studio(found: App) -> Answer:
        return await work(found.horde)

    async def at_node() -> Answer:
        return await work(NodeHouse(settings.data, SystemClock()))

    return asyncio.run(at_node()) if node else run_in_app(settings, in_studio)


@app.command("key")
def new_key(name: Name, data: Data = None, node: OfNode = False) -> None:
    """Prints a new key for a worker; one that this name had before counts no more. It is shown this once."""
    out.print(Text(_in_house(data, node, lambda house: house.new_key(name))))


@app.command("list")
def list_keys(data: Data = None, node: OfNode = False) -> None:
    """Lists for whom there are keys."""
    names = _in_house(data, node, lambda house: house.keys())
    for name in names:
        out.print(Text(name))
    if not names:
        err.print("There are no keys yet: triptych workers key NAME makes one.")


@app.command("remove")
def remove_key(name: Name, data: Data = None, node: OfNode = False) -> None:
    """Takes a key back: its worker is turned away from its next call on."""
    _in_house(data, node, lambda house: house.take_back(name))
    err.print(Text(f"The key of {name} is taken back."))
