"""`triptych log`: the transparency log of this installation."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from triptych.app.container import make_folder
from triptych.app.log_set_up import begin_new_log, create_log, open_identity
from triptych.app.receipts import ReceiptDesk
from triptych.app.rotation import rotate_key
from triptych.cli.log_witness import Watch, watch
from triptych.cli.output import err, json_errors, out, print_json
from triptych.cli.session import settings_for
from triptych.config.settings import Settings
from triptych.spec.clock import SystemClock
from triptych.store.records import SqlRecordStore, open_store

Answer = TypeVar("Answer")
app = typer.Typer(no_args_is_help=True, help="The transparency log: create, show, rotate its key, witness another.")
Data = Annotated[Path | None, typer.Option("--data", help="Data folder.", show_default=False)]


def with_store(settings: Settings, work: Callable[[SqlRecordStore], Coroutine[Any, Any, Answer]]) -> Answer:
    """Opens the records alone: what the rest of the application needs may be what is missing."""

    async def whole() -> Answer:
        make_folder(settings.data)
        store = await open_store(settings.database_url, SystemClock())
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(whole())


@app.command()
def create(
    data: Data = None,
    begin_new: Annotated[
        bool,
        typer.Option("--begin-new", help="Put a log that is lost or broken aside, with its key, and begin a new one."),
    ] = False,
) -> None:
    """Creates the log of a data folder. The first `triptych serve` on a new folder does it by itself."""
    settings, clock = settings_for(data), SystemClock()
    begin = begin_new_log if begin_new else create_log
    err.print(f"Created the log {with_store(settings, lambda store: begin(settings, store, clock))}.")


@app.command()
def rotate(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False
) -> None:
    """Changes the signing key: the old key hands over to a new one, both sign that, and the log has it. The log keeps its
    name; old receipts stay valid. Refused while a server runs."""
    settings, clock = settings_for(data), SystemClock()
    with json_errors(as_json):
        done = with_store(settings, lambda store: rotate_key(settings, store, clock))
    if as_json:
        print_json(done)
        return
    out.print(f"old key  {done.old}\nnew key  {done.new}\nlog      {done.origin}, entry {done.index}")
    err.print("Give out the new log policy; back up identity.key and the identity.* files beside it.")


@app.command()
def witness(
    url: Annotated[str, typer.Argument(help="Address of the other server, or of its log.", show_default=False)],
    key: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of that log, the first time; may be given again.", show_default=False),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    interval: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    data: Data = None,
) -> None:
    """Witnesses another log: looks at it, cosigns what goes on from what was cosigned before, and hands that back. Exit
    code 1 for a log that is shorter than it was, or that tells two stories."""
    settings, clock = settings_for(data), SystemClock()
    with_store(
        settings, lambda store: watch(Watch(settings, store, clock, url), key or (), once=once, every_s=interval)
    )


@app.command()
def show(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False
) -> None:
    """Shows the log's name and key, how many entries its checkpoint has, and how many entries wait for it."""
    settings = settings_for(data)

    async def work(store: SqlRecordStore) -> None:
        desk = ReceiptDesk(settings, await open_identity(settings, store), store, SystemClock())
        state = await desk.state()
        if as_json:
            print_json(state)
            return
        size = "none yet: the first `triptych serve` creates it" if state.size is None else f"{state.size} entries"
        out.print(f"log      {state.origin}\nkey      {state.key}\nfolder   {state.folder}\ncheckpoint  {size}\n"
                  f"waiting  {state.waiting} entries")  # fmt: skip

    with json_errors(as_json):
        with_store(settings, work)
