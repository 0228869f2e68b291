"""The page of usage: the tables of a report as HTML. No script, no inline style; bars are SVG.

Every number stands in a `data` element with its exact value, so that a program can read what people see.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from triptych.network.usage.report import Report, Row
from triptych.studio.papers import ENGLISH, Words
from triptych.web.assets import VERSION
from triptych.web.shell import rail

DAYS, MONTHS = 30, 12
_WEIGHTS = {"open": "Open weights", "closed": "Closed", "unknown": "Not in the table", "other": "Other"}
_HEADS = {"weights": "Open and closed", "lane": "Lanes", "provider": "Providers"}


def page(report: Report, address: str, words: Words = ENGLISH) -> str:
    """The whole document. `address` is where this server is reached, for the commands."""
    return _Page(report, words).html(address)


def waiting(done: int, of: int, words: Words = ENGLISH) -> str:
    """What is shown while a long log is counted for the first time."""
    told = words("{0} of {1} entries of the log are counted.", words.number(done), words.number(of))
    again = escape(words("This page looks again by itself."))
    return _document(f"<section class=panel><h2>{escape(words('Counting'))}</h2><p>{told} {again}</p></section>", words)


def _document(body: str, words: Words) -> str:
    base, title = f"/web/{VERSION}/", escape(words("Usage"))
    styles = "".join(f'<link rel="stylesheet" href="{base}style/{name}.css">' for name in ("tokens", "app", "usage"))
    return f"""<!doctype html>
<html lang="{words.language}"><head><meta charset="utf-8"><title>{title} · Triptych</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
{styles}<link rel="icon" href="{base}mark.svg" type="image/svg+xml"><script src="{base}app/theme.js"></script>
</head><body><div id="app" lang="{words.language}"><a class="skip" href="#main">{escape(words("Skip to content"))}</a><div class="shell">{rail(base, "Usage", lambda text: escape(words(text)))}\
<main id="main" tabindex="-1"><header class="top"><h1>{title}</h1></header>\
<div class="scroll" tabindex="0"><div class="usage">{body}</div></div></main></div></div></body></html>"""


_COUNTED = (
    "Every receipt is one request: who served it, how it ended, how long the call took, what it cost. Days and months are UTC. "
    "What the painters drew, which are no AI, is counted apart."
)
_WITHHELD = (
    "No line is about fewer than {0} requests. Smaller groups are put together as “other”, and so that none can be computed from "
    "the rest, with the next larger one. A day shows only the models with that many requests on it; the others are in their "
    "month. Receipts name no caller, and no prompt; so requests are counted and not callers, and a line may be of one caller alone."
)
_TAKEN = (
    "Which picture people took, of several side by side, where they let it be counted. The true rate lies between “at least” and "
    "“at most” 95 times in 100."
)
_PAINTED = "{0} requests went to the painters that come with Triptych. They are programs that draw, no AI, and in none of the tables above."


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a table: its head, the field, and how people read it."""

    head: str
    field: str
    show: Callable[[Words, int], str]
    bar: str | None = None  # the field, in basis points, that is drawn beside it


def _number(words: Words, value: int) -> str:
    return words.number(value)


def _percent(words: Words, value: int) -> str:
    return f"{words.number(value / 100, 1)}%"


def _seconds(words: Words, value: int) -> str:
    return f"{words.number(value / 1000, 1)} s"


def dollars(words: Words, micro: int) -> str:
    """Micro-dollars for a table: cents at least, and what is less than those as it is."""
    if micro and micro < 10_000:
        return f"${words.number(micro / 1_000_000, 6)}".rstrip("0")
    return f"${words.number(micro / 1_000_000, 2)}"


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
_PICKS = (
    _Column("Picks", "requests", _number),
    _Column("Comparisons", "comparisons", _number),
    _Column("Won", "win_bp", _percent),
    _Column("At least", "low_bp", _percent),
    _Column("At most", "high_bp", _percent),
)
_FIRST = {"period": "Day", "model": "Model", "weights": "Weights", "lane": "Lane", "provider": "Provider"}


