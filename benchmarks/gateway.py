"""What the gateway costs for each picture: Triptych, nginx and LiteLLM's proxy in front of the same fake provider.

`./test bench [--seconds S] [--rounds N] [--clients 1,64] [--scenarios "1 KB,1.5 MB"] [--litellm PROGRAM]`. Every target is
visited in turn in every round: *direct* is the provider alone, asked by the same clients; nginx passes the bytes through;
LiteLLM's proxy forwards and keeps nothing; Triptych does its whole job: key, decision, budget, base64, format check, hash,
file and rows on disk, receipt, log, answer. Peers are optional: `apt install nginx-light`, and `pip install 'litellm[proxy]'` into an
environment of its own, whose program `--litellm` names; one that is not there is said to be missing.

Gateways have the first core to themselves where there are two; provider and clients, both in this process, share another,
so that rates above a few thousand a second are this process's own. CPU is user and system time of the gateway's processes. It is no
test: nothing fails here but a wrong answer. Linux only.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import MODEL, PATH, SCENARIOS, Provider, Scenario, Visit, request_bytes, serve, visit
from benchmarks.peers import Command, Gateway, litellm, nginx, pin, running, triptych, version
from uvloop import run

LARGEST = 50_000  # requests in one visit, at the most
_SMALLEST = {16: 800, 1024: 2_000_000}  # bytes of base64 for a picture of this side


@dataclass
class Row:
    """What one target did in one scenario with one number of clients, a value for each round."""

    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """Somebody to ask. `gateway` is None for the provider itself."""

    name: str
    port: int
    model: str
    gateway: Gateway | None = None

    def request(self, scenario: Scenario) -> bytes:
        headers = dict(self.gateway.headers) if self.gateway else {}
        return request_bytes("127.0.0.1", self.port, headers, scenario.body(self.model))


async def once(target: Target, provider: Provider, scenario: Scenario, clients: int, seconds: float) -> Row:
    """One visit as a row of one round."""
    hits = provider.hits
    provider.scenario = scenario
    used = target.gateway.cpu() if target.gateway else 0.0
    if target.gateway:
        target.gateway.forget_peak()
    smallest = _SMALLEST[scenario.side] * scenario.pictures
    start = time.perf_counter()
    seen: Visit = await visit(("127.0.0.1", target.port), target.request(scenario), clients=clients, seconds=seconds,
                              most=LARGEST, at_least=smallest)  # fmt: skip
    taken, count = time.perf_counter() - start, max(1, len(seen.times))
    if seen.wrong:
        raise SystemExit(f"{target.name}, {scenario.name}, {clients} clients: {seen.wrong}")
    spent = (target.gateway.cpu() - used) * 1000 / count if target.gateway else 0.0
    peak = target.gateway.peak_mib() if target.gateway else 0.0
    return Row(
        [count / taken], [seen.median], [seen.percentile(0.99)], [spent], [peak], [(provider.hits - hits) / count]
    )


def whole(target: Target, scenario: Scenario) -> None:
    """Asks once and looks at the pictures: each must come whole, and be the PNG that the provider made."""
    headers = {"Content-Type": "application/json", **(target.gateway.headers if target.gateway else {})}
    address = f"http://127.0.0.1:{target.port}{PATH}"
    asked = urllib.request.Request(address, scenario.body(target.model), headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        items = json.loads(answer.read())["data"]
    pictures = [base64.b64decode(item["b64_json"], validate=True) for item in items]
    good = [data for data in pictures if data.startswith(b"\x89PNG") and b"Comment\0picture" in data[-64:]]
    if len(good) != scenario.pictures:
        raise SystemExit(f"{target.name}: {len(good)} whole pictures instead of {scenario.pictures}")


async def measure(options: argparse.Namespace) -> None:
    """All rounds, then the tables."""
    provider = Provider()
    server = await serve(provider)
    port = int(server.sockets[0].getsockname()[1])
    pin(os.getpid(), 1)
    scenarios = [SCENARIOS[name.strip()] for name in options.scenarios.split(",")]
    levels = [int(part) for part in options.clients.split(",")]
    rows: dict[tuple[str, int, str], Row] = {}
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(dir=options.folder) as place, ExitStack() as stack:
        folder = Path(place)
        targets = [Target("direct", port, MODEL)]
        for command in commands(folder, port, options):
            gateway = await asyncio.to_thread(stack.enter_context, running(command, folder))
            targets.append(Target(gateway.name, gateway.port, gateway.model, gateway))
        for target in targets:
            for scenario in scenarios:
                provider.scenario = scenario
                await asyncio.to_thread(whole, target, scenario)
                await once(target, provider, scenario, 8, 1.0)
        for scenario in scenarios:
            for _ in range(options.rounds):
                for level in levels:
                    for target in targets:
                        got = await once(target, provider, scenario, level, options.seconds)
                        add(rows.setdefault((scenario.name, level, target.name), Row()), got)
            loads.append(os.getloadavg()[0])
        starts = {t.name: t.gateway.start_s for t in targets if t.gateway}
    server.close()
    show(rows, starts, loads, options)


def add(row: Row, more: Row) -> None:
    """A round's values to those before."""
    for name, values in vars(more).items():
        getattr(row, name).extend(values)


