"""How long commands take to start, and how long `triptych serve` takes from exec to the first page served.

`python benchmarks/start.py [ROUNDS]` visits every target in turn in every round, warm, on a data folder that is there,
and prints medians of wall time and of CPU time with the ratio to the bare interpreter. It is no test: nothing fails here.
"""

import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

ADDRESS = re.compile(rb"http://[0-9.:]+")
Sample = tuple[float, float]


def environment(folder: Path) -> dict[str, str]:
    """The user's own settings, keys and byte-code switches must not tell in the figures."""
    kept = {
        name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "PYTHONPYCACHEPREFIX"}
    }
    return {**kept, "TRIPTYCH_DATA": str(folder)}


def cpu() -> float:
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(arguments: list[str], env: Mapping[str, str]) -> Sample:
    """One command from exec to exit."""
    before, start = cpu(), time.perf_counter()
    subprocess.run(arguments, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start, cpu() - before


def first_page(arguments: list[str], env: Mapping[str, str]) -> Sample:
    """From exec until the page has been read; the CPU time includes the stop."""
    before, start = cpu(), time.perf_counter()
    with subprocess.Popen(arguments, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        said = b""
        while not (found := ADDRESS.search(said)):
            line = server.stderr.readline() if server.stderr else b""
            if not line:
                raise SystemExit(f"the server did not start: {said.decode()}")
            said += line
        with urllib.request.urlopen(found[0].decode() + "/", timeout=30) as answer:
            answer.read()
        taken = time.perf_counter() - start
        server.terminate()
        server.wait(30)
    return taken, cpu() - before


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    own = [sys.executable, "-m", "triptych"]
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))
        targets: dict[str, Callable[[], Sample]] = {
            "python -c pass": lambda: command([sys.executable, "-c", "pass"], env),
            "triptych --version": lambda: command([*own, "--version"], env),
            "triptych keys list": lambda: command([*own, "keys", "list"], env),
            "triptych models": lambda: command([*own, "models"], env),
            "triptych serve, to the first page": lambda: first_page(
                [*own, "serve", "--port", "0", "--no-browser"], env
            ),
        }
        for measure in targets.values():
            measure()  # makes the data folder and the byte code
        samples: dict[str, list[Sample]] = {name: [] for name in targets}
        for _ in range(rounds):
            for name, measure in targets.items():
                samples[name].append(measure())
    bare = statistics.median(wall for wall, _ in samples["python -c pass"])
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.machine()}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {rounds} rounds")  # fmt: skip
    print(f"{'':36}{'wall s':>9}{'CPU s':>9}{'× bare':>9}")
    for name, taken in samples.items():
        wall, used = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{name:36}{wall:9.3f}{used:9.3f}{wall / bare:9.1f}")


if __name__ == "__main__":
    main()
