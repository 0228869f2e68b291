"""A ComfyUI of the user's own as they write it down: `[endpoints.NAME]` with `engine = "comfyui"`."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from triptych.http.transport import Sockets, Transport
from triptych.providers.comfyui.graphs import Graph
from triptych.providers.comfyui.model import NAME, ComfyModel, checkpoint_card, upscaler_card, workflow_card
from triptych.providers.comfyui.server import Comfy
from triptych.providers.comfyui.workflow import read_workflow
from triptych.spec.clock import Clock
from triptych.spec.errors import BadRequestError, SettingsError

ENGINE: Final = "comfyui"
MOST_WORKFLOWS = 50


class ComfyTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The checkpoints, models that enlarge, and workflows in API format by name, that are offered of a ComfyUI."""

    engine: Literal["comfyui"] = ENGINE
    base_url: str
    name: str = NAME
    models: list[str] = []
    upscalers: list[str] = []
    workflows: dict[str, Graph] = {}


def comfy_table(name: str, table: Mapping[str, Any]) -> ComfyTable:
    """Raises SettingsError, which names the table and the field."""
    where = f"the settings, [endpoints.{name}]"
    try:
        read = msgspec.convert(dict(table), ComfyTable)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}.", param="engine") from None
    if urlsplit(read.base_url).scheme not in {"http", "https"}:
        raise SettingsError(
            f"{where}, field 'base_url': {read.base_url!r} is no address like http://127.0.0.1:8188.", param="base_url"
        )
    if len(read.workflows) > MOST_WORKFLOWS:
        raise SettingsError(f"{where}: at most {MOST_WORKFLOWS} workflows.", param="workflows")
    return read


def comfy_models(name: str, table: Mapping[str, Any], client: Transport, clock: Clock) -> tuple[ComfyModel, ...]:
    """The models of a table, under the provider's `name`, of two with one id the first. Raises SettingsError."""
    read = comfy_table(name, table)
    server = Comfy(read.base_url.rstrip("/"), client, client if isinstance(client, Sockets) else None, clock)
    found = [ComfyModel(checkpoint_card(name, file, shown=read.name), server, clock) for file in read.models]
    found += [ComfyModel(upscaler_card(name, file, shown=read.name), server, clock) for file in read.upscalers]
    for title, graph in read.workflows.items():
        try:
            workflow = read_workflow(msgspec.json.encode(graph))
        except BadRequestError as error:
            raise SettingsError(f"the settings, [endpoints.{name}], workflow {title!r}: {error.message}", param="workflows",
                                hint=error.hint) from None  # fmt: skip
        found.append(ComfyModel(workflow_card(name, title, workflow, shown=read.name), server, clock, workflow))
    by_id = {one.card.id: one for one in reversed(found)}
    return tuple(reversed(by_id.values()))