def commands(folder: Path, port: int, options: argparse.Namespace) -> list[Command]:
    """Those that are here; says which are not."""
    wanted = {name.strip() for name in options.targets.split(",")}
    found: list[Command] = []
    for name, command in (
        ("nginx", nginx(folder, port)),
        ("litellm", litellm(folder, port, options.litellm)),
        ("triptych", triptych(folder, port)),
    ):
        if name not in wanted:
            continue
        if command is None:
            print(f"{name} is not here and left out (see the head of {Path(__file__).name})", file=sys.stderr)
            continue
        version_of = [command.arguments[0], "-v" if name == "nginx" else "--version"]
        if name != "triptych":
            print(f"{name} {version(version_of)}")
        found.append(command)
    return found


def _span(values: list[float], digits: int) -> str:
    """The median, and the least and the most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def show(rows: dict[tuple[str, int, str], Row], starts: dict[str, float], loads: list[float], options: argparse.Namespace) -> None:  # fmt: skip
    """The tables, as Markdown: medians with the least and the most of the rounds."""
    model = next((line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores of {model}, "
          f"load {' → '.join(f'{load:.1f}' for load in loads)}, {options.rounds} rounds of {options.seconds:g} s; "
          f"medians (least–most)\n")  # fmt: skip
    print("| answer | clients | target | requests/s | p50 added ms | p99 added ms | CPU ms/request | × nginx | peak MiB | provider calls |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (scenario, level, name), row in rows.items():
        direct, floor = rows[scenario, level, "direct"], rows.get((scenario, level, "nginx"))
        over = "" if floor is None or name == "direct" else f"{statistics.median(row.cpu_ms) / max(1e-9, statistics.median(floor.cpu_ms)):.1f}"  # fmt: skip
        added = [statistics.median(getattr(row, p)) - statistics.median(getattr(direct, p)) for p in ("p50", "p99")]
        used = "–" if name == "direct" else _span(row.cpu_ms, 2)
        peak = "–" if name == "direct" else f"{max(row.peak):.0f}"
        print(f"| {scenario} | {level} | {name} | {_span(row.rate, 1)} | {added[0]:.1f} | {added[1]:.1f} | {used} | {over} "
              f"| {peak} | {statistics.median(row.hits):.2f} |")  # fmt: skip
    print()
    ratios(rows)
    print("Start until it answers, s: " + ", ".join(f"{name} {taken:.2f}" for name, taken in starts.items()) + ".")


def ratios(rows: dict[tuple[str, int, str], Row]) -> None:
    """Triptych against LiteLLM, pair by pair of the same round."""
    if not any(name == "litellm" for _, _, name in rows):
        return
    print("| Triptych / LiteLLM | clients | requests/s | CPU per request | peak memory |\n|---|---|---|---|---|")
    for (scenario, level, name), ours in rows.items():
        if name != "triptych":
            continue
        other = rows[scenario, level, "litellm"]
        rate, used, peak = (
            [a / b for a, b in zip(getattr(ours, what), getattr(other, what), strict=True) if b]
            for what in ("rate", "cpu_ms", "peak")
        )
        print(f"| {scenario} | {level} | {_span(rate, 1)} | {_span(used, 2)} | {_span(peak, 2)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(prog="./test bench", description="What the gateway costs for each picture.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one visit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", default="1,64", help="how many at once, several with commas")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="default: all")
    parser.add_argument(
        "--targets", default="nginx,litellm,triptych", help="besides direct; default: all that are here"
    )
    parser.add_argument("--litellm", default="litellm", help="the program of LiteLLM's proxy")
    parser.add_argument(
        "--folder", help="where the gateways keep their data meanwhile; default: the system's temporary one"
    )
    run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
