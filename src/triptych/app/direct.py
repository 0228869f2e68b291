"""Going direct: the upstream calls of a tile, as its owner can make them with a key of their own and without Triptych."""

from collections.abc import Sequence

from triptych.app.models import Models, ProviderState
from triptych.network.ohttp.seal import REQUEST_TYPE
from triptych.provider_kit.adapter import Auth
from triptych.provider_kit.direct import DirectCall, SpeaksSdk, curl, direct_call, named_in
from triptych.spec.errors import NotFoundError
from triptych.spec.json import JsonObject
from triptych.spec.model import WireRecord
from triptych.store.base import RecordStore
from triptych.studio.pictures import Pictures


async def direct_calls(tile_id: str, store: RecordStore, models: Models, pictures: Pictures) -> Sequence[JsonObject]:
    """Each call that was submitted for a tile, in order. Calls that only ask after a job are left out: what they asked
    for is gone; so are sealed ones. Raises StorageError."""
    found: list[JsonObject] = []
    for attempt in await store.attempts_of(tile_id):
        state = _provider(models, attempt.endpoint)
        if state is not None and state.adapter is None:
            continue  # made on this machine: there is nobody to call
        for wire in attempt.wires:
            # What was sealed cannot be sent by a script, and would tell the relay everything if it were sent unsealed.
            if wire.step == "submit" and wire.headers.get("Content-Type") != REQUEST_TYPE:
                call = direct_call(wire, _auth(state), await _pictures(wire, pictures))
                found.append({"endpoint": attempt.endpoint, "attempt": attempt.number, **_json(call, wire, state)})
    return found


def _json(call: DirectCall, wire: WireRecord, state: ProviderState | None) -> JsonObject:
    adapter: object = None if state is None else state.adapter
    return {
        "name": state.name if state is not None else "a provider that is gone",
        "method": call.method, "url": call.url, "env": call.env,
        "curl": curl(call), "sdk": adapter.sdk(call) if isinstance(adapter, SpeaksSdk) else None,
        "files": [{"name": one.name, "sha256": one.sha256, "url": f"/api/uploads/{one.sha256}"} for one in call.files],
        "exact": call.exact, "body_sha256": wire.body_sha256,
        "status": wire.status, "ms": wire.ms, "request_id": wire.request_id,
    }  # fmt: skip


def _provider(models: Models, endpoint: str) -> ProviderState | None:
    try:
        return models.provider(endpoint.partition("/")[0])
    except NotFoundError:
        return None


def _auth(state: ProviderState | None) -> Auth | None:
    return None if state is None or state.adapter is None else state.adapter.auth


async def _pictures(wire: WireRecord, pictures: Pictures) -> dict[str, bytes]:
    """The pictures of a call, as far as they are kept here."""
    found = {}
    for sha256 in named_in(wire):
        try:
            found[sha256] = await pictures.bytes_of(sha256)
        except NotFoundError:
            continue
    return found
