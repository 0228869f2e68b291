"""Audits: who is looked at, by whom; each way of cheating is found; an honest node is never accused."""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import msgspec
import pytest
from benchmarks.painted import BY, CHEATS, SIZE, limits, painted
from PIL import Image
from tests.unit.network.card_tools import NOW

from triptych.network import node_receipt
from triptych.network.audit import (
    Drawn,
    Finding,
    Finished,
    Lesson,
    Rates,
    Record,
    Role,
    Seat,
    conclude,
    due,
    examine,
    learn,
    lessons,
    partner_for,
    plan,
    reference_for,
    third_for,
)
from triptych.network.card import CardModel
from triptych.network.compare import Outcome
from triptych.network.job import Job, Picture
from triptych.network.jose import kid_of
from triptych.network.node_receipt import ReceiptBody
from triptych.network.reputation import PROBATION_JOBS, Opinion
from triptych.tlog.note import Signer

MODEL = CardModel(
    id="waves", family="waves", engine=BY.engine, precision=BY.precision, max_px=1_048_576, steps_max=50, caps=("t2i",),
    digest=BY.digest,
)  # fmt: skip
JOB = Job(model="waves", prompt="a heron", seed=3, nonce="n" * 22, sent_ms=NOW, size="{}x{}".format(*SIZE), steps=30)


def seat(name: str, **changed: Any) -> Seat:
    base = Seat(node=f"node-{name}", owner=f"owner-{name}", network=f"net-{name}", lane="community", model=MODEL,
                opinion=Opinion(at_ms=NOW))  # fmt: skip
    return replace(base, **changed)


SUSPECT, STRANGER = seat("suspect"), seat("stranger")
OWN, FRIEND, ATTESTED = seat("own", lane="local"), seat("friend", lane="pinned"), seat("attested", lane="attested")
EVERYBODY = [SUSPECT, STRANGER, OWN, FRIEND, ATTESTED]
DONE = Finished(seat=SUSPECT, job=JOB, verdict="ok", consent=True)


class TestWhoIsLookedAt:
    @pytest.mark.parametrize(
        ("opinion", "share"),
        [(Opinion(at_ms=NOW), 0.2), (Opinion(good=4, jobs=PROBATION_JOBS, at_ms=NOW), 0.05),
         (Opinion(jobs=900, at_ms=NOW), 0.2), (Opinion(good=4, unclear=13, jobs=900, at_ms=NOW), 0.2), (Opinion(good=120, jobs=900, at_ms=NOW), 0.01),
         (Opinion(bad=2, jobs=900, at_ms=NOW, against=("a", "b")), 0)],
    )  # fmt: skip
    def test_newcomers_often_and_the_proven_seldom(self, opinion: Opinion, share: float) -> None:
        draw, who = Random(4), seat("x", opinion=opinion)
        found = sum(due(who, NOW, draw) for _ in range(20_000)) / 20_000
        assert found == pytest.approx(share, abs=0.01 if share > 0.01 else 0.003)

    def test_ones_own_are_not_looked_at_and_rates_can_be_others(self) -> None:
        assert not any(due(OWN, NOW, Random(1), Rates(probation=1)) for _ in range(100))
        assert all(due(SUSPECT, NOW, Random(1), Rates(probation=1)) for _ in range(100))

    def test_both_ways_are_taken_where_both_are_open(self) -> None:
        found = Counter(plan(DONE, EVERYBODY, NOW, Random(seed)).kind for seed in range(400))
        assert set(found) == {"canary", "redundant"}
        assert 150 < found["canary"] < 250

    def test_nobody_reads_the_prompt_without_consent(self) -> None:
        for done in (replace(DONE, consent=False), replace(DONE, seat=seat("f", lane="pinned")), replace(DONE, verdict="censored"),
                     replace(DONE, job=msgspec.structs.replace(JOB, guest="g" * 22))):  # fmt: skip
            found = {plan(done, EVERYBODY, NOW, Random(seed)).kind for seed in range(50)}
            assert found == {"canary"}
        nobody = plan(replace(DONE, consent=False), [SUSPECT, STRANGER], NOW, Random(1))
        assert (nobody.kind, nobody.by) == ("none", None)
        assert "not shown" in nobody.why

    def test_without_a_digest_nothing_can_be_compared(self) -> None:
        vague = replace(SUSPECT, model=msgspec.structs.replace(MODEL, digest=None))
        assert plan(replace(DONE, seat=vague), EVERYBODY, NOW, Random(1)).kind == "none"


