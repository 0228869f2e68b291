"""The router is neutral because it cannot be otherwise: it names no provider and cannot import one."""

import re
import tomllib
from pathlib import Path

import pytest

from triptych.catalog import load_cards
from triptych.providers import ADAPTERS, row_adapters

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "triptych"
OWN = {"tools"}  # what this machine does itself to a picture: nobody is asked
NAMES = sorted(({card.provider for card in load_cards()} | {*ADAPTERS, *row_adapters()} | {"comfyui", "swarmui"}) - OWN)
HOMES = {"providers", "catalog"}
"""Where providers are at home: an adapter, its cards, and the words of both in every language."""
ROOMS = sorted(p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists() and p.name not in HOMES)
KINDS = {".py", ".js", ".ts", ".css", ".json", ".toml"}
WORDS = {"together", "openai"}
"""A provider that is called as a common word is, or as the API whose names ours follow: what counts is the name as a value, in
quotes, alone or before the name of a model; not a package for Python."""
ALLOWED = {
    # The composition root wires what is more than a row of data: painters, engines of this machine, sealed relays, volunteers.
    "app/container.py": {"demo", "opengradient"},
    "app/engines.py": {"comfyui"},
    "app/horde.py": {"aihorde"},
    "app/node_workers.py": {"aihorde"},
    "app/onboarding.py": {"comfyui", "demo"},
    "app/opengradient.py": {"opengradient"},
    # A file's address: whose host it lies on.
    "app/embedder.py": {"huggingface"},
    "app/open_models.py": {"huggingface"},
    "imaging/tools/embed.py": {"huggingface"},
    "cli/generate.py": {"demo"},  # what draws where nobody named a model and there is no key
    "cli/keys.py": {"google"},  # an example in a help text
    "cli/node.py": {"comfyui", "swarmui"},  # a help text: which engines a node may have
    "imaging/mask.py": {"comfyui"},  # a comment: whose masks are white where they change
    "imaging/provenance.py": {"comfyui"},  # who made a picture that was brought along, as its own metadata tells
    "studio/makers.py": {"comfyui"},
    "web/app/origin.js": {"comfyui"},
    # A signature's format is called after who publishes it; what checks it sends nothing.
    "network/keccak.py": {"opengradient"},
    "network/opengradient.py": {"opengradient"},
    "network/usage/weights.toml": {"demo", "fal", "ideogram"},  # names of models
    # Engines that a node of one's own may serve from: programs, nobody's service.
    "node/backends/comfy.py": {"comfyui"},
    "node/backends/find.py": {"comfyui", "swarmui"},
    "node/backends/image_model.py": {"demo"},
    "node/backends/swarm.py": {"swarmui"},
    "provider_kit/calls.py": {"fal"},  # the name of a header
    "provider_kit/chat_images.py": {"openrouter"},  # a source
    "provider_kit/driver.py": {"demo"},  # a hint: what needs no key
    "provider_kit/upstream.py": {"azure", "google"},  # comments: whose forms of an error are read
    "server/gemini.py": {"google"},  # a dialect is called what its clients call it (docs/decisions/0037-dialects.md)
    "server/gemini_errors.py": {"google"},
    "server/openai_chat.py": {"openrouter", "opengradient"},
    "studio/prompt/readers.py": {"google", "demo"},  # an example in an error
    "studio/terms.py": {"demo"},  # a comment: who else holds to it
    "web/app/heard.js": {"xai"},  # a comment: a sentence as an example
    # What is looked for on this machine is said before it is looked for.
    "provider_kit/local_servers.py": {"comfyui", "swarmui", "localai", "sd-server", "sglang"},
    "web/app/local.js": {"comfyui", "swarmui", "localai", "sd-server", "sglang"},
    "web/lang/de.json": {"comfyui", "swarmui", "localai", "sd-server", "sglang"},
    # Sentences of the files above.
    "web/lang/told/de.json": {"comfyui", "swarmui", "google", "demo"},
}
"""May only become shorter: whoever serves a request is named nowhere else outside of `HOMES`."""
IMPORTING = {"app", "cli/models.py", "cli/node.py", "node/backends"}
"""Who may import an adapter: the composition root, a node's engines, and two commands for the open models of this machine."""


def mentions(text: str) -> set[str]:
    low = text.lower()
    quoted = {n for n in WORDS if re.search(rf"([\"'`]){n}(?:\1(?! package)|/)", low)}
    return quoted | {n for n in NAMES if n not in WORDS and re.search(rf"(?<![a-z]){re.escape(n)}(?![a-z])", low)}


def files(room: str) -> list[Path]:
    """Without what others wrote: the page's libraries."""
    return [path for path in (SOURCE / room).rglob("*") if path.suffix in KINDS and "vendor" not in path.parts]


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_no_provider_is_named_where_requests_are_decided_and_shown(room: str) -> None:
    named = {relative(path): mentions(path.read_text("utf-8")) for path in files(room)}
    assert [(file, found) for file, found in named.items() if not found <= ALLOWED.get(file, set())] == []


def test_what_is_allowed_is_still_needed() -> None:
    for file, allowed in ALLOWED.items():
        assert mentions((SOURCE / file).read_text("utf-8")) >= allowed, file


def test_no_adapter_is_imported_where_requests_are_decided() -> None:
    importing = {
        relative(path)
        for room in ROOMS
        for path in files(room)
        if path.suffix == ".py" and re.search(r"(?:from|import) triptych\.providers", path.read_text("utf-8"))
    }
    assert {file for file in importing if not any(file.startswith(place) for place in IMPORTING)} == set()
    assert all(any(file.startswith(place) for file in importing) for place in IMPORTING)


def test_the_names_are_really_looked_for() -> None:
    assert {"google", "bytedance", "xai", "openai", "aihorde", "demo", "openrouter", "azure", "localai"} <= set(NAMES)
    assert mentions('if provider == "google":') == {"google"}
    assert mentions("put together, with tools") == set()
    assert mentions("if provider == 'together':") == {"together"}
    assert mentions('card = "openai/gpt-image-2"') == mentions("who === 'openai'") == {"openai"}
    assert mentions('"""OpenAI\'s Images API, as the `openai` package has it."""') == set()
    assert {"app", "cli", "provider_kit", "router", "server", "studio", "web"} <= set(ROOMS)
    assert all(files(room) for room in ROOMS)
    assert {path.suffix for room in ROOMS for path in files(room)} == KINDS


def test_no_lock_names_a_registry() -> None:
    for path in [ROOT / "pyproject.toml", *(ROOT / "requirements").glob("*.txt")]:
        assert not re.search(r"https?://", path.read_text("utf-8")), path
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text("utf-8")


def test_every_room_is_in_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    rooms = {r.strip("() ") for layer in contract["layers"] for r in layer.split("|")}
    assert {p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists()} <= rooms
