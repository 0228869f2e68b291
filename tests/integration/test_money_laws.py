"""No sequence of faults, crashes and retries makes the books differ from what the providers charged, lets spending pass a
cap, or pays twice for one wish. The real program, its store and its adapters, against providers that keep their own bill."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from tests.emulators import Emulator, Emulators, Gate, Kind, Scenario
from tests.integration.conftest import make_place
from tests.integration.place import FINAL, Loop, Place, TlsFront

from triptych.router.bundle import policy_json
from triptych.router.policy import CHEAPEST
from triptych.spec.records import LedgerEntry
from triptych.spec.routing import Fees

FEES = Fees(per_mille=30, per_request_micro_usd=70)
TIGHT = 20_500  # room for a picture of 20,000, and not for its fee
HOSTS: Mapping[str, tuple[str, Callable[[Emulators], Emulator]]] = {
    "xai": ("xai/grok-imagine-image", lambda e: e.xai),
    "bytedance": ("bytedance/seedream-4.0", lambda e: e.ark),
    "relay": ("relay/picture", lambda e: e.relay),
    "google": ("google/gemini-3.1-flash-image", lambda e: e.google),
    "openai": ("openai/gpt-image-1-mini", lambda e: e.openai),
}
FAULTS = (
    Kind.SUCCESS, Kind.FORBIDDEN, Kind.RATE_LIMIT, Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.HTML_502, Kind.EMPTY_BODY,
    Kind.INVALID_JSON, Kind.HALF_JSON, Kind.TRUNCATED_BODY, Kind.CUT_BEFORE_READ, Kind.CUT_AFTER_READ, Kind.PARTIAL,
    Kind.REFUSAL, Kind.EMPTY_DATA, Kind.MODERATION_INPUT, Kind.MODERATION_FREE, Kind.MODERATION_BILLED,
    Kind.INVALID_BASE64, Kind.TEXT_AS_PNG, Kind.HALF_IMAGE, Kind.URL_EXPIRED,
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """An order for pictures whose first call meets a fault; a slow one is not answered before the end, or a stop."""

    host: str
    fault: Kind
    n: int
    slow: bool
    keyed: bool  # a program's, under an Idempotency-Key, asked twice


starts = st.builds(
    Start, st.sampled_from(sorted(HOSTS)), st.sampled_from(FAULTS), st.integers(1, 3), st.booleans(), st.booleans()
)
deeds = st.sampled_from(["stop", "retry", "restart", "kill", "answer"])
tales = st.lists(st.one_of(starts, starts, deeds), min_size=2, max_size=7)


@dataclass
class Life:
    """One sequence over a server, with what was wished for: by prompt, how often a person asked for that picture."""

    place: Place
    cap: int
    before: int = 0  # entries of the ledger
    spent_before: int = 0
    wishes: Counter[str] = field(default_factory=Counter)
    tiles: dict[str, str] = field(default_factory=dict)  # prompt by tile
    gates: list[Gate] = field(default_factory=list)

    def begin(self) -> None:
        place = self.place
        place.emulators.reset()
        place.emulators.files.front = place.front.url
        place.fresh()
        self.before, self.spent_before = len(self.ledger(0)), self.spent()
        put = place.send("PUT", "/api/caps", {"day": self.spent_before + self.cap})
        assert put.status_code == 200

    def ledger(self, first: int | None = None) -> tuple[LedgerEntry, ...]:
        return self.place.do(self.place.app.store.ledger())[self.before if first is None else first :]

    def spent(self) -> int:
        return int(self.place.get("/api/spend").json()["today"]["amount_micro_usd"])

    def do(self, deed: Start | str, number: int) -> None:
        if isinstance(deed, Start):
            self.start(deed, f"kettle number {number}")
        else:
            getattr(self, deed)()
        assert self.spent() - self.spent_before <= self.cap, "a cap was passed"

    def start(self, order: Start, prompt: str) -> None:
        model, host = HOSTS[order.host][0], HOSTS[order.host][1](self.place.emulators)
        fault = order.fault if order.fault in host.kinds or order.fault in Emulator.kinds | TRANSPORT else Kind.SUCCESS
        gate = Gate() if order.slow and not order.keyed else None
        if gate is not None:
            self.gates.append(gate)
        host.play(Scenario(fault, gate=gate))
        self.wishes[prompt] += order.n
        if order.keyed:
            self.ask_twice({"model": model, "prompt": prompt, "n": order.n}, prompt)
            return
        answer = self.place.post("/api/runs", {"text": prompt, "models": [model], "n": order.n})
        for tile in answer.json().get("tiles", ()):
            self.tiles[tile["id"]] = prompt
        if answer.status_code == 202 and gate is None:
            for tile in answer.json()["tiles"]:
                self.place.ended(tile["id"])
        assert answer.status_code in {202, 402}, answer.text

    def ask_twice(self, order: dict[str, Any], prompt: str) -> None:
        """The second time changes nothing, unless the first cost nothing and gave the key free."""
        found = [
            self.place.http.post(
                f"{self.place.url}/v1/images/generations", json=order, headers={"Idempotency-Key": prompt}
            )
            for _ in range(2)
        ]
        if found[0].status_code == 200:
            assert found[1].json()["data"] == found[0].json()["data"]

    def under_way(self) -> list[str]:
        return [tile for tile in self.tiles if self.place.tile(tile)["state"] not in FINAL]

    def stop(self) -> None:
        for tile in self.under_way()[-1:]:
            self.place.post(f"/api/tiles/{tile}/cancel")

    def retry(self) -> None:
        over = [tile for tile in self.tiles if self.place.tile(tile)["state"] in FINAL]
        for tile in over[-1:]:
            answer = self.place.post(f"/api/tiles/{tile}/retry", {"confirm": True})
            if answer.status_code == 202:
                self.wishes[self.tiles[tile]] += 1
                again = answer.json()
                self.tiles[again["id"]] = self.tiles[tile]

    def restart(self) -> None:
        self.place.close()
        self.place.open()

    def kill(self) -> None:
        self.place.vanish()
        self.place.open()

    def answer(self) -> None:
        for gate in self.gates:
            gate.release()

    def end(self) -> None:
        self.answer()
        for tile in self.tiles:
            self.place.ended(tile)


TRANSPORT = frozenset({Kind.SUCCESS, Kind.HTML_502, Kind.EMPTY_BODY, Kind.INVALID_JSON, Kind.HALF_JSON,
                       Kind.TRUNCATED_BODY, Kind.CUT_BEFORE_READ, Kind.CUT_AFTER_READ})  # fmt: skip


def check_bills(life: Life) -> None:
    """The ledger of each provider against its own bill."""
    entries = life.ledger()
    reserved = {one.reservation: one for one in entries if one.kind == "reserve"}
    closed = {one.reservation: one for one in entries if one.kind != "reserve"}
    assert reserved.keys() == closed.keys(), "a reservation was left open"
    assert len(closed) * 2 == len(entries), "a reservation was closed twice"
    for name, (_, host) in HOSTS.items():
        mine = [closed[key] for key, one in reserved.items() if (one.endpoint or "").startswith(f"{name}/")]
        known = sum(one.amount_micro_usd for one in mine if one.known)
        guessed = sum(one.amount_micro_usd for one in mine if not one.known)
        bill = host(life.place.emulators).charged_micro_usd
        assert known <= bill <= known + guessed, f"{name} charged {bill}; {known} is known and {guessed} guessed"
    for key, one in closed.items():
        call = reserved[key].fee_of
        if call is not None:
            charge = closed[call]
            assert one.amount_micro_usd == FEES.on(charge.amount_micro_usd), "the fee is the declared one"
            assert one.known == charge.known or not one.amount_micro_usd


def check_wishes(life: Life) -> None:
    """How often each wish was paid."""
    for _, host in HOSTS.values():
        emulator = host(life.place.emulators)
        bodies = {one.number: str(one.body) for one in emulator.requests}
        for prompt, wished in life.wishes.items():
            paid = sum(one.micro_usd > 0 and f"{prompt}'" in bodies[one.request_number] for one in emulator.charges)
            assert paid <= wished, f"{prompt!r} was paid {paid} times and wished for {wished} times"


@pytest.fixture(scope="module")
def served(
    emulator_servers: Emulators, other_loop: Loop, front: TlsFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = make_place(tmp_path_factory.mktemp("laws"), emulator_servers, other_loop, front)
    policy = {**policy_json(CHEAPEST), "name": "dear", "fees": msgspec.to_builtins(FEES)}
    (place.data / "dear.json").write_bytes(msgspec.json.encode(policy))
    place.overrides = {"policy": "dear.json"}
    yield place.open()
    place.done()
    emulator_servers.files.front = None
    emulator_servers.reset()


@settings(
    max_examples=30, derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
@given(tale=tales, cap=st.sampled_from([TIGHT, 30_000, 150_000, 10_000_000]))
@example(tale=[Start("xai", Kind.SUCCESS, 1, slow=False, keyed=True)], cap=TIGHT)
@example(tale=[Start("relay", Kind.CUT_AFTER_READ, 2, slow=False, keyed=True), "kill", "retry"], cap=150_000)
@example(
    tale=[Start("google", Kind.SUCCESS, 3, slow=True, keyed=False), "stop", "kill", "retry", "answer"], cap=10_000_000
)
def test_the_books_agree_with_the_bills_whatever_happens(served: Place, tale: list[Start | str], cap: int) -> None:
    life = Life(served, cap)
    life.begin()
    for number, deed in enumerate(tale):
        life.do(deed, number)
    life.end()
    assert life.spent() - life.spent_before <= cap, "a cap was passed"
    check_bills(life)
    check_wishes(life)
