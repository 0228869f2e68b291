"""What AI Horde takes in a request, and what it asks for it."""

from typing import Any

SAMPLERS = (
    "k_lms", "k_heun", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a", "k_dpm_fast", "k_dpm_adaptive", "k_dpmpp_2s_a",
    "k_dpmpp_2m", "dpmsolver", "k_dpmpp_sde", "DDIM", "lcm",
)  # fmt: skip
POST_PROCESSING = (
    "GFPGAN", "RealESRGAN_x4plus", "RealESRGAN_x2plus", "RealESRGAN_x4plus_anime_6B", "NMKD_Siax", "4x_AnimeSharp",
    "CodeFormers", "strip_background",
)  # fmt: skip
CONTROL = ("canny", "hed", "depth", "normal", "openpose", "seg", "scribble", "fakescribbles", "hough")
PROCESSING = ("img2img", "inpainting", "outpainting", "remix")
# With the number of workers; a model that is not here is accepted and waits for a worker that never comes.
MODELS = {
    "AlbedoBase XL (SDXL)": 4,
    "Flux.1-Schnell fp8 (Compact)": 3,
    "Juggernaut XL": 2,
    "SDXL 1.0": 5,
    "Z-Image-Turbo": 3,
    "stable_diffusion": 6,
    "Deliberate": 2,
}
RANGES: dict[str, tuple[float, float, bool]] = {
    "width": (64, 3072, True),
    "height": (64, 3072, True),
    "steps": (1, 500, True),
    "n": (1, 20, True),
    "cfg_scale": (0, 100, False),
    "denoising_strength": (0.01, 1, False),
    "hires_fix_denoising_strength": (0.01, 1, False),
    "facefixer_strength": (0, 1, False),
    "clip_skip": (1, 12, True),
    "seed_variation": (1, 1000, True),
}
FLAGS = ("karras", "tiling", "hires_fix", "image_is_control", "return_control_map", "transparent")
OTHERS = ("loras", "tis", "workflow", "extra_texts", "special", "scheduler")
PAYLOAD_FLAGS = (
    "nsfw", "censor_nsfw", "trusted_workers", "validated_backends", "slow_workers", "extra_slow_workers", "r2", "shared",
    "replacement_filter", "dry_run", "allow_downgrade", "disable_batching", "worker_blacklist",
)  # fmt: skip
PAYLOAD = {
    "prompt", "params", "models", "workers", "source_image", "source_processing", "source_mask", "extra_source_images",
    "webhook", "style", "proxied_account", *PAYLOAD_FLAGS,
}  # fmt: skip


class SchemaError(Exception):
    """A field that the input model refuses."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.text = text


def check_payload(body: dict[str, Any]) -> None:
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise SchemaError("prompt", "'prompt' is a required property")
    if not prompt:
        raise SchemaError("prompt", "'' is too short")
    for name in body:
        if name not in PAYLOAD:
            raise SchemaError(name, "Additional properties are not allowed")
    for name in PAYLOAD_FLAGS:
        if not isinstance(body.get(name, False), bool):
            raise SchemaError(name, f"{body[name]!r} is not of type 'boolean'")
    for name in ("models", "workers"):
        if not isinstance(body.get(name, []), list):
            raise SchemaError(name, f"{body[name]!r} is not of type 'array'")
    if body.get("source_processing", "img2img") not in PROCESSING:
        raise SchemaError("source_processing", f"{body['source_processing']!r} is not one of {list(PROCESSING)}")


def check_params(params: dict[str, Any]) -> None:
    known = {*RANGES, *FLAGS, *OTHERS, "seed", "sampler_name", "post_processing", "control_type"}
    for name in params:
        if name not in known:
            raise SchemaError(f"params.{name}", "Additional properties are not allowed")
    for name, (low, high, whole) in RANGES.items():
        value = params.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise SchemaError(f"params.{name}", f"{value!r} is not of type '{'integer' if whole else 'number'}'")
        if not low <= value <= high:
            side, bound = ("minimum", low) if value < low else ("maximum", high)
            raise SchemaError(f"params.{name}", f"{value} is outside the {side} of {bound:g}")
    for name in ("width", "height"):
        if params.get(name, 512) % 64:
            raise SchemaError(f"params.{name}", f"{params[name]} is not a multiple of 64")
    if not isinstance(params.get("seed", ""), str):
        raise SchemaError("params.seed", f"{params['seed']!r} is not of type 'string'")
    check_choices(params)


def check_choices(params: dict[str, Any]) -> None:
    for name in FLAGS:
        if not isinstance(params.get(name, False), bool):
            raise SchemaError(f"params.{name}", f"{params[name]!r} is not of type 'boolean'")
    for name, allowed in (("sampler_name", SAMPLERS), ("control_type", CONTROL)):
        if params.get(name) is not None and params[name] not in allowed:
            raise SchemaError(f"params.{name}", f"{params[name]!r} is not one of {list(allowed)}")
    for one in params.get("post_processing", []):
        if one not in POST_PROCESSING:
            raise SchemaError("params.post_processing", f"{one!r} is not one of {list(POST_PROCESSING)}")


def kudos_for(params: dict[str, Any]) -> float:
    """The server's formula is not public in a stable form: pixels times steps, 10 for 1024x1024 at 30 steps."""
    pixels = params.get("width", 512) * params.get("height", 512)
    amount = pixels / (1024 * 1024) * params.get("steps", 30) / 30 * 10 * params.get("n", 1)
    return float(round(amount, 2))


def upfront_reason(body: dict[str, Any], params: dict[str, Any]) -> str:
    """Why someone without kudos is turned away while the queue is as long as the one reported here."""
    if body.get("slow_workers") is False:
        return "asked for fast workers only"
    if body.get("allow_downgrade"):
        return ""
    if params.get("width", 512) * params.get("height", 512) > 1024 * 1024:
        return "a resolution over 1024x1024"
    return "over 40 steps" if params.get("steps", 30) > 40 else ""
