"""Writes requirements/local.txt: what the tests of open models need on top of requirements/dev.txt. Called by tools/lock.sh.

Reads a whole lock with the extra `local` from its standard input and leaves out what the development lock has, and CUDA: on Linux the
tests take the build for processors, which needs none of it. PyPI does not have that build, so its hash stands here, and the settings of
pip have to say where it is. It has an entry of its own: pip prefers a file whose hash its index names, and a folder of files names none.
"""

import re
import sys
from pathlib import Path

TORCH = "2.13.0"
FOR_PROCESSORS = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
THERE = "sys_platform == 'linux' and platform_machine == 'x86_64' and python_full_version < '3.12'"
ELSEWHERE = "sys_platform != 'linux' or platform_machine != 'x86_64' or python_full_version >= '3.12'"
_CUDA = ("nvidia-", "cuda-", "triton")


def blocks(text: str) -> dict[str, str]:
    """The entries of a lock, by name and marker."""
    found = re.findall(r"^(\S+==[^\n]*\n(?:    [^\n]*\n?)*)", text, re.MULTILINE)
    return {one.split(" \\")[0]: one.rstrip("\n") for one in found}


def main() -> None:
    """Prints the lock of what is left."""
    there = {one.partition("==")[0] for one in blocks(Path("requirements/dev.txt").read_text("utf-8"))}
    for head, block in blocks(sys.stdin.read()).items():
        name = head.partition("==")[0]
        if name == "torch":
            print(f"{head} ; {THERE} \\\n    --hash=sha256:{FOR_PROCESSORS}")
            print(block.replace(head, f"{head} ; {ELSEWHERE}", 1))
        elif name not in there and not name.startswith(_CUDA):
            print(block)


if __name__ == "__main__":
    main()
