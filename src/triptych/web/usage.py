"""The page of usage: the tables of a report as HTML. No script, no inline style; bars are SVG.

Every number stands in a `data` element with its exact value, so that a program can read what people see.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from triptych.network.usage.report import Report, Row
from triptych.web.assets import VERSION
from triptych.web.shell import rail

DAYS, MONTHS = 30, 12
_WEIGHTS = {"open": "Open weights", "closed": "Closed", "unknown": "Not in the table", "other": "Other"}
_HEADS = {"weights": "Open and closed", "lane": "Lanes", "provider": "Providers"}


def page(report: Report, address: str) -> str:
    """The whole document. `address` is where this server is reached, for the commands."""
    return _document(f"{_intro(report, address)}{_models(report)}{_days(report)}{_months(report)}"
                     f"{_preferences(report)}{_painters(report)}{_entries(report)}")  # fmt: skip


def waiting(done: int, of: int) -> str:
    """What is shown while a long log is counted for the first time."""
    return _document(f"<section class=panel><h2>Counting</h2><p>{done:,} of {of:,} entries of the log are counted. "
                     "This page looks again by itself.</p></section>")  # fmt: skip


def _document(body: str) -> str:
    base = f"/web/{VERSION}/"
    styles = "".join(f'<link rel="stylesheet" href="{base}style/{name}.css">' for name in ("tokens", "app", "usage"))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Usage · Triptych</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
{styles}<link rel="icon" href="{base}mark.svg" type="image/svg+xml"><script src="{base}app/theme.js"></script>
</head><body><div id="app"><a class="skip" href="#main">Skip to content</a><div class="shell">{rail(base, "Usage")}\
<main id="main" tabindex="-1"><header class="top"><h1>Usage</h1></header>\
<div class="scroll" tabindex="0"><div class="usage">{body}</div></div></main></div></div></body></html>"""


