"""What an adapter builds, its emulator takes: two readings of one protocol, written apart from each other."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.emulators import Emulator, Emulators
from tests.emulators.client import auth_of
from tests.unit.adapter_kit import CARDS

from triptych.http.message import HttpRequest
from triptych.provider_kit import law_strategies as some
from triptych.provider_kit import laws
from triptych.provider_kit.upstream import as_count
from triptych.providers import ADAPTERS, row_adapters
from triptych.spec.errors import BadRequestError
from triptych.spec.model import ModelCard

NAMES = {name: name for name in ("aihorde", "alibaba", "bfl", "deepinfra", "fal", "fireworks", "google", "huggingface", "ideogram", "minimax", "recraft",
                                 "openai", "openrouter", "replicate", "stability", "together", "tokenhub", "vertex", "xai")} | {"bytedance": "ark"}  # fmt: skip
"""Adapters and their emulators."""
ALL = {**ADAPTERS, **row_adapters()}
MET = [card for card in CARDS.values() if card.provider in NAMES]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=90, verify=False) as made:
        yield made


def said(client: httpx.Client, emulator: Emulator, http: HttpRequest) -> httpx.Response:
    key = {name: value for name, value in auth_of(emulator).items() if name != "X-DashScope-Async"}
    url, headers = emulator.base_url + http.url, key | dict(http.headers)
    if not http.parts:
        return client.post(url, json=http.json, headers=headers)
    files: Any = [(part.name, (part.filename, part.data, part.media_type)) for part in http.parts]
    return client.post(url, files=files, headers=headers)


@pytest.mark.parametrize("card", MET, ids=[card.id for card in MET])
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_built_is_taken(
    card: ModelCard, emulators: Emulators, client: httpx.Client, data: st.DataObject
) -> None:
    request = data.draw(some.requests_for(card))
    sides = ((as_count(card.extra.get("least_input_side")) or 64) + 2 * place for place in range(len(request.images)))
    images = tuple(laws.picture(one.role, side) for one, side in zip(request.images, sides, strict=True))
    request = replace(request, images=images)
    if request.mask is not None:
        request = replace(request, images=(laws.picture("edit", 64),), mask=laws.picture("edit", 64))
    try:
        http = ALL[card.provider].build(request, card).http
    except BadRequestError:
        return
    answer = said(client, getattr(emulators, NAMES[card.provider]), http)
    assert answer.status_code in {200, 201, 202}, answer.text
    if "json" in answer.headers["content-type"]:
        assert json.loads(answer.content).get("base_resp", {}).get("status_code", 0) == 0, answer.text
