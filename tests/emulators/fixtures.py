"""The pytest side: one set of servers for the whole run, clean for every test."""

from collections.abc import Iterator

import pytest
from tests.emulators import Emulators


@pytest.fixture(scope="session")
def emulator_servers() -> Iterator[Emulators]:
    servers = Emulators()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture
def emulators(emulator_servers: Emulators) -> Iterator[Emulators]:
    """Fails a test, at its end, that let a credential reach the files host. One that means to clears the list."""
    emulator_servers.reset()
    yield emulator_servers
    violations = list(emulator_servers.files.violations)
    emulator_servers.reset()
    if violations:
        pytest.fail("the files host received credentials: " + "; ".join(violations))