def _intro(report: Report, address: str) -> str:
    where = escape(address)
    return f"""<section class="panel intro"><p class="lead">{_data(report.models)} requests to models, counted from
<a href="{where}/log/checkpoint">the log</a> alone. Whoever copies the log gets the same numbers.</p>
<div class="three"><div><h2>What is counted</h2><p>Every receipt is one request: who served it, how it ended, how long the call
took, what it cost. Days and months are UTC. What the painters drew, which are no AI, is counted apart.</p></div>
<div><h2>What is withheld</h2><p>No line is about fewer than {_data(report.least)} requests. Smaller groups are put together as
<i>other</i>, and so that none can be computed from the rest, with the next larger one. A day shows only the models with
that many requests on it; the others are in their month. Receipts name no caller, and
no prompt; so requests are counted and not callers, and a line may be of one caller alone.</p></div>
<div><h2>Compute it again</h2><pre tabindex="0">curl -sO {where}/.well-known/triptych/log-policy
triptych stats --from {where}/log \\
  --policy log-policy --entries {report.log.entries}</pre></div></div><nav class="files" aria-label="Download">Everything as
<a href="/usage.csv">CSV</a><a href="/usage.json">JSON</a><a href="/usage.parquet">Parquet</a></nav></section>"""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a table: its head, the field, and how people read it."""

    head: str
    field: str
    show: Callable[[int], str]
    bar: str | None = None  # the field, in basis points, that is drawn beside it


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(value: int) -> str:
    return f"{value / 100:.1f}%"


def _seconds(value: int) -> str:
    return f"{value / 1000:.1f} s"


def dollars(micro: int) -> str:
    """Micro-dollars for a table: cents at least, and what is less than those as it is."""
    if micro and micro < 10_000:
        return f"${micro / 1_000_000:.6f}".rstrip("0")
    return f"${micro / 1_000_000:,.2f}"


_COLUMNS = (
    _Column("Requests", "requests", _number, "share_bp"),
    _Column("Done", "done_bp", _percent),
    _Column("Blocked", "blocked_bp", _percent),
    _Column("Failed", "failed_bp", _percent),
    _Column("Half within", "p50_ms", _seconds),
    _Column("95% within", "p95_ms", _seconds),
    _Column("Spend", "spend_micro_usd", dollars),
    _Column("Of spend", "spend_share_bp", _percent),
    _Column("Fees", "fee_micro_usd", dollars),
    _Column("Fallbacks", "fallbacks", _number),
)
_SMALL = (_COLUMNS[0], _COLUMNS[1], _COLUMNS[6])


def _models(report: Report) -> str:
    found = _of(report, "models", "all")
    if not found:
        return f'<section class="panel"><h2>Models</h2><p>There are fewer than {report.least} requests so far; the tables \
begin with number {report.least}.</p></section>'  # fmt: skip
    weights, lanes, providers = (f"<h2>{head}</h2>{_table(_by(found, by), _SMALL, by)}" for by, head in _HEADS.items())
    lines = _table([*_by(found, "model"), *_by(found, "all")], _COLUMNS, "model")
    return f'<div class="sides"><section class="panel">{weights}{lanes}</section><section class="panel">{providers}\
</section></div><section class="panel"><h2>Models</h2>{lines}</section>'


def _months(report: Report) -> str:
    names = sorted({r.period for r in report.rows if r.part == "models" and len(r.period) == len("2026-11")})[-MONTHS:]
    parts = []
    for name in reversed(names):
        found = _of(report, "models", name)
        lines = _table([*_by(found, "model"), *_by(found, "all")], _COLUMNS, "model")
        parts.append(f"<details{' open' if name == names[-1] else ''}><summary>{name}</summary>{lines}</details>")
    return f'<section class="panel"><h2>By month</h2>{"".join(parts)}</section>' if parts else ""


def _days(report: Report) -> str:
    found = [r for r in report.rows if r.part == "models" and r.by == "all" and len(r.period) == len("2026-11-21")]
    found = found[-DAYS:]
    if not found:
        return ""
    most = max(row.requests for row in found)
    columns = "".join(_day_bar(row, place, most) for place, row in enumerate(found))
    lines = _table(found, _COLUMNS, "period")
    return f"""<section class="panel"><h2>By day</h2><svg class="days" viewBox="0 0 {DAYS * 10} 100" preserveAspectRatio="none"
role="img" aria-label="Requests on each of the last {len(found)} days with enough of them, at most {most}">{columns}</svg>
<p class="legend"><i class="key done"></i>done <i class="key blocked"></i>blocked <i class="key failed"></i>failed · from
{found[0].period} to {found[-1].period}, at most {most:,} a day</p><details><summary>As a table</summary>{lines}</details></section>"""


def _day_bar(row: Row, place: int, most: int) -> str:
    failed = (row.failed or 0) + (row.lost or 0)
    top, parts = 100.0, []
    for name, count in (("done", row.done or 0), ("blocked", row.blocked or 0), ("failed", failed)):
        high = 100 * count / most
        top -= high
        parts.append(f'<rect class="{name}" x="{place * 10 + 1}" y="{top:.2f}" width="8" height="{high:.2f}"/>')
    return f"<g><title>{row.period}: {row.requests:,}</title>{''.join(parts)}</g>"


def _preferences(report: Report) -> str:
    found = [row for row in report.rows if row.part == "preferences"]
    if not found:
        return ""
    columns = (_Column("Picks", "requests", _number), _Column("Comparisons", "comparisons", _number),
               _Column("Won", "win_bp", _percent), _Column("At least", "low_bp", _percent),
               _Column("At most", "high_bp", _percent))  # fmt: skip
    return f"""<section class="panel"><h2>Preferences</h2><p>Which picture people took, of several side by side, where they let
