"""What a script can tell from the exit code of a command."""

from enum import IntEnum

from triptych.spec.errors import (
    BadRequestError,
    BudgetError,
    NotConfiguredError,
    NotFoundError,
    SettingsError,
    TriptychError,
)


class Exit(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    ERROR = 1
    USAGE = 2  # a wrong option, model name, provider or setting; nothing was sent
    SOME_FAILED = 3  # some pictures came, others did not
    ALL_FAILED = 4
    REFUSED = 5  # a spending cap or `--budget` would be passed; nothing was sent
    INTERRUPTED = 130  # Ctrl+C, as shells count it


def exit_of(error: TriptychError) -> Exit:
    """The exit code for an error that ends a command."""
    if isinstance(error, BudgetError):
        return Exit.REFUSED
    usage = isinstance(error, BadRequestError | SettingsError | NotConfiguredError | NotFoundError)
    return Exit.USAGE if usage else Exit.ERROR
