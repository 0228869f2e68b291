"""The `triptych` command: one file per group of commands."""

import sys

from triptych.cli.begin import loaded
from triptych.cli.commands import app
from triptych.cli.output import Exit, fail
from triptych.spec.errors import TriptychError

loaded()


def main() -> None:
    """Runs the command line. Our own errors end as one clear sentence and an exit code, never as a traceback."""
    try:
        app()
    except TriptychError as error:
        sys.exit(fail(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python's own farewell to standard output would say so again.
        sys.stderr.close()
        sys.exit(Exit.ERROR)
