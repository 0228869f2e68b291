"""The first minutes: a sample row by the offline painters, and servers of this machine that could draw."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triptych.app.container import App
from triptych.http.message import HttpRequest
from triptych.http.transport import Transport
from triptych.provider_kit.upstream import as_list, as_object, as_text, read_json
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError
from triptych.spec.json import Json, JsonObject
from triptych.studio.planning import Asked
from triptych.studio.views import RunView

SAMPLE_TEXT = "A lighthouse on a cliff at dusk, warm light, calm teal sea, several small boats --ar 4:3 --seed 11"
_SETTING = "sample"
_PAINTER = "demo"
_WAIT_S = 1.5
_MOST_MODELS, _MOST_BYTES = 20, 1 << 20


async def sample_state(app: App) -> str | None:
    """The id of the sample row; `offer` while it can be made; None where there is none to make."""
    known = await app.store.get_setting(_SETTING)
    if isinstance(known, str):
        return known
    return "offer" if app.settings.sample and _painters(app) and not (await app.studio.runs(limit=1)).runs else None


def _painters(app: App) -> tuple[str, ...]:
    return tuple(
        card.id
        for state in app.models.providers()
        if state.id == _PAINTER and state.enabled
        for card in state.cards
        if not card.is_ai
    )


async def make_sample(app: App) -> RunView | None:
    """Starts the sample row, once for a data folder and only where nothing was made yet; else the one there is, or None.
    Raises what starting a run raises."""
    state = await sample_state(app)
    if state is None:
        return None
    if state != "offer":
        return await app.studio.run(state)
    run = await app.studio.start(Asked(text=SAMPLE_TEXT, models=_painters(app)))
    await app.store.put_setting(_SETTING, run.record.id)
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A program that draws, and how it is told from others: what it answers at `path`."""

    name: str
    port: int
    path: str
    is_it: Callable[[Json], bool]
    models: bool = False  # speaks OpenAI's Images API, and `path` lists its models
    like: str | None = None


def _named(*fields: str) -> Callable[[Json], bool]:
    return lambda body: all(field in as_object(body) for field in fields)


KNOWN: Sequence[Known] = (
    Known(name="LocalAI", port=8080, path="/v1/models", is_it=_named("data"), models=True, like="localai"),
    Known(name="An OpenAI-compatible server", port=8000, path="/v1/models", is_it=_named("data"), models=True),
    Known(name="sd-server", port=1234, path="/v1/models", is_it=_named("data"), models=True, like="sd-server"),
    Known(name="ComfyUI", port=8188, path="/system_stats", is_it=_named("system", "devices")),
    Known(name="Stable Diffusion web UI", port=7860, path="/sdapi/v1/sd-models", is_it=lambda body: isinstance(body, list)),
    Known(name="InvokeAI", port=9090, path="/api/v1/app/version", is_it=_named("version")),
)  # fmt: skip
"""The ports that these programs open by themselves. No other is ever asked."""


async def local_servers(transport: Transport, clock: Clock, known: Sequence[Known] = KNOWN) -> list[JsonObject]:
    """Those of the known programs that answer on this machine's loopback address now: name, address, models, and the
    lines of `triptych.toml` that add one which speaks OpenAI's Images API (None for one that does not)."""
    found = await asyncio.gather(*(_look(transport, clock, one) for one in known))
    return [one for one in found if one is not None]


async def _look(transport: Transport, clock: Clock, known: Known) -> JsonObject | None:
    url = f"http://127.0.0.1:{known.port}"
    request = HttpRequest(method="GET", url=url + known.path, headers={"Accept": "application/json"})
    try:
        answer = await transport.send(request, deadline=clock.monotonic() + _WAIT_S, allow_private=True, max_bytes=_MOST_BYTES)  # fmt: skip
        body = read_json(answer)
    except TriptychError:
        return None
    if answer.status != 200 or not known.is_it(body):
        return None
    names = [as_text(as_object(one).get("id")) for one in as_list(as_object(body).get("data"))] if known.models else []
    models = [name for name in names if name][:_MOST_MODELS]
    return {"name": known.name, "url": url, "models": models, "lines": _lines(known, url, models)}


def _lines(known: Known, url: str, models: Sequence[str]) -> str | None:
    if not known.models:
        return None
    listed = "\n".join(f'  {{ id = "{name}", name = "{name}", price_usd = 0 }},' for name in models if name.isprintable() and '"' not in name and "\\" not in name)  # fmt: skip
    like = f'like = "{known.like}"\n' if known.like else ""
    return f'[endpoints.local-{known.port}]\nbase_url = "{url}/v1"\n{like}models = [\n{listed}\n]\n'