@dataclass(frozen=True, slots=True)
class _Page:
    """The tables of one report, in one language."""

    report: Report
    words: Words

    def html(self, address: str) -> str:
        parts = (self._intro(address), self._models(), self._days(), self._months(), self._preferences(), self._painters(),
                 self._entries())  # fmt: skip
        return _document("".join(parts), self.words)

    def _say(self, text: str, *parts: int) -> str:
        """As HTML; a number in it with its exact value."""
        said = escape(self.words(text, *(f"\0{place}\0" for place in range(len(parts)))))
        for place, value in enumerate(parts):
            said = said.replace(f"\0{place}\0", self._data(value))
        return said

    def _intro(self, address: str) -> str:
        where, say, report = escape(address), self._say, self.report
        lead = say(
            "{0} requests to models, counted from the log alone. Whoever copies the log gets the same numbers.",
            report.models,
        )
        return f"""<section class="panel intro"><p class="lead">{lead} <a href="{where}/log/checkpoint">{say("The log")}</a></p>
<div class="three"><div><h2>{say("What is counted")}</h2><p>{say(_COUNTED)}</p></div>
<div><h2>{say("What is withheld")}</h2><p>{say(_WITHHELD, report.least)}</p></div>
<div><h2>{say("Compute it again")}</h2><pre tabindex="0">curl -sO {where}/.well-known/triptych/log-policy
triptych stats --from {where}/log \\
  --policy log-policy --entries {report.log.entries}</pre></div></div><nav class="files" aria-label="{say("Download")}">{say("Everything as")}
<a href="/usage.csv">CSV</a><a href="/usage.json">JSON</a><a href="/usage.parquet">Parquet</a></nav></section>"""

    def _models(self) -> str:
        found, say = _of(self.report, "models", "all"), self._say
        if not found:
            few = say("There are fewer than {0} requests so far; the tables begin with that many.", self.report.least)
            return f'<section class="panel"><h2>{say("Models")}</h2><p>{few}</p></section>'
        weights, lanes, providers = (
            f"<h2>{say(head)}</h2>{self._table(_by(found, by), _SMALL, by)}" for by, head in _HEADS.items()
        )
        lines = self._table([*_by(found, "model"), *_by(found, "all")], _COLUMNS, "model")
        return f'<div class="sides"><section class="panel">{weights}{lanes}</section><section class="panel">{providers}\
</section></div><section class="panel"><h2>{say("Models")}</h2>{lines}</section>'

    def _months(self) -> str:
        rows = self.report.rows
        names = sorted({r.period for r in rows if r.part == "models" and len(r.period) == len("2026-11")})[-MONTHS:]
        parts = []
        for name in reversed(names):
            found = _of(self.report, "models", name)
            lines = self._table([*_by(found, "model"), *_by(found, "all")], _COLUMNS, "model")
            parts.append(f"<details{' open' if name == names[-1] else ''}><summary>{name}</summary>{lines}</details>")
        return f'<section class="panel"><h2>{self._say("By month")}</h2>{"".join(parts)}</section>' if parts else ""

    def _days(self) -> str:
        rows = self.report.rows
        found = [r for r in rows if r.part == "models" and r.by == "all" and len(r.period) == len("2026-11-21")][-DAYS:]
        if not found:
            return ""
        words, say, most = self.words, self._say, max(row.requests for row in found)
        columns = "".join(self._day_bar(row, place, most) for place, row in enumerate(found))
        label = escape(
            words("Requests on each of the last {0} days with enough of them, at most {1}", len(found), most)
        )
        span = escape(
            words("from {0} to {1}, at most {2} a day", found[0].period, found[-1].period, words.number(most))
        )
        return f"""<section class="panel"><h2>{say("By day")}</h2><svg class="days" viewBox="0 0 {DAYS * 10} 100" preserveAspectRatio="none"
role="img" aria-label="{label}">{columns}</svg>
<p class="legend"><i class="key done"></i>{say("done")} <i class="key blocked"></i>{say("blocked")} <i class="key failed"></i>{say("failed")} · {span}</p>\
<details><summary>{say("As a table")}</summary>{self._table(found, _COLUMNS, "period")}</details></section>"""

    def _day_bar(self, row: Row, place: int, most: int) -> str:
        failed = (row.failed or 0) + (row.lost or 0)
        top, parts = 100.0, []
        for name, count in (("done", row.done or 0), ("blocked", row.blocked or 0), ("failed", failed)):
            high = 100 * count / most
            top -= high
            parts.append(f'<rect class="{name}" x="{place * 10 + 1}" y="{top:.2f}" width="8" height="{high:.2f}"/>')
        return f"<g><title>{row.period}: {self.words.number(row.requests)}</title>{''.join(parts)}</g>"

    def _preferences(self) -> str:
        found = [row for row in self.report.rows if row.part == "preferences"]
        if not found:
            return ""
        return f"""<section class="panel"><h2>{self._say("Preferences")}</h2><p>{self._say(_TAKEN)}</p>
{self._table(found, _PICKS, "model", extra=_interval)}</section>"""

    def _painters(self) -> str:
        found = _by(_of(self.report, "painters", "all"), "model")
        lines = self._table(found, _SMALL, "model") if found else ""
        return f"""<section class="panel"><h2>{self._say("Painters")}</h2><p>{self._say(_PAINTED, self.report.painters)}</p>{lines}</section>"""

    def _entries(self) -> str:
        report, say = self.report, self._say
        kinds = "".join(
            f"<div><dt>{escape(kind)}</dt><dd>{self._data(count)}</dd></div>" for kind, count in report.others.items()
        )
        gaps = "".join(f"<div><dt>{escape(self.words('numbers that the key {0} skips', key))}</dt><dd>{self._data(n)}</dd></div>"
                       for key, n in report.missing.items())  # fmt: skip
        table = escape(self.words("table of open weights, {0}", report.weights_as_of))
        return f"""<section class="panel"><h2>{say("The log")}</h2><dl class="facts"><div><dt>{say("name")}</dt><dd><code>{escape(report.log.origin)}</code>
</dd></div><div><dt>{say("entries, all of them checked")}</dt><dd>{self._data(report.log.entries)}</dd></div><div><dt>{say("root over them")}</dt><dd><code>
{report.log.root}</code></dd></div>{kinds}{gaps}<div><dt>{table}</dt><dd><code>
{report.weights_sha256}</code></dd></div></dl></section>"""

    def _table(
        self, rows: Sequence[Row], columns: Sequence[_Column], first: str, extra: Callable[[Row], str] | None = None
    ) -> str:
        heads = "".join(f'<th scope="col">{self._say(column.head)}</th>' for column in columns)
        lines = "".join(self._line(row, columns, first, extra) for row in rows)
        between = f"<th scope='col'>{self._say('Between')}</th>" if extra else ""
        return f"""<div class="wide" tabindex="0"><table><thead><tr><th scope="col">{self._say(_FIRST[first])}</th>{heads}{between}
</tr></thead><tbody>{lines}</tbody></table></div>"""

    def _line(self, row: Row, columns: Sequence[_Column], first: str, extra: Callable[[Row], str] | None) -> str:
        name = (
            row.period if first == "period" else _WEIGHTS.get(row.name, row.name) if row.by == "weights" else row.name
        )
        shown = "All" if name == "all" else name
        mark = f" <small>{self._say(row.weights)}</small>" if row.weights in {"open", "closed"} else ""
        cells = "".join(self._cell(row, column) for column in columns)
        key = escape(f"{row.part}|{row.period}|{row.by}|{row.name}")
        more = f"<td>{extra(row)}</td>" if extra else ""
        return f'<tr data-row="{key}"><th scope="row">{self._say(shown)}{mark}</th>\
{cells}{more}</tr>'  # fmt: skip

    def _cell(self, row: Row, column: _Column) -> str:
        value = getattr(row, column.field)
        if value is None:
            return f'<td data-col="{column.field}">–</td>'
        bar = "" if column.bar is None else _bar(getattr(row, column.bar) or 0)
        unknown = row.spend_unknown if column.field == "spend_micro_usd" else None
        title, said = (
            self._say("Not in the sum: nobody could tell them"),
            escape(self.words("and {0} unknown", unknown)),
        )
        more = f' <small title="{title}">{said}</small>' if unknown else ""
        return f'<td data-col="{column.field}">{self._data(value, column.show)}{more}{bar}</td>'

    def _data(self, value: int, show: Callable[[Words, int], str] = _number) -> str:
        return f'<data value="{value}">{show(self.words, value)}</data>'


def _interval(row: Row) -> str:
    low, high, win = (row.low_bp or 0) / 100, (row.high_bp or 0) / 100, (row.win_bp or 0) / 100
    return f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="100" \
height="8"/><rect class="range" x="{low}" width="{high - low:.2f}" height="8"/><rect class="mid" x="{win - 0.5:.2f}" width="1" \
height="8"/></svg>'  # fmt: skip


def _of(report: Report, part: str, period: str) -> list[Row]:
    return [row for row in report.rows if row.part == part and row.period == period]


def _by(rows: Iterable[Row], by: str) -> list[Row]:
    return [row for row in rows if row.by == by]


def _bar(basis_points: int) -> str:
    return f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="100" \
height="4"/><rect width="{basis_points / 100}" height="4"/></svg>'  # fmt: skip
