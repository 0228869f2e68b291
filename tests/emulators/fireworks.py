"""Fireworks' workflows: JSON in, the picture itself out, in the format that `Accept` names; `Finish-Reason` and `Seed` as headers.

Source: @ai-sdk/fireworks 3.0.62 and the vendor's page on `text_to_image`, as of 2026-11. The envelope of errors is not described there.
"""

from tests.emulators.base import Call, Emulator, Refuse, Reply, fit_area, json_reply
from tests.emulators.pictures import Format
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, Kind

RATIOS = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4")
MODELS = {f"accounts/fireworks/models/flux-1-{name}-fp8" for name in ("schnell", "dev")}
FIELDS = {"prompt", "aspect_ratio", "guidance_scale", "num_inference_steps", "seed"}
FORMATS: dict[str, Format] = {"image/png": "png", "image/jpeg": "jpeg", "application/json": "png"}
MICRO_USD = 1400


class Fireworks(Emulator):
    name = "fireworks"
    base_path = "/inference/v1"
    key = "fw_emulator0123456789ABCDEF"
    key_env = "FIREWORKS_API_KEY"
    base_env = "TRIPTYCH_FIREWORKS_BASE_URL"
    hue = 0.02
    kinds = STATUS_KINDS | PICTURE_KINDS | {Kind.REFUSAL, Kind.EMPTY_DATA}

    def step(self, method: str, path: str) -> str:
        if (method, path) == ("GET", "/inference/v1/models"):
            return "models"
        return "submit" if method == "POST" and path.startswith("/inference/v1/workflows/") else ""

    def answer(self, call: Call) -> Reply:
        if call.bearer() != self.key or call.kind is Kind.WRONG_KEY:
            raise fault(401, "Unauthorized")
        if call.recorded.step == "models":
            return json_reply({"object": "list", "data": [{"id": name, "object": "model"} for name in sorted(MODELS)]})
        scripted(call)
        model = call.path.removeprefix("/inference/v1/workflows/").removesuffix("/text_to_image")
        body = call.body if isinstance(call.body, dict) else {}
        ratio, form = body.get("aspect_ratio", "1:1"), FORMATS.get(call.headers.get("accept", ""), "jpeg")
        if model not in MODELS or not call.path.endswith("/text_to_image"):
            raise fault(404, "Model not found, inaccessible, and/or not deployed")
        if set(body) - FIELDS or ratio not in RATIOS or not isinstance(body.get("prompt"), str):
            raise fault(400, f"Invalid request: {sorted(set(body) - FIELDS) or ratio}")
        wide, _, high = ratio.partition(":")
        call.charge(MICRO_USD, f"1 x {model}")
        seed = body.get("seed") or 1234567890
        made = call.picture(model, body["prompt"], fit_area(1024**2, int(wide) / int(high)), form, seed=seed)
        filtered = call.kind is Kind.REFUSAL
        headers = {
            "Finish-Reason": "CONTENT_FILTERED" if filtered else "SUCCESS",
            "Seed": str(seed),
            "x-request-id": call.request_id,
        }
        if call.headers.get("accept") == "application/json":
            return json_reply({"base64": [call.b64(made)], "finishReason": headers["Finish-Reason"], "seed": seed})
        return Reply(200, b"" if call.kind is Kind.EMPTY_DATA else made.data, made.media_type, headers)


def scripted(call: Call) -> None:
    known = {
        Kind.FORBIDDEN: (403, "Forbidden"),
        Kind.NO_CREDIT: (402, "Payment required"),
        Kind.OVERLOADED: (503, "Service overloaded"),
        Kind.SERVER_ERROR: (500, "Internal server error"),
        Kind.UNKNOWN_MODEL: (404, "Model not found, inaccessible, and/or not deployed"),
        Kind.UNKNOWN_FIELD: (400, f"Extra inputs are not permitted, field: '{call.scenario.field}'"),
    }
    if call.kind is Kind.NO_CREDIT and call.scenario.variant == "suspended":
        raise fault(412, "Account sunny-hill is suspended, possibly due to reaching the monthly spending limit")
    if call.kind in known:
        raise fault(*known[call.kind])
    if call.kind is Kind.RATE_LIMIT:
        hint = call.hint(None)
        raise fault(429, "Too many requests", {} if hint is None else {"Retry-After": f"{hint:g}"})


def fault(status: int, text: str, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"error": {"object": "error", "type": "error", "message": text}}, status, headers))
