"""A plain client for the emulators' own tests, and one good request for each provider."""

import base64
import io
import json
from typing import Any

import aiohttp
from PIL import Image
from tests.emulators import Emulator, Emulators

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def png(width: int = 64, height: int = 64, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def data_uri(data: bytes, form: str = "png") -> str:
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def auth_of(emulator: Emulator, key: str | None = None) -> dict[str, str]:
    key = emulator.key if key is None else key
    named = {
        "google": {"x-goog-api-key": key},
        "vertex": {"x-goog-api-key": key},
        "aihorde": {"apikey": key},
        "bfl": {"x-key": key},
        "fal": {"Authorization": f"Key {key}"},
        "ideogram": {"Api-Key": key},
        "azure": {"api-key": key},
    }
    task = {"X-DashScope-Async": "enable"} if emulator.name == "alibaba" else {}
    return named.get(emulator.name, {"Authorization": f"Bearer {key}", **task})


async def ask(
    http: aiohttp.ClientSession,
    emulator: Emulator,
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    key: str | None = None,
) -> tuple[int, Any, aiohttp.ClientResponse]:
    async with http.request(method, emulator.base_url + path, json=body, headers=auth_of(emulator, key)) as answer:
        raw = await answer.read()
        return answer.status, json.loads(raw) if "json" in answer.content_type else raw, answer


GOOGLE_PATH = "/models/gemini-nano-banana-2.1:generateContent"


def google_body(**config: Any) -> dict[str, Any]:
    return {
        "contents": [{"role": "user", "parts": [{"text": "otter"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], **config},
    }


SUBMITS: dict[str, tuple[str, dict[str, Any]]] = {
    "google": (GOOGLE_PATH, google_body()),
    "ark": (
        "/images/generations",
        {
            "model": "seedream-5-0-260128",
            "prompt": "otter",
            "size": "2K",
            "watermark": False,
            "response_format": "b64_json",
        },
    ),
    "xai": (
        "/images/generations",
        {"model": "grok-imagine-image-2.0", "prompt": "otter", "quality": "low", "response_format": "b64_json"},
    ),
    "openai": ("/images/generations", {"model": "gpt-image-2", "prompt": "otter", "quality": "low"}),
    "relay": ("/images/generations", {"model": "relay/picture", "prompt": "otter", "size": "256x256"}),
    "together": (
        "/images/generations",
        {"model": "black-forest-labs/FLUX.1-schnell", "prompt": "otter", "width": 256, "height": 256},
    ),
    "aihorde": ("/generate/async", {"prompt": "otter", "models": ["stable_diffusion"], "params": {"width": 256}}),
    "bfl": ("/v1/flux-2-pro", {"prompt": "otter", "width": 256, "height": 256}),
    "fal": ("/fal-ai/flux/schnell", {"prompt": "otter", "image_size": {"width": 256, "height": 256}, "num_images": 2}),
    "alibaba": (
        "/services/aigc/image-generation/generation",
        {
            "model": "wan2.7-image",
            "input": {"messages": [{"role": "user", "content": [{"text": "otter"}]}]},
            "parameters": {"n": 1, "size": "1024*1024"},
        },
    ),
    "replicate": ("/models/black-forest-labs/flux-dev/predictions", {"input": {"prompt": "otter"}}),
}
JOBS = ("aihorde", "alibaba", "bfl", "fal", "replicate")
SYNCHRONOUS = [name for name in SUBMITS if name not in JOBS]


def named(emulators: Emulators, name: str) -> Emulator:
    return next(one for one in emulators.providers if one.name == name)


async def submit(http: aiohttp.ClientSession, emulator: Emulator, key: str | None = None) -> tuple[int, Any]:
    path, body = SUBMITS[emulator.name]
    status, value, _ = await ask(http, emulator, path, body, key=key)
    return status, value
