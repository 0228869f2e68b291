"""How long until a node that cheats is caught, who is accused wrongly, and how many bad pictures are shown meanwhile.

`python -m benchmarks.network_sim` plays 10,000 nodes with the audit and the reputation that a studio uses, and writes
`docs/images/*.svg` and `benchmarks/network_sim.json`. Pictures are not drawn in it: how often two pictures match is measured first, by
the real comparison, on painted ones. Seeds are fixed: the same version gives the same numbers.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.chart import Axis, Series, chart
from benchmarks.painted import BY, CHEATS, SLIGHT, Shares, measured, painted

from triptych.network.audit import Finished, Rates, Seat, conclude, due, learn, lessons, plan, third_for
from triptych.network.card import CardModel
from triptych.network.compare import Outcome
from triptych.network.job import Job
from triptych.network.reputation import POWER, Opinion, jobs_until_caught
from triptych.spec.model import Lane

START_MS, JOB_MS = 1_800_000_000_000, 1_800
HOUR_JOBS = 2_000
MODEL = CardModel(
    id="waves", family="waves", engine=BY.engine, precision=BY.precision, max_px=1_048_576, steps_max=50, caps=("t2i",),
    digest=BY.digest,
)  # fmt: skip
JOB = Job(model="waves", prompt="a heron", seed=3, nonce="n" * 22, sent_ms=START_MS)
RATES: dict[str, Rates] = {
    "20, 5, 1 %": Rates(),
    **{f"{rate:.0%} always": Rates(probation=rate, normal=rate, trusted=rate) for rate in (0.01, 0.05, 0.2)},
}
GRID_RATES, GRID_SHARES, CHEATING = (0.01, 0.05, 0.1, 0.2), (1.0, 0.5, 0.2, 0.05), (0.01, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Detector:
    """How often the comparison says what of two honest pictures, and of a bad and a good one."""

    honest: Shares
    bad: Shares

    def says(self, draw: Random, *, same: bool) -> Outcome:
        """One comparison."""
        shares, at = (self.honest if same else self.bad), draw.random()
        return "match" if at < shares.match else "mismatch" if at < shares.match + shares.mismatch else "inconclusive"


def assumed(honest: Shares, power: float = POWER) -> Detector:
    """A detector that misses a bad picture now and then and says that it does not know."""
    return Detector(honest, Shares(0.0, power, 1 - power, 0))


@dataclass
class Node:
    """An owner as the observer knows it. `cheats` is the share of its jobs, 0 for honest; `caught` and `aside` count its jobs
    until its first mismatch and until it was put aside."""

    seat: Seat
    cheats: float
    caught: int | None = None
    aside: int | None = None
    done: int = 0


@dataclass
class Tally:
    """What happened at one observer; `told` are the bad pictures of which it was said afterwards that they are."""

    shown: int = 0
    bad: int = 0
    extra: int = 0
    audits: int = 0
    accused: int = 0
    aside: int = 0
    suspected: int = 0
    told: int = 0
    jobs_until_aside: list[int] = field(default_factory=list)


def seat_of(name: str, lane: Lane = "community") -> Seat:
    """Somebody whom nobody knows yet."""
    return Seat(node=name, owner=name, network=f"net-{name}", lane=lane, model=MODEL, opinion=Opinion(at_ms=START_MS))


TRUSTED = [seat_of("own", "local"), seat_of("friend", "pinned"), seat_of("hardware", "attested")]


@dataclass
class Observer:
    """One studio that counts what it sees. With `ring`, those who cheat draw the same wrong picture. `rough` is where nobody has measured how far
    honest machines are apart, `known` who draws the model among those whom the studio trusts."""

    draw: Random
    detector: Detector
    rates: Rates
    ring: bool = False
    rough: bool = False
    known: Sequence[Seat] = tuple(TRUSTED)
    consent: float = 0.5
    nodes: dict[str, Node] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def work(self, node: Node, others: Callable[[], Sequence[Node]], now_ms: int) -> None:
        """One job of a user's, and what comes after it. `others` are those who could draw it again."""
        bad = self.draw.random() < node.cheats
        node.done += 1
        self.tally.shown += 1
        self.tally.bad += bad
        if not due(node.seat, now_ms, self.draw, self.rates):
            node.seat = replace(node.seat, opinion=node.seat.opinion.worked(now_ms))
            return
        done = Finished(seat=node.seat, job=JOB, verdict="ok", consent=self.draw.random() < self.consent,
                        rough=self.rough)  # fmt: skip
        seats = [*self.known, *(one.seat for one in others() if one is not node)]
        found = plan(done, seats, now_ms, self.draw)
        if found.by is None:
            node.seat = replace(node.seat, opinion=node.seat.opinion.worked(now_ms))
            return
        self.tally.audits += 1
        self.tally.extra += 2 if found.kind == "canary" else 1
        if found.kind == "canary":  # another job of the same node, which does not know
            node.seat = replace(node.seat, opinion=node.seat.opinion.worked(now_ms))
            bad = self.draw.random() < node.cheats
        self._look(replace(done, seat=node.seat), found.by, seats, now_ms, canary=found.kind == "canary", bad=bad)

    def _look(
        self, done: Finished, reference: Seat, seats: Sequence[Seat], now_ms: int, *, canary: bool, bad: bool
    ) -> None:
        lied = self._lies(reference)
        first = self._compared((bad, lied))
        third, by_third = None, None
        if first == "mismatch":
            far = {one.node for one in seats if one.network != reference.network}
            third = third_for("canary" if canary else "redundant", done, reference, seats, now_ms, self.draw, far)
            self.tally.extra += third is not None
            if third is not None:
                lies = self._lies(third)
                by_third = (self._compared((lied, lies)), self._compared((bad, lies)))
        finding = conclude(first, by_third, trusted=reference.lane in {"local", "pinned"}, rough=self.rough)
        self.tally.told += bad and not canary and finding.wrong == "suspect"
        for lesson in lessons(finding, done.seat, reference, third):
            if (learner := self.nodes.get(lesson.about.owner)) is not None:
                learner.seat = replace(learner.seat, opinion=learn(learner.seat.opinion, lesson, now_ms))
                if lesson.outcome == "mismatch":
                    self._marked(learner, now_ms)

    def _lies(self, seat: Seat) -> bool:
        """Whether what somebody draws to compare with is a bad picture."""
        node = self.nodes.get(seat.owner)
        return node is not None and self.draw.random() < node.cheats

    def _compared(self, bad: tuple[bool, bool]) -> Outcome:
        """Of two pictures, each bad or not. Two bad ones are alike where those who cheat keep together."""
        return self.detector.says(self.draw, same=not any(bad) or (self.ring and all(bad)))

    def _marked(self, node: Node, now_ms: int) -> None:
        if node.caught is None:
            node.caught = node.done
            self.tally.suspected += node.cheats == 0
        if node.aside is None and node.seat.opinion.standing(now_ms) == "quarantine":
            node.aside = node.done
            self.tally.accused += node.cheats == 0
            self.tally.aside += node.cheats > 0
            if node.cheats:
                self.tally.jobs_until_aside.append(node.done)


