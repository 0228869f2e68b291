"""Commands of `triptych` as programs to start, without loading the program anew for each: one load, then a fork for each that knocks.

python -m tests.integration.door SOCKET CERTIFICATE MODULE…

`Door.program` is a file to start in the place of `triptych`. It hands over its words, its folder, its environment and its three
streams, passes signals on and ends as the command has ended. A command dies with whoever started it, and all of them with the door.
"""

import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.integration.launcher import die_with_parent, one_thread
from tests.integration.place import ToLoopback, public, trusting

from triptych.app import container
from triptych.cli import main
from triptych.http.client import HttpClient

ROOT = Path(__file__).parents[2]
PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
passed = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, passed)
door = socket.socket(socket.AF_UNIX)
door.connect({socket!r})
asked = {{"words": sys.argv[1:], "folder": os.getcwd(), "environ": dict(os.environ)}}
socket.send_fds(door, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
told = door.makefile()
command = int(told.readline())
for one in passed:
    signal.signal(one, lambda number, _: os.kill(command, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
ended = int(told.readline())
if ended < 0:
    if ended != -signal.SIGKILL:
        signal.signal(-ended, signal.SIG_DFL)
    os.kill(os.getpid(), -ended)
sys.exit(ended)
"""


class Door:
    """Stands open from its start to its end. `load` are modules that the commands need besides; pictures are fetched from a host with
    this certificate on loopback, where there is one. In place of a command's words, `-c` and a text run that text as Python does."""

    def __init__(self, *load: str, certificate: Path | None = None) -> None:
        self._folder = Path(mkdtemp(prefix="triptych-door-"))
        self.program = self._folder / "triptych"
        place = self._folder / "door"
        self.program.write_text(PROGRAM.format(python=sys.executable, socket=str(place)))
        self.program.chmod(0o700)
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_COLOR")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.door", str(place), str(certificate or ""), *load], cwd=ROOT,
            env={**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the door did not open"

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=90)
        shutil.rmtree(self._folder)


def become(asked: dict[str, Any], streams: list[int]) -> None:
    """What the new process does."""
    die_with_parent()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    words = asked["words"]
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        return
    sys.argv = ["triptych", *words]
    main()


def attend(caller: socket.socket) -> None:
    """Looks after one command, and does not come back; in the command's own process it does, with its end."""
    die_with_parent()
    data, streams, _, _ = socket.recv_fds(caller, 1 << 16, 3)
    with caller.makefile("rb") as more:
        asked = json.loads(data if data.endswith(b"\n") else data + more.readline())
    command = os.fork()
    if command == 0:
        caller.close()
        become(asked, streams)
        return
    for stream in streams:
        os.close(stream)

    def hung_up() -> None:
        if not caller.recv(1):
            os.kill(command, signal.SIGKILL)

    threading.Thread(target=hung_up, daemon=True).start()
    with suppress(BrokenPipeError):
        caller.sendall(f"{command}\n".encode())
    ended = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    with suppress(BrokenPipeError):
        caller.sendall(f"{ended}\n".encode())
    os._exit(0)


def serve(place: str) -> None:
    """Until the input ends."""
    gc.collect()
    gc.freeze()
    door = socket.socket(socket.AF_UNIX)
    door.bind(place)
    door.listen()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    alive: set[int] = set()
    while True:
        ready, _, _ = select.select([sys.stdin, door], [], [])
        if sys.stdin in ready:
            break
        caller, _ = door.accept()
        one_thread()
        keeper = os.fork()
        if keeper == 0:
            door.close()
            attend(caller)
            return
        caller.close()
        alive = {one for one in (*alive, keeper) if os.waitpid(one, os.WNOHANG) == (0, 0)}
    for one in alive:
        os.kill(one, signal.SIGKILL)


def open_door(place: str, certificate: str, *load: str) -> None:
    if certificate:
        vars(container)["HttpClient"] = partial(
            HttpClient, resolver=ToLoopback, tls=trusting(Path(certificate)), public=public
        )
    for name in load:
        importlib.import_module(name)
    serve(place)


if __name__ == "__main__":
    open_door(*sys.argv[1:])
