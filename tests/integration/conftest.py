"""One server for each module; emulators clean for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.emulators import Emulators
from tests.integration.honest import false_lines
from tests.integration.place import RELAY, Loop, Place, TlsFront, environment


@pytest.fixture(scope="session")
def other_loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def front(
    other_loop: Loop, emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsFront]:
    made = TlsFront(other_loop, tmp_path_factory.mktemp("tls"), emulator_servers.files.port)
    yield made
    made.stop()


def make_place(folder: Path, emulators: Emulators, loop: Loop, front: TlsFront) -> Place:
    folder.mkdir(exist_ok=True)
    (folder / "triptych.toml").write_text(RELAY.format(base=emulators.relay.base_url))
    return Place(folder, emulators, loop, front, environment(emulators))


@pytest.fixture(scope="module")
def shared_place(
    emulator_servers: Emulators, other_loop: Loop, front: TlsFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = make_place(tmp_path_factory.mktemp("data"), emulator_servers, other_loop, front).open()
    yield place
    place.done()
    assert false_lines(place.data) == []


@pytest.fixture
def place(shared_place: Place, emulators: Emulators, front: TlsFront) -> Iterator[Place]:
    """The module's server, with results on the public pictures' name."""
    emulators.files.front = front.url
    shared_place.fresh()
    yield shared_place
    emulators.files.front = None


@pytest.fixture
def own_place(emulators: Emulators, other_loop: Loop, front: TlsFront, tmp_path: Path) -> Iterator[Place]:
    """A server that belongs to one test, for restarts and settings. The test opens it."""
    emulators.files.front = front.url
    made = make_place(tmp_path / "data", emulators, other_loop, front)
    yield made
    made.done()
    emulators.files.front = None
    assert false_lines(made.data) == []
