"""Records to test with."""

from itertools import count
from typing import Any

from hypothesis import strategies as st

from triptych.spec.image import Adjustment, Cost
from triptych.spec.model import JobHandle, WireRecord
from triptych.spec.records import AttemptRecord, LedgerEntry, PictureRecord, RunRecord, TileError, TileRecord
from triptych.spec.routing import Candidate, Decision, Features

NOW = 1_790_000_000_000
unique = count()


class FixedClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        self.now += int(max(0.0, seconds) * 1000)


def run_of(id_: str = "run_1", text: str = "a red fox", created_ms: int = NOW, **more: Any) -> RunRecord:
    return RunRecord(id=id_, created_ms=created_ms, text=text, **({"source": "studio"} | more))


def tile_of(id_: str = "tile_1", run_id: str = "run_1", **more: Any) -> TileRecord:
    values: dict[str, Any] = {
        "position": 0,
        "model": "demo/aurora",
        "state": "queued",
        "created_ms": NOW,
        "updated_ms": NOW,
        "ratio": 1.5,
        "request": {"prompt": "a red fox"},
    }
    return TileRecord(id=id_, run_id=run_id, **(values | more))


def picture_of(id_: str = "pic_1", tile_id: str = "tile_1", **more: Any) -> PictureRecord:
    values: dict[str, Any] = {
        "position": 0,
        "sha256": "ab" * 32,
        "media_type": "image/png",
        "width": 64,
        "height": 48,
        "bytes": 1234,
        "created_ms": NOW,
    }
    return PictureRecord(id=id_, tile_id=tile_id, **(values | more))


def attempt_of(id_: str, tile_id: str = "tile_1", **more: Any) -> AttemptRecord:
    values: dict[str, Any] = {"number": 1, "endpoint": "demo/aurora", "started_ms": NOW}
    return AttemptRecord(id=id_, tile_id=tile_id, **(values | more))


def decision_of(id_: str, taken_ms: int = NOW) -> Decision:
    candidates = (
        Candidate(endpoint="demo/aurora", rank=0, reason="picked", price_micro_usd=40_000, latency_ms=900),
        Candidate(endpoint="demo/woodcut", rank=-1, reason="no_key"),
    )
    features = Features(model="auto", operation="generate", n=2, mask=False, lane_floor="pinned")
    return Decision(
        id=id_, policy="cheap", nonce="00ff", features=features, taken_ms=taken_ms, candidates=candidates
    )  # fmt: skip


def entry_of(reservation: str, kind: Any = "reserve", amount: int = 0, **more: Any) -> LedgerEntry:
    values: dict[str, Any] = {"known": True, "created_ms": NOW, "day": "2026-11-21"}
    return LedgerEntry(
        id=f"led_{next(unique)}", reservation=reservation, kind=kind, amount_micro_usd=amount, **(values | more)
    )


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_small = st.integers(0, 2**31 - 1)
_time = st.integers(0, 2**42)
_money = st.none() | st.builds(Cost, st.none() | st.integers(0, 2**62), st.sampled_from(["provider", "table"]))
_real = st.floats(allow_nan=False, allow_infinity=False)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _real | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_object = st.dictionaries(_text, _json, max_size=3)
_billed = st.sampled_from(["yes", "no", "unknown"])
_adjustment = st.builds(Adjustment, feature=_text, kind=st.sampled_from(["native", "adjusted"]), detail=_text)
_error = st.none() | st.builds(
    TileError, code=_text, failure=_text, message=_text, hint=st.none() | _text, billed=_billed, upstream=st.none() | _text, retry_after_s=st.none() | _real,
)  # fmt: skip
_wire = st.builds(
    WireRecord, method=st.just("POST"), url=_text, headers=st.dictionaries(_text, _text, max_size=3),
    body=st.none() | _text, body_sha256=st.none() | st.just("ab" * 32),
)  # fmt: skip
_lane = st.none() | st.sampled_from(["local", "commercial"])
_job = st.none() | st.builds(JobHandle, provider=_text, endpoint=_text, job_id=_text, state=_object)


def _id(kind: str) -> st.SearchStrategy[str]:
    return st.builds(lambda: f"{kind}_{next(unique)}")


runs = st.builds(
    RunRecord,
    id=_id("run"),
    created_ms=_time,
    text=_text,
    settings=_object,
    source=st.sampled_from(["studio", "api", "cli"]),
    deleted=st.booleans(),
)
tiles = st.builds(
    TileRecord, id=_id("tile"), run_id=st.just("run_1"), position=_small, model=_text, created_ms=_time,
    updated_ms=_time, ratio=_real, request=_object, estimate=_money, cost=_money, error=_error, job=_job,
    started_ms=st.none() | _time, ended_ms=st.none() | _time, owner=st.none() | st.just("server_1"),
    state=st.sampled_from(["queued", "done", "lost"]), endpoint=st.none() | _text, lane=_lane, billed=_billed,
    adjustments=st.lists(_adjustment, max_size=3).map(tuple), hidden=st.booleans(),
)  # fmt: skip
pictures = st.builds(
    PictureRecord, id=_id("pic"), tile_id=st.just("tile_1"), position=_small, sha256=st.just("ab" * 32),
    media_type=_text, width=_small, height=_small, bytes=_small, created_ms=_time, revised_prompt=st.none() | _text, seed=st.none() | st.integers(0, 2**64 - 1), cost=_money,
)  # fmt: skip
attempts = st.builds(
    AttemptRecord, id=_id("att"), tile_id=st.just("tile_1"), number=_small, endpoint=st.just("demo/aurora"),
    started_ms=_time, ended_ms=st.none() | _time, error=_error, wires=st.lists(_wire, max_size=2).map(tuple),
    cost=_money, billed=_billed, outcome=st.sampled_from(["running", "done", "failed"]),
)  # fmt: skip
decisions = st.builds(Decision, id=_id("dec"), taken_ms=_time)
