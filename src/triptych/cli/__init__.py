"""The `triptych` command: one file per group of commands."""

import sys
from importlib import import_module

from triptych.cli.begin import loaded
from triptych.cli.exits import Exit
from triptych.spec.errors import TriptychError

WHOLE = ("triptych.cli.commands", "triptych.cli.output")
ALONE = {"hub": ("triptych.cli.alone", "triptych.cli.plain")}
"""Where the command is, and how it speaks. Commands that run for months on small machines are there by themselves as well: what the
others load would take a hub more memory than a thousand nodes."""


def main() -> None:
    """Runs the command line. Our own errors end as one clear sentence and an exit code, never as a traceback."""
    helped = "--help" in sys.argv  # the help shows what all commands show, in the way they do
    names = WHOLE if helped else ALONE.get(sys.argv[1] if sys.argv[1:] else "", WHOLE)
    try:
        command, speech = (import_module(one) for one in names)
        loaded()
        try:
            command.app()
        except TriptychError as error:
            sys.exit(speech.fail(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python's own farewell to standard output would say so again.
        sys.stderr.close()
        sys.exit(Exit.ERROR)
