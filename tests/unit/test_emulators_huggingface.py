"""Hugging Face's own package before the emulator of its router: what the package sends is taken, and the answer is opened."""

from typing import Any

import pytest
from huggingface_hub import InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import HfApi, InferenceProviderMapping
from huggingface_hub.inference._providers import _common
from tests.emulators import Emulators, HuggingFace, Kind

SCHNELL = "black-forest-labs/FLUX.1-schnell"
MAPPING: Any = InferenceProviderMapping  # its constructor has no types
BEHIND = {"fal-ai": "fal-ai/flux/schnell", "nscale": SCHNELL, "together": SCHNELL}


@pytest.fixture
def emulator(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> HuggingFace:
    """The router in the place of the real one; what a model is called behind it is known without asking the hub."""
    found = emulators.huggingface
    for company, name in BEHIND.items():
        mapping = MAPPING(provider=company, hf_model_id=SCHNELL, providerId=name, status="live", task="text-to-image")
        monkeypatch.setitem(_common.HARDCODED_MODEL_INFERENCE_MAPPING, company, {SCHNELL: mapping})
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", found.base_url + "/{provider}")
    return found


def drawn(emulator: HuggingFace, through: Any, **wanted: Any) -> Any:
    model = f"{emulator.base_url}/hf-inference/models/{SCHNELL}" if through == "hf-inference" else SCHNELL
    return InferenceClient(provider=through, api_key=emulator.key).text_to_image("a kettle", model=model, **wanted)


@pytest.mark.parametrize("through", ["hf-inference", "fal-ai", "nscale", "together"])
def test_it_draws_by_every_company(emulator: HuggingFace, through: str) -> None:
    assert drawn(emulator, through, width=512, height=256, seed=1).size == (512, 256)
    assert emulator.submits[0].path.startswith(f"/{through}/")


@pytest.mark.parametrize(("kind", "status"), [
    (Kind.WRONG_KEY, 401), (Kind.NO_CREDIT, 402), (Kind.UNKNOWN_FIELD, 422), (Kind.RATE_LIMIT, 429),
])  # fmt: skip
def test_it_raises_what_went_wrong(emulator: HuggingFace, kind: Kind, status: int) -> None:
    emulator.play(kind)
    with pytest.raises(HfHubHTTPError) as caught:
        drawn(emulator, "nscale")
    assert caught.value.response.status_code == status


def test_its_pages_of_models_tell_who_draws_with_them(emulator: HuggingFace) -> None:
    hub = HfApi(endpoint=emulator.url, token=False)
    told = hub.model_info(
        "black-forest-labs/FLUX.1-dev", expand=["inferenceProviderMapping"]
    ).inference_provider_mapping
    assert told is not None
    assert [(one.provider, one.provider_id, one.status, one.task) for one in told] == [
        ("fal-ai", "fal-ai/flux/dev", "live", "text-to-image")
    ]
    with pytest.raises(HfHubHTTPError) as refused:
        hub.model_info("acme/brush-1", expand=["inferenceProviderMapping"])
    assert refused.value.response.status_code == 404
