"""The page before any script: frame, prompt box and model names as plain HTML, so that it paints and takes text at once.

The script adopts these nodes and draws the same frame over them (`app/main.js`, `app/composer.js`); a test holds the
two together.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from triptych.spec.json import Json, JsonObject

PLACEHOLDER = "Describe a picture. Every chosen model draws it."
MANY = 14
"""With more models than this only the chosen ones show until all are asked for. As in `app/composer.js`."""
_LANES = {"local": "this machine", "pinned": "people you know", "attested": "attested", "community": "community"}
_PLACES = (
    ("", "image", "Studio"),
    ("/gallery", "images", "Gallery"),
    ("/kit", "crop", "Kit"),
    ("/queue", "list-video", "Queue"),
    ("/models", "blocks", "Models"),
    ("/router", "route", "Router"),
    ("/network", "users", "Network"),
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
_SAID = ("ends on {0} {1}", "moved since {0} {1}")
"""What a chip says beside its name, see `word_of` in `app/model_views.py`."""
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
    language: str = "en",
    words: Mapping[str, Json] | None = None,
) -> str:
    """The whole document. `boot` goes inline as JSON with every `<` escaped, so no text in it can end the element.

    `words` is the catalogue of `language`, a text for each English one, as the script will have it; without it the frame is English.
    """
    say = _speaker(words or {})
    data = json.dumps(boot, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    here = (path.split("/")[1] or "studio").capitalize()
    head = "\n".join(
        [
            '<link rel="expect" href="#boot" blocking="render">',  # on a slow machine no half of the page is drawn first
            *(f'<link rel="stylesheet" href="{base}{s}">' for s in styles),
            f'<link rel="stylesheet" href="{base}style/phone.css" media="(max-width: 640px), (pointer: coarse)">',
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
    main = (
        ""
        if here != "Studio"
        else f'<div class="scroll"></div>{_Composer(say, words or {}, language, base).html(boot)}'
    )
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{say(here)} · Triptych</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f5f5f5" media="(prefers-color-scheme: light)">\
<meta name="theme-color" content="#101010" media="(prefers-color-scheme: dark)">
{head}
</head><body><div id="app"><a class="skip" href="#main">{say("Skip to content")}</a><div class="shell">{rail(base, here, say)}\
<main id="main" tabindex="-1"><header class="top"><h1>{say(here)}</h1></header>{main}</main></div></div>
<noscript><p class="noscript">{say("The studio needs JavaScript. The same work can be done with this command:")} \
<code>triptych generate</code></p></noscript>
<script type="application/json" id="boot">{data}</script></body></html>"""


def rail(base: str, here: str, say: Callable[[str], str] = escape) -> str:
    """The links between the pages, as the script draws them."""

    def link(href: str, icon: str, label: str) -> str:
        mark, name = ' aria-current="page"' if here == label else "", say(label)
        return f'<a class="tool" href="{href}" aria-label="{name}" title="{name}"{mark}>{_icon(base, icon)}</a>'

    links = "".join(link(href or "/", icon, label) for href, icon, label in _PLACES)
    return (
        f'<nav class="rail" aria-label="{say("Workspace")}"><img class="mark" src="{base}mark.svg" alt="" width="22" height="22">\
{links}<span class="spacer"></span></nav>'
    )


def _speaker(words: Mapping[str, Json]) -> Callable[[str], str]:
    """What says a text in the language of these words, ready for HTML."""

    def say(text: str) -> str:
        said = words.get(text)
        return escape(said if isinstance(said, str) else text)

    return say


def _icon(base: str, name: str) -> str:
    return f'<svg class="i" aria-hidden="true"><use href="{base}icons.svg#{name}"/></svg>'


