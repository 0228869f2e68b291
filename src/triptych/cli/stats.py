"""`triptych stats`: usage out of a transparency log, computed by whoever has the log."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.text import Text

from triptych.cli.log_source import open_log
from triptych.cli.output import dollars, err, json_errors, out, table
from triptych.cli.verify import policies
from triptych.network.usage.formats import as_csv, as_json, as_parquet
from triptych.network.usage.reading import usage
from triptych.network.usage.report import LEAST, Report, Row
from triptych.spec.clock import SystemClock
from triptych.spec.errors import BadRequestError, HostileContentError
from triptych.tlog.errors import TlogError
from triptych.tlog.policy import TrustPolicy

Format = Literal["table", "json", "csv", "parquet"]
_MONTH, _DAY = len("2026-11"), len("2026-11-21")
_HEADS = {
    "weights": "WEIGHTS", "lane": "LANE", "provider": "PROVIDER", "model": "MODEL",
}  # fmt: skip


async def read(source: str, trust: TrustPolicy | None, least: int, first: int | None) -> Report:
    """The tables of the log in a folder or at an address. Raises HostileContentError for a log that does not hold."""
    async with AsyncExitStack() as stack:
        fetch = open_log(stack, source, SystemClock())
        try:
            return await usage(fetch, trust, least, first)
        except TlogError as error:
            if error.reason == "out_of_range":
                raise BadRequestError(f"--entries is {first}. {error}", hint="Leave it out to count all.",
                                      param="entries") from None  # fmt: skip
            raise HostileContentError(f"This log is refused: {error}",
                                      hint="Nothing was counted. Get a whole copy of the log, or ask its owner.") from error  # fmt: skip


def chosen(report: Report, *, day: bool, month: bool) -> Report:
    """With `day` or `month` only their lines; else all."""
    if not (day or month):
        return report
    sizes = ({_DAY} if day else set()) | ({_MONTH} if month else set())
    return msgspec.structs.replace(report, rows=tuple(r for r in report.rows if len(r.period) in sizes))


def per_cent(basis_points: int | None) -> str:
    return "" if basis_points is None else f"{basis_points // 100}.{basis_points % 100:02d} %"


def _cells(row: Row) -> list[str]:
    return [
        row.name, f"{row.requests:,}", per_cent(row.share_bp), per_cent(row.done_bp), per_cent(row.blocked_bp),
        per_cent(row.failed_bp), _ms(row.p50_ms), _ms(row.p95_ms), dollars(row.spend_micro_usd),
        per_cent(row.spend_share_bp), str(row.fallbacks),
    ]  # fmt: skip


def _ms(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def show(report: Report, *, day: bool, month: bool) -> None:
    """The tables for people."""
    out.print(Text(f"{report.log.origin}: {report.log.entries:,} entries, all of them checked", "bold"))
    out.print(f"{report.models:,} requests to models, {report.painters:,} to painters, {report.picks:,} picks; "
              f"no group of fewer than {report.least} stands alone")  # fmt: skip
    for kind, count in report.others.items():
        out.print(
            f"{count:,} × {kind}", style="yellow" if kind.startswith(("broken", "unknown", "repeated")) else "dim"
        )
    rows = report.rows if day or month else [row for row in report.rows if row.period == "all"]
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.part != "preferences" and row.by in _HEADS:
            groups.setdefault((row.period, row.part, row.by), []).append(row)
    for (period, part, by), found in groups.items():
        out.print(Text(f"\n{part}, {'all time' if period == 'all' else period}", "bold"))
        table((_HEADS[by], "REQUESTS", "SHARE", "DONE", "BLOCKED", "FAILED", "P50 MS", "P95 MS", "SPEND", "SHARE",
               "FALLBACKS"), [_cells(row) for row in found])  # fmt: skip
    _preferences([row for row in rows if row.part == "preferences"])


def _preferences(rows: Sequence[Row]) -> None:
    if rows:
        out.print(Text("\npreferences, all time", "bold"))
        table(("MODEL", "PICKS", "COMPARISONS", "WON", "95 %"),
              [(row.name, str(row.requests), str(row.comparisons), per_cent(row.win_bp),
                f"{per_cent(row.low_bp)} – {per_cent(row.high_bp)}") for row in rows])  # fmt: skip


def stats(
    source: Annotated[str, typer.Option("--from", help="Folder of a log, or its address.", show_default=False)],
    day: Annotated[bool, typer.Option("--day", help="Day by day.")] = False,
    month: Annotated[bool, typer.Option("--month", help="Month by month.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="What to print.")] = "table",
    output: Annotated[Path | None, typer.Option(help="File to write to.", show_default="standard output")] = None,
    policy: Annotated[Path | None, typer.Option(help="Trust policy of the log.", show_default=False)] = None,
    entries: Annotated[
        int | None, typer.Option(min=0, help="Count only so many, from the first on.", show_default="all")
    ] = None,
    least: Annotated[int, typer.Option(min=1, help="Requests below which no group stands alone.")] = LEAST,
) -> None:
    """Usage from a transparency log alone: it is checked whole, then counted. Exit code 1 if the log does not hold."""
    with json_errors(format_ == "json"):
        trust = policies([policy])[0] if policy else None
        if policy and trust is None:
            raise BadRequestError(f"{policy} is no trust policy of a log.", param="policy")
        report = chosen(asyncio.run(read(source, trust, least, entries)), day=day, month=month)
        if trust is None:
            err.print("hint: whose log it is was not checked; say whom you trust with --policy", style="dim")
        if format_ == "table":
            show(report, day=day, month=month)
            return
        data = _WRITERS[format_](report)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        output.write_bytes(data)


_WRITERS: dict[str, Callable[[Report], bytes]] = {
    "json": as_json, "csv": lambda report: as_csv(report.rows), "parquet": lambda report: as_parquet(report.rows),
}  # fmt: skip
