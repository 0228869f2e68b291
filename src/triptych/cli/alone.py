"""`triptych hub` by itself, without what only the others need. Its options are those of `cli.hub`, which a test holds."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from triptych.cli.hub_process import HELP, HOST, PORT, HubWanted, run_hub
from triptych.network.stamp import BITS, MAX_BITS


def app() -> None:
    """Reads the command line and runs the hub. Raises SettingsError, StorageError; ends the program for a wrong option."""
    run_hub(wanted(sys.argv[2:]))


def wanted(words: Sequence[str]) -> HubWanted:
    """What is asked for behind `triptych hub`. Ends the program for a wrong option, with exit code 2."""
    return HubWanted(**vars(options().parse_args(words)))


def options() -> argparse.ArgumentParser:
    """What the command takes."""
    found = argparse.ArgumentParser("triptych hub", add_help=False, allow_abbrev=False)
    found.add_argument("--public", required=True, help=HELP["public"])
    found.add_argument("--host", default=HOST, help=HELP["host"])
    found.add_argument("--port", type=int, default=PORT, help=HELP["port"])
    found.add_argument("--proxy", dest="proxies", action="append", default=[], help=HELP["proxy"])
    found.add_argument("--peer", dest="peers", action="append", default=[], help=HELP["peer"])
    found.add_argument("--stamp-bits", type=_bits, default=BITS, help=HELP["stamp_bits"])
    found.add_argument("--data", type=Path, help=HELP["data"])
    return found


def _bits(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_BITS:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to {MAX_BITS}.")
    return number
