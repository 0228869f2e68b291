"""Providers on loopback: real HTTP servers that speak, check and charge as the vendors do. See README.md."""

from tests.emulators.alibaba import Alibaba
from tests.emulators.ark import Ark
from tests.emulators.azure import Azure
from tests.emulators.base import Charge, Emulator, FilePart, Form, Recorded
from tests.emulators.bfl import BlackForestLabs
from tests.emulators.fal import Fal
from tests.emulators.files import Files
from tests.emulators.fireworks import Fireworks
from tests.emulators.gateways import OpenRouter, SGLang, VllmOmni
from tests.emulators.google import Google, Vertex
from tests.emulators.horde import Horde
from tests.emulators.hosts import DeepInfra, LocalAI, SdServer
from tests.emulators.huggingface import HuggingFace
from tests.emulators.ideogram import Ideogram
from tests.emulators.minimax import MiniMax
from tests.emulators.openai_images import OpenAI
from tests.emulators.pictures import Style
from tests.emulators.recraft import Recraft
from tests.emulators.relay import Relay, Together
from tests.emulators.replicate import Replicate
from tests.emulators.scenario import Gate, Kind, Scenario
from tests.emulators.server import Harness, held_port
from tests.emulators.stability import Stability
from tests.emulators.tokenhub import TokenHub
from tests.emulators.xai import XAI


class Emulators:
    """All of them, on ports of their own in one thread. `start` once, `reset` between tests, `stop` at the end."""

    def __init__(self, *, port_base: int = 0, style: Style = "quick", delay_s: float = 0.0) -> None:
        self.files = Files()
        self.google = Google(self.files)
        self.vertex = Vertex(self.files)
        self.ark = Ark(self.files)
        self.xai = XAI(self.files)
        self.openai = OpenAI(self.files)
        self.relay = Relay(self.files)
        self.together = Together(self.files)
        self.aihorde = Horde(self.files)
        self.bfl = BlackForestLabs(self.files)
        self.fal = Fal(self.files)
        self.replicate = Replicate(self.files)
        self.stability = Stability(self.files)
        self.ideogram = Ideogram(self.files)
        self.recraft = Recraft(self.files)
        self.minimax = MiniMax(self.files)
        self.alibaba = Alibaba(self.files)
        self.huggingface = HuggingFace(self.files)
        self.fireworks = Fireworks(self.files)
        self.openrouter = OpenRouter(self.files)
        self.vllm_omni = VllmOmni(self.files)
        self.sglang = SGLang(self.files)
        self.azure = Azure(self.files)
        self.deepinfra = DeepInfra(self.files)
        self.tokenhub = TokenHub(self.files)
        self.localai = LocalAI(self.files)
        self.sd_server = SdServer(self.files)
        self.providers: tuple[Emulator, ...] = (
            self.google, self.ark, self.xai, self.openai, self.relay, self.together, self.aihorde,
            self.bfl, self.fal,
            self.replicate, self.stability, self.ideogram, self.recraft, self.minimax, self.alibaba, self.huggingface,
            self.fireworks, self.openrouter, self.azure, self.deepinfra, self.vertex,
            self.tokenhub,
        )  # fmt: skip
        self.own_servers: tuple[Emulator, ...] = (self.vllm_omni, self.sglang, self.localai, self.sd_server)
        for one in (*self.providers, *self.own_servers):
            one.style = style
            one.default = Scenario(delay_s=delay_s)
        self._harness = Harness({one.name: one for one in (*self.providers, self.files, *self.own_servers)}, port_base)

    def start(self) -> None:
        self._harness.start()

    def stop(self) -> None:
        self.reset()
        self._harness.stop()

    def reset(self) -> None:
        for one in (*self.providers, self.files, *self.own_servers):
            one.reset()


__all__ = [
    "XAI",
    "Alibaba",
    "Ark",
    "Azure",
    "BlackForestLabs",
    "Charge",
    "DeepInfra",
    "Emulator",
    "Emulators",
    "Fal",
    "FilePart",
    "Files",
    "Fireworks",
    "Form",
    "Gate",
    "Google",
    "Horde",
    "HuggingFace",
    "Ideogram",
    "Kind",
    "LocalAI",
    "MiniMax",
    "OpenAI",
    "OpenRouter",
    "Recorded",
    "Recraft",
    "Relay",
    "Replicate",
    "SGLang",
    "Scenario",
    "SdServer",
    "Stability",
    "Together",
    "TokenHub",
    "Vertex",
    "VllmOmni",
    "held_port",
]
