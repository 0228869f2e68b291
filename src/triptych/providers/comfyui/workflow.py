"""A user's workflow as a model: which of its nodes take the prompt, the seed, the size and the pictures.

A node is known by its title where that is one of the words below, as ComfyUI's *Save (API format)* writes it into `_meta`; else by what it
is: the texts behind a sampler's `positive` and `negative`, every `seed`, the empty picture that has a width and a height, every `LoadImage`.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from triptych.providers.comfyui.graphs import Graph
from triptych.spec.errors import BadRequestError

MOST_BYTES, MOST_NODES = 1 << 20, 500
_TEXTS = ("text", "prompt", "clip_l", "clip_g", "t5xxl", "text_g", "text_l")
_SEEDS = ("seed", "noise_seed")
_SHOWN = ("SaveImage", "PreviewImage")
TITLES: Mapping[str, str] = {
    "prompt": "prompt", "positive": "prompt", "positive prompt": "prompt", "negative": "negative", "negative prompt": "negative",
    "seed": "seed", "size": "size", "image": "image", "input image": "image", "mask": "mask",
}  # fmt: skip

Place = tuple[str, str]
"""A node's id and the name of one of its inputs."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow, and where what is asked for goes."""

    graph: Graph
    prompt: tuple[Place, ...]
    negative: tuple[Place, ...] = ()
    seed: tuple[Place, ...] = ()
    size: tuple[str, ...] = ()  # ids of nodes with `width` and `height`
    images: tuple[Place, ...] = ()
    mask: tuple[Place, ...] = ()

    @property
    def weighs(self) -> bool:
        """Whether the prompt goes to a node that reads brackets as weights; nodes of companies' models take it as it is."""
        return any(str(self.graph[id_]["class_type"]).startswith("CLIPTextEncode") for id_, _ in self.prompt)

    def told(self) -> dict[str, list[str]]:
        """What was found, for the user to look over: by what it takes, the nodes by id and class."""
        places = {"prompt": self.prompt, "negative": self.negative, "seed": self.seed, "images": self.images, "mask": self.mask,
                  "size": tuple((id_, "width") for id_ in self.size)}  # fmt: skip
        return {
            name: [f"{id_} {self.graph[id_]['class_type']}" for id_, _ in some] for name, some in places.items() if some
        }

    def filled(
        self, *, prompt: str, negative: str | None, seed: int, size: tuple[int, int] | None, images: Sequence[str], mask: str | None
    ) -> Graph:  # fmt: skip
        """The workflow with everything in its place; pictures by the names that they were uploaded under."""
        graph = copy.deepcopy(self.graph)
        put: list[tuple[Place, Any]] = [
            *((place, prompt) for place in self.prompt),
            *((place, seed) for place in self.seed),
        ]
        if negative is not None:
            put += [(place, negative) for place in self.negative]
        put += list(zip(self.images, images, strict=False))
        if mask is not None:
            put += [(place, mask) for place in self.mask]
        if size is not None:
            put += [
                ((id_, name), side) for id_ in self.size for name, side in zip(("width", "height"), size, strict=True)
            ]
        for (id_, name), value in put:
            graph[id_]["inputs"][name] = value
        return graph


