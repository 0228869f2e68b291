"""Starts `triptych` commands as processes of their own that share what it takes to load the program: one load, then a fork for each.

python -m tests.integration.launcher

Reads lines of JSON. One that says `wait` is answered with the exit code of that process once it has ended. Any other starts one: `words` of
the command line, `environ` for the whole of its environment, `log` for what it says, `holder` whose network namespace it is to be in; the
answer is its id. When this ends, so do they.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path

from alembic import command

from triptych.catalog import load_cards
from triptych.cli import commands, main
from triptych.providers import row_cards

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
LOADED = (commands.app, command, load_cards(), row_cards())  # all that any command needs, and a new database
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(holder: int) -> None:
    """Moves the calling thread, and no other, into the network namespace of a process. Raises OSError."""
    place = os.open(f"/proc/{holder}/ns/net", os.O_RDONLY)
    try:
        if LIBC.setns(place, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(place)


def die_with_parent() -> None:
    """However that ends. Where there is no such thing, whoever started this has to see to it."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def one_thread() -> None:
    if sys.platform == "linux" and len([*Path("/proc/self/task").iterdir()]) > 1:
        raise RuntimeError("a fork takes one thread along, and there are several")


def begin(words: list[str], environ: dict[str, str], log: str, holder: int | None) -> None:
    """What the new process does."""
    die_with_parent()
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDWR)
    for at, number in ((nothing, 0), (nothing, 1), (said, 2)):
        os.dup2(at, number)
    os.close(said)  # who reads it learns of the end by the end of what is said
    if holder is not None:
        enter(holder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["triptych", *words]
    main()


def serve() -> None:
    """Until the input ends."""
    gc.collect()
    gc.freeze()
    alive: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if (ended := asked.get("wait")) is not None:
            answer = os.waitstatus_to_exitcode(os.waitpid(ended, 0)[1])
            alive.remove(ended)
        else:
            one_thread()
            answer = os.fork()
            if answer == 0:
                begin(**asked)
                return
            alive.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for one in alive:
        os.kill(one, signal.SIGKILL)


if __name__ == "__main__":
    serve()
