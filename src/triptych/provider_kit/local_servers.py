"""Programs of this machine that draw, at the ports that they open by themselves; no other port is ever asked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triptych.http.message import HttpRequest
from triptych.http.transport import Transport
from triptych.provider_kit.upstream import as_list, as_object, as_text, read_json
from triptych.spec.clock import Clock
from triptych.spec.errors import TriptychError
from triptych.spec.json import Json

_WAIT_S = 1.5
_MOST_MODELS, _MOST_BYTES = 20, 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A program that draws, and how it is told from others: what it answers at `path`."""

    name: str
    port: int
    path: str
    is_it: Callable[[Json], bool]
    models: Callable[[Json], list[str]] | None = None  # speaks OpenAI's Images API; which of what `path` tells can draw
    posts: bool = False  # is asked by POST, with an empty object
    like: str | None = None
    base: str = "/v1"

    @property
    def row(self) -> str:
        """The name of its row, `[endpoints.NAME]`."""
        return f"local-{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


_DRAWS = re.compile(
    r"image(?!net|bind)|stable-?diffusion|flux|sdxl|(?<![a-z0-9])sd[-_.]?(xl|[1-3]|turbo|cpp)|dreamshaper|animagine|hidream|kolors|pixart"
    r"|playground-v|omnigen|kandinsky|cogview|(?<![a-z])(sana|bagel|chroma|krea|janus|lumina|juggernaut|pony)(?![a-z])",
    re.IGNORECASE,
)
"""In the names of open models that draw. A port says little: servers of text listen at the same ones, and list models likewise."""


def draws(name: str) -> bool:
    """Whether the name of a model tells that it draws."""
    return _DRAWS.search(name) is not None


def _drawing(body: Json) -> list[str]:
    """Of a list of models of any kind, those whose names tell that they draw."""
    names = [as_text(as_object(one).get("id")) for one in as_list(as_object(body).get("data"))]
    return [name for name in names if name and name.isprintable() and draws(name)][:_MOST_MODELS]


def _only(name: str) -> Callable[[Json], list[str]]:
    """A program that calls its model by one name, whatever it is."""
    return lambda body: [one for one in _drawing(body) if one == name]


def _one_of_pictures(body: Json) -> list[str]:
    """A program that tells the one model it has, and what that makes of what: `T2I`, `TI2I`, …, no video and no text."""
    name, task = as_text(as_object(body).get("model_path")), as_text(as_object(body).get("task_type"))
    return [name] if name and name.isprintable() and task and task.endswith("2I") else []


def _named(*fields: str) -> Callable[[Json], bool]:
    return lambda body: all(field in as_object(body) for field in fields)


WEB_UI = Known(
    name="Stable Diffusion web UI",
    port=7860,
    path="/sdapi/v1/sd-models",
    is_it=lambda body: isinstance(body, list),
)
COMFY = Known(name="ComfyUI", port=8188, path="/system_stats", is_it=_named("system", "devices"))
SWARM = Known(name="SwarmUI", port=7801, path="/API/GetNewSession", is_it=_named("session_id", "server_id"), posts=True)
KNOWN: Sequence[Known] = (
    Known(name="LocalAI", port=8080, path="/v1/models", is_it=_named("data"), models=_drawing, like="localai"),
    Known(name="An OpenAI-compatible server", port=8000, path="/v1/models", is_it=_named("data"), models=_drawing),
    Known(name="sd-server", port=1234, path="/v1/models", is_it=_named("data"), models=_only("sd-cpp-local"), like="sd-server"),
    Known(name="SGLang", port=30000, path="/models", is_it=_named("model_path"), models=_one_of_pictures, like="sglang", base=""),
    COMFY,
    WEB_UI,
    SWARM,
    Known(name="InvokeAI", port=9090, path="/api/v1/app/version", is_it=_named("version")),
)  # fmt: skip


async def look(known: Known, client: Transport, clock: Clock) -> list[str] | None:
    """The models of a program that can draw, if it is there, is this one and has any; None where it is not."""
    request = HttpRequest(
        method="POST" if known.posts else "GET",
        url=known.url + known.path,
        headers={"Accept": "application/json"},
        json={} if known.posts else None,
        step="check",
    )
    try:
        answer = await client.send(
            request, deadline=clock.monotonic() + _WAIT_S, allow_private=True, max_bytes=_MOST_BYTES
        )
        body = read_json(answer)
    except TriptychError:
        return None
    if answer.status != 200 or not known.is_it(body):
        return None
    return (known.models(body) or None) if known.models else []
