"""MiniMax image-01: pictures as base64 or at addresses; faults inside answers of status 200, counts as text.

Source: the vendor's pages on image generation, error codes and the list of models, as of 2026-11.
"""

from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Emulator, Refuse, Reply, json_reply
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

RATIOS = {"1:1": (1024, 1024), "16:9": (1280, 720), "4:3": (1152, 864), "3:2": (1248, 832), "2:3": (832, 1248), "3:4": (864, 1152),
          "9:16": (720, 1280), "21:9": (1344, 576)}  # fmt: skip
FIELDS = {"model", "prompt", "aspect_ratio", "width", "height", "response_format", "seed", "n", "prompt_optimizer", "aigc_watermark",
          "subject_reference"}  # fmt: skip
MICRO_USD = 3500


@dataclass(frozen=True, slots=True)
class Asked:
    prompt: str
    size: tuple[int, int]
    count: int
    seed: int
    inline: bool


class MiniMax(Emulator):
    name = "minimax"
    base_path = "/v1"
    key = "minimax-emulator-0123456789abcdef"
    key_env = "MINIMAX_API_KEY"
    base_env = "TRIPTYCH_MINIMAX_BASE_URL"
    hue = 0.98
    kinds = (
        (STATUS_KINDS | PICTURE_KINDS | URL_KINDS | {Kind.MODERATION_INPUT, Kind.REFUSAL, Kind.EMPTY_DATA, Kind.PARTIAL})
        - {Kind.FORBIDDEN, Kind.UNKNOWN_MODEL}
    )  # fmt: skip

    def step(self, method: str, path: str) -> str:
        return {("POST", "/v1/image_generation"): "submit", ("GET", "/v1/models"): "models"}.get((method, path), "")

    def answer(self, call: Call) -> Reply:
        if call.bearer() is None:
            raise fault(call, 1004, "login fail: Please carry the API secret key in the 'Authorization' field")
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise fault(call, 2049, "invalid api key")
        if call.recorded.step == "models":
            return json_reply(
                {"object": "list", "data": [{"id": "MiniMax-M3", "object": "model", "owned_by": "minimax"}]}
            )
        self._scripted(call)
        asked = read(call)
        made: list[str] = []
        for index in range(asked.count):
            if call.kind in {Kind.REFUSAL, Kind.EMPTY_DATA} or call.failed(index):
                continue
            picture = call.picture("image-01", asked.prompt, asked.size, "jpeg", seed=asked.seed, index=index)
            made.append(call.b64(picture) if asked.inline else call.link(picture))
        call.charge(MICRO_USD * len(made), f"{len(made)} x image-01")
        counts = {"success_count": str(len(made)), "failed_count": str(asked.count - len(made))}
        data = {"image_base64" if asked.inline else "image_urls": made}
        return json_reply({"id": call.request_id, "data": data, "metadata": counts, "base_resp": resp(0, "success")})

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.NO_CREDIT: (1008, "insufficient balance"),
            Kind.RATE_LIMIT: (1002, "rate limit"),
            Kind.UNKNOWN_FIELD: (2013, f"invalid params, {call.scenario.field}"),
            Kind.MODERATION_INPUT: (1026, "input new_sensitive"),
        }
        if call.kind in known:
            raise fault(call, *known[call.kind])
        down = {Kind.OVERLOADED: (503, "service unavailable"), Kind.SERVER_ERROR: (500, "unknown error")}
        if call.kind in down:
            status, text = down[call.kind]
            raise Refuse(json_reply({"base_resp": resp(1000, text)}, status))


def read(call: Call) -> Asked:
    """Raises Refuse for what the model does not take."""
    body = call.body if isinstance(call.body, dict) else {}
    for name in body:
        if name not in FIELDS:
            raise fault(call, 2013, f"invalid params, unknown field {name}")
    prompt, count, seed = body.get("prompt"), body.get("n", 1), body.get("seed", 5)
    if body.get("model") != "image-01" or not isinstance(prompt, str) or not 0 < len(prompt) <= 1500:
        raise fault(call, 2013, "invalid params, model or prompt")
    if not isinstance(count, int) or not 1 <= count <= 9 or not isinstance(seed, int):
        raise fault(call, 2013, "invalid params, n or seed")
    for one in body.get("subject_reference", []):
        if one.get("type") != "character" or not one.get("image_file"):
            raise fault(call, 2013, "invalid params, subject_reference")
    return Asked(prompt, shape(call, body), count, seed, body.get("response_format", "url") == "base64")


def shape(call: Call, body: dict[str, Any]) -> tuple[int, int]:
    """The ratio comes before the sides, as there."""
    ratio, width, height = body.get("aspect_ratio"), body.get("width"), body.get("height")
    if ratio is not None:
        if ratio not in RATIOS:
            raise fault(call, 2013, "invalid params, aspect_ratio")
        return RATIOS[ratio]
    if width is None and height is None:
        return RATIOS["1:1"]
    for side in (width, height):
        if not isinstance(side, int) or side % 8 or not 512 <= side <= 2048:
            raise fault(call, 2013, "invalid params, width and height")
    assert isinstance(width, int)
    assert isinstance(height, int)
    return width, height


def resp(code: int, text: str) -> dict[str, Any]:
    return {"status_code": code, "status_msg": text}


def fault(call: Call, code: int, text: str) -> Refuse:
    return Refuse(json_reply({"id": call.request_id, "base_resp": resp(code, text)}))
