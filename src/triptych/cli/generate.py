"""`triptych generate`: one prompt to several models, from the terminal, with or without a server."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from triptych.app.caps import micro_usd
from triptych.app.container import App
from triptych.app.credentials import RECEIPT_SUFFIX, hand_over
from triptych.cli.output import Exit, dollars, err, json_errors, price, print_json
from triptych.cli.session import run_in_app, settings_for
from triptych.spec.errors import BadRequestError, StorageError
from triptych.studio.planning import Asked
from triptych.studio.prompt import read_prompt
from triptych.studio.service import Studio
from triptych.studio.terms import read_project
from triptych.studio.views import RunView, TileView

FIRST_CHOICE = ("demo/aurora",)
REFUSED_NOTES = frozenset({"error", "invalid", "unknown"})


def budget(text: str | None) -> int | None:
    """`--budget` in dollars as micro-dollars. Raises BadRequestError."""
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise BadRequestError(f"--budget is {text!r}; it takes dollars, e.g. 0.50.", param="budget")
    return micro_usd(amount)


def full_text(prompt: str, *, size: str | None, ar: str | None, seed: str | None) -> str:
    """The prompt with the options as the grammar writes them, so that there is one way to read them. Raises
    BadRequestError naming the option whose value says nothing."""
    options = {"size": size, "ar": ar, "seed": seed}
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        read = read_prompt(f"a picture --{name} {value}")
        problem = next((note.message for note in read.notes if note.kind in REFUSED_NOTES), None)
        if problem is None and len(value.split()) != 1:
            problem = "takes one value"
        if problem is not None:
            why = problem.removesuffix(" It was not sent.").removeprefix(f"--{name} ").rstrip(".")
            raise BadRequestError(f"--{name} is {value!r}: it {why.removeprefix('it ')}.", param=name)
    return " ".join([prompt, *(f"--{name} {value}" for name, value in given.items())])


def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw, with --parameters as in the studio if you like.")],
    model: Annotated[
        list[str] | None,
        typer.Option("-m", "--model", help="A model; may be given several times. Default: demo/aurora."),
    ] = None,
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the pictures; made if it is not there.")
    ] = Path(),
    n: Annotated[int, typer.Option("--n", help="Pictures per model, 1 to 10.")] = 1,
    size: Annotated[str | None, typer.Option(help="1536x1024, or a class: 1k, 2k, 4k.")] = None,
    ar: Annotated[str | None, typer.Option(help="Aspect ratio, e.g. 4:5.")] = None,
    seed: Annotated[str | None, typer.Option(help="Seed, where the model takes one; a number or `random`.")] = None,
    limit: Annotated[
        str | None,
        typer.Option("--budget", help="Most the whole run may cost, in dollars. Refused before anything is sent."),
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="Project that it is for: its spending is added up and capped by itself.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=False)] = None,
) -> None:
    """Makes pictures with several models side by side and saves them. Works with or without a server running."""

    async def work(app: App) -> Exit:
        check_folder(folder)
        with interrupts() as stop:
            run = await app.studio.start(asked, "cli")
            for note in run.json["notes"]:  # type: ignore[union-attr]
                err.print(Text(f"note: {note['message']}", "yellow"))  # type: ignore[index,call-overload]
            ended = await follow(app.studio, run, stop)
            saved = await save(app, ended, folder)
        report(run, ended, saved, as_json=as_json)
        return Exit.INTERRUPTED if stop.is_set() else exit_code(ended)

    with json_errors(as_json):
        check_count(n)
        asked = Asked(text=full_text(prompt, size=size, ar=ar, seed=seed), models=tuple(model or FIRST_CHOICE), n=n,
                      budget_micro_usd=budget(limit),
                      project=None if project is None else read_project("--project", project))  # fmt: skip
        code = run_in_app(settings_for(data), work)
    raise typer.Exit(code)


def check_count(n: int) -> None:
    """Raises BadRequestError, in the words of the grammar, for a number of pictures that a prompt may not have."""
    read = read_prompt(f"a picture --n {n}")
    if read.n != n:
        raise BadRequestError(f"--n is {n}: it needs a whole number from 1 to 10.", param="n")


def check_folder(folder: Path) -> None:
    """Makes the folder before anything is spent. Raises BadRequestError where no picture could be saved."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise BadRequestError(f"--output is {folder}: {error.strerror}.", hint="Choose another folder.",
                              param="output") from None  # fmt: skip
    if not writable:
        raise BadRequestError(f"--output is {folder}, and it may not be written.", hint="Choose another folder.",
                              param="output")  # fmt: skip


