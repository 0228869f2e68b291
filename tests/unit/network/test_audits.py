"""The studio's side of checking: who cheats is found within the jobs that the arithmetic says, who is honest is not accused."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from benchmarks.painted import CHEATS, SIZE, painted
from PIL import Image
from tests.unit.network.audit_world import MODEL, NOW, Double, World, honest, refused

from triptych.app.audit_book import CHECKS, DUE, MEASURED, Book
from triptych.network.card import CardModel
from triptych.network.compare import LEAST_RUNS, DrawnBy
from triptych.network.reputation import AUDIT_PROBATION, PROBATION_JOBS, jobs_until_caught
from triptych.spec.errors import AmbiguousError, HostileContentError

PREDICTED = jobs_until_caught(AUDIT_PROBATION, 1.0)
PROMPT = "a heron that nobody else hears of"


def people(suspect: Double, *more: Double) -> list[Double]:
    """One that is looked at, a stranger in another network, and two friends."""
    suspect.network = "net-a"
    return [
        suspect, Double("stranger", network="net-b", machine=2), Double("friend", "pinned", machine=3),
        Double("second-friend", "pinned", machine=4), *more,
    ]  # fmt: skip


def small(seed: int, machine: int) -> Image.Image:
    return painted(seed, machine).resize((SIZE[0] // 2, SIZE[1] // 2))


def coarse(seed: int, machine: int) -> Image.Image:
    """As another precision draws it: the same motif, noisier and with fewer shades."""
    noisy = np.asarray(painted(seed, machine), dtype=np.float64) + np.random.RandomState(machine).normal(
        0, 6, (*SIZE[::-1], 1)
    )
    return Image.fromarray((np.clip(noisy, 0, 255) // 8 * 8).astype(np.uint8))


async def until(world: World, done: Callable[[World], bool], most: int) -> int:
    """How many jobs it took."""
    for number in range(1, most + 1):
        await world.job("suspect", number)
        await world.looked()
        if done(world):
            return number
    return most + 1


@pytest.mark.parametrize("cheat", [*CHEATS, "half the resolution, small"])
async def test_who_cheats_is_caught_within_the_predicted_jobs_and_put_aside_on_probation(
    tmp_path: Path, cheat: str
) -> None:
    caught, aside = [], []
    for seed in range(40):
        suspect = Double("suspect", painter=CHEATS.get(cheat, small))
        world = World(tmp_path / str(seed), people(suspect), Random(f"{cheat}{seed}"))
        caught.append(await until(world, lambda world: world.about("suspect").opinion.bad > 0, 10 * PREDICTED))
        more = await until(world, lambda world: world.standing("suspect") == "quarantine", 10 * PREDICTED)
        aside.append(caught[-1] + more)
        assert all(world.about(one.name).opinion.against == () for one in world.nodes[1:])
    # where 95 of 100 are caught by then, fewer than 35 of 40 are caught in 1.4 of 100 series
    assert sum(one <= PREDICTED for one in caught) >= 35
    assert sorted(aside)[len(aside) // 2] <= PROBATION_JOBS


async def test_who_cheats_in_every_second_job_is_caught_as_predicted(tmp_path: Path) -> None:
    predicted, caught = jobs_until_caught(AUDIT_PROBATION, 0.5), []
    for seed in range(40):
        suspect = Double("suspect", painter=CHEATS["half the steps"], share=0.5, chance=Random(seed))
        world = World(tmp_path, people(suspect), Random(f"half{seed}"))
        caught.append(await until(world, lambda world: world.about("suspect").opinion.bad > 0, 10 * predicted))
    assert sum(one <= predicted for one in caught) >= 35


async def test_an_honest_node_is_not_accused_in_ten_thousand_jobs(tmp_path: Path) -> None:
    liar = Double("liar", network="net-c", painter=CHEATS["a wrong seed"], machine=5)
    world = World(tmp_path, people(Double("suspect"), liar), Random(7))
    for number in range(10_000):
        await world.job("suspect", number)
        await world.looked()
        world.clock.at_ms += 60_000
    tally = world.book.tally(world.about("suspect").about)
    assert (tally.opinion.against, tally.opinion.bad, tally.mismatches, tally.faults) == ((), 0, 0, 0)
    assert tally.checks > 100
    assert world.standing("suspect") == "trusted"
    assert world.standing("liar") == "quarantine"
    assert all(check.wrong != "suspect" for check in world.book.checks.values())


class TestWhatTheUserAllows:
    async def test_without_consent_no_second_node_reads_a_prompt(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(3), consent=False)
        for number in range(200):
            await world.job("suspect", number)
            await world.looked()
        others = [job for one in world.nodes[1:] for job in one.jobs]
        assert others  # canaries
        assert all(job.prompt != PROMPT for job in others)
        assert {check.what for check in world.book.checks.values()} == {"canary"}

    async def test_consent_that_is_taken_back_stops_what_was_planned(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect"))[:2], Random(3))
        for number in range(30):
            await world.job("suspect", number)
        planned = len(world.book.due)
        assert planned
        world.consent = False
        await world.looked()
        assert not world.nodes[1].jobs
        assert world.book.tally(world.about("suspect").about).opinion.jobs == 30

    async def test_a_floor_keeps_the_prompt_from_strangers(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(3), floor="pinned")
        for number in range(100):
            await world.job("suspect", number)
            await world.looked()
        assert all(job.prompt != PROMPT for job in world.node("stranger").jobs)

    async def test_no_second_node_is_further_away_than_the_first(self, tmp_path: Path) -> None:
        attested = Double("attested", "attested", network="net-d", machine=6)
        world = World(tmp_path, people(Double("suspect", "attested"), attested), Random(3))
        for number in range(100):
            await world.job("suspect", number)
            await world.looked()
        assert any(job.prompt == PROMPT for job in attested.jobs)
        assert all(job.prompt != PROMPT for job in world.node("stranger").jobs)

    @pytest.mark.parametrize("changed", [{"network": None}, {"network": "net-a"}])
    async def test_the_second_node_is_in_another_network(self, tmp_path: Path, changed: dict[str, Any]) -> None:
        nodes = people(Double("suspect"))[:2]
        nodes[1].network = changed["network"]
        world = World(tmp_path, nodes, Random(3))
        for number in range(100):
            await world.job("suspect", number)
            await world.looked()
        assert not nodes[1].jobs


class TestCanaries:
    async def test_a_canary_looks_like_a_job_and_says_nothing_of_anybody(self, tmp_path: Path) -> None:
        suspect = Double("suspect")
        world = World(tmp_path, people(suspect), Random(5), consent=False)
        for number in range(100):
            await world.job("suspect", number)
            await world.looked()
        canaries = [job for job in suspect.jobs if job.prompt != PROMPT]
        assert len(canaries) >= 10
        for one in canaries:
            assert (one.size, one.steps, one.n, one.guest) == ("{}x{}".format(*SIZE), 30, 1, None)
            assert abs(len(one.prompt) - len(PROMPT)) <= 2
        friends = [job for name in ("friend", "second-friend") for job in world.node(name).jobs]
        assert all(job.guest == "g" * 22 for job in friends)
        assert len({one.nonce for one in canaries + friends}) == len(canaries) + len(friends)
        assert not world.marks

    async def test_it_comes_later_and_not_right_behind_the_job(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(5), consent=False)
        for number in range(60):
            await world.job("suspect", number)
        waits = sorted(due.at_ms - NOW for due in world.book.due.values())
        assert waits[0] >= 20_000
        assert waits[-1] > 120_000

    async def test_a_refusal_of_a_canary_is_nobodys_fault(self, tmp_path: Path) -> None:
        suspect = Double("suspect")
        world = World(tmp_path, people(suspect), Random(5), consent=False)
        for number in range(30):
            await world.job("suspect", number)
        suspect.fault = refused()
        await world.looked()
        assert not world.book.checks
        assert world.about("suspect").opinion.jobs == 30


class TestEvidence:
    async def test_a_mismatch_marks_the_picture_and_keeps_both(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect", painter=CHEATS["a wrong seed"]))[:3], Random(2))
        while not world.marks:
            await world.job("suspect", len(world.nodes[0].jobs))
            await world.looked()
        (call, doubt), check = world.marks[0], world.book.checks[world.marks[0][1].check]
        assert call.startswith("call-")
        assert "It is another picture" in doubt.message
        assert (check.what, check.wrong, check.node, check.call) == ("redundant", "suspect", "suspect", call)
        shown = await world.book.pictures(check.id, "suspect", check.pictures["suspect"])
        assert shown != await world.book.pictures(check.id, "reference", check.pictures["reference"])
        assert PROMPT not in str(world.paper.scopes[CHECKS])
        assert world.told > 0

    async def test_two_strangers_who_disagree_accuse_nobody_and_the_picture_says_so(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect", painter=CHEATS["another model"]))[:2], Random(2))
        while not world.marks:
            await world.job("suspect", len(world.nodes[0].jobs))
            await world.looked()
        assert "Nobody can say which is right" in world.marks[0][1].message
        assert world.about("suspect").opinion.against == world.about("stranger").opinion.against == ()

    async def test_who_is_told_by_a_liar_has_no_mark(self, tmp_path: Path) -> None:
        nodes = people(Double("suspect"))
        nodes[1].painter = CHEATS["a stale picture"]
        world = World(tmp_path, nodes, Random(2))
        for number in range(120):
            await world.job("suspect", number)
            await world.looked()
        assert world.standing("stranger") == "quarantine"
        assert world.about("suspect").opinion.against == ()
        assert not [doubt for _, doubt in world.marks if "came out otherwise" in doubt.message]

    async def test_other_steps_that_are_said_openly_teach_nothing(self, tmp_path: Path) -> None:
        suspect = Double("suspect", painter=CHEATS["half the steps"], changed={"steps": 15})
        world = World(tmp_path, people(suspect), Random(2))
        for number in range(60):
            await world.job("suspect", number)
            await world.looked()
        assert {check.wrong for check in world.book.checks.values()} == {"open"}
        assert not world.marks

    async def test_there_are_not_more_checks_than_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("triptych.app.audit_book.MOST_CHECKS", 12)
        world = World(tmp_path, people(Double("suspect")), Random(2))
        number = 0
        while len(world.nodes[0].jobs) < 150:
            number += 1
            await world.job("suspect", number)
            await world.looked()
            await world.book.pardon("owner-suspect", world.clock.now_ms())
        assert len(world.book.checks) == len(world.paper.scopes[CHECKS]) == 12
        assert not world.shelf.files


class TestWhatANodeSigned:
    async def test_two_answers_that_do_not_fit_their_receipt_put_a_node_aside(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(2))
        for _ in range(2):
            assert world.standing("suspect") == "probation"
            await world.failed("suspect", HostileContentError("It is SVG.", detail="hostile"))
        assert world.standing("suspect") == "quarantine"
        assert world.book.tally(world.about("suspect").about).faults == 2
        assert [check.why for check in world.book.checks.values()] == ["It is SVG.", "It is SVG."]

    @pytest.mark.parametrize(
        "error",
        [HostileContentError("late", detail="time"), HostileContentError("restarted", detail="card"), refused(), AmbiguousError("lost"),
         HostileContentError("The answer is over 64 MB and was not read.")],
    )  # fmt: skip
    async def test_what_a_clock_a_hub_or_a_rule_did_is_no_fault(self, tmp_path: Path, error: Any) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(2))
        await world.failed("suspect", error)
        assert not world.book.checks

    async def test_a_canary_answered_with_rubbish_is_a_fault(self, tmp_path: Path) -> None:
        suspect = Double("suspect")
        world = World(tmp_path, people(suspect), Random(5), consent=False)
        for number in range(30):
            await world.job("suspect", number)
        suspect.fault = HostileContentError("no picture", detail="hostile")
        await world.looked()
        assert world.standing("suspect") == "quarantine"


class TestBeforeAnythingIsMeasured:
    async def test_two_friends_show_how_far_apart_honest_machines_are(self, tmp_path: Path) -> None:
        cheat = Double("suspect", painter=CHEATS["half the resolution"])
        world = World(tmp_path, people(cheat), Random(4), measured=False, consent=False)
        for number in range(LEAST_RUNS):
            assert world.book.limits(DrawnBy(MODEL.digest, MODEL.engine, MODEL.precision)) is None
            await world.job("suspect", number)
            await world.looked()
        found = world.book.limits(DrawnBy(MODEL.digest, MODEL.engine, MODEL.precision))
        assert found is not None
        assert found.runs == LEAST_RUNS
        assert all(job.prompt != PROMPT for job in world.node("stranger").jobs + world.node("friend").jobs)
        assert not world.book.checks
        assert await until(world, lambda world: world.about("suspect").opinion.bad > 0, 60) <= 60

    async def test_one_friend_alone_shows_nothing(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect"))[:3], Random(4), measured=False, consent=False)
        for number in range(40):
            await world.job("suspect", number)
        assert not world.book.due
        assert world.asked == 0

    async def test_honest_nodes_of_other_precisions_are_in_no_doubt_and_in_no_credit(self, tmp_path: Path) -> None:
        half = msgspec.structs.replace(MODEL, precision="fp16")
        nodes = [Double("suspect", network="net-a"), Double("stranger", network="net-b", model=half, painter=coarse)]
        world = World(tmp_path, nodes, Random(4), measured=False)
        for number in range(200):
            await world.job("suspect", number)
            await world.looked()
        tally = world.book.tally(world.about("suspect").about)
        assert tally.checks >= 20
        assert (tally.mismatches, tally.matches, tally.opinion.against, world.marks) == (0, 0, (), [])
        assert {check.outcome for check in world.book.checks.values()} <= {"match", "inconclusive"}
        assert world.standing("suspect") == world.standing("stranger") == "probation"

    async def test_a_plainly_other_picture_is_a_doubt_and_a_fault_once_a_third_has_seen_it(
        self, tmp_path: Path
    ) -> None:
        suspect = Double("suspect", network="net-a", painter=CHEATS["a stale picture"])
        nodes = [
            suspect,
            Double("stranger", network="net-b", machine=2),
            Double("other", network="net-c", machine=3, painter=coarse),
        ]
        world = World(tmp_path, nodes, Random(4), measured=False)
        assert await until(world, lambda world: world.about("suspect").opinion.bad > 0, 10 * PREDICTED) <= PREDICTED
        (check,) = world.book.checks.values()
        assert (check.what, check.wrong, set(check.pictures)) == (
            "redundant",
            "suspect",
            {"suspect", "reference", "third"},
        )
        assert "came out otherwise. It is plainly another picture" in world.marks[0][1].message
        assert (world.about("stranger").opinion.bad, world.about("other").opinion.bad) == (0, 0)
        for number in range(60):
            await world.job("suspect", number)
            await world.looked()
        assert world.about("suspect").opinion.against == ("strangers",)
        assert world.standing("suspect") == "probation"
        world.nodes = [*nodes, Double("friend", "pinned", machine=4)]
        await until(world, lambda world: world.standing("suspect") == "quarantine", 200)
        assert world.standing("suspect") == "quarantine"

    async def test_of_two_strangers_alone_nobody_can_say_who_is_right(self, tmp_path: Path) -> None:
        suspect = Double("suspect", network="net-a", painter=CHEATS["another node's picture"])
        world = World(tmp_path, [suspect, Double("stranger", network="net-b")], Random(4), measured=False)
        for number in range(60):
            await world.job("suspect", number)
            await world.looked()
        assert world.marks
        assert all("Nobody can say which is right" in doubt.message for _, doubt in world.marks)
        assert world.about("suspect").opinion.against == world.about("stranger").opinion.against == ()
        assert world.standing("suspect") == "probation"

    async def test_without_consent_nothing_is_compared_and_nobody_leaves_probation(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect"))[:2], Random(4), measured=False, consent=False)
        for number in range(200):
            await world.job("suspect", number)
        assert (world.asked, world.standing("suspect")) == (0, "probation")

    async def test_what_somebody_else_measured_can_be_given(self, tmp_path: Path) -> None:
        row = {
            "digest": MODEL.digest,
            "engine": "painted/1.7",
            "precision": "fp64",
            "pdq_bits": 12,
            "detail": 1.1,
            "likeness": 0.9,
            "runs": 40,
        }
        (tmp_path / "checks").mkdir()
        (tmp_path / "checks" / MEASURED).write_bytes(msgspec.json.encode([row]))
        world = World(tmp_path, people(Double("suspect")), Random(4), measured=False)
        await world.book.load()
        found = world.book.limits(DrawnBy(MODEL.digest, MODEL.engine, MODEL.precision))
        assert found is not None
        assert found.runs == 40
        (tmp_path / "checks" / MEASURED).write_bytes(b"[{}]")
        again = Book(world.paper, tmp_path / "checks")
        await again.load()
        assert again.limits(DrawnBy(MODEL.digest, MODEL.engine, MODEL.precision)) is None


class TestRestarts:
    async def test_what_is_counted_and_what_is_due_survives(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect", painter=CHEATS["a wrong seed"])), Random(6))
        for number in range(24):
            await world.job("suspect", number)
        before = (world.book.tally(world.about("suspect").about), dict(world.book.due))
        assert {due.what for due in world.book.due.values()} == {"redundant", "canary"}
        world.auditor = world.begun()
        await world.book.load()
        assert (world.book.tally(world.about("suspect").about), world.book.due) == before
        await world.looked()
        assert world.about("suspect").opinion.bad > 0
        kept = dict(world.book.checks)
        assert kept
        assert not world.paper.scopes[DUE]
        world.auditor = world.begun()
        await world.book.load()
        assert world.book.checks == kept

    async def test_a_picture_in_doubt_is_marked_though_the_program_ended_first(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect", painter=CHEATS["a wrong seed"]))[:3], Random(2))
        while not world.marks:
            await world.job("suspect", len(world.nodes[0].jobs))
            await world.looked()
        said = world.marks.copy()
        world.marks.clear()
        world.auditor = world.begun()
        await world.book.load()
        world.auditor.say_again()
        await world.looked()
        assert world.marks == said
        await world.auditor.close()

    async def test_what_fails_is_tried_once_more_and_then_let_go(self, tmp_path: Path) -> None:
        nodes = people(Double("suspect"))[:2]
        nodes[1].fault = AmbiguousError("the line was cut")
        world = World(tmp_path, nodes, Random(3))
        for number in range(20):
            await world.job("suspect", number)
        planned = len(world.book.due)
        await world.looked()
        assert world.asked == 2 * planned > 0
        assert not world.book.checks
        assert world.about("suspect").opinion.jobs == 20
        assert not world.shelf.files

    async def test_who_was_pardoned_begins_anew(self, tmp_path: Path) -> None:
        world = World(tmp_path, people(Double("suspect")), Random(2))
        for _ in range(2):
            await world.failed("suspect", HostileContentError("no", detail="size"))
        assert await world.book.pardon("owner-suspect", world.clock.now_ms())
        assert world.standing("suspect") == "probation"
        assert not await world.book.pardon("owner-nobody", world.clock.now_ms())


async def test_a_node_that_does_not_say_which_weights_it_runs_is_not_compared(tmp_path: Path) -> None:
    vague: CardModel = msgspec.structs.replace(MODEL, digest=None)
    nodes = people(Double("suspect", painter=honest, model=vague))
    world = World(tmp_path, nodes, Random(3))
    for number in range(60):
        await world.job("suspect", number)
    assert not world.book.due
    assert world.about("suspect").opinion.jobs == 60
