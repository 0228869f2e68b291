"""How the command line speaks: data on standard output, everything else on standard error, exit codes for scripts."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from triptych.cli.exits import Exit, exit_of
from triptych.server.errors import envelope
from triptych.spec.errors import TriptychError
from triptych.spec.image import Cost

__all__ = ["Exit", "dollars", "err", "fail", "json_errors", "out", "price", "print_json", "table"]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

GAP = 2  # columns between two columns of a table
LEAST = 20  # columns: a last cell is not folded into less


def fail(error: TriptychError) -> Exit:
    """Prints an error as people read it, and returns the exit code for it."""
    err.print(Text.assemble(("error: ", "bold red"), error.message))
    if error.hint:
        err.print(Text.assemble(("hint: ", "bold"), error.hint))
    if error.upstream:
        err.print(Text.assemble(("the provider says: ", "bold"), error.upstream))
    return exit_of(error)


def print_json(value: Any) -> None:
    """A value as indented JSON, alone on standard output."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@contextmanager
def json_errors(as_json: bool) -> Iterator[None]:
    """With `--json`, an error is an object on standard output too, the same as the server's."""
    try:
        yield
    except TriptychError as error:
        if as_json:
            print_json(envelope(error))
        raise


def table(heads: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Prints columns as wide as what is in them. Nothing is ever cut off, and only the last column of a table on a
    terminal is folded; elsewhere every row is one line."""
    lines = [[Text(head, "bold") for head in heads], *([Text(c) if isinstance(c, str) else c for c in r] for r in rows)]
    widths = [max(cell_len(line[column].plain) for line in lines) for column in range(len(heads))]
    left = sum(widths[:-1]) + GAP * (len(heads) - 1)
    room = out.width - left if out.is_terminal else 0
    for line in lines:
        first = Text()
        for cell, width in zip(line[:-1], widths, strict=False):
            first += cell + Text(" " * (width - cell_len(cell.plain) + GAP))
        last = line[-1]
        folded = textwrap.wrap(last.plain, room) if room >= LEAST and cell_len(last.plain) > room else []
        out.print(first + (Text(folded[0], last.style) if folded else last))
        for more in folded[1:]:
            out.print(Text(" " * left + more, last.style))


def dollars(micro: int | None) -> str:
    """Money as people read it: `$0.067`, `free`, or `unknown`; never rounded to nothing."""
    if micro is None:
        return "unknown"
    if micro == 0:
        return "free"
    text = f"{micro / 1_000_000:.3f}" if micro >= 1000 else f"{micro / 1_000_000:.6f}".rstrip("0")
    return f"${text}"


def price(cost: Cost | None) -> str:
    """A cost for a table."""
    return "unknown" if cost is None else "free" if cost.source == "free" else dollars(cost.amount_micro_usd)
