"""A grid as one HTML page: its axes are the heads of a table, a click enlarges a picture, and it speaks to nobody."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import pybase64

from triptych.studio.papers import ENGLISH, Words
from triptych.studio.sealed_page import head

_FOLDER = files("triptych.studio") / "sheet"
_CSS = (_FOLDER / "grid.css").read_text("utf-8")
_JS = (_FOLDER / "grid.js").read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAxis:
    """An axis: what it is called, and what a person reads for each of its values."""

    label: str
    labels: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCell:
    """A picture in the cell `at` (indexes into the values of each axis), in WebP; without `data` the `reason` that there is
    none. `size` is that of the original in pixels. `cost` and `name` may be empty."""

    at: tuple[int, ...]
    alt: str
    data: bytes
    size: tuple[int, int]
    name: str
    cost: str
    reason: str
    adjusted: Sequence[str]


def grid_html(
    title: str,
    axes: Sequence[PageAxis],
    cells: Sequence[PageCell],
    *,
    made_ms: int,
    prices: bool,
    words: Words = ENGLISH,
) -> str:
    """The whole file. No text in it is markup, and its policy lets nothing in or out."""
    by_place: dict[tuple[int, ...], list[PageCell]] = {}
    for cell in cells:
        by_place.setdefault(cell.at, []).append(cell)
    third = axes[2].labels if len(axes) > 2 else (None,)
    tables = "".join(_table(axes, by_place, layer, label, words) for layer, label in enumerate(third))
    names = " × ".join(words(axis.label) for axis in axes)
    about = [words("{0}, {1} cells, {2}.", names, len(by_place), words.day(made_ms)),
             words("A click on a picture enlarges it; arrows go on to its neighbours."),
             *([words("Prices are what each picture was charged.")] if prices else [])]  # fmt: skip
    short = re.sub(r"\s+", " ", title)[:120] or words("Grid")
    return f"""<!doctype html>
<html lang="{words.language}">{head(short, _CSS, _JS)}
<body><main><h1>{escape(title)}</h1><p>{escape(" ".join(about))}</p>
<noscript><p>{escape(words("Your browser does not run scripts here: pictures cannot be enlarged."))}</p></noscript>
{tables}</main>
<dialog id="big" aria-labelledby="big-h"><header><h2 id="big-h"></h2><button type="button" id="close">{escape(words("Close"))}</button></header><img alt="" id="shot"><p id="facts"></p></dialog>
<script>{_JS}</script></body></html>
"""


def _table(
    axes: Sequence[PageAxis],
    cells: Mapping[tuple[int, ...], Sequence[PageCell]],
    layer: int,
    label: str | None,
    words: Words,
) -> str:
    across, down = axes[0], axes[1] if len(axes) > 1 else PageAxis(label="", labels=("",))
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in across.labels)
    rows: list[str] = []
    for y, name in enumerate(down.labels):
        made: list[str] = []
        for x, column in enumerate(across.labels):
            at = (x, y, layer)[: len(axes)]
            said = " · ".join(filter(None, (column, name, label)))
            none = f'<p class="none">{escape(words("Not made."))}</p>'
            made.append("".join(_cell(cell, said, words) for cell in cells.get(at, ())) or none)
        first = f'<th scope="row">{escape(name)}</th>' if len(axes) > 1 else ""
        rows.append(f"<tr>{first}{''.join(f'<td>{each}</td>' for each in made)}</tr>")
    corner = (
        f'<th class="corner" scope="col">{escape(words(down.label))} \\ {escape(words(across.label))}</th>'
        if len(axes) > 1
        else ""
    )
    above = "" if label is None else f"<h2>{escape(words(axes[2].label))}: {escape(label)}</h2>"
    named = escape(" · ".join(filter(None, (across.label, down.label, label))), quote=True)
    return f"""{above}<div class="wide" tabindex="0" role="region" aria-label="{named}"><table><thead><tr>{corner}{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>
"""


def _cell(cell: PageCell, said: str, words: Words) -> str:
    if not cell.data:
        return f'<p class="none">{escape(words(cell.reason))}</p>'
    (width, height), larger = cell.size, escape(words("Enlarge: {0}", said))
    data = pybase64.b64encode(cell.data).decode()
    facts = [
        fact for fact in (cell.name, f"{width} × {height}", cell.cost, *(f"≈ {each}" for each in cell.adjusted)) if fact
    ]
    below = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return (
        f'<figure><button type="button" aria-label="{larger}"><img src="data:image/webp;base64,{data}" '
        f'alt="{escape(cell.alt)}" width="{width}" height="{height}" loading="lazy"></button>'
        f'<figcaption data-said="{escape(said)}">{below}</figcaption></figure>'
    )
