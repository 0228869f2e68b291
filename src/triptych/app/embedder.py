"""The network that says what pictures show: an extra, and weights that a person has fetched once."""

from collections.abc import Sequence

from triptych.app.weights import Weights
from triptych.imaging.tools.bench import ToolBench
from triptych.imaging.tools.job import ToolJob
from triptych.imaging.tools.job import Weights as WeightsHere
from triptych.imaging.tools.runtime import EXTRA, installed
from triptych.providers.tools import WeightsCard
from triptych.spec.json import JsonObject

CARD = WeightsCard(
    url="https://huggingface.co/Xenova/clip-vit-base-patch32/resolve/d15189d7028b43f1d3e65039190477f6af591c2a/onnx/vision_model_quantized.onnx",
    sha256="583fd1110a514667812fee7d684952aaf82a99b959760c8d7dca7e0ab9839299", about_bytes=89_117_001,
    source="Read, with its size, in the lists of models of two other programs that pin this revision; not computed here",
    as_of="2026-11-22",
)  # fmt: skip
"""CLIP ViT-B/32, the half that sees, in 8 bits. The weights are OpenAI's, under the MIT licence."""
_NAME, _LICENSE = "CLIP ViT-B/32", "MIT"
_SIDE, _MEMORY_MIB, _SECONDS = 224, 3072, 180.0


class ClipEmbedder:
    """CLIP in a process of its own, a few pictures at a time."""

    def __init__(self, weights: Weights, bench: ToolBench) -> None:
        self._weights, self._bench, self.card = weights, bench, CARD

    @property
    def network(self) -> str | None:
        """The SHA-256 of its weights; None while they, or the extra, are not here."""
        return self.card.sha256 if installed() and self._weights.where(self.card) is not None else None

    async def embed(self, pictures: Sequence[bytes]) -> tuple[bytes, ...]:
        """A vector for each picture, empty for one that cannot be opened. Raises ToolError."""
        here = WeightsHere(path=self._weights.where(self.card) or "", sha256=self.card.sha256)
        job = ToolJob(kind="embed", width=0, height=0, memory_mib=_MEMORY_MIB, weights=here, side=_SIDE)
        return await self._bench.embed(job, pictures, seconds=_SECONDS)

    def state(self) -> JsonObject:
        """How the weights stand, with what they are and what is missing beside them."""
        lacks = None if installed() else f"It needs ONNX Runtime, an extra: {EXTRA}"
        return {**self._weights.state(self.card), "name": _NAME, "license": _LICENSE, "lacks": lacks}

    def begin(self) -> JsonObject:
        """Starts fetching the weights."""
        self._weights.begin(self.card)
        return self.state()

    async def stop(self) -> JsonObject:
        """Ends a fetch."""
        await self._weights.stop(self.card)
        return self.state()
