"""Providers on loopback: real HTTP servers that speak, check and charge as the vendors do. See README.md."""

from tests.emulators.ark import Ark
from tests.emulators.base import Charge, Emulator, FilePart, Form, Recorded
from tests.emulators.files import Files
from tests.emulators.google import Google
from tests.emulators.horde import Horde
from tests.emulators.openai_images import OpenAI
from tests.emulators.pictures import Style
from tests.emulators.relay import Relay, Together
from tests.emulators.scenario import Gate, Kind, Scenario
from tests.emulators.server import Harness, closed_port
from tests.emulators.xai import XAI


class Emulators:
    """All of them, on ports of their own in one thread. `start` once, `reset` between tests, `stop` at the end."""

    def __init__(self, *, port_base: int = 0, style: Style = "quick", delay_s: float = 0.0) -> None:
        self.files = Files()
        self.google = Google(self.files)
        self.ark = Ark(self.files)
        self.xai = XAI(self.files)
        self.openai = OpenAI(self.files)
        self.relay = Relay(self.files)
        self.together = Together(self.files)
        self.aihorde = Horde(self.files)
        self.providers: tuple[Emulator, ...] = (
            self.google, self.ark, self.xai, self.openai, self.relay, self.together, self.aihorde,
        )  # fmt: skip
        for one in self.providers:
            one.style = style
            one.default = Scenario(delay_s=delay_s)
        self._harness = Harness({one.name: one for one in (*self.providers, self.files)}, port_base)

    def start(self) -> None:
        self._harness.start()

    def stop(self) -> None:
        self.reset()
        self._harness.stop()

    def reset(self) -> None:
        for one in (*self.providers, self.files):
            one.reset()

    @property
    def refused_url(self) -> str:
        """An address of loopback where nobody listens."""
        return f"http://127.0.0.1:{closed_port()}"


__all__ = [
    "XAI",
    "Ark",
    "Charge",
    "Emulator",
    "Emulators",
    "FilePart",
    "Files",
    "Form",
    "Gate",
    "Google",
    "Horde",
    "Kind",
    "OpenAI",
    "Recorded",
    "Relay",
    "Scenario",
    "Together",
]
