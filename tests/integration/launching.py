"""Commands of `triptych` as processes of their own, without loading the program anew for each; see `launcher`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Launcher:
    """Starts them, from one process that loads the program at the first call. All that it has started ends with it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._environ: dict[str, str] = {}

    def _ask(self, asked: Mapping[str, object]) -> int:
        if self._process is None:
            one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a fork takes one along
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.launcher"], cwd=ROOT, env={**os.environ, **one_thread},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, log: Path, words: list[str], environ: Mapping[str, str], holder: int | None = None) -> int:
        """The id of the new process. `environ` is all of its environment; what it says goes to `log`, which may be a pipe with a
        name. `holder` is a process whose network namespace it shall be in."""
        return self._ask({"words": words, "environ": {**environ}, "log": str(log), "holder": holder})

    def wait(self, process: int) -> int:
        """The exit code of one, once it has ended; negative for a signal."""
        return self._ask({"wait": process})

    def end(self) -> None:
        """Does nothing where nothing was started."""
        if self._process is not None:
            self._process.communicate(timeout=90)
            self._process = None


LAUNCHER = Launcher()
"""For everybody in this run of tests, until its end."""
