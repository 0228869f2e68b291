"""Hugging Face's router: a company's name is the first part of the path, what follows is that company's own protocol.

Source: huggingface_hub 2.4.0, `inference/_providers` and `errors`, and the vendor's pages on Inference Providers, as of 2026-11.
"""

from dataclasses import dataclass
from typing import Any

from tests.emulators.base import Call, Emulator, Refuse, Reply, json_reply
from tests.emulators.scenario import PICTURE_KINDS, STATUS_KINDS, URL_KINDS, Kind

TASK = {"negative_prompt", "height", "width", "num_inference_steps", "guidance_scale", "scheduler", "seed"}
FAL = {"prompt", "image_size", "num_images", "seed", "num_inference_steps", "guidance_scale", "enable_safety_checker"}
PLAIN = {"prompt", "model", "size", "response_format", "seed", "negative_prompt", "guidance_scale", "n"}
TOGETHER = {"prompt", "model", "width", "height", "response_format", "seed", "steps", "n", "guidance_scale"}
SERVED = {
    "hf-inference": ("black-forest-labs/FLUX.1-schnell", "stabilityai/stable-diffusion-xl-base-1.0"),
    "fal-ai": ("fal-ai/flux/schnell", "fal-ai/flux/dev"),
    "nscale": ("black-forest-labs/FLUX.1-schnell",),
    "together": ("black-forest-labs/FLUX.1-schnell",),
}
MICRO_USD = 3000
HUB = "/api/models/"
"""The hub's pages of models lie at another address than the router, and open without a token; here both are one."""
PAGES = {
    "black-forest-labs/FLUX.1-schnell": {"hf-inference": 0, "fal-ai": 0, "nscale": 0, "together": 0},
    "black-forest-labs/FLUX.1-dev": {"fal-ai": 1},
    "stabilityai/stable-diffusion-xl-base-1.0": {"hf-inference": 1},
}
"""By model the companies that draw with it, and which of `SERVED` they call it."""


@dataclass(frozen=True, slots=True)
class Asked:
    through: str
    model: str
    prompt: str
    size: tuple[int, int]
    seed: object


class HuggingFace(Emulator):
    name = "huggingface"
    key = "hf_emulator0123456789abcdefABCDEF"
    key_env = "HF_TOKEN"
    base_env = "TRIPTYCH_HUGGINGFACE_BASE_URL"
    hue = 0.15
    kinds = STATUS_KINDS | PICTURE_KINDS | URL_KINDS | {Kind.MODERATION_INPUT, Kind.REFUSAL, Kind.EMPTY_DATA}

    def step(self, method: str, path: str) -> str:
        if method == "GET" and (path == "/v1/models" or path.startswith(HUB)):
            return "models"
        return "submit" if method == "POST" and path.strip("/").partition("/")[0] in SERVED else ""

    def answer(self, call: Call) -> Reply:
        of_hub = call.path.startswith(HUB)
        if not of_hub and (call.bearer() != self.key or call.kind is Kind.WRONG_KEY):
            raise fault(401, "Invalid username or password.")
        if call.recorded.step == "models":
            chats = [{"id": "openai/gpt-oss-120b", "object": "model"}]
            listed = json_reply({"object": "list", "data": chats})
            return hub_page(call.path.removeprefix(HUB)) if of_hub else listed
        self._scripted(call)
        asked = read(call)
        call.charge(MICRO_USD, f"1 x {asked.model} by {asked.through}")
        if call.kind is Kind.EMPTY_DATA:
            nothing = json_reply({"data": []})
            return {"fal-ai": json_reply({"images": []}), "nscale": nothing, "together": nothing}.get(
                asked.through, Reply(media_type="image/png")
            )
        form = "png" if "png" in call.headers.get("accept", "") else "jpeg"
        made = call.picture(asked.model, asked.prompt, asked.size, "png" if form == "png" else "jpeg", seed=asked.seed)
        if asked.through == "hf-inference":
            return Reply(200, made.data, made.media_type, {"x-request-id": call.request_id})
        if asked.through == "nscale":
            return json_reply({"created": 1_770_000_000, "data": [{"b64_json": call.b64(made)}]})
        if asked.through == "together":
            data = [{"index": 0, "type": "b64_json", "b64_json": call.b64(made)}]
            return json_reply({"id": call.request_id, "model": asked.model, "object": "list", "data": data})
        one = {"url": call.link(made), "width": asked.size[0], "height": asked.size[1], "content_type": made.media_type}
        black = call.kind is Kind.REFUSAL
        return json_reply({"images": [one], "seed": 42, "has_nsfw_concepts": [black], "prompt": asked.prompt})

    @staticmethod
    def _scripted(call: Call) -> None:
        known = {
            Kind.FORBIDDEN: (403, "This authentication method does not have sufficient permissions to call Inference Providers."),
            Kind.NO_CREDIT: (402, "You have exceeded your monthly included credits for Inference Providers."),
            Kind.RATE_LIMIT: (429, "Too Many Requests"),
            Kind.SERVER_ERROR: (500, "Internal Server Error"),
            Kind.UNKNOWN_MODEL: (400, "Model black-forest-labs/FLUX.1-schnell is not supported by provider hf-inference."),
        }  # fmt: skip
        if call.kind in known:
            status, text = known[call.kind]
            hint = call.hint(None)
            raise fault(
                status, text, headers={"Retry-After": f"{hint:g}"} if status == 429 and hint is not None else None
            )
        if call.kind is Kind.OVERLOADED:
            raise fault(
                503, "Model black-forest-labs/FLUX.1-schnell is currently loading", {"estimated_time": call.hint(20.0)}
            )
        if call.kind is Kind.UNKNOWN_FIELD:
            text = f"Error in `parameters.{call.scenario.field}`: extra fields not permitted"
            raise Refuse(json_reply({"error": [text], "warnings": []}, 422))
        if call.kind is Kind.MODERATION_INPUT:
            item = {
                "loc": ["body", "prompt"],
                "msg": "The content was flagged by a content checker.",
                "type": "content_policy_violation",
            }
            raise Refuse(json_reply({"detail": [item]}, 422))