it be counted. The true rate lies between <i>at least</i> and <i>at most</i> 95 times in 100.</p>
{_table(found, columns, "model", extra=_interval)}</section>"""


def _interval(row: Row) -> str:
    low, high, win = (row.low_bp or 0) / 100, (row.high_bp or 0) / 100, (row.win_bp or 0) / 100
    return f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="100" \
height="8"/><rect class="range" x="{low}" width="{high - low:.2f}" height="8"/><rect class="mid" x="{win - 0.5:.2f}" width="1" \
height="8"/></svg>'  # fmt: skip


def _painters(report: Report) -> str:
    found = _by(_of(report, "painters", "all"), "model")
    lines = _table(found, _SMALL, "model") if found else ""
    return f"""<section class="panel"><h2>Painters</h2><p>{_data(report.painters)} requests went to the painters that come with
Triptych. They are programs that draw, no AI, and in none of the tables above.</p>{lines}</section>"""


def _entries(report: Report) -> str:
    kinds = "".join(
        f"<div><dt>{escape(kind)}</dt><dd>{_data(count)}</dd></div>" for kind, count in report.others.items()
    )
    gaps = "".join(f"<div><dt>numbers that the key {escape(k)} skips</dt><dd>{_data(n)}</dd></div>"
                   for k, n in report.missing.items())  # fmt: skip
    return f"""<section class="panel"><h2>The log</h2><dl class="facts"><div><dt>name</dt><dd><code>{escape(report.log.origin)}</code>
</dd></div><div><dt>entries, all of them checked</dt><dd>{_data(report.log.entries)}</dd></div><div><dt>root over them</dt><dd><code>
{report.log.root}</code></dd></div>{kinds}{gaps}<div><dt>table of open weights, {report.weights_as_of}</dt><dd><code>
{report.weights_sha256}</code></dd></div></dl></section>"""


def _of(report: Report, part: str, period: str) -> list[Row]:
    return [row for row in report.rows if row.part == part and row.period == period]


def _by(rows: Iterable[Row], by: str) -> list[Row]:
    return [row for row in rows if row.by == by]


def _table(
    rows: Sequence[Row], columns: Sequence[_Column], first: str, extra: Callable[[Row], str] | None = None
) -> str:
    heads = "".join(f'<th scope="col">{column.head}</th>' for column in columns)
    lines = "".join(_line(row, columns, first, extra) for row in rows)
    head = {"period": "Day"}.get(first, first.capitalize())
    return f"""<div class="wide" tabindex="0"><table><thead><tr><th scope="col">{head}</th>{heads}{"<th scope='col'>Between</th>" if extra else ""}
</tr></thead><tbody>{lines}</tbody></table></div>"""


def _line(row: Row, columns: Sequence[_Column], first: str, extra: Callable[[Row], str] | None) -> str:
    name = row.period if first == "period" else _WEIGHTS.get(row.name, row.name) if row.by == "weights" else row.name
    shown = "All" if name == "all" else name
    mark = f" <small>{row.weights}</small>" if row.weights in {"open", "closed"} else ""
    cells = "".join(_cell(row, column) for column in columns)
    key = escape(f"{row.part}|{row.period}|{row.by}|{row.name}")
    more = f"<td>{extra(row)}</td>" if extra else ""
    return f'<tr data-row="{key}"><th scope="row">{escape(shown)}{mark}</th>\
{cells}{more}</tr>'  # fmt: skip


def _cell(row: Row, column: _Column) -> str:
    value = getattr(row, column.field)
    if value is None:
        return f'<td data-col="{column.field}">–</td>'
    bar = "" if column.bar is None else _bar(getattr(row, column.bar) or 0)
    unknown = row.spend_unknown if column.field == "spend_micro_usd" else None
    more = f' <small title="Not in the sum: nobody could tell them">and {unknown} unknown</small>' if unknown else ""
    return f'<td data-col="{column.field}">{_data(value, column.show)}{more}{bar}</td>'


def _bar(basis_points: int) -> str:
    return f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="100" \
height="4"/><rect width="{basis_points / 100}" height="4"/></svg>'  # fmt: skip


def _data(value: int, show: Callable[[int], str] = _number) -> str:
    return f'<data value="{value}">{show(value)}</data>'
