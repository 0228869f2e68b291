"""A recorded call in the words of the `openai` package for Python, for every host that speaks like OpenAI.

Source: openai-python 3.52.0 (`images.generate`, `images.edit`, `post`), read 2026-11-20.
"""

import re
from collections.abc import Mapping

from triptych.provider_kit.direct import DirectCall, script
from triptych.spec.json import Json

_GENERATE = frozenset({
    "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation",
    "response_format", "style", "user", "stream", "partial_images",
})  # fmt: skip
_EDIT = (_GENERATE - {"moderation", "style"}) | {"input_fidelity"}
_COUNTS = frozenset({"n", "output_compression", "partial_images"})
_PATH = re.compile(r"(?P<base>.+)(?P<path>/images/(?:generations|edits))")


def openai_sdk(call: DirectCall) -> str | None:
    """The call as a script; None for one that is not of the Images API."""
    found = _PATH.fullmatch(call.url)
    if found is None or call.body is None:
        return None
    client = f"client = OpenAI(api_key={call.key}, base_url={found['base']!r}, max_retries=0)"
    if call.form:
        deed, streams = _edit(call), any(part["name"] == "stream" for part in call.body)
    elif found["path"] == "/images/generations":
        deed, streams = _generate(call, call.body), bool(call.body.get("stream"))
    else:
        deed, streams = f"client.post({found['path']!r}, cast_to=object, body={call.python(call.body)})", False
    end = ["for event in answer:", "    print(event.type)"] if streams else ["print(answer)"]
    return script(["from openai import OpenAI"], [client, f"answer = {deed}", *end])


def _generate(call: DirectCall, body: Mapping[str, Json]) -> str:
    named = [f"{name}={call.python(value)}" for name, value in body.items() if name in _GENERATE]
    more = {name: value for name, value in body.items() if name not in _GENERATE}
    named += [f"extra_body={call.python(more)}"] if more else []
    return f"client.images.generate({', '.join(named)})"


def _edit(call: DirectCall) -> str:
    files: dict[str, list[str]] = {}
    named, more = [], {}
    for part in call.body:
        name, content = part["name"].removesuffix("[]"), part["content"]
        if "filename" in part:
            kind = content[1:].partition(",")[0]
            files.setdefault(name, []).append(f"({part['filename']!r}, {call.python(content, raw=True)}, {kind!r})")
        elif name in _EDIT:
            value = int(content) if name in _COUNTS else content == "true" if name == "stream" else content
            named.append(f"{name}={value!r}")
        else:
            more[name] = content
    named += [
        f"{name}={found[0] if len(found) == 1 else '[' + ', '.join(found) + ']'}" for name, found in files.items()
    ]
    named += [f"extra_body={more!r}"] if more else []
    return f"client.images.edit({', '.join(named)})"
