"""What servers of open models read in a prompt besides its words is told before anything is sent."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.adapter_kit import CARDS
from tests.unit.test_comfyui import FLUX

from triptych.http.client import HttpClient
from triptych.provider_kit.fit import Fit
from triptych.provider_kit.signs import AND, BREAK, NETWORK, ROUND, SQUARE, tell
from triptych.providers import ADAPTERS, row_from_settings
from triptych.providers.comfyui import Comfy, ComfyModel, checkpoint_card, read_workflow, workflow_card
from triptych.providers.swarm import Swarm, SwarmModel, swarm_card
from triptych.providers.webui import WebUi, WebUiModel, web_ui_card
from triptych.spec.clock import SystemClock
from triptych.spec.image import Adjustment, ImageRequest

CLOCK = SystemClock()
CLIENT = HttpClient(CLOCK)
URL = "http://127.0.0.1:9"  # nothing is asked of it


def horde(request: ImageRequest) -> tuple[Adjustment, ...]:
    return ADAPTERS["aihorde"].build(request, CARDS["aihorde/flux.1-schnell"]).adjustments


def sd_server(request: ImageRequest) -> tuple[Adjustment, ...]:
    adapter, (card,) = row_from_settings("mine", {"base_url": URL, "like": "sd-server", "models": [{"id": "m"}]})
    return adapter.build(request, card).adjustments


def workflow(node: str) -> ComfyModel:
    found = read_workflow(json.dumps(FLUX | {"10": {**FLUX["10"], "class_type": node}}).encode())
    return ComfyModel(workflow_card("comfyui", "w", found), Comfy(URL, CLIENT, CLIENT, CLOCK), CLOCK, found)


ENGINES: dict[str, Callable[[ImageRequest], tuple[Adjustment, ...]]] = {
    "web-ui": WebUiModel(web_ui_card("ui", "x"), WebUi(URL, CLIENT, CLOCK), CLOCK).plan,
    "swarm": SwarmModel(swarm_card("swarm", "x"), Swarm(URL, CLIENT, CLOCK)).plan,
    "comfy": ComfyModel(checkpoint_card("comfyui", "x"), Comfy(URL, CLIENT, CLIENT, CLOCK), CLOCK).plan,
    "workflow": workflow("CLIPTextEncode").plan,
    "horde": horde,
    "sd-server": sd_server,
}


@pytest.mark.parametrize(("engine", "words", "signs"), [
    ("web-ui", "a (red:1.2) door", "( )"),
    ("web-ui", "[day|night], a hut BREAK fog AND rain <lora:ink:0.8>", "[ ] BREAK AND < : >"),
    ("swarm", "<random:red,blue> door, (old)", "( ) < >"),
    ("comfy", "a (red:1.2) door, embedding:ink", "( ) embedding:"),
    ("workflow", "a ((red)) door", "( )"),
    ("horde", "a (red) door", "( )"),
    ("sd-server", "[a] door <lora:ink:1>", "[ ] < : >"),
])  # fmt: skip
def test_signs_are_told(engine: str, words: str, signs: str) -> None:
    (said,) = (one for one in ENGINES[engine](ImageRequest(prompt=words)) if one.feature == "prompt")
    assert (said.kind, said.detail) == ("adjusted", f"this server reads these as signs, not as words: {signs}")
    left_out = ENGINES[engine](ImageRequest(prompt="a door", negative_prompt=words))
    assert [one.kind for one in left_out if one.feature == "prompt"] == ["adjusted"]


@pytest.mark.parametrize("engine", ENGINES)
def test_plain_words_are_not(engine: str) -> None:
    plain = "a red door and a window, break of day; 3 < 4 > 2 {x} \\(as it is\\)"
    assert ENGINES[engine](ImageRequest(prompt=plain)) == ()


def test_a_workflow_of_a_companys_model_takes_brackets_as_they_are() -> None:
    found = read_workflow(json.dumps(FLUX | {"10": {**FLUX["10"], "class_type": "FluxProImageNode"}}).encode())
    assert not found.weighs


@given(words=st.text(max_size=40))
def test_nothing_but_the_prompt_is_told_about(words: str) -> None:
    fit = Fit(ImageRequest(prompt=f"x{words}"), web_ui_card("ui", "x"))
    tell(fit, (ROUND, SQUARE, BREAK, AND, NETWORK))
    assert [one.feature for one in fit.done()] == (["prompt"] if fit.done() else [])
