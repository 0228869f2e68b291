"""The public door: everything a stranger needs to check, and nothing that is private, whatever the host name."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2 as httpx
from tests.integration.place import Place

from triptych.server.application import build

MODEL = "google/gemini-3.1-flash-image"
PORT = 8701
Visit = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def getting(path: str, **options: Any) -> Visit:
    return lambda client: client.get(path, **options)


def at_the_door(place: Place, visit: Visit, port: int = PORT) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build(place.app, public_port=PORT))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://friend.example:{port}") as client:
            return await visit(client)

    return place.do(ask())


def test_a_stranger_sees_the_log_the_rules_and_usage_under_any_name(place: Place) -> None:
    answer = place.sdk.images.generate(model=MODEL, prompt="a private kettle").model_extra or {}
    receipt = answer["triptych"]["receipt"]["id"]
    policy = place.get("/v1/router/policy").json()["id"]
    for path in (
        "/.well-known/triptych/keys", "/.well-known/triptych/log-policy", f"/.well-known/triptych/policy/{policy}",
        f"/v1/receipts/{receipt}",
    ):  # fmt: skip
        found = at_the_door(place, getting(path, headers={"Origin": "https://other.example"}))
        assert found.status_code == 200, path
        assert found.headers["access-control-allow-origin"] == "*"
        assert "kettle" not in found.text
    front = at_the_door(place, getting("/"))
    assert (front.status_code, front.headers["location"]) == (307, "/usage")


def test_nothing_private_is_behind_it(place: Place) -> None:
    answer = place.sdk.images.generate(model=MODEL, prompt="a private kettle").model_extra or {}
    receipt = answer["triptych"]["receipt"]["id"]
    for path in (
        f"/v1/receipts/{receipt}/opening", f"/v1/receipts/{receipt}/direct", "/api/state", "/api/runs", "/models",
        "/v1/models", "/v1/router/budget", "/v1/router/decisions/x", "/api/gallery", "/healthz",
    ):  # fmt: skip
        found = at_the_door(place, getting(path))
        assert found.status_code == 404, path
        assert "/usage" in found.json()["error"]["triptych"]["hint"]
    body = {"model": MODEL, "prompt": "a kettle"}
    made = at_the_door(place, lambda client: client.post("/v1/images/generations", json=body))
    assert made.status_code == 404
    assert at_the_door(place, lambda client: client.delete("/api/picks")).status_code in {404, 405}


def test_the_other_port_is_as_closed_as_ever(place: Place) -> None:
    found = at_the_door(place, getting("/log/checkpoint"), port=8700)
    assert found.status_code == 403
