"""The real mDNS between two machines of one home, in network namespaces that lead nowhere else."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from tests.integration.streets import Host, NoStreetsError, streets

ROOT = Path(__file__).parents[2]
NODE = "a" * 43
SAYS = f"""
import asyncio, sys
from triptych.app.lan import Lan
async def main():
    stop = await Lan().say("Mira's attic", "{NODE}", "http://192.168.7.2:8701")
    print("said", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await stop()
    print("silent", flush=True)
asyncio.run(main())
"""
HEARS = """
import asyncio, sys
from triptych.app.lan import Lan
async def main():
    for line in sys.stdin:
        print(await Lan().look(float(line)), flush=True)
asyncio.run(main())
"""


def program(host: Host, text: str) -> "subprocess.Popen[str]":
    inside = ["nsenter", "--net", "--target", str(host.holder), "--"]
    return subprocess.Popen([*inside, sys.executable, "-c", text], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip


def ask(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=90)
    assert process.returncode == 0


def test_one_machine_of_a_home_hears_that_another_shares_and_that_it_has_stopped(
    record_property: Callable[[str, object], None],
) -> None:
    with ExitStack() as undo:
        try:
            mira, noah = undo.enter_context(streets()).homes(9, 2)
        except NoStreetsError as error:
            record_property("aloud", f"No network namespaces here ({error}): mDNS was NOT tried.")
            return
        sayer, hearer = program(mira, SAYS), program(noah, HEARS)
        undo.callback(ended, hearer)
        assert sayer.stdout is not None
        undo.enter_context(closing(sayer.stdout))
        assert sayer.stdout.readline() == "said\n"
        heard = [ask(hearer, "1")]
        while NODE not in heard[-1]:
            assert len(heard) < 30, heard
            heard.append(ask(hearer, "1"))
        assert heard[-1] == f"(Nearby(name=\"Mira's attic\", node='{NODE}', hub='http://192.168.7.2:8701'),)"
        assert ask(sayer, "") == "silent"
        ended(sayer)
        assert ask(hearer, "1") == "()"