class TestPartners:
    @pytest.mark.parametrize(
        "changed",
        [{"owner": SUSPECT.owner}, {"network": SUSPECT.network}, {"network": None}, {"node": SUSPECT.node},
         {"model": msgspec.structs.replace(MODEL, digest="cd" * 32)}, {"model": msgspec.structs.replace(MODEL, engine="painted/2")},
         {"model": msgspec.structs.replace(MODEL, precision="fp8")}, {"model": msgspec.structs.replace(MODEL, max_px=100)},
         {"model": msgspec.structs.replace(MODEL, steps_max=10)}, {"model": msgspec.structs.replace(MODEL, caps=("i2i",))},
         {"opinion": Opinion(against=("a", "b"), at_ms=NOW)}],
    )  # fmt: skip
    def test_only_another_owner_in_another_network_of_the_same_class(self, changed: dict[str, Any]) -> None:
        assert partner_for(DONE, [STRANGER], NOW, Random(1)) == STRANGER
        assert partner_for(DONE, [replace(STRANGER, **changed)], NOW, Random(1)) is None

    def test_the_prompt_stays_in_its_lanes(self) -> None:
        kept = replace(DONE, floor="attested")
        assert {partner_for(kept, EVERYBODY, NOW, Random(seed)) for seed in range(60)} == {OWN, FRIEND, ATTESTED}

    def test_the_proven_come_before_newcomers_and_owners_count_once(self) -> None:
        proven = seat("proven", opinion=Opinion(jobs=80, good=9, at_ms=NOW))
        assert partner_for(DONE, [STRANGER, proven], NOW, Random(1)) == proven
        crowd = [seat("crowd", node=f"n{at}") for at in range(200)]
        found = Counter(partner_for(DONE, [STRANGER, *crowd], NOW, Random(seed)) == STRANGER for seed in range(300))
        assert 110 < found[True] < 190

    def test_a_canary_is_drawn_at_home_first(self) -> None:
        assert {reference_for(SUSPECT, JOB, EVERYBODY, NOW, Random(seed)) for seed in range(40)} == {OWN, FRIEND}
        missed = replace(SUSPECT, opinion=Opinion(bad=1, against=(OWN.owner,), at_ms=NOW))
        assert {reference_for(missed, JOB, EVERYBODY, NOW, Random(seed)) for seed in range(40)} == {FRIEND}
        assert reference_for(missed, JOB, [OWN, STRANGER], NOW, Random(1)) == OWN
        with_picture = msgspec.structs.replace(
            JOB, images=(Picture(bytes=1, sha256="0" * 64, media_type="image/png", role="edit"),)
        )
        assert reference_for(SUSPECT, with_picture, EVERYBODY, NOW, Random(1)) is None

    def test_the_third_is_the_nearest_that_is_trusted(self) -> None:
        def ask(kind: Any, reference: Seat, done: Finished = DONE, seats: list[Seat] = EVERYBODY) -> Seat | None:
            return third_for(kind, done, reference, seats, NOW, Random(1))

        assert ask("redundant", STRANGER) == OWN
        assert ask("canary", OWN) == FRIEND
        assert ask("redundant", STRANGER, replace(DONE, floor="pinned"), [ATTESTED, STRANGER]) is None
        assert ask("redundant", STRANGER, seats=[STRANGER, seat("other")]) is None


GUILTY: tuple[Role, ...] = ("reference", "third")


