"""What a picture's file says of how it was made elsewhere: prompt, seed, model and job, as its maker wrote them down.

Runs in the guarded process (`triptych.imaging.worker`): the files are hostile. Read are the text chunks of PNG (third edition,
section 11.3.3), Exif (CIPA DC-008) and XMP (ISO 16684-1) with what these programs put there:

- Midjourney: `Description` (PNG text, Exif or XMP), the prompt with its parameters and at its end `Job ID:` and a UUID;
- Stable Diffusion web UI: `parameters` (PNG text, or Exif's UserComment): prompt, `Negative prompt:`, `Steps: …, Seed: …`;
- ComfyUI: `prompt`, the graph that was run, as JSON (in WebP files Exif's Make or Model, behind `prompt:`), and `workflow`;
- InvokeAI: `invokeai_metadata`, and `sd-metadata` before it, as JSON;
- Triptych: its own recipe, in a place of its own (`triptych.imaging.recipe`) or in XMP (`triptych.imaging.reframe`).
"""

import html
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from PIL import Image

from triptych.imaging.decode import DAMAGED, FORMATS
from triptych.imaging.header import header
from triptych.imaging.recipe import recipe_in
from triptych.spec.errors import HostileContentError

Told = dict[str, Any]
MOST_PROMPT = 16_000
"""Characters of a prompt that are taken."""
_MOST_TEXT = 4 << 20
_MOST_WORD = 160
_MOST_SETTINGS = 40
_HEAVIEST = 100_000  # more would be written with an exponent
_SAID_ABOVE = frozenset({"prompt", "negative_prompt", "seed", "n"})  # of a request, they stand beside its settings
_DEPTH = 24
_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _EXIF, _COMMENT = 0x010E, 0x010F, 0x0110, 0x0131, 0x8769, 0x9286
_JOB = re.compile(r"\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*", re.IGNORECASE)
_SETTING = re.compile(r'\s*([A-Z][\w /-]{0,40}): *("(?:[^"\\]|\\.){0,400}"|[^,\n]{0,400})(?:,|$)')
_LISTED = re.compile(r"<dc:description>.{0,400}?<rdf:li[^>]{0,80}>([^<]{1,20000})</rdf:li>", re.DOTALL)
_WRITTEN = re.compile(r"""\bdc:description=(?:"([^"]{1,20000})"|'([^']{1,20000})')""")
_RECIPE = re.compile(r"""\bRecipe=(?:"([^"]{1,60000})"|'([^']{1,60000})')""")
_WORDS = ("text", "text_g", "t5xxl", "clip_l", "text_l", "prompt", "string", "value", "positive", "conditioning",
          "conditioning_1", "conditioning_to", "guider", "cond1")  # fmt: skip