def until_caught(rate: float, share: float, count: int, detector: Detector, seed: int = 1) -> dict[str, float]:
    """So many owners that cheat in a share of their jobs, each until it has been put aside; against the arithmetic."""
    draw = Random(f"{seed}/{rate}/{share}")  # noqa: S311 - a simulation
    watch = Observer(draw, detector, Rates(probation=rate, normal=rate, trusted=rate))
    strangers = [Node(seat_of(f"stranger{at}"), 0) for at in range(6)]
    caught, aside = [], []
    for at in range(count):
        node = Node(seat_of(f"cheat{at}"), share)
        watch.nodes = {node.seat.owner: node}
        while node.aside is None:
            watch.work(node, lambda: strangers, START_MS + node.done * JOB_MS)
        caught.append(node.caught or node.aside)
        aside.append(node.aside)
    return {
        "rate": rate, "share": share, "median": statistics.median(caught), "median_by_arithmetic": jobs_until_caught(rate, share, 0.5),
        "p95": _at(caught, 0.95), "p95_by_arithmetic": jobs_until_caught(rate, share), "aside_median": statistics.median(aside),
        "aside_p95": _at(aside, 0.95),
    }  # fmt: skip


def _at(found: Sequence[int], share: float) -> int:
    return sorted(found)[math.ceil(share * len(found)) - 1]


