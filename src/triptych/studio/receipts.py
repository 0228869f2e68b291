"""The receipt of a tile: its facts out of the records, signed where its end is written.

Who reads the log can learn from a receipt which model was asked for, by which rules, with what outcome and cost. What was
written, and who asked, is in it only as a commitment. Texts of messages are left out, because they may repeat the prompt.
"""

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from triptych.network.jose import kid_of
from triptych.network.receipt import FORMAT, SALT_BYTES, commitment, inputs_of, sign
from triptych.router.budget import NO_CAPS
from triptych.spec.clock import Clock
from triptych.spec.ids import new_id
from triptych.spec.image import Adjustment
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import JobHandle, WireRecord
from triptych.spec.records import AttemptRecord, PictureRecord, Restored, TileError, TileRecord
from triptych.spec.routing import Candidate, Decision, Features
from triptych.store.codec import to_json
from triptych.store.receipts import Facts, ReceiptRecord
from triptych.studio.terms import DEADLINE_S, Terms, terms_of
from triptych.tlog.note import Signer

# How much of each is listed, the rest is counted: so that every receipt fits into one entry of the log.
MAX_CANDIDATES = 40
MAX_ATTEMPTS = 20  # the last ones
MAX_EARLIER = 10  # of those before, only as they are counted
MAX_CALLS = 6  # of one attempt, the first ones; polls of one job count as one
MAX_PICTURES = 40
MAX_ADJUSTMENTS = 20
MAX_TEXT = 200  # bytes of a text that a provider or a user chose
_PRIVATE = (".local", ".localhost", ".lan", ".home", ".home.arpa", ".internal", ".intranet")
_ASKED = ("n", "size", "aspect_ratio", "resolution", "quality", "seed", "background", "output_format",
          "output_compression", "moderation", "input_fidelity", "previews", "task")  # fmt: skip
_EVENTS = ("epoch", "operation", "share", "began", "began_ms", "ended", "ended_ms", "sign", "took_ms",
           "retry_after_ms", "hedge")  # fmt: skip
"""What the router counted of an attempt, and `triptych.router.derive` counts again."""
_SAID = frozenset({*_ASKED, "images", "mask", "pictures"})
"""Features whose adjustment is told in words: those words cannot hold any of the prompt's."""


@dataclass(frozen=True, slots=True)
class ReceiptMaker:
    """Makes the receipts of tiles that end (see `triptych.store.receipts`). `tell` is called after each one."""

    key: Signer
    clock: Clock
    tell: Callable[[], None] = lambda: None

    @property
    def signer(self) -> str:
        return kid_of(self.key.key.public)

    def made(self) -> None:
        self.tell()

    def make(self, tile: TileRecord, pictures: Sequence[PictureRecord], facts: Facts) -> ReceiptRecord | None:
        """The receipt of a tile; None for one that was cancelled before anything was sent, or counted."""
        if tile.state == "cancelled" and not any(attempt.wires or attempt.epoch for attempt in facts.attempts):
            return None
        now = self.clock.now_ms()
        name, request = (
            new_id("rcpt", now),
            to_json({**tile.request, "model": tile.model, "terms": _terms(tile, facts)}),
        )
        salt, caller_salt = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(SALT_BYTES)
        payload: dict[str, Json] = {
            "id": name,
            "issued_ms": now,
            **facts_of(tile, pictures, facts, salt),
            "commitments": {
                "caller": commitment(caller_salt, "caller", _caller(facts).encode()),
                "request": commitment(salt, "request", request.encode()),
            },
        }
        private = {"salt": salt.hex(), "request": request, "caller_salt": caller_salt.hex()}
        return ReceiptRecord(id=name, tile_id=tile.id, signer=self.signer, seq=facts.seq, created_ms=now,
                             body=sign(payload, self.key), private=to_json(private))  # fmt: skip


