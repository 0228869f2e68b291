"""What a server states in its log besides receipts: policies, snapshots, and keys that hand over."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.place import Place
from tests.integration.test_receipts import DEMO, FOX, entries_in, none_waits, payload, serving, until
from tests.unit.cli_tools import Program

from triptych.app.log_set_up import open_identity, places_of
from triptych.app.rotation import _agree, _append, rotate_key
from triptych.app.statements import MAX_IDS, Statements
from triptych.cli.log_source import with_log
from triptych.cli.verify import redecide, rederive
from triptych.config.settings import load
from triptych.network import statement
from triptych.network.beside import catalogue_path, pack_path, policy_path, unpack
from triptych.network.evidence import Evidence
from triptych.network.identity import exchange, keep_key, load_or_create, next_key
from triptych.network.jws import JwsError, peek
from triptych.network.receipt import ReceiptError, read
from triptych.network.statement import Statement, StatementError, hand_over, sign
from triptych.network.verify import verify
from triptych.spec.clock import SystemClock
from triptych.spec.errors import ConflictError, StorageError
from triptych.store.records import open_store
from triptych.tlog.log import Log
from triptych.tlog.note import Signer
from triptych.tlog.policy import TrustPolicy

ONE = Signer.from_seed("triptych/one", bytes(range(32)))
TWO = Signer.from_seed("triptych/one", bytes(range(1, 33)))


def stated(place: Place, kind: str) -> list[tuple[int, Statement]]:
    """The statements of one kind in the log, with their places."""
    found = []
    for index, entry in enumerate(entries_in(place)):
        parts = peek(entry)
        if parts and parts[0].get("typ") == statement.TYPE and parts[1]["kind"] == kind:
            found.append((index, statement.read(entry)))
    return found


def all_in(place: Place) -> None:
    """Until the checkpoint is over everything there is."""

    async def reached() -> bool:
        if await place.app.store.leaves.waiting():
            return False
        origin = place.app.receipts._identity.key.name
        size = (await place.app.receipts.state()).size or 0
        return size > 0 and size == await place.app.store.leaves.next_index(origin)

    place.do(until(reached))


# The line itself.


def test_a_statement_is_signed_and_of_a_known_kind() -> None:
    text = sign("policy", {"policy_id": "ab", "active_ms": 5}, ONE, name="s", issued_ms=7)
    found = statement.read(text.encode() + b"\n")
    assert (found.id, found.kind, found.issued_ms) == ("s", "policy", 7)
    assert found.leaf == text.encode()
    for place in range(len(text)):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        with pytest.raises(StatementError):
            statement.read(changed.encode("utf-8"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [("gossip", {}), ("policy", {"policy_id": "ab"}), ("snapshots", {"ids": [1], "pack": "", "first": 0, "end": 1}),
     ("key", {"old": "a", "new": "b", "consent": "c"}), ("health", {})],
)  # fmt: skip
def test_a_statement_of_no_known_shape_is_not_signed(kind: str, body: Any) -> None:
    with pytest.raises(StatementError):
        sign(kind, body, ONE, name="s", issued_ms=7)


def test_a_receipt_is_no_statement_and_a_statement_no_receipt() -> None:
    text = sign("pick", {}, ONE, name="s", issued_ms=7).encode()
    with pytest.raises(ReceiptError, match="header is not that of a receipt"):
        read(text)
    assert not issubclass(ReceiptError, JwsError)


def test_a_hand_over_needs_both_keys() -> None:
    good = statement.read(hand_over(ONE, TWO, name="k", issued_ms=7).encode())
    assert good.kid == good.payload["old"] != good.payload["new"]
    other = statement.read(hand_over(ONE, TWO, name="k", issued_ms=8).encode())
    thief = {**good.payload, "consent": other.payload["consent"]}  # the new key agreed to another moment
    with pytest.raises(StatementError, match="not signed the same"):
        sign("key", thief, ONE, name="k", issued_ms=7)
    with pytest.raises(StatementError, match="not signed the same"):
        sign("key", dict(good.payload), TWO, name="k", issued_ms=7)


def test_five_hundred_snapshots_fit_into_an_entry() -> None:
    ids = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(MAX_IDS)]
    text = sign(
        "snapshots", {"ids": ids, "pack": ids[0], "first": 2**40, "end": 2**41}, ONE, name="s" * 60, issued_ms=2**42
    )
    assert len(text) < 65_000


# In the log of a server.


def test_each_policy_is_stated_once_with_itself_and_its_catalogue_beside_the_log(own_place: Place) -> None:
    place = serving(own_place)
    all_in(place)
    ((index, first),) = stated(place, "policy")
    assert index == 0
    name = first.payload["policy_id"]
    policy = place.get(f"/log/{policy_path(name)}").content
    assert policy == place.get(f"/.well-known/triptych/policy/{name}").content
    assert hashlib.sha256(policy).hexdigest() == name
    catalogue = json.loads(policy)["catalogue"]
    body = place.get(f"/.well-known/triptych/catalogue/{catalogue}").content
    assert hashlib.sha256(body).hexdigest() == catalogue
    assert place.get(f"/log/{catalogue_path(catalogue)}").content == body
    assert place.get(f"/.well-known/triptych/catalogue/{'0' * 64}").status_code == 404
    place.close()
    place.overrides = {"policy": "fastest"}
    serving(place)

    async def both() -> bool:
        return len(await place.app.store.signed.latest("policy", 9)) == 2

    place.do(until(both))
    all_in(place)
    found = stated(place, "policy")
    assert [one.payload["active_ms"] for _, one in found] == sorted(one.payload["active_ms"] for _, one in found)
    assert [one.payload["policy_id"] == name for _, one in found] == [True, False]


def test_every_snapshot_that_a_receipt_names_is_packed_beside_the_log(own_place: Place) -> None:
    place = serving(own_place)
    for _ in range(3):
        place.make(FOX, DEMO)
    place.do(none_waits(place))
    place.close()  # what is left is stated before the log is let go
    serving(place)
    all_in(place)
    named = {payload(e.decode())["decision"]["snapshot_id"] for e in entries_in(place) if b"." in e and is_receipt(e)}
    found: dict[str, bytes] = {}
    ends = [0]
    for _, one in stated(place, "snapshots"):
        pack = place.get(f"/log/{pack_path(one.payload['pack'])}").content
        bodies = unpack(one.payload["pack"], pack)
        assert list(bodies) == one.payload["ids"]
        found |= bodies
        assert one.payload["first"] >= ends[-1]
        ends.append(one.payload["end"])
    assert set(found) == named
    assert len(named) == 3
    for name, body in found.items():
        assert body == place.get(f"/.well-known/triptych/snapshot/{name}").content


def is_receipt(entry: bytes) -> bool:
    found = peek(entry)
    return found is not None and found[0].get("typ") == "triptych-receipt"


def test_a_stop_between_two_steps_states_nothing_twice_and_leaves_nothing_out(own_place: Place) -> None:
    place = own_place.open()
    place.make(FOX, DEMO)

    async def half() -> list[str]:
        """Everything is stated and nothing is taken in; then another process begins with the same records."""
        desk, store = place.app.receipts, place.app.store
        ids = []
        for _ in range(2):
            one = Statements(
                desk._identity.signer, desk._identity.kid, store, SystemClock(), desk._places.files, lambda: None
            )
            await one.policies()
            ids += [row.id for row in await store.leaves.unlogged(desk._identity.kids, 100)]
        return ids

    first = place.do(half())
    assert len(set(first)) * 2 == len(first) == 4
    place.close()
    serving(place)
    all_in(place)
    assert len(stated(place, "policy")) == 1


def test_what_is_published_reaches_the_log_in_order_of_time(own_place: Place) -> None:
    place = serving(own_place)
    name = place.do(place.app.receipts.publish("health", {"act": "test", "endpoint": "one/kettle"}))
    all_in(place)
    assert name in {one.id for _, one in stated(place, "health")}
    with pytest.raises(StatementError):
        place.do(place.app.receipts.publish("gossip", {}))


def test_a_whole_check_from_nothing_but_the_folder_of_the_log(own_place: Place) -> None:
    place = serving(own_place)
    tile = place.make(FOX, DEMO)
    place.do(none_waits(place))
    receipt = place.get(f"/api/tiles/{tile['id']}").json()["receipt"]["jws"].encode()
    place.close()
    serving(place)
    all_in(place)

    async def check() -> dict[str, tuple[str, str]]:
        trust = TrustPolicy.parse(place.app.receipts.trust())
        evidence = Evidence(receipt=receipt, trust=trust, redecide=redecide, rederive=rederive)
        report = verify(await with_log(evidence, str(place.data / "tlog"), SystemClock()))
        return {line.what: (line.verdict, line.detail) for line in report.lines}

    found = place.do(check())
    assert "FALSE" not in {verdict for verdict, _ in found.values()}, found
    for what in (
        "log",
        "omission",
        "numbers",
        "policy",
        "snapshot",
        "policy in force",
        "decision",
        "catalogue",
        "price",
        "fee",
    ):
        assert found[what][0] == "proved", (what, found[what])


# A change of keys.


def test_a_key_hands_over_in_the_log_and_old_receipts_stay_valid(own_place: Place) -> None:
    place = serving(own_place)
    old = place.get(f"/api/tiles/{place.make(FOX, DEMO)['id']}").json()["receipt"]
    with Program("log", "rotate", environment={"TRIPTYCH_DATA": str(place.data)}) as program:
        said = program.end()
    assert (said.code, "other processes are at work" in said.err) == (1, True), said.err
    place.close()
    with Program("log", "rotate", "--json", environment={"TRIPTYCH_DATA": str(place.data)}) as program:
        said = program.end()
    assert said.code == 0, said.err
    done = json.loads(said.out)
    serving(place)
    new = place.get(f"/api/tiles/{place.make(FOX, DEMO)['id']}").json()["receipt"]
    place.do(none_waits(place))
    all_in(place)
    ((index, key),) = stated(place, "key")
    assert (index, key.payload["old"], key.payload["new"]) == (done["index"], done["old"], done["new"])
    assert [read(one["jws"].encode()).kid for one in (old, new)] == [done["old"], done["new"]]
    assert [one["kid"] for one in place.get("/.well-known/triptych/keys").json()["keys"]] == [done["new"], done["old"]]
    published = TrustPolicy.parse(place.get("/.well-known/triptych/log-policy").text)
    only_new = TrustPolicy(logs=published.logs[:1])

    async def check(receipt: str, trust: TrustPolicy) -> dict[str, str]:
        report = verify(
            await with_log(Evidence(receipt=receipt.encode(), trust=trust), str(place.data / "tlog"), SystemClock())
        )
        return {line.what: line.verdict for line in report.lines}

    for trust in (published, only_new):
        for one in (old, new):
            lines = place.do(check(one["jws"], trust))
            assert (lines["signer"], lines["log"], lines["numbers"]) == ("proved", "proved", "proved")
            assert "FALSE" not in lines.values()


@pytest.mark.parametrize("until_step", ["next", "agreed", "logged", "exchanged"])
async def test_a_change_of_keys_that_was_cut_off_is_finished_by_doing_it_again(tmp_path: Path, until_step: str) -> None:
    settings, clock = load({"data": tmp_path}, environ={}), SystemClock()
    store = await open_store(settings.database_url, clock)
    with pytest.raises(ConflictError, match="has no log yet"):
        await rotate_key(settings, store, clock)
    first = load_or_create(tmp_path)
    log = await Log.create(places_of(tmp_path), first.signer, clock)
    await log.close()
    await store.put_setting("tlog", {"key": str(first.key)})
    await cut_off(tmp_path, first, store, until_step)
    if until_step in {"agreed", "logged"}:
        with pytest.raises(StorageError, match="begun and not finished"):
            await open_identity(settings, store)
    if until_step == "exchanged":
        assert (await open_identity(settings, store)).earlier == (first.key,)
    else:
        done = await rotate_key(settings, store, clock)
        assert done.old == first.kid
    now = await open_identity(settings, store)
    assert now.kids[1:] == (first.kid,)
    log = await Log.open(places_of(tmp_path), now.signer, clock, previous=now.earlier)
    tree = await log.tree()
    found = [statement.read(entry) async for _, entry in tree.entries() if peek(entry)]
    assert [one.payload["new"] for one in found if one.kind == "key"] == [now.kid]
    await log.close()
    await store.close()


async def cut_off(data: Path, first: Any, store: Any, until_step: str) -> None:
    """Does the first steps of a change of keys, as `rotate_key` does them, and no more."""

    settings, clock = load({"data": data}, environ={}), SystemClock()
    keep_key(data / "identity.next", Signer.generate(first.key.name))
    new = next_key(data)
    assert new is not None
    if until_step == "next":
        return
    record = await _agree(store, first, new, clock)
    if until_step == "agreed":
        return
    await _append(settings, store, first, record, clock)
    if until_step == "exchanged":
        exchange(data, str(record.created_ms))
