"""What files say of their making: built here as each program's published format has it, and as a hostile one would."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from triptych.imaging.provenance import MOST_PROMPT, told
from triptych.imaging.reframe import packet
from triptych.imaging.workshop import Workshop
from triptych.spec.errors import HostileContentError

JOB = "6f1d0c2e-93ab-4c7d-8e55-0a1b2c3d4e5f"
PROMPT = "a steel kettle on basalt, dawn --ar 3:2 --v 6.1"
WEBUI = """a steel kettle, (dawn:1.2)
second line
Negative prompt: blurry, text
Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 1234567, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, Lora hashes: "a: 1, b: 2", Version: v1.10.1"""
GRAPH: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1102676403634909, "steps": 20, "model": ["4", 0],
                                               "positive": ["12", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
    "12": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["7", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a steel kettle on basalt", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
}  # fmt: skip
INVOKE = {"positive_prompt": "a steel kettle", "negative_prompt": "blurry", "seed": 42, "width": 512, "height": 512,
          "model": {"name": "juggernaut-xl", "base": "sdxl", "type": "main"}, "app_version": "5.4.0"}  # fmt: skip


def png(texts: Mapping[str, str] | None = None, *, late: bool = False, xmp: str = "", **more: str) -> bytes:
    info, out = PngInfo(), io.BytesIO()
    for name, value in {**(texts or {}), **more}.items():
        info.add_itxt(name, value, zip=late)
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    Image.new("RGB", (24, 16), "teal").save(out, "PNG", pnginfo=info)
    return out.getvalue()


def exif(kind: str, tags: dict[int, str], comment: bytes = b"", xmp: bytes = b"") -> bytes:
    made, out = Image.Exif(), io.BytesIO()
    for tag, value in tags.items():
        made[tag] = value
    if comment:
        made.get_ifd(0x8769)[0x9286] = comment
    Image.new("RGB", (24, 16), "teal").save(out, kind, exif=made, **({"xmp": xmp} if xmp else {}))
    return out.getvalue()


def said(data: bytes) -> dict[str, Any]:
    return {name: value for name, value in told(data).items() if value is not None}


MIDJOURNEY = {"source": "midjourney", "prompt": PROMPT, "job": JOB, "model": "V6.1"}


@pytest.mark.parametrize(
    "data",
    [
        png(Description=f"{PROMPT} Job ID: {JOB}", Author="somebody"),
        png(Description=f"{PROMPT} Job ID: {JOB}", late=True),
        exif("JPEG", {0x010E: f"{PROMPT} Job ID: {JOB}"}),
        png(xmp=f'<x:xmpmeta><rdf:Description><dc:description><rdf:Alt><rdf:li xml:lang="x-default">{PROMPT} Job ID: {JOB}</rdf:li></rdf:Alt></dc:description></rdf:Description></x:xmpmeta>'),
        exif("WEBP", {}, xmp=f'<rdf:Description dc:description="{PROMPT} Job ID: {JOB}"/>'.encode()),
    ],
    ids=["png", "compressed", "exif", "xmp list", "xmp attribute"],
)  # fmt: skip
def test_midjourney_carries_prompt_and_job(data: bytes) -> None:
    assert said(data) == MIDJOURNEY


def test_a_description_without_a_job_is_nobodys() -> None:
    assert said(png(Description="a holiday in Spain")) == {}
    assert said(png(Description="the Job ID: of nobody")) == {}
    assert said(png()) == {}


UNICODE = b"UNICODE\0"


@pytest.mark.parametrize(
    "data",
    [
        png(parameters=WEBUI),
        exif("JPEG", {}, UNICODE + WEBUI.encode("utf-16-be")),
        exif("WEBP", {}, UNICODE + WEBUI.encode("utf-16-le")),
        exif("JPEG", {}, b"ASCII\0\0\0" + WEBUI.encode()),
    ],
    ids=["png", "big end", "little end", "ascii"],
)
def test_the_web_ui_carries_its_parameters(data: bytes) -> None:
    assert said(data) == {"source": "webui", "prompt": "a steel kettle, (dawn:1.2)\nsecond line", "negative": "blurry, text",
                          "seed": 1234567, "model": "v1-5-pruned"}  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        png(prompt=json.dumps(GRAPH), workflow=json.dumps({"nodes": []})),
        exif("WEBP", {0x0110: f"prompt:{json.dumps(GRAPH)}"}),
        exif("WEBP", {0x010F: f"Prompt:{json.dumps(GRAPH)}"}),
    ],
)
def test_comfyui_carries_its_graph(data: bytes) -> None:
    assert said(data) == {"source": "comfyui", "prompt": "a steel kettle on basalt", "negative": "blurry",
                          "seed": 1102676403634909, "model": "sd_xl_base_1.0.safetensors"}  # fmt: skip


def test_a_graph_that_leads_nowhere_has_its_longest_text() -> None:
    loop = {**GRAPH, "12": {"class_type": "Loop", "inputs": {"conditioning_1": ["12", 0]}}}
    assert said(png(prompt=json.dumps(loop)))["prompt"] == "a steel kettle on basalt"


def test_invokeai_of_both_times() -> None:
    assert said(png(invokeai_metadata=json.dumps(INVOKE))) == {
        "source": "invokeai", "prompt": "a steel kettle", "negative": "blurry", "seed": 42, "model": "juggernaut-xl",
    }  # fmt: skip
    old = {
        "model_weights": "stable-diffusion-1.5",
        "image": {"prompt": [{"prompt": "a fox", "weight": 1.0}], "seed": 7},
    }
    assert said(png({"sd-metadata": json.dumps(old)})) == {
        "source": "invokeai", "prompt": "a fox", "seed": 7, "model": "stable-diffusion-1.5",
    }  # fmt: skip


def test_our_own_recipe_is_read() -> None:
    recipe = {
        "triptych": "recipe/1",
        "model": "openai/gpt-image-2",
        "request": {"prompt": 'a "red" <kettle>', "n": 1, "quality": "high", "knobs": {"chaos": 7, "x": []}},
        "seed": 9,
    }
    assert said(png(xmp=packet(json.dumps(recipe)).decode())) == {
        "source": "triptych", "prompt": 'a "red" <kettle>', "seed": 9, "model": "openai/gpt-image-2",
        "settings": {"quality": "high", "chaos": 7},
    }  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": "[" * 100_000},
        {"prompt": '{"1": {"class_type": "KSampler", "inputs": {"positive": ["1", 0], "seed": 1e400}}}'},
        {"prompt": '{"1": {"class_type": 3, "inputs": {"positive": [[], 0], "negative": {}, "seed": true}}}'},
        {"invokeai_metadata": '{"positive_prompt": {}, "seed": -1, "model": []}'},
        {"sd-metadata": '{"image": {"prompt": []}}'},
        {"parameters": "Steps: " + 'a: "' * 50_000},
        {"Description": " " * 200_000 + "Job ID:" + " " * 200_000},
    ],
)
def test_what_is_made_to_break_it_is_read_as_nothing(texts: dict[str, str]) -> None:
    found = said(png(texts))
    assert set(found) <= {"source", "prompt", "model"}
    assert found.get("prompt") in {None, ""} or isinstance(found["prompt"], str)


def test_a_prompt_is_cut_and_a_text_too_large_refuses_the_file() -> None:
    long = png(Description=f"{'word ' * 9_000} Job ID: {JOB}")
    assert len(said(long)["prompt"]) == MOST_PROMPT
    info, out = PngInfo(), io.BytesIO()
    info.add_text("parameters", "a" * (70 << 20), zip=True)
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    with pytest.raises(HostileContentError):
        told(out.getvalue())
    with pytest.raises(HostileContentError):
        told(png(Description="x")[:-40])


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "parameters", "Description", "invokeai_metadata"]), st.text(max_size=200)
    )
)
def test_no_text_breaks_it(texts: dict[str, str]) -> None:
    kept = {name: value.replace("\0", "") for name, value in texts.items()}
    assert set(told(png(kept))) == {"source", "prompt", "negative", "seed", "model", "job", "settings", "parts"}


async def test_it_is_read_in_the_guarded_process() -> None:
    workshop = Workshop(processes=1)
    try:
        assert (await workshop.told(png(Description=f"{PROMPT} Job ID: {JOB}")))["job"] == JOB
    finally:
        await workshop.close()