def facts_of(tile: TileRecord, pictures: Sequence[PictureRecord], facts: Facts, salt: bytes) -> dict[str, Json]:
    """What a receipt says besides its name and its commitments. Whole numbers and texts only."""
    decision = next((one for one in facts.decisions if one.id == tile.decision_id), None)
    body: dict[str, Json] = {
        "format": FORMAT,
        "seq": facts.seq,
        "tile": tile.id,
        "state": tile.state,
        "asked_ms": tile.created_ms,
        "ended_ms": tile.ended_ms,
        "asked": _asked(tile),
        "decisions": len(facts.decisions),
        "attempts": [
            _attempt(one, salt, _job_id(facts.job, tile.lane, salt)) for one in facts.attempts[-MAX_ATTEMPTS:]
        ],
        "attempts_in_all": len(facts.attempts),
        **_earlier(facts.attempts[:-MAX_ATTEMPTS]),
        "adjustments": [_adjustment(one) for one in tile.adjustments[:MAX_ADJUSTMENTS]],
        "inputs": _inputs(tile.request),
        "outputs": [_output(one) for one in pictures[:MAX_PICTURES]],
        "billed": tile.billed,
        "fee_micro_usd": sum(one.fee_micro_usd for one in facts.attempts),
    }
    if decision is not None:
        body["decision"] = decision_json(decision)
    if tile.endpoint is not None:
        served = None if tile.model_served is None else _text(tile.model_served)
        body["served"] = {"endpoint": tile.endpoint, "lane": tile.lane, "model": served}
    if tile.cost is not None:
        body["cost"] = {"amount_micro_usd": tile.cost.amount_micro_usd, "source": tile.cost.source}
    if tile.usage is not None and (used := _known(msgspec.to_builtins(tile.usage))):
        body["usage"] = used
    if tile.error is not None:
        body["error"] = _error(tile.error)
    return body


def decision_json(decision: Decision) -> JsonObject:
    """A decision as a receipt states it. Candidates that are another model than was asked for are counted, not listed."""
    asked_for = [one for one in decision.candidates if one.reason != "other_model"]
    listed = sorted(asked_for, key=lambda one: (one.rank < 0, one.rank))[:MAX_CANDIDATES]
    return {
        "policy": _text(decision.policy),
        "policy_id": decision.policy_id,
        "snapshot_id": decision.snapshot_id,
        "nonce": _text(decision.nonce),
        "nonce_from": decision.nonce_from,
        "taken_ms": decision.taken_ms,
        "features": _features(decision.features),
        "picked": decision.order[0] if decision.order else None,
        "candidates": [candidate_json(one) for one in listed],
        "other_models": len(decision.candidates) - len(asked_for),
        "not_listed": len(asked_for) - len(listed),
    }


def candidate_json(candidate: Candidate) -> JsonObject:
    """A candidate as a receipt states it."""
    return _known(msgspec.to_builtins(candidate))


def _asked(tile: TileRecord) -> JsonObject:
    asked: dict[str, Json] = {name: _plain(tile.request[name]) for name in _ASKED if name in tile.request}
    knobs, options = tile.request.get("knobs"), tile.request.get("options")
    if isinstance(knobs, Mapping):
        asked["knobs"] = sorted(map(_text, knobs))
    if isinstance(options, Mapping):
        asked["options_for"] = sorted(map(_text, options))
    return {"model": _text(tile.model), **asked}


def _job_id(job: JobHandle | None, lane: str | None, salt: bytes) -> tuple[str, str] | None:
    """Where a job ran, and its number there. Outside the commercial lane whoever knows the number may be given the
    picture: there it is a commitment."""
    if job is None:
        return None
    return job.endpoint, _text(
        job.job_id
    ) if lane == "commercial" else f"hmac:{commitment(salt, 'job', job.job_id.encode())}"


def _attempt(attempt: AttemptRecord, salt: bytes, job: tuple[str, str] | None) -> JsonObject:
    said: dict[str, Json] = {
        "number": attempt.number,
        "endpoint": attempt.endpoint,
        "outcome": attempt.outcome,
        "ms": None if attempt.ended_ms is None else attempt.ended_ms - attempt.started_ms,
        "billed": attempt.billed,
        "sent": [_sent(wire, salt) for wire in attempt.wires[:MAX_CALLS]],
        "calls_in_all": sum(wire.calls for wire in attempt.wires),
    }
    if attempt.cost is not None:
        said["cost"] = {"amount_micro_usd": attempt.cost.amount_micro_usd, "source": attempt.cost.source}
    if attempt.fee_micro_usd:
        said["fee_micro_usd"] = attempt.fee_micro_usd
    if attempt.error is not None:
        said["error"] = _error(attempt.error)
    if attempt.epoch:
        said["events"] = _events(attempt)
    if job is not None and job[0] == attempt.endpoint:
        said["upstream_id"] = job[1]
    return said


def _earlier(attempts: Sequence[AttemptRecord]) -> JsonObject:
    """Of attempts that are not listed what was counted, so that the numbers of the events have no gap."""
    counted = [one for one in attempts if one.epoch][-MAX_EARLIER:]
    said: list[Json] = [{"endpoint": o.endpoint, "outcome": o.outcome, "events": _events(o)} for o in counted]
    return {"earlier": said} if said else {}


