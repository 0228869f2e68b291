"""The page before any script: frame, prompt box and model names as plain HTML, so that it paints and takes text at once.

The script adopts these nodes and draws the same frame over them (`app/main.js`, `app/composer.js`); a test holds the
two together.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape

from triptych.spec.json import Json, JsonObject

PLACEHOLDER = "Describe a picture. Every chosen model draws it."
MANY = 14
"""With more models than this only the chosen ones show until all are asked for. As in `app/composer.js`."""
_LANES = {"local": "this machine", "pinned": "pinned", "attested": "attested", "community": "community"}
_PLACES = (
    ("", "image", "Studio"),
    ("/gallery", "images", "Gallery"),
    ("/kit", "crop", "Kit"),
    ("/queue", "list-video", "Queue"),
    ("/models", "blocks", "Models"),
    ("/router", "route", "Router"),
)
PAGES = (
    *(where or "/" for where, _, _ in _PLACES),
    "/drift",
    "/ranking",
    "/lineage",
    "/lineage/{tile}",
    "/kit/{id}",
)
"""Every address that the page is served at; what it shows there is `app/views.js`."""
_STATES = {"limited": "limited now", "no_key": "no key", "off": "switched off", "down": "not working"}


def shell(  # what a page is made of
    boot: JsonObject,
    *,
    path: str,
    base: str,
    styles: Iterable[str],
    import_map: str,
    entry: str,
    modules: Iterable[str],
) -> str:
    """The whole document. `boot` goes inline as JSON with every `<` escaped, so no text in it can end the element."""
    data = json.dumps(boot, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    here = (path.split("/")[1] or "studio").capitalize()
    head = "\n".join(
        [
            *(f'<link rel="stylesheet" href="{base}{s}">' for s in styles),
            f'<link rel="preload" href="{base}fonts/sans.woff2" as="font" type="font/woff2" crossorigin>',
            f'<link rel="icon" href="{base}mark.svg" type="image/svg+xml">',
            f'<link rel="apple-touch-icon" href="{base}icons/apple.png">',
            f'<link rel="manifest" href="{base}triptych.webmanifest">',
            f'<script src="{base}app/theme.js"></script>',
            f'<script type="importmap">{import_map}</script>',
            *(f'<link rel="modulepreload" href="{base}{m}">' for m in modules),
            f'<script type="module" src="{base}{entry}"></script>',
        ]
    )
    main = "" if here != "Studio" else f'<div class="scroll"></div>{_composer(boot, base)}'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{here} · Triptych</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f5f5f5" media="(prefers-color-scheme: light)">\
<meta name="theme-color" content="#101010" media="(prefers-color-scheme: dark)">
{head}
</head><body><div id="app"><a class="skip" href="#main">Skip to content</a><div class="shell">{rail(base, here)}\
<main id="main" tabindex="-1"><header class="top"><h1>{here}</h1></header>{main}</main></div></div>
<noscript><p class="noscript">The studio needs JavaScript. The same work can be done with <code>triptych generate</code>.</p></noscript>
<script type="application/json" id="boot">{data}</script></body></html>"""


def rail(base: str, here: str) -> str:
    """The links between the pages, as the script draws them."""

    def link(href: str, icon: str, label: str) -> str:
        mark = ' aria-current="page"' if here == label else ""
        return f'<a class="tool" href="{href}" aria-label="{label}" title="{label}"{mark}>{_icon(base, icon)}</a>'

    links = "".join(link(href or "/", icon, label) for href, icon, label in _PLACES)
    return (
        f'<nav class="rail" aria-label="Workspace"><img class="mark" src="{base}mark.svg" alt="" width="22" height="22">\
{links}<span class="spacer"></span></nav>'
    )


def _icon(base: str, name: str) -> str:
    return f'<svg class="i" aria-hidden="true"><use href="{base}icons.svg#{name}"/></svg>'


def _composer(boot: JsonObject, base: str) -> str:
    chosen = set(_strings(boot.get("selected")))
    offered = [m for m in _objects(boot.get("models")) if _offered(m, chosen)]
    chips = "".join(_chip(m, where=_where(m, boot), on=m.get("id") in chosen) for m in offered)
    rest = len(_objects(boot.get("models"))) - len(offered)
    few = ' data-few="true"' if len(offered) > MANY else ""
    return f'<form class="composer"><label class="vh" for="prompt">Prompt</label>\
<textarea id="prompt" name="text" rows="2" placeholder="{PLACEHOLDER}" autocomplete="off" autofocus></textarea>\
<div class="models" role="group" aria-label="Models"{few}>{chips}<a class="chip more" href="/models">{_icon(base, "plus")}{_more(rest)}</a></div>\
<div class="foot"><button class="btn go" disabled>Create</button></div></form>'


def _offered(model: Mapping[str, Json], chosen: set[str]) -> bool:
    return model.get("state") in {"ready", "limited", "down"} or model.get("id") in chosen


def _where(model: Mapping[str, Json], boot: JsonObject) -> str:
    """What the chip says beside the name: the provider where two share a name, and a lane other than commercial."""
    twins = [m for m in _objects(boot.get("models")) if m.get("name") == model.get("name")]
    provider = str(model.get("provider", ""))
    name = next((str(p.get("name")) for p in _objects(boot.get("providers")) if p.get("id") == provider), provider)
    return ", ".join(w for w in (name if len(twins) > 1 else "", _LANES.get(str(model.get("lane")), "")) if w)


def _chip(model: Mapping[str, Json], *, where: str, on: bool) -> str:
    """As wide as the script will draw it, so that nothing moves when it does."""
    checked = " checked" if on else ""
    state = str(model.get("state", ""))
    lane = f'<span class="word">{escape(where)}</span>' if where else ""
    word = "" if state == "ready" else f'<span class="word">{escape(_STATES.get(state, state))}</span>'
    moved = model.get("moved")
    word += f'<a class="word" href="/drift">{escape(str(moved.get("words")))}</a>' if isinstance(moved, Mapping) else ""
    price = model.get("price_micro_usd")
    cost = "free" if model.get("free") else _money(price) if isinstance(price, int) else "?"
    return f'<label class="chip" data-state="{escape(state)}"><input class="vh" type="checkbox"{checked}>\
<span class="name">{escape(str(model.get("name", "")))}</span>{lane}{word}<span class="num">{cost}</span></label>'


def _more(rest: int) -> str:
    return f"{rest:,} more model{'' if rest == 1 else 's'}" if rest else "Models"


def _money(micro: int) -> str:
    """Micro-dollars as dollars, as `app/format.js` writes them."""
    if micro == 0:
        return "$0"
    if abs(micro) < 50:
        return "&lt;$0.0001"
    usd = Decimal(micro) / 1_000_000
    whole, _, cents = f"{usd:.{2 if usd >= 1 else 3 if usd >= Decimal('.01') else 4}f}".partition(".")
    return f"${whole}.{cents[:2]}{cents[2:].rstrip('0')}"


def _objects(value: Json | None) -> Sequence[Mapping[str, Json]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, Sequence) else []


def _strings(value: Json | None) -> Sequence[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, Sequence) else []
