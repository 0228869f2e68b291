"""The first minutes: a sample row by the offline painters, and servers of this machine that could draw."""

import asyncio
from collections.abc import Mapping, Sequence

from triptych.app.container import App
from triptych.app.engines import engine_of, engine_table, offered
from triptych.provider_kit.local_servers import COMFY, KNOWN, Known, look
from triptych.providers.comfyui import ENGINE, MOST_BYTES, read_workflow
from triptych.spec.errors import BadRequestError, NotFoundError, TriptychError
from triptych.spec.json import Json, JsonObject
from triptych.studio.planning import Asked
from triptych.studio.views import RunView

SAMPLE_TEXT = "A lighthouse on a cliff at dusk, warm light, calm teal sea, several small boats --ar 4:3 --seed 11"
_SETTING = "sample"
_PAINTER = "demo"
MOST_NAME = 80  # letters of a workflow's name
MOST_WORKFLOW = MOST_BYTES  # bytes of its file


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


async def local_servers(app: App) -> list[JsonObject]:
    """Those of the known programs that answer on this machine's loopback address now: name, address, models, under which
    row they can be added (None for one that does not speak OpenAI's Images API), which of its models are there, and whether a workflow of
    one's own can be one."""
    found = await asyncio.gather(*(_listed(app, one) for one in KNOWN))
    return [_shown(app, one, models) for one, models in zip(KNOWN, found, strict=True) if models is not None]


async def _listed(app: App, known: Known) -> list[str] | None:
    """The models of a program that is there; None where it is not."""
    found = await look(known, app.client, app.clock)
    if found is None or engine_of(known) is None:
        return found
    try:
        has = await offered(known, app.client, app.clock)
    except TriptychError:
        return []
    return [str(name) for names in has.values() for name in names]


def _shown(app: App, known: Known, models: Sequence[str]) -> JsonObject:
    there = next((state for state in app.models.providers() if state.id == known.row), None)
    added = [card.provider_model_id for card in there.cards] if there is not None else []
    return {"name": known.name, "url": known.url, "models": list(models), "row": known.row if known.models or engine_of(known) else None,
            "added": added, "workflows": known.name == COMFY.name}  # fmt: skip


async def add_local(app: App, row: str, models: Sequence[str]) -> None:
    """Adds these models of a program that answers now as a row of the user's own, free and in the lane `local`. Raises
    NotFoundError when it does not answer, BadRequestError for a model that it does not list, and what adding a row raises."""
    program = next((one for one in KNOWN if one.row == row and (one.models or engine_of(one))), None)
    listed = await _listed(app, program) if program is not None else None
    if program is None or listed is None:
        raise NotFoundError(
            "There is no such server on this machine now.", hint="Start it, then look again.", param="row"
        )
    if not models or (strange := [name for name in models if name not in listed]):
        what = f"It has no model {strange[0]!r}." if models else "Choose at least one model."
        raise BadRequestError(what, hint=f"It lists {', '.join(listed)}." if listed else None, param="models")
    if engine_of(program) is not None:
        has, kept = await offered(program, app.client, app.clock), await app.own_rows.table(row)
        await app.own_rows.add(row, engine_table(program, has, list(models), kept or {}))
        return
    table: dict[str, Json] = {"name": program.name, "base_url": program.url + program.base,
                              "models": [{"id": name, "name": name, "price_usd": 0} for name in models]}  # fmt: skip
    await app.own_rows.add(row, table | ({"like": program.like} if program.like else {}))


async def add_workflow(app: App, row: str, name: str, data: bytes) -> JsonObject:
    """Adds a workflow that was drawn in the ComfyUI of this machine as a model of its own, in the place of one of that name; says what it
    takes. Raises BadRequestError for what is none, NotFoundError for another row, and what adding a row raises."""
    if row != COMFY.row:
        raise NotFoundError("Workflows are ComfyUI’s alone.", param="row")
    if not name.strip() or len(name) > MOST_NAME:
        raise BadRequestError(f"A name has at most {MOST_NAME} letters.", param="name")
    found = read_workflow(data)
    kept = await app.own_rows.table(row) or {"engine": ENGINE, "base_url": COMFY.url}
    before = kept.get("workflows")
    workflows: dict[str, Json] = {**before} if isinstance(before, Mapping) else {}
    workflows[name.strip()] = found.graph
    await app.own_rows.add(row, {**kept, "workflows": workflows})
    places: dict[str, Json] = {what: list(nodes) for what, nodes in found.told().items()}
    return {"name": name.strip(), "takes": places}