def read_workflow(data: bytes) -> Workflow:
    """Reads a workflow in API format. Raises BadRequestError, which says what is missing."""
    if len(data) > MOST_BYTES:
        raise _wrong(f"The workflow has more than {MOST_BYTES >> 20} MB.")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _wrong("The workflow is no JSON.") from None
    if isinstance(found, dict) and isinstance(found.get("nodes"), list):
        raise _wrong(
            "This is a workflow as it is drawn, not as it is run.",
            hint="In ComfyUI choose Export (API), or Save (API format).",
        )
    graph = _graph(found)
    if not any(node["class_type"] in _SHOWN for node in graph.values()):
        raise _wrong("No picture comes out of this workflow.", hint="End it with a Save Image or Preview Image node.")
    titled = _titled(graph)
    positive, negative = _texts(graph)
    prompt = tuple(_of(graph, titled.get("prompt", ()), _TEXTS)) or positive
    if not prompt:
        raise _wrong(
            "No node of this workflow takes the prompt.",
            hint="Give the node that does the title Prompt, and export it again.",
        )
    no = tuple(_of(graph, titled.get("negative", ()), _TEXTS)) or tuple(
        place for place in negative if place not in prompt
    )
    masks = tuple(
        (id_, "image")
        for id_, node in graph.items()
        if node["class_type"] == "LoadImageMask" or id_ in titled.get("mask", ())
    )
    images = tuple(_of(graph, titled.get("image", ()), ("image",))) or tuple(
        (id_, "image")
        for id_, node in graph.items()
        if node["class_type"] == "LoadImage" and (id_, "image") not in masks
    )
    return Workflow(
        graph=graph, prompt=prompt, negative=no, images=images, mask=masks,
        seed=tuple(_of(graph, titled.get("seed", ()), (*_SEEDS, "value"))) or tuple(_of(graph, graph, _SEEDS)),
        size=tuple(titled.get("size", ())) or tuple(id_ for id_, node in graph.items() if _is_empty(node)),
    )  # fmt: skip


def _graph(found: Any) -> Graph:
    if not isinstance(found, dict) or not 0 < len(found) <= MOST_NODES:
        raise _wrong(
            "This is no workflow of ComfyUI in API format.",
            hint="In ComfyUI choose Export (API), or Save (API format).",
        )
    for node in found.values():
        good = (
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
        )
        if not good:
            raise _wrong(
                "This is no workflow of ComfyUI in API format.",
                hint="In ComfyUI choose Export (API), or Save (API format).",
            )
    return found


def _titled(graph: Graph) -> dict[str, list[str]]:
    """The ids of nodes whose title says what they take."""
    found: dict[str, list[str]] = {}
    for id_, node in graph.items():
        meta = node.get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        if isinstance(title, str) and (name := TITLES.get(title.strip().casefold())) is not None:
            if name == "size" and not {"width", "height"} <= node["inputs"].keys():
                continue
            found.setdefault(name, []).append(id_)
    return found


def _texts(graph: Graph) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """The texts behind what every sampler draws towards, and away from."""
    towards: dict[Place, None] = {}
    away: dict[Place, None] = {}
    for node in graph.values():
        inputs = node["inputs"]
        if "positive" in inputs and "negative" in inputs:
            towards |= dict.fromkeys(_behind(graph, inputs["positive"]))
            away |= dict.fromkeys(_behind(graph, inputs["negative"]))
        elif node["class_type"] == "BasicGuider":
            towards |= dict.fromkeys(_behind(graph, inputs.get("conditioning")))
    return tuple(towards), tuple(away)


def _behind(graph: Graph, link: Any) -> Iterator[Place]:
    """The nearest texts up a link. Each node is looked at once, also in a graph that goes in circles."""
    links, seen = [link], set[str]()
    while links:
        link = links.pop(0)
        if not _is_link(link) or link[0] not in graph or link[0] in seen:
            continue
        seen.add(link[0])
        own = list(_of(graph, (link[0],), _TEXTS))
        yield from own
        if not own:
            links += graph[link[0]]["inputs"].values()


def _of(graph: Graph, ids: Sequence[str] | Graph, names: Sequence[str]) -> Iterator[Place]:
    """The inputs of these names that hold a value and no link."""
    for id_ in ids:
        inputs = graph[id_]["inputs"]
        yield from ((id_, name) for name in names if name in inputs and not isinstance(inputs[name], list))


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _is_empty(node: Mapping[str, Any]) -> bool:
    inputs = node["inputs"]
    return "Empty" in node["class_type"] and all(isinstance(inputs.get(name), int) for name in ("width", "height"))


def _wrong(message: str, hint: str | None = None) -> BadRequestError:
    return BadRequestError(message, hint=hint, param="workflow")