@pytest.mark.parametrize(
    ("first", "third", "trusted", "wanted"),
    [
        ("match", None, False, Finding("nobody")), ("inconclusive", None, True, Finding("open")),
        ("mismatch", None, True, Finding("suspect", ("reference",))), ("mismatch", None, False, Finding("open")),
        ("mismatch", ("match", "mismatch"), False, Finding("suspect", GUILTY)),
        ("mismatch", ("match", "inconclusive"), False, Finding("suspect", ("reference",))),
        ("mismatch", ("mismatch", "match"), True, Finding("reference", ("suspect", "third"))),
        ("mismatch", ("inconclusive", "match"), True, Finding("open")),
        ("mismatch", ("inconclusive", "mismatch"), False, Finding("suspect", ("third",))),
        ("mismatch", ("mismatch", "inconclusive"), True, Finding("open")),
        ("mismatch", ("mismatch", "mismatch"), True, Finding("open")), ("mismatch", ("match", "match"), False, Finding("open")),
    ],
)  # fmt: skip
def test_who_was_wrong(first: Outcome, third: tuple[Outcome, Outcome] | None, trusted: bool, wanted: Finding) -> None:
    assert conclude(first, third, trusted=trusted) == wanted


ROUGH = replace(DONE, rough=True)


class TestRoughly:
    """Where nobody has measured how far apart honest machines are."""

    def test_no_canary_is_sent_and_another_precision_will_do(self) -> None:
        other = replace(STRANGER, model=msgspec.structs.replace(MODEL, precision="fp8"))
        found = [plan(ROUGH, [SUSPECT, other, OWN, FRIEND], NOW, Random(seed)) for seed in range(40)]
        assert {one.kind for one in found} == {"redundant"}
        assert other in {one.by for one in found}
        assert plan(replace(ROUGH, consent=False), EVERYBODY, NOW, Random(1)).kind == "none"
        assert partner_for(DONE, [other], NOW, Random(1)) is None

    def test_a_third_stranger_is_asked_where_nobody_is_known(self) -> None:
        other = seat("other")
        assert (
            third_for("redundant", ROUGH, STRANGER, [SUSPECT, STRANGER, other], NOW, Random(1), {other.node}) == other
        )
        assert third_for("redundant", ROUGH, STRANGER, [other, FRIEND], NOW, Random(1), {other.node}) == FRIEND
        same_network = third_for("redundant", ROUGH, STRANGER, [SUSPECT, STRANGER, other], NOW, Random(1), set())
        assert same_network is None
        assert third_for("redundant", DONE, STRANGER, [SUSPECT, STRANGER, other], NOW, Random(1), {other.node}) is None

    @pytest.mark.parametrize("trusted", [True, False])
    def test_one_word_alone_accuses_nobody_and_clears_nobody(self, trusted: bool) -> None:
        for first, third in (("match", None), ("inconclusive", None), ("mismatch", None), ("mismatch", ("mismatch", "mismatch")),
                             ("mismatch", ("inconclusive", "mismatch")), ("mismatch", ("match", "inconclusive")),
                             ("mismatch", ("match", "match"))):  # fmt: skip
            found = conclude(first, third, trusted=trusted, rough=True)  # type: ignore[arg-type]
            assert found == Finding("open", rough=True)
            for lesson in lessons(found, SUSPECT, FRIEND if trusted else STRANGER, None if third is None else OWN):
                assert learn(Opinion(at_ms=NOW), lesson, NOW) == Opinion(at_ms=NOW, jobs=1)

    def test_two_who_agree_on_another_motif_are_one_mismatch(self) -> None:
        found = conclude("mismatch", ("match", "mismatch"), trusted=False, rough=True)
        learned = lessons(found, SUSPECT, STRANGER, OWN)
        assert learned == (
            Lesson(SUSPECT.about, "mismatch", STRANGER.owner), Lesson(STRANGER.about, "inconclusive", SUSPECT.owner, moot=True),
        )  # fmt: skip
        liar = conclude("mismatch", ("mismatch", "match"), trusted=False, rough=True)
        assert [(one.about, one.outcome) for one in lessons(liar, SUSPECT, STRANGER, OWN)] == [
            (SUSPECT.about, "inconclusive"), (STRANGER.about, "mismatch"),
        ]  # fmt: skip

    def test_strangers_alone_put_nobody_aside_however_many_agree(self) -> None:
        opinion = Opinion(at_ms=NOW)
        found = conclude("mismatch", ("match", "mismatch"), trusted=False, rough=True)
        for number in range(20):
            (lesson, _) = lessons(found, SUSPECT, seat(f"a{number}"), seat(f"b{number}"))
            opinion = learn(opinion, lesson, NOW)
        assert (opinion.against, opinion.standing(NOW)) == (("strangers",), "probation")


