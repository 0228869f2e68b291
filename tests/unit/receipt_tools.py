"""A receipt with everything that checks it, made without a server."""

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from triptych.network.verify import Evidence
from triptych.router.bundle import policy_bytes
from triptych.router.decide import decide
from triptych.router.policy import CHEAPEST, catalogue_body, with_catalogue
from triptych.router.sealed import seal
from triptych.spec.clock import SystemClock
from triptych.spec.image import Cost, Usage
from triptych.spec.model import Capabilities, JobHandle, Lane, ModelCard, PriceLine, WireRecord
from triptych.spec.records import AttemptRecord, PictureRecord, RunRecord, TileRecord
from triptych.spec.routing import EndpointState, Features, Snapshot
from triptych.store.receipts import Facts, ReceiptRecord
from triptych.studio.receipts import ReceiptMaker
from triptych.tlog.log import Log
from triptych.tlog.note import Signer
from triptych.tlog.policy import TrustPolicy

PROMPT = "a kettle nobody may read about"
SIGNER = Signer.from_seed("example.com/log", bytes(range(32)))
OTHER = Signer.from_seed("example.com/log", bytes(32))
TRUST = TrustPolicy.parse(f"log {SIGNER.key}\nquorum none\n")


def picture_bytes(colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(out, "PNG")
    return out.getvalue()


IMAGE = picture_bytes()
SNAPSHOT = Snapshot(
    taken_ms=1_800_000_000_000,
    endpoints=(
        EndpointState(endpoint="one/kettle", family="kettle", lane="commercial", ready=True, price_micro_usd=40_000),
        EndpointState(endpoint="two/kettle", family="kettle", lane="commercial", ready=True, price_micro_usd=67_000),
        EndpointState(endpoint="three/kettle", family="kettle", lane="commercial", ready=False),
        EndpointState(endpoint="four/fox", family="fox", lane="local", ready=False),
    ),
)


def card(name: str, lane: Lane, *micro_usd: int) -> ModelCard:
    provider, _, family = name.partition("/")
    prices = (PriceLine(unit="image", micro_usd_per_million=one * 10**6, source="https://example.com", as_of="2026-11-01")
              for one in micro_usd)  # fmt: skip
    return ModelCard(
        id=name, provider=provider, provider_model_id=f"{family}-1", family=family, name=family, maker="Kettles", lane=lane,
        capabilities=Capabilities(operations=("generate", "edit"), max_input_images=4), prices=tuple(prices),
    )  # fmt: skip


CARDS = (card("one/kettle", "commercial", 40_000), card("two/kettle", "commercial", 67_000),
         card("three/kettle", "commercial"), card("four/fox", "local"))  # fmt: skip
CATALOGUE = catalogue_body(CARDS)
POLICY = with_catalogue(CHEAPEST, hashlib.sha256(CATALOGUE).hexdigest())
FEATURES = Features(model="kettle", operation="edit", quality="low", megapixels_x100=104, input_images=1)
TAKEN = SNAPSHOT.taken_ms
DECISION = replace(decide(POLICY, SNAPSHOT, FEATURES, "00ff"), id="dec_1")
RUN = RunRecord(id="run_1", created_ms=1, text=PROMPT, source="api", settings={"api_key": "key_0123456789abcdef"})
TILE = TileRecord(
    id="tile_1", run_id="run_1", position=0, model="kettle", state="done", created_ms=TAKEN - 1, updated_ms=TAKEN + 9, ratio=1.5,
    request={"prompt": PROMPT, "n": 1, "quality": "low", "negative_prompt": "no secret lid", "knobs": {"chaos": 0.5},
             "images": [{"sha256": "ab" * 32, "bytes": 12, "media_type": "image/png", "width": 2, "height": 3,
                         "role": "edit"}]},
    endpoint="one/kettle", model_served="kettle-1", lane="commercial", cost=Cost(40_000, "table"), billed="yes",
    usage=Usage(output_tokens=7), ended_ms=TAKEN + 9, decision_id="dec_1",
)  # fmt: skip
WIRE = WireRecord(
    method="POST", url="https://user:pw@api.example.com/v1?key=1", headers={}, body=PROMPT, body_sha256="cd" * 32,
    status=200, ms=41, request_id="req_8",
)  # fmt: skip
ATTEMPT = AttemptRecord(id="att_1", tile_id="tile_1", number=1, endpoint="one/kettle", started_ms=TAKEN + 2, ended_ms=TAKEN + 8,
                        outcome="done", wires=(WIRE,), cost=Cost(40_000, "table"), billed="yes")  # fmt: skip
FACTS = Facts(seq=3, run=RUN, attempts=(ATTEMPT,), decisions=(DECISION,),
              job=JobHandle(provider="one", endpoint="one/kettle", job_id="job-77", state={}))  # fmt: skip


class At(SystemClock):
    """A clock that stands still."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms


SIGNED = At(TAKEN + 10)  # the receipt, as soon as the tile is over


def picture_record(data: bytes = IMAGE) -> PictureRecord:
    return PictureRecord(id="img_1", tile_id="tile_1", position=0, sha256=hashlib.sha256(data).hexdigest(),
                         media_type="image/png", width=24, height=16, bytes=len(data), created_ms=9)  # fmt: skip


def receipt(tile: TileRecord = TILE, facts: Facts = FACTS, signer: Signer = SIGNER) -> ReceiptRecord | None:
    pictures = (picture_record(),) if tile.state == "done" else ()
    return ReceiptMaker(signer, SIGNED).make(tile, pictures, facts)


def made(tile: TileRecord = TILE, facts: Facts = FACTS, signer: Signer = SIGNER) -> ReceiptRecord:
    found = receipt(tile, facts, signer)
    assert found is not None
    return found


@dataclass(frozen=True)
class Whole:
    """Evidence with which every line that can be proved is proved."""

    record: ReceiptRecord
    evidence: Evidence


async def whole(folder: Path) -> Whole:
    record = made()
    log = await Log.create(folder / "log", SIGNER, SIGNED)
    for entry in (b"before", record.body.encode(), b"after"):
        await log.append(entry)
    await log.close()  # its last checkpoint is made at once
    log = await Log.open(folder / "log", SIGNER, SIGNED)
    proof = await log.proof(1)
    await log.close()
    evidence = Evidence(receipt=record.body.encode(), images={"a.png": IMAGE}, keys=(SIGNER.key.public,), proof=proof,
                        trust=TRUST, policy=policy_bytes(POLICY), snapshot=seal(SNAPSHOT).body, catalogue=CATALOGUE,
                        opening=record.private.encode())  # fmt: skip
    return Whole(record, evidence)