@dataclass(frozen=True, slots=True)
class _Composer:
    """The prompt bar before the script: `say` says a text in `language`, whose catalogue is `words`."""

    say: Callable[[str], str]
    words: Mapping[str, Json]
    language: str
    base: str

    def html(self, boot: JsonObject) -> str:
        say, chosen = self.say, set(_strings(boot.get("selected")))
        offered = [m for m in _objects(boot.get("models")) if _offered(m, chosen)]
        chips = "".join(self._chip(m, where=self._where(m, boot), on=m.get("id") in chosen) for m in offered)
        more = self._more(len(_objects(boot.get("models"))) - len(offered))
        few = ' data-few="true"' if len(offered) > MANY else ""
        return f'<form class="composer"><label class="vh" for="prompt">{say("Prompt")}</label>\
<textarea id="prompt" name="text" rows="2" placeholder="{say(PLACEHOLDER)}" autocomplete="off" autofocus></textarea>\
<div class="models" role="group" aria-label="{say("Models")}"{few}>{chips}<a class="chip more" href="/models">{_icon(self.base, "plus")}{more}</a></div>\
<div class="foot"><button class="btn go" disabled>{say("Create")}</button></div></form>'

    def _where(self, model: Mapping[str, Json], boot: JsonObject) -> str:
        """What the chip says beside the name: the provider where two share a name, and a lane other than commercial."""
        twins = [m for m in _objects(boot.get("models")) if m.get("name") == model.get("name")]
        provider = str(model.get("provider", ""))
        name = next((str(p.get("name")) for p in _objects(boot.get("providers")) if p.get("id") == provider), provider)
        lane = self.say(_LANES.get(str(model.get("lane")), ""))
        return ", ".join(w for w in (escape(name) if len(twins) > 1 else "", lane) if w)

    def _chip(self, model: Mapping[str, Json], *, where: str, on: bool) -> str:
        """As wide as the script will draw it, so that nothing moves when it does."""
        checked = " checked" if on else ""
        state = str(model.get("state", ""))
        lane = f'<span class="word">{where}</span>' if where else ""
        word = "" if state == "ready" else f'<span class="word">{self.say(_STATES.get(state, state))}</span>'
        more = model.get("word")
        if isinstance(more, Mapping):
            word += f'<a class="word" href="{escape(str(more.get("at")))}">{self._told(str(more.get("says")))}</a>'
        price = model.get("price_micro_usd")
        cost = (
            self.say("free") if model.get("free") else _money(price, self.language) if isinstance(price, int) else "?"
        )
        return f'<label class="chip" data-state="{escape(state)}"><input class="vh" type="checkbox"{checked}>\
<span class="name">{escape(str(model.get("name", "")))}</span>{lane}{word}<span class="num">{cost}</span></label>'

    def _told(self, text: str) -> str:
        """A sentence of the server, ready for HTML."""
        for pattern in _SAID:
            found = re.fullmatch(re.escape(pattern).replace(r"\{0\}", r"(\S+)").replace(r"\{1\}", r"(\S+)"), text)
            if found and isinstance(said := self.words.get(pattern), str):
                return escape(said.format(*(self.words.get(part, part) for part in found.groups())))
        return escape(text)

    def _more(self, rest: int) -> str:
        if not rest:
            return self.say("Models")
        forms = self.words.get("#more model")
        noun = (
            forms["one" if rest == 1 else "other"]
            if isinstance(forms, Mapping)
            else f"more model{'' if rest == 1 else 's'}"
        )
        return f"{_grouped(rest, self.language)} {escape(str(noun))}"


def _offered(model: Mapping[str, Json], chosen: set[str]) -> bool:
    return model.get("state") in {"ready", "limited", "down"} or model.get("id") in chosen


def _grouped(number: int, language: str) -> str:
    return f"{number:,}".replace(",", "." if language == "de" else ",")


def _money(micro: int, language: str = "en") -> str:
    """Micro-dollars as dollars, as `app/format.js` writes them."""
    if micro == 0:
        digits = "0"
    else:
        usd = Decimal(max(abs(micro), 100) if abs(micro) < 50 else micro) / 1_000_000
        whole, _, cents = f"{usd:.{2 if usd >= 1 else 3 if usd >= Decimal('.01') else 4}f}".partition(".")
        digits = f"{_grouped(int(whole), language)}{',' if language == 'de' else '.'}{cents[:2]}{cents[2:].rstrip('0')}"
    less = "&lt;" if 0 < abs(micro) < 50 else ""
    return f"{less}{digits}\u00a0$" if language == "de" else f"{less}${digits}"


def _objects(value: Json | None) -> Sequence[Mapping[str, Json]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, Sequence) else []


def _strings(value: Json | None) -> Sequence[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, Sequence) else []