class TestWhatIsLearned:
    def test_two_references_put_a_node_aside_and_a_job_is_one_job(self) -> None:
        found = lessons(Finding("suspect", GUILTY), SUSPECT, STRANGER, OWN)
        assert found == (
            Lesson(SUSPECT.about, "mismatch", STRANGER.owner), Lesson(SUSPECT.about, "mismatch", OWN.owner, again=True),
            Lesson(STRANGER.about, "match", OWN.owner),
        )  # fmt: skip
        opinion = Opinion(at_ms=NOW)
        opinion = learn(opinion, found[0], NOW)
        assert (opinion.standing(NOW), opinion.jobs) == ("probation", 1)
        opinion = learn(opinion, found[1], NOW)
        assert (opinion.standing(NOW), opinion.jobs, opinion.bad) == ("quarantine", 1, 2)

    def test_one_reference_alone_puts_nobody_aside(self) -> None:
        opinion = Opinion(at_ms=NOW)
        for _ in range(30):
            (lesson,) = lessons(conclude("mismatch", None, trusted=True), SUSPECT, OWN)
            opinion = learn(opinion, lesson, NOW)
        assert (opinion.standing(NOW), opinion.audit_rate(NOW)) == ("probation", 0.2)

    def test_strangers_who_disagree_accuse_nobody(self) -> None:
        for lesson in lessons(conclude("mismatch", None, trusted=False), SUSPECT, STRANGER):
            assert learn(Opinion(at_ms=NOW), lesson, NOW) == Opinion(at_ms=NOW, jobs=1, unclear=1)

    def test_the_partner_that_lied_is_the_one_that_is_put_aside(self) -> None:
        found = lessons(conclude("mismatch", ("mismatch", "match"), trusted=False), SUSPECT, STRANGER, FRIEND)
        assert [(one.about, one.outcome) for one in found] == [
            (SUSPECT.about, "match"), (STRANGER.about, "mismatch"), (STRANGER.about, "mismatch"),
        ]  # fmt: skip
        assert len({one.reference for one in found if one.outcome == "mismatch"}) == 2

    def test_a_match_counts_for_both_but_not_for_ones_own(self) -> None:
        assert [one.about for one in lessons(Finding("nobody"), SUSPECT, STRANGER)] == [SUSPECT.about, STRANGER.about]
        assert [one.about for one in lessons(Finding("nobody"), SUSPECT, OWN)] == [SUSPECT.about]


@cache
def signer(name: str) -> Signer:
    return Signer.from_seed(name, name.ljust(32).encode()[:32])