def hub_page(name: str) -> Reply:
    """`expand[]=inferenceProviderMapping`, as `HfApi.model_info` reads it."""
    if name not in PAGES:
        return json_reply({"error": "Repository not found"}, 404)
    companies = {
        company: {"status": "live", "providerId": SERVED[company][place], "task": "text-to-image"}
        for company, place in PAGES[name].items()
    }
    return json_reply({"_id": "66aaa90e4d5d1b6a3d1b2c3d", "id": name, "inferenceProviderMapping": companies})


def read(call: Call) -> Asked:
    """Raises Refuse for what the company does not take, or a model that it does not have."""
    through, _, rest = call.path.strip("/").partition("/")
    body = call.body if isinstance(call.body, dict) else {}
    if through == "hf-inference":
        model, known, given = rest.removeprefix("models/"), TASK, body.get("parameters", {})
        prompt, size = body.get("inputs"), sides(given)
        unknown(set(body) - {"inputs", "parameters"})
    elif through == "fal-ai":
        model, known, given = rest, FAL, body
        prompt, size = body.get("prompt"), sides(body.get("image_size", {}))
    elif through == "together":
        model, known, given = str(body.get("model")), TOGETHER, body
        prompt, size = body.get("prompt"), sides(body)
        if rest != "v1/images/generations" or body.get("response_format") != "base64":
            raise fault(404, "Not Found")
    else:
        model, known, given = str(body.get("model")), PLAIN, body
        wide, _, high = str(body.get("size", "1024x1024")).partition("x")
        prompt, size = body.get("prompt"), (int(wide), int(high))
        if rest != "v1/images/generations" or body.get("response_format") != "b64_json":
            raise fault(404, "Not Found")
    if model not in SERVED[through]:
        raise fault(404, f"Model {model} does not exist")
    unknown(set(given) - known)
    if not isinstance(prompt, str) or not prompt:
        raise Refuse(json_reply({"error": ["Error in `inputs`: field required"], "warnings": []}, 422))
    return Asked(through, model, prompt, size, given.get("seed", ""))


def sides(given: dict[str, Any]) -> tuple[int, int]:
    made = given.get("width", 1024), given.get("height", 1024)
    if not all(isinstance(one, int) and 64 <= one <= 2048 for one in made):
        raise Refuse(json_reply({"error": ["Error in `parameters.width`: not a size"], "warnings": []}, 422))
    return made


def unknown(names: set[str]) -> None:
    if names:
        raise Refuse(
            json_reply(
                {"error": [f"Error in `parameters.{min(names)}`: extra fields not permitted"], "warnings": []}, 422
            )
        )


def fault(status: int, text: str, more: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Refuse:
    return Refuse(json_reply({"error": text, **(more or {})}, status, headers))
