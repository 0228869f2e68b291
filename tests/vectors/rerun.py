"""Makes stored decisions again, in a process that has nothing but their bytes.

`python -m tests.vectors.rerun` reads lines of JSON from its input, each `[decision, policy, snapshot]` with the latter two
as the texts that were published, and writes for each line SHA-256 over the candidates and how many differences there are.
"""

import sys
from typing import Any

import msgspec

from triptych.router.canonical import canonical, digest
from triptych.router.rerun import rerun
from triptych.spec.routing import Decision


def fingerprint(decision: Decision) -> str:
    """SHA-256 over every candidate with its place, reason, points and all."""
    return digest(canonical(decision.candidates))


def again(line: bytes) -> tuple[str, int]:
    """What came out for one line."""
    stored: list[Any] = msgspec.json.decode(line)
    found = rerun(msgspec.convert(stored[0], Decision), stored[1].encode(), stored[2].encode())
    return fingerprint(found.decision), len(found.differences)


if __name__ == "__main__":
    for read in sys.stdin.buffer:
        sys.stdout.write("{} {}\n".format(*again(read)))