def told(data: bytes) -> Told:
    """What the file says: `source` (the program, None where nothing is known), `prompt`, `negative`, `seed`, `model`, `job`,
    and of Triptych's recipe `settings` by their names and the weighted `parts` of the prompt; what it does not say is None. Decodes the picture whole. Raises HostileContentError for what is no whole picture."""
    header(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            image.load()  # texts may stand behind the pixels
            texts = {**dict(_texts(image)), "recipe": recipe_in(data) or ""}
    except Image.DecompressionBombError as error:
        raise HostileContentError("The picture unpacks to far more than it claims.") from error
    except DAMAGED as error:
        raise HostileContentError("The picture is damaged: it could not be decoded to its end.") from error
    for source, read in _READERS.items():
        if found := read(texts):
            return {**_NOTHING, **found, "source": source}
    return dict(_NOTHING)


_NOTHING: Told = dict.fromkeys(("source", "prompt", "negative", "seed", "model", "job", "settings", "parts"))


def _texts(image: Image.Image) -> Iterator[tuple[str, str]]:
    for name, value in image.info.items():
        if isinstance(value, str) and len(value) <= _MOST_TEXT:
            yield str(name), value
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    yield "xmp", (packet.decode(errors="replace") if isinstance(packet, bytes) else str(packet))[:_MOST_TEXT]
    exif = image.getexif()
    for name, tag in (("exif description", _DESCRIPTION), ("exif make", _MAKE), ("exif model", _MODEL)):
        if isinstance(value := exif.get(tag), str):
            yield name, value[:_MOST_TEXT]
    comment = exif.get_ifd(_EXIF).get(_COMMENT)
    if isinstance(comment, bytes):
        yield "exif comment", _comment(comment[:_MOST_TEXT])


def _comment(raw: bytes) -> str:
    """Exif's UserComment begins with eight bytes that name its characters; whose bytes come first is not written down, so
    the one that reads as text is taken."""
    if not raw.startswith(b"UNICODE\0"):
        return raw[8:].decode(errors="replace")
    texts = [raw[8:].decode(name, errors="replace") for name in ("utf-16-be", "utf-16-le")]
    return max(texts, key=lambda text: sum(char < "\u0250" for char in text))


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text and len(text) <= _MOST_TEXT else None
    except (ValueError, RecursionError):
        return None


def _word(value: Any) -> str | None:
    return " ".join(_kept(value).split())[:_MOST_WORD] or None if isinstance(value, str) else None


def _prompt(value: Any) -> str | None:
    return _kept(value).strip()[:MOST_PROMPT] or None if isinstance(value, str) else None


def _kept(text: str) -> str:
    """Without what no database keeps and JSON can spell: halves of a pair (surrogates), and NUL."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64 else None


def _described(texts: Mapping[str, str]) -> Iterator[str]:
    yield from (texts[name] for name in ("Description", "exif description", "parameters", "Comment") if name in texts)
    for pattern in (_LISTED, _WRITTEN):
        if found := pattern.search(texts.get("xmp", "")):
            yield html.unescape(next(filter(None, found.groups())))


def _midjourney(texts: Mapping[str, str]) -> Told | None:
    for text in _described(texts):
        said, mark, rest = text.rpartition("Job ID:")
        if mark and (job := _JOB.fullmatch(rest)):
            version = re.search(r"--(v|version|niji) {1,4}([0-9.]{1,6})", said)
            model = None if version is None else f"{'Niji ' if version[1] == 'niji' else 'V'}{version[2]}"
            return {"prompt": _prompt(said), "job": job[1].lower(), "model": model}
    return None


def _webui(texts: Mapping[str, str]) -> Told | None:
    for name in ("parameters", "exif comment"):
        head, mark, tail = f"\n{texts.get(name, '')}".rpartition("\nSteps:")
        if not mark:
            continue
        prompt, _, negative = head.partition("\nNegative prompt:")
        settings = dict(_SETTING.findall(f"Steps:{tail[:8_000]}"))
        return {"prompt": _prompt(prompt), "negative": _prompt(negative), "seed": _number(settings.get("Seed", "").strip()),
                "model": _word(settings.get("Model", "").strip('" '))}  # fmt: skip
    return None


def _invokeai(texts: Mapping[str, str]) -> Told | None:
    said = _json(texts.get("invokeai_metadata"))
    if isinstance(said, dict):
        model = said.get("model")
        name = model.get("name") or model.get("model_name") if isinstance(model, dict) else model
        return {"prompt": _prompt(said.get("positive_prompt")), "negative": _prompt(said.get("negative_prompt")),
                "seed": _number(said.get("seed")), "model": _word(name)}  # fmt: skip
    old = _json(texts.get("sd-metadata"))
    image = old.get("image") if isinstance(old, dict) else None
    if not isinstance(image, dict):
        return None
    prompt = image.get("prompt")
    first = prompt[0] if isinstance(prompt, list) and prompt else prompt
    return {"prompt": _prompt(first.get("prompt") if isinstance(first, dict) else first),
            "seed": _number(image.get("seed")), "model": _word(old.get("model_weights"))}  # fmt: skip


def _comfyui(texts: Mapping[str, str]) -> Told | None:
    in_exif = [texts.get(name, "").partition(":") for name in ("exif model", "exif make")]
    graphs = [texts.get("prompt"), *(rest for head, _, rest in in_exif if head.lower() == "prompt")]
    graph = next((found for text in graphs if isinstance(found := _json(text), dict)), None)
    nodes = {str(name): node for name, node in (graph or {}).items() if isinstance(node, dict)}
    if not any("class_type" in node for node in nodes.values()):
        return None
    every = {name: node["inputs"] for name, node in nodes.items() if isinstance(node.get("inputs"), dict)}
    samplers = [inputs for word in ("positive", "guider") for inputs in every.values() if word in inputs]
    sampler: Mapping[str, Any] = samplers[0] if samplers else {}
    seeds = (inputs.get(name) for inputs in (sampler, *every.values()) for name in ("seed", "noise_seed"))
    models = (inputs.get(name) for inputs in every.values() for name in ("ckpt_name", "unet_name", "model_name"))
    return {
        "prompt": _prompt(_followed(sampler.get("positive", sampler.get("guider")), every) or _longest(nodes)),
        "negative": _prompt(_followed(sampler.get("negative"), every)),
        "seed": next((seed for value in seeds if (seed := _number(value)) is not None), None),
        "model": next((name for value in models if (name := _word(value))), None),
    }


def _followed(link: Any, every: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The text at the end of a link, which is `[node, place]`."""
    seen: set[str] = set()
    queue = [link]
    for at in queue:
        if isinstance(at, str) and at.strip():
            return at
        if not (isinstance(at, list) and at and isinstance(at[0], str | int)) or len(seen) > _DEPTH:
            continue
        name = str(at[0])
        if name not in seen and name in every:
            seen.add(name)
            queue += [every[name][word] for word in _WORDS if word in every[name]]
    return None


def _longest(nodes: Mapping[str, Any]) -> str | None:
    """Where no link leads to a text: the longest one of a node that encodes text."""
    texts = [
        text
        for node in nodes.values()
        if "TextEncode" in str(node.get("class_type")) and isinstance(node.get("inputs"), dict)
        for text in node["inputs"].values()
        if isinstance(text, str)
    ]
    return max(texts, key=len, default=None)


def _triptych(texts: Mapping[str, str]) -> Told | None:
    found = _RECIPE.search(texts.get("xmp", ""))
    said = _json(texts.get("recipe") or (html.unescape(found[1] or found[2]) if found else None))
    request = said.get("request") if isinstance(said, dict) else None
    if not isinstance(said, dict) or said.get("triptych") != "recipe/1" or not isinstance(request, dict):
        return None
    return {"prompt": _prompt(request.get("prompt")), "negative": _prompt(request.get("negative_prompt")),
            "seed": _number(request.get("seed") if said.get("seed") is None else said["seed"]),
            "model": _word(said.get("model")), "settings": _settings(request), "parts": _parts(request.get("parts"))}  # fmt: skip


def _parts(given: Any) -> list[tuple[str, float]] | None:
    """The parts of a prompt with their weights, or None where one of them is none."""
    if not isinstance(given, list) or not 1 < len(given) <= _MOST_SETTINGS:
        return None
    told = [(_prompt(one.get("text")), one.get("weight")) for one in given if isinstance(one, dict)]
    read = [
        (text, float(weight))
        for text, weight in told
        if text and isinstance(weight, int | float) and abs(weight) <= _HEAVIEST
    ]
    return read if len(read) == len(given) else None


def _settings(request: Mapping[str, Any]) -> Told | None:
    knobs = request.get("knobs")
    every = {**(knobs if isinstance(knobs, dict) else {}), **request}
    short = {str(name)[:_MOST_WORD]: value for name, value in every.items()
             if name not in _SAID_ABOVE and isinstance(value, str | int | float) and len(str(value)) <= _MOST_WORD}  # fmt: skip
    return dict(list(short.items())[:_MOST_SETTINGS]) or None


_READERS: Mapping[str, Callable[[Mapping[str, str]], Told | None]] = {
    "triptych": _triptych,
    "midjourney": _midjourney,
    "invokeai": _invokeai,
    "comfyui": _comfyui,
    "webui": _webui,
}