def drawn(who: Seat, picture: Image.Image, **changed: Any) -> Drawn:
    """What a node signs over a picture, whether it drew what it says or not."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    key = signer(who.node)
    body = ReceiptBody(
        node=kid_of(key.key.public), card_seq=1, req="0" * 64, nonce="1" * 64, inputs=(), outputs=(node_receipt.output(out.getvalue()),),
        model="waves", digest=MODEL.digest, engine=MODEL.engine, precision=MODEL.precision, seed=JOB.seed, steps=30, policy="ok",
        received_ms=NOW, started_ms=NOW, ended_ms=NOW,
    )  # fmt: skip
    line = node_receipt.sign(msgspec.structs.replace(body, **changed), key)
    return Drawn(who, node_receipt.read(line.encode()), (picture,))


def looked_at(suspect: Image.Image, reference: Image.Image, third: Image.Image) -> Record:
    one, two = drawn(STRANGER, reference), drawn(SUSPECT, suspect)
    first = examine("redundant", one, two, limits(), NOW)
    if not first.wants_third:
        return first
    return examine("redundant", one, two, limits(), NOW, drawn(OWN, third))


@pytest.mark.parametrize("cheat", [*CHEATS, "half the resolution, small"])
def test_each_cheat_is_found(cheat: str) -> None:
    def small(seed: int, machine: int) -> Image.Image:
        return painted(seed, machine).resize((SIZE[0] // 2, SIZE[1] // 2))

    make: Callable[[int, int], Image.Image] = CHEATS.get(cheat, small)
    for seed in range(500, 503):
        record = looked_at(make(seed, 1), painted(seed, 2), painted(seed, 3))
        opinion = Opinion(at_ms=NOW)
        for lesson in lessons(record.finding, SUSPECT, STRANGER, OWN):
            assert (lesson.about == SUSPECT.about) is (lesson.outcome == "mismatch")
            opinion = learn(opinion, lesson, NOW) if lesson.about == SUSPECT.about else opinion
        # now and then the two honest ones are too far apart for a match, and then it is one mismatch and not two
        assert record.finding.wrong == "suspect"
        assert opinion.standing(NOW) == ("quarantine" if len(record.finding.witnesses) == 2 else "probation")


def test_the_evidence_is_whole_and_has_no_prompt() -> None:
    record = looked_at(CHEATS["half the steps"](7, 1), painted(7, 2), painted(7, 3))
    text = msgspec.json.encode(record)
    assert JOB.prompt.encode() not in text
    for side in (record.suspect, record.reference, record.third):
        assert side is not None
        stored = node_receipt.read(side.receipt.encode())
        assert (stored.body.digest, stored.body.outputs[0].sha256) == (side.digest, side.pictures[0])
    assert [(one.reference, one.suspect) for one in record.measured] == [
        ("reference", "suspect"), ("third", "reference"), ("third", "suspect"),
    ]  # fmt: skip
    assert record.measured[0].differences[0].detail < 0.7
    assert record.limits == limits()


@pytest.mark.parametrize(
    ("changed", "why"), [({"steps": 20}, "steps"), ({"sampler": "euler"}, "another sampler"), ({"policy": "censored"}, "all of it"),
                         ({"digest": "cd" * 32}, "weights"), ({"engine": "painted/2"}, "engine")],
)  # fmt: skip
def test_what_a_node_says_openly_is_no_mismatch(changed: dict[str, Any], why: str) -> None:
    honest, other = drawn(STRANGER, painted(1, 1)), drawn(SUSPECT, painted(800, 2), **changed)
    record = examine("redundant", honest, other, limits(), NOW)
    assert record.finding == Finding("open")
    assert why in record.measured[0].why


def test_an_honest_node_is_not_accused_in_ten_thousand_jobs() -> None:
    """With real pictures wherever it is looked at, by partners of whom one in five cheats."""
    draw, opinion, looked, bad = Random(20), Opinion(at_ms=NOW), 0, list(CHEATS.values())
    for number in range(10_000):
        now = NOW + number * 60_000
        suspect = replace(SUSPECT, opinion=opinion)
        if not due(suspect, now, draw):
            opinion = opinion.worked(now)
            continue
        looked += 1
        seed = draw.randrange(5_000, 9_000)  # none that the limits were calibrated with
        machines = draw.sample(range(1, 60), 3)
        partner = draw.choice(bad) if draw.random() < 0.2 else painted
        record = looked_at(painted(seed, machines[0]), partner(seed, machines[1]), painted(seed, machines[2]))
        for lesson in lessons(record.finding, suspect, STRANGER, OWN):
            opinion = learn(opinion, lesson, now) if lesson.about == suspect.about else opinion
        assert opinion.against == ()
    assert looked > 100
    assert (opinion.jobs, opinion.bad, opinion.standing(now)) == (10_000, 0, "trusted")