@contextmanager
def interrupts() -> Iterator[asyncio.Event]:
    """Ctrl+C sets the event, so that tiles end in order and it is known what was billed; a second one ends at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def first() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGINT, first)
    try:
        yield stop
    finally:
        if sys.platform != "win32":
            loop.remove_signal_handler(signal.SIGINT)


async def follow(studio: Studio, run: RunView, stop: asyncio.Event) -> list[TileView]:
    """Shows a bar for each tile until all have ended, or ends them when `stop` is set."""
    # Loaded here because no other command draws bars.
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        made = [(tile, bars.add_task(str(tile.json["name"]), total=1.0, state="queued")) for tile in run.tiles]
        ending = asyncio.ensure_future(_end(studio, run, stop))
        try:
            return list(
                await asyncio.gather(*(_watch(studio, tile, partial(bars.update, task)) for tile, task in made))
            )
        finally:
            ending.cancel()


async def _end(studio: Studio, run: RunView, stop: asyncio.Event) -> None:
    await stop.wait()
    err.print("Stopping; once more ends at once.")
    await asyncio.gather(*(studio.cancel(tile.record.id) for tile in run.tiles))


async def _watch(studio: Studio, tile: TileView, show: Callable[..., None]) -> TileView:
    async for news in studio.follow(tile.record.id):
        if news.ended is not None:
            ended = news.ended.record.state
            show(completed=1.0 if ended == "done" else 0.0, state=ended)
            return news.ended
        progress, state, note = (news.fields.get(name) for name in ("progress", "state", "note"))
        if progress is not None:
            show(completed=progress)
        if note or state:
            show(state=str(note or state))
    return await studio.wait(tile.record.id)


async def save(app: App, tiles: Sequence[TileView], folder: Path) -> dict[str, Path]:
    """Writes every picture under a name that is not taken, with its receipt beside it. Raises StorageError."""
    saved: dict[str, Path] = {}
    try:
        for tile in tiles:
            images: Any = tile.json["images"]
            for image in images:
                given = await hand_over(app.studio, app.store.receipts, image["id"])
                beside = given.receipt.body.encode() + b"\n" if given.receipt is not None else None
                saved[image["id"]] = await asyncio.to_thread(write_new, folder / given.name, given.file.data, beside)
    except OSError as error:
        raise StorageError(f"The pictures could not be saved in {folder}: {error.strerror}.",
                           hint="They are kept in the studio; choose another folder with -o.") from None  # fmt: skip
    return saved


def write_new(path: Path, data: bytes, receipt: bytes | None = None) -> Path:
    """Never over a file that is there. The receipt of `fox.png` is `fox.receipt.jws`, and where either name is taken
    both get another one. The receipt is written first: a picture is never there without it."""
    for turn in range(1, 10_000):
        free = path if turn == 1 else path.with_stem(f"{path.stem}-{turn}")
        beside = free.with_name(free.stem + RECEIPT_SUFFIX)
        if receipt is not None and (free.exists() or not write_fresh(beside, receipt)):
            continue
        if write_fresh(free, data):
            return free
        if receipt is not None:
            beside.unlink()
    raise FileExistsError(17, "too many files of this name", str(path))


def write_fresh(path: Path, data: bytes) -> bool:
    """Whether the name was free. Raises OSError."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), "wb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


BILLED = {"yes": "It was billed.", "no": "Not billed.", "unknown": "It may have been billed."}


def report(run: RunView, tiles: Sequence[TileView], saved: dict[str, Path], *, as_json: bool) -> None:
    """What came of it: files on standard output, states, prices and failures on standard error."""
    if as_json:
        files = {picture: str(path) for picture, path in saved.items()}
        print_json({"run": run.record.id, "tiles": [tile.json for tile in tiles], "files": files})
    for tile in tiles:
        record, name = tile.record, str(tile.json["name"])
        if not as_json:
            for picture in tile.pictures:
                print(saved[picture.id], flush=True)
        if record.error is not None:
            said = record.error.message.rstrip(".") + "."
            hint = f" {record.error.hint}" if record.error.hint else ""
            billed = "" if "billed" in said.lower() + hint.lower() else " " + BILLED[record.error.billed]
            err.print(Text(f"{name}: {said}{billed}{hint}", "red"))
        else:
            err.print(
                Text(
                    f"{name}: {record.state}, {price(record.cost or record.estimate)}{_fee(record.fee_micro_usd)}",
                    "dim",
                )
            )
        for change in tile.json["adjustments"]:  # type: ignore[union-attr]
            err.print(Text(f"  {change['feature']}: {change['detail']}", "yellow"))  # type: ignore[index,call-overload]


def _fee(micro_usd: int) -> str:
    return f" and a fee of {dollars(micro_usd)}" if micro_usd else ""


def exit_code(tiles: Sequence[TileView]) -> Exit:
    """0, 3 or 4; 5 when every tile was refused by a cap."""
    done = sum(tile.record.state == "done" for tile in tiles)
    if done == len(tiles):
        return Exit.OK
    if done:
        return Exit.SOME_FAILED
    codes = {tile.record.error.code for tile in tiles if tile.record.error is not None}
    return Exit.REFUSED if codes == {"budget_exceeded"} else Exit.ALL_FAILED