def _events(attempt: AttemptRecord) -> JsonObject:
    said = _known({name: getattr(attempt, name) for name in _EVENTS})
    return said if attempt.hedge else {name: value for name, value in said.items() if name != "hedge"}


def _sent(wire: WireRecord, salt: bytes) -> JsonObject:
    """Where a call went, how it was answered, and a commitment to the bytes that went there. A call without a status got
    no answer."""
    host = urlsplit(wire.url).netloc.rpartition("@")[2]
    said = _known({"step": wire.step, "method": wire.method, "host": _host(host, salt),
                   "status": wire.status, "ms": wire.ms, "calls": wire.calls if wire.calls > 1 else None,
                   "request_id": None if wire.request_id is None else _text(wire.request_id)})  # fmt: skip
    if wire.body_sha256 is not None:
        said["body"] = commitment(salt, "body", wire.body_sha256.encode())
    return said


def _host(host: str, salt: bytes) -> str:
    """A public host by its name. One in somebody's own network is nobody's business: a commitment."""
    name = host.rpartition(":")[0].strip("[]") if re.search(r":[0-9]+$", host) else host.strip("[]")
    try:
        known = ipaddress.ip_address(name).is_global
    except ValueError:
        known = "." in name and not name.lower().endswith(_PRIVATE)
    return _text(host) if known else f"hmac:{commitment(salt, 'host', host.encode())}"


def _error(error: TileError) -> JsonObject:
    return _known({"code": error.code, "class": error.failure, "status": error.status})


def _adjustment(note: Adjustment) -> JsonObject:
    said: dict[str, Json] = {"feature": _text(note.feature), "kind": note.kind}
    return said | ({"detail": _text(note.detail)} if note.feature in _SAID else {})


def _inputs(request: Mapping[str, Any]) -> list[Json]:
    given, kept = inputs_of(request)[:MAX_PICTURES], ("sha256", "bytes", "media_type", "width", "height")
    return [{**{name: one[name] for name in kept if name in one}, "role": role} for one, role in given]


def _output(picture: PictureRecord) -> JsonObject:
    said: dict[str, Json] = {"sha256": picture.sha256, "bytes": picture.bytes, "media_type": picture.media_type,
                        "width": picture.width, "height": picture.height}  # fmt: skip
    if picture.bare_sha256 is not None:
        said["bare_sha256"] = picture.bare_sha256
    if picture.received is not None:
        said["received"] = _known(msgspec.to_builtins(picture.received))
    if picture.restored is not None:
        said["restored"] = _restored(picture.restored)
    if picture.credentials is not None:
        said["upstream_credentials"] = _known(msgspec.to_builtins(picture.credentials))
    return said


def _restored(restored: Restored) -> JsonObject:
    """What of a picture is the model's and what the source's: outside of the mask it was taken from the source again."""
    names = ("state", "source", "mask", "changed_permille", "scale_permille", "feather_px")
    return _known({**{name: getattr(restored, name) for name in names}, "shift_px": list(restored.shift_px)})


def _features(features: Features) -> JsonObject:
    """What was decided about. A lane that is left out is named where it is, so that receipts from before there was such a wish read
    the same."""
    said = _known(msgspec.to_builtins(features))
    return said if features.no_community else {name: value for name, value in said.items() if name != "no_community"}


def _terms(tile: TileRecord, facts: Facts) -> JsonObject:
    """The user's own conditions for the router, so that their owner can show that one was dropped."""
    terms = terms_of(facts.run, NO_CAPS, DEADLINE_S) if facts.run is not None else Terms(caps=NO_CAPS)
    said: dict[str, Json] = {
        "lane_floor": terms.lane_floor,
        "other_models": terms.allow_model_failover or None,
        "no_training": terms.floors.no_training or None,
        "max_retention_days": terms.floors.max_retention_days,
        "regions": sorted(set(terms.floors.regions)) or None,
        "no_community": terms.floors.no_community or None,
        "hedge": terms.hedge or None,
        "nonce": tile.nonce or terms.nonce,
    }
    return _known(said)


def _caller(facts: Facts) -> str:
    """The caller's stable name, empty for nobody in particular."""
    return str((facts.run.settings.get("api_key") if facts.run else None) or "")


def _known(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Json) -> Json:
    """A setting as a whole number, a yes or no, or a text."""
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _text(value: object) -> str:
    return str(value).encode()[:MAX_TEXT].decode(errors="ignore")
