"""What a card states of weights and precision, for each engine; and what it does not state where nobody can know it."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.comfyui import CHECKPOINTS, ComfyUI, comfyui
from tests.emulators.swarmui import MODELS, swarmui
from tests.unit.node.test_web_ui import Ui, opened
from tests.unit.test_diffusion import folder

from triptych.http.client import HttpClient
from triptych.imaging.diffusion.folder import drawn_with, read_folder
from triptych.imaging.diffusion.job import DrawError
from triptych.imaging.diffusion.memory import GIB, Machine
from triptych.network.card import CardModel
from triptych.node.backends.comfy import comfy_backend
from triptych.node.backends.open_models import open_backend
from triptych.node.backends.swarm import swarm_backend
from triptych.node.hashes import Hashes
from triptych.provider_kit.playback import PlayedClock
from triptych.providers.comfyui import SAMPLER, SCHEDULER, STEPS
from triptych.providers.local import LocalModel, local_card
from triptych.spec.clock import SystemClock


class Eye:
    """A process that only looks at the machine."""

    def __init__(self, *, free: float = 64, gone: bool = False, device: Any = "cuda") -> None:
        self.machine, self.gone = Machine(device=device, name="x", free=int(free * GIB), main=64 * GIB), gone

    async def look(self) -> Machine:
        if self.gone:
            raise DrawError("It ended at once.")
        return self.machine


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(SystemClock()) as made:
        yield made


async def stated(place: Path, tmp_path: Path, **eye: Any) -> CardModel:
    model = read_folder(place)
    backend = open_backend([LocalModel(local_card(model), model, Eye(**eye), PlayedClock())], PlayedClock())  # type: ignore[arg-type]
    await backend.prepare(Hashes(tmp_path / "weights.json"))
    (found,) = await backend.models()
    return found


class TestOpenModels:
    async def test_the_weights_that_are_loaded_the_precision_and_the_version(self, tmp_path: Path) -> None:
        place = folder(tmp_path / "m" / "x", scheduler=["diffusers", "DDIMScheduler"])
        found = await stated(place, tmp_path)
        lines = "".join(
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n"
            for name, file in sorted(drawn_with(read_folder(place)))
        )
        assert found.digest == hashlib.sha256(lines.encode()).hexdigest()
        assert found.precision == "bfloat16"
        assert found.engine.partition("/")[0] == "diffusers"
        assert (found.sampler, found.steps) == ("DDIMScheduler", 25)

    async def test_a_copy_is_the_same_and_one_other_bit_is_another(self, tmp_path: Path) -> None:
        one, two = folder(tmp_path / "a" / "x"), folder(tmp_path / "b" / "other name")
        (two / "README.md").write_text("of nobody's concern")
        (two / "triptych.json").write_text('{"name": "Another"}')
        (two / "unet" / "diffusion_pytorch_model.non_ema.safetensors").write_bytes(
            (two / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
        )
        same = await stated(one, tmp_path)
        assert (await stated(two, tmp_path)).digest == same.digest
        weights = two / "unet" / "diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes() + b"\1")
        assert (await stated(two, tmp_path)).digest != same.digest
        (one / "vae" / "config.json").write_text('{"block_out_channels": [1, 2, 3, 4], "scaling_factor": 0.2}')
        assert (await stated(one, tmp_path)).digest != same.digest

    @pytest.mark.parametrize(
        ("eye", "precision"),
        [({"device": "cpu"}, "float32"), ({"device": "mps"}, "bfloat16"), ({"device": "cpu", "free": 1.8}, "bfloat16")],
    )
    async def test_each_machine_states_its_own(self, tmp_path: Path, eye: dict[str, Any], precision: str) -> None:
        assert (await stated(folder(tmp_path / "x"), tmp_path, **eye)).precision == precision

    async def test_it_offers_no_picture_that_would_only_fit_in_another_precision(self, tmp_path: Path) -> None:
        wide, narrow = (
            await stated(folder(tmp_path / "x"), tmp_path),
            await stated(folder(tmp_path / "y"), tmp_path, free=3.0),
        )
        assert wide.precision == narrow.precision
        assert wide.max_px == 2048 * 2048
        assert narrow.max_px < wide.max_px

    async def test_where_the_machine_says_nothing_nothing_is_stated(self, tmp_path: Path) -> None:
        found = await stated(folder(tmp_path / "x"), tmp_path, gone=True)
        assert (found.digest, found.precision) == (None, "unknown")

    def test_the_files_that_decide_what_is_drawn(self, tmp_path: Path) -> None:
        place = folder(tmp_path / "x")
        halved = place / "unet" / "diffusion_pytorch_model.fp16.safetensors"
        halved.write_bytes((place / "unet" / "diffusion_pytorch_model.safetensors").read_bytes())
        names = [name for name, _ in drawn_with(read_folder(place))]
        assert names == [
            "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
            "vae/diffusion_pytorch_model.safetensors",
        ]  # fmt: skip
        (place / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        assert "unet/diffusion_pytorch_model.fp16.safetensors" in [name for name, _ in drawn_with(read_folder(place))]


class TestComfyUI:
    async def found(self, them: ComfyUI, client: HttpClient, tmp_path: Path) -> CardModel:
        backend = await comfy_backend(them.url, client, SystemClock())
        assert (await backend.models())[0].digest is None
        await backend.prepare(Hashes(tmp_path / "weights.json"))
        return (await backend.models())[0]

    async def test_files_of_this_machine_are_read_and_flags_are_believed(
        self, client: HttpClient, tmp_path: Path
    ) -> None:
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / CHECKPOINTS[0]).write_bytes(b"weights")
        async with comfyui() as them:
            them.checkpoints, them.flags = (
                [str(tmp_path / "elsewhere"), str(tmp_path / "here")],
                ["--force-fp16", "--listen"],
            )
            found = await self.found(them, client, tmp_path)
        assert (found.engine, found.precision) == ("comfyui/0.3.65", "fp16")
        assert found.digest == hashlib.sha256(b"weights").hexdigest()
        assert (found.sampler, found.steps) == (f"{SAMPLER}/{SCHEDULER}", STEPS)

    @pytest.mark.parametrize(
        "flags",
        [[], ["--force-fp16", "--fp8_e4m3fn-unet"], ["--force-fp16", "--force-fp32"], ["--force-fp16", "--fp32-vae"]],
    )
    async def test_what_it_chooses_for_itself_is_not_known(
        self, client: HttpClient, tmp_path: Path, flags: list[str]
    ) -> None:
        async with comfyui() as them:
            them.flags = flags
            found = await self.found(them, client, tmp_path)
        assert (found.digest, found.precision) == (None, "unknown")

    async def test_a_name_that_leads_out_of_its_folder_is_not_read(self, client: HttpClient, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"x")
        (tmp_path / "here").mkdir()
        async with comfyui() as them:
            them.checkpoints = [str(tmp_path / "here"), "relative", str(tmp_path / "here" / "..")]
            assert (await self.found(them, client, tmp_path)).digest is None


class TestSwarmUI:
    async def test_its_own_word_for_the_hash_is_taken(self, client: HttpClient, tmp_path: Path) -> None:
        async with swarmui() as them:
            them.hashes = {MODELS[0]: "0x" + "AB" * 32, MODELS[1]: "0x1234"}
            backend = await swarm_backend(them.url, client, SystemClock())
            await backend.prepare(Hashes(tmp_path / "weights.json"))
            found = [(one.digest, one.precision) for one in await backend.models()]
        assert found == [("ab" * 32, "unknown"), (None, "unknown")]

    async def test_without_one_nothing_is_stated(self, client: HttpClient, tmp_path: Path) -> None:
        async with swarmui() as them:
            backend = await swarm_backend(them.url, client, SystemClock())
            await backend.prepare(Hashes(tmp_path / "weights.json"))
            assert {one.digest for one in await backend.models()} == {None}


class TestWebUi:
    @pytest.mark.parametrize(
        ("flags", "precision"),
        [({"precision": "autocast", "no_half": False}, "autocast, 16-bit weights"),
         ({"precision": "full", "no_half": True}, "full, 32-bit weights"),
         ({"precision": "autocast"}, "unknown"), ({"precision": "quick", "no_half": False}, "unknown"), ({}, "unknown")],
    )  # fmt: skip
    async def test_its_flags_say_how_it_reckons(self, tmp_path: Path, flags: dict[str, Any], precision: str) -> None:
        backend = await opened(Ui(**{"cmd-flags": flags}))
        await backend.prepare(Hashes(tmp_path / "weights.json"))
        found = await backend.models()
        assert [(one.digest, one.precision) for one in found] == [("ab" * 32, precision), (None, precision)]

    async def test_one_without_that_call_says_nothing(self, tmp_path: Path) -> None:
        backend = await opened(Ui())
        await backend.prepare(Hashes(tmp_path / "weights.json"))
        assert {one.precision for one in await backend.models()} == {"unknown"}