@dataclass(frozen=True)
class World:
    """What is played: `nodes` of `owners`, of whom a share cheats, in that many jobs."""

    name: str
    rates: Rates
    cheating: float
    nodes: int = 10_000
    owners: int = 2_000
    jobs: int = 240_000
    ring: bool = False
    spurious: float = 0.0  # share of honest pairs that the comparison calls a mismatch
    rough: bool = False  # nobody has measured how far honest machines are apart
    alone: bool = False  # no node of one's own, of a friend or with attested hardware draws the model
    returns: float = 0.02  # of the owners that were put aside come back in an hour, under a new key


def play(world: World, detector: Detector, seed: int = 1) -> dict[str, Any]:
    """One studio's days in a network with churn: each hour a tenth of the nodes goes or comes, and one owner in a thousand is
    replaced by a new one. A job goes to any node that is there and was not put aside."""
    draw = Random(f"{seed}/{world}")  # noqa: S311 - a simulation
    honest = detector.honest
    detector = replace(
        detector, honest=replace(honest, mismatch=world.spurious, inconclusive=honest.inconclusive - world.spurious)
    )
    known = () if world.alone else TRUSTED
    watch, made = Observer(draw, detector, world.rates, world.ring, world.rough, known), 0

    def newcomer(*, cheats: bool) -> Node:
        nonlocal made
        made += 1
        found = Node(seat_of(f"o{made}"), draw.choice((1.0, 0.5, 0.2)) if cheats else 0.0)
        watch.nodes[found.seat.owner] = found
        return found

    def some(present: Sequence[int]) -> list[Node]:
        return [owners[of[draw.choice(present)]] for _ in range(6)]

    cheats = round(world.cheating * world.owners)
    owners = [newcomer(cheats=at < cheats) for at in range(world.owners)]
    of = [draw.randrange(world.owners) for _ in range(world.nodes)]
    there = [draw.random() < 2 / 3 for _ in range(world.nodes)]
    series, last = [], (0, 0)
    every = max(1, world.jobs // HOUR_JOBS // 40)
    for hour in range(world.jobs // HOUR_JOBS):
        present = [at for at in range(world.nodes) if there[at] and owners[of[at]].aside is None]
        for number in range(HOUR_JOBS):
            if all(owners[of[at]].aside is not None for at in present):
                break
            node = owners[of[draw.choice(present)]]
            while node.aside is not None:
                node = owners[of[draw.choice(present)]]
            watch.work(node, partial(some, present), START_MS + (hour * HOUR_JOBS + number) * JOB_MS)
        there = [draw.random() >= (0.1 if here else 0.8) for here in there]
        for at, one in enumerate(owners):
            if draw.random() < (world.returns if one.aside is not None else 0.001):
                owners[at] = newcomer(cheats=one.cheats > 0)
        if (hour + 1) % every == 0:
            shown, bad = watch.tally.shown - last[0], watch.tally.bad - last[1]
            series.append((watch.tally.shown, bad / max(1, shown)))
            last = (watch.tally.shown, watch.tally.bad)
    tally = watch.tally
    quarter = series[-max(1, len(series) // 4) :]
    return {
        "name": world.name, "cheating": world.cheating, "ring": world.ring, "spurious": world.spurious, "rough": world.rough,
        "alone": world.alone, "jobs": tally.shown, "audits": tally.audits,
        "bad_shown": tally.bad / tally.shown, "bad_shown_at_the_start": series[0][1],
        "bad_shown_last_quarter": sum(one for _, one in quarter) / len(quarter), "put_aside": tally.aside,
        "cheats": sum(1 for one in watch.nodes.values() if one.cheats), "owners": len(watch.nodes),
        "jobs_until_aside": statistics.median(tally.jobs_until_aside) if tally.jobs_until_aside else None,
        "bad_told": tally.told / max(1, tally.bad), "accused_wrongly": tally.accused, "suspected_wrongly": tally.suspected, "extra_pictures": tally.extra / tally.shown,
        "series": series,
    }  # fmt: skip


def _play(job: tuple[World, Detector]) -> dict[str, Any]:
    return play(*job)


def _cell(job: tuple[float, float, int, Detector]) -> dict[str, float]:
    return until_caught(*job)


def plots(folder: Path, cells: Sequence[dict[str, float]], worlds: Sequence[dict[str, Any]]) -> None:
    """The three charts of the page about checking."""
    folder.mkdir(parents=True, exist_ok=True)
    ticks = (10, 100, 1000, 10_000)
    dots = [
        Series(f"audited {rate:.0%}", [(one["p95_by_arithmetic"], one["p95"]) for one in cells if one["rate"] == rate], dots=True)
        for rate in GRID_RATES
    ]  # fmt: skip
    same = Series("as computed", [(10, 10), (10_000, 10_000)])
    caught = chart(
        "Jobs until 95 of 100 that cheat are caught", Axis("computed", 10, 10_000, ticks, log=True),
        Axis("simulated", 10, 10_000, ticks, log=True), [*dots, same],
    )  # fmt: skip
    (folder / "checking-caught.svg").write_text(caught, "utf-8")
    worst = [one for one in worlds if one["cheating"] == 0.2 and not one["rough"]]
    most = worst[0]["jobs"] / 1000
    shown = chart(
        "One owner in five cheats: bad pictures among those shown",
        Axis("thousands of jobs of one studio", 0, most, [most * at / 4 for at in range(5)]),
        Axis("bad pictures", 0, 14, (0, 2, 4, 6, 8, 10, 12, 14), unit=" %"),
        [_line(one) for one in worst],
    )
    (folder / "checking-shown.svg").write_text(shown, "utf-8")
    kept = [
        Series(name, [(100 * one["cheating"], 100 * one["bad_shown_last_quarter"]) for one in worlds if one["name"] == name and not (one["ring"] or one["spurious"] or one["rough"] or one["alone"])])
        for name in RATES
    ]  # fmt: skip
    left = chart(
        "What is left in the last quarter", Axis("owners that cheat", 0, 20, (0, 1, 5, 10, 20), unit=" %"),
        Axis("bad pictures", 0, 12, (0, 2, 4, 6, 8, 10, 12), unit=" %"), kept,
    )  # fmt: skip
    (folder / "checking-left.svg").write_text(left, "utf-8")


def _line(one: dict[str, Any]) -> Series:
    return Series(
        one["name"] + ", a ring" * one["ring"] + ", strangers alone" * one["alone"],
        [(at / 1000, 100 * bad) for at, bad in one["series"]],
    )


def cell_row(one: dict[str, Any]) -> str:
    """A cell of the first table as the page has it."""
    shares = (_percent(one["rate"], 0), _percent(one["share"], 0))
    pairs = (("median", "median_by_arithmetic"), ("p95", "p95_by_arithmetic"), ("aside_median", "aside_p95"))
    return _row(*shares, *(_number(one[name]) for pair in pairs for name in pair))


def world_row(one: dict[str, Any]) -> str:
    """What came of one world, as the page has it; those where nobody has measured have a table of their own."""
    aside = f"{one['put_aside']:,} of {one['cheats']:,}"
    wrongly = (_number(one["suspected_wrongly"]), _number(one["accused_wrongly"]))
    shown = (one["bad_shown"], one["bad_shown_last_quarter"])
    if one["rough"]:
        who = "strangers alone" if one["alone"] else "strangers, and one whom the studio trusts"
        who += ", and all who cheat draw the same wrong picture" * one["ring"]
        return _row(who, *(_percent(share, 1) for share in shown), aside, *wrongly, _percent(one["bad_told"], 1))
    name = one["name"].replace("% always", " % always")
    name += ", all who cheat draw the same wrong picture" * one["ring"] + ", strangers alone" * one["alone"]
    name += f", and {_percent(one['spurious'], 2)} of honest comparisons are wrong" * (one["spurious"] > 0)
    return _row(name, _percent(one["cheating"], 0), *(_percent(share, 2) for share in shown), aside,
                _number(one["jobs_until_aside"]), *wrongly, f"{one['extra_pictures']:.3f}")  # fmt: skip


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f} %" if share else "0"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.10g}"


def main() -> None:
    """Plays everything, and prints tables as the page has them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=400, help="painted pairs for each kind of cheating")
    options.add_argument("--cheats", type=int, default=200, help="owners for each cell of the first table")
    options.add_argument("--jobs", type=int, default=240_000, help="of one studio")
    options.add_argument("--images", type=Path, default=Path("docs/images"))
    options.add_argument("--json", type=Path, default=Path("benchmarks/network_sim.json"))
    options.add_argument(
        "--processes", type=int, default=None, help="at the same time; by itself as many as there are cores"
    )
    asked, start = options.parse_args(), time.perf_counter()
    honest = measured(painted, asked.pairs)
    kinds = {name: measured(make, asked.pairs) for name, make in {**CHEATS, **SLIGHT}.items()}
    for name, shares in {"honest": honest, **kinds}.items():
        print(f"| {name} | {shares.match:.1%} | {shares.inconclusive:.1%} | {shares.mismatch:.1%} |")
    roughly = {name: measured(make, asked.pairs, rough=True) for name, make in {"honest": painted, **CHEATS}.items()}
    for name, shares in roughly.items():
        print(f"| roughly: {name} | {shares.match:.1%} | {shares.inconclusive:.1%} | {shares.mismatch:.1%} |")
    detector = assumed(honest)
    worlds = [World(name, rates, share, jobs=asked.jobs) for share in CHEATING for name, rates in RATES.items()]
    worlds.append(World("20, 5, 1 %", Rates(), 0.2, jobs=asked.jobs, ring=True))
    # none was seen in so many pairs: three in as many is what 95 of 100 such series would have shown
    worlds.append(World("20, 5, 1 %", Rates(), 0.05, jobs=asked.jobs, spurious=3 / asked.pairs))
    worlds.append(World("20, 5, 1 %", Rates(), 0.2, jobs=asked.jobs, alone=True))
    new = World("20, 5, 1 %", Rates(), 0.2, jobs=asked.jobs, rough=True)
    worlds += [new, replace(new, alone=True), replace(new, alone=True, ring=True)]
    detectors = [assumed(roughly["honest"]) if world.rough else detector for world in worlds]
    with ProcessPoolExecutor(asked.processes) as pool:
        cells = list(
            pool.map(_cell, [(rate, share, asked.cheats, detector) for rate in GRID_RATES for share in GRID_SHARES])
        )
        played = list(pool.map(_play, zip(worlds, detectors, strict=True)))
    for row in (*map(cell_row, cells), *map(world_row, played)):
        print(row)
    taken = time.perf_counter() - start
    print(f"{taken:.0f} s")
    plots(asked.images, cells, played)
    found = {"power": POWER, "honest": asdict(honest), "kinds": {name: asdict(shares) for name, shares in kinds.items()},
             "roughly": {name: asdict(shares) for name, shares in roughly.items()}, "until_caught": cells, "worlds": played}  # fmt: skip
    asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
