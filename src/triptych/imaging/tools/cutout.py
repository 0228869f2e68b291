"""The subject of a picture alone: a network says for each pixel how much of it belongs to the subject, and that becomes the
picture's transparency.

How pictures are prepared for U²-Net and IS-Net: rembg 2.0 (https://github.com/danielgatis/rembg, `sessions/base.py`,
`u2netp.py`, `dis_general_use.py`), read 2026-11-21. Colours at soft edges: M. Forte, "Approximate Fast Foreground Colour
Estimation", ICIP 2021, section 2: what shines through there is counted out, so that no halo of the old background stays.
"""

import numpy as np
from PIL import Image

from triptych.imaging.decode import flattened
from triptych.imaging.tools.job import Floats, Net, Told, ToolError

SCALES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "imagenet-mean": ((0.485, 0.456, 0.406), (1.0, 1.0, 1.0)),
}
"""By name, the mean and the divisor of red, green and blue."""
_FLAT = 1e-3  # between the least and the most sure pixel: below this there is no subject
_REACH = 1 / 40  # of the longer side: how far around a pixel colours of subject and ground are looked for
_LEAST = np.float32(1e-5)


def cut_out(image: Image.Image, net: Net, side: int, scale: str, told: Told) -> Image.Image:
    """The picture in RGBA, transparent where it is not its subject. Raises ToolError when nothing stands out."""
    plain = flattened(image)
    matte = _matte(plain, net, side, scale)
    told(0.7)
    share: Floats = np.asarray(matte, dtype=np.float32) / np.float32(255)
    made = _own_colours(plain, share)
    if image.mode == "RGBA":  # what was transparent stays so
        share *= np.asarray(image.getchannel("A"), dtype=np.float32) / np.float32(255)
    made.putalpha(Image.fromarray((share * np.float32(255) + np.float32(0.5)).astype(np.uint8)))
    return made


def _matte(plain: Image.Image, net: Net, side: int, scale: str) -> Image.Image:
    """How much of each pixel belongs to the subject, 0 to 255, as large as the picture."""
    mean, divisor = (np.asarray(numbers, dtype=np.float32) for numbers in SCALES[scale])
    small = np.asarray(plain.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float32)
    given: Floats = ((small / max(float(small.max()), 1e-6) - mean) / divisor).transpose(2, 0, 1)[None]
    found = net(np.ascontiguousarray(given, dtype=np.float32))
    if found.shape[-2:] != (side, side):
        raise ToolError(f"The network answered in the shape {found.shape}, not with {side}x{side} pixels.",
                        "Its weights are not of the kind that this model names.")  # fmt: skip
    sure = found.reshape(-1, side, side)[0]
    low, high = float(sure.min()), float(sure.max())
    if not high - low > _FLAT:  # also for what is no number
        raise ToolError("No subject stands out in this picture.", "Try another model, or paint the mask by hand.")
    matte = Image.fromarray(((sure - low) / (high - low) * np.float32(255)).astype(np.uint8))
    return matte.resize(plain.size, Image.Resampling.LANCZOS)


def _own_colours(plain: Image.Image, share: Floats) -> Image.Image:
    """The picture with the subject's own colours where ground shines through."""
    reach = max(1, round(max(plain.size) * _REACH))
    inside = _blurred(share, reach)
    channels = []
    for channel in plain.split():
        seen = np.asarray(channel, dtype=np.float32)
        subject = _blurred(seen * share, reach) / (inside + _LEAST)
        ground = (_blurred(seen, reach) - _blurred(seen * share, reach)) / (np.float32(1) - inside + _LEAST)
        own = subject + share * (seen - share * subject - (np.float32(1) - share) * ground)
        soft = np.where(share > np.float32(0.98), seen, own)  # what is all subject stays as it is
        channels.append(Image.fromarray((soft.clip(0, 255) + np.float32(0.5)).astype(np.uint8)))
    return Image.merge("RGB", channels)


def _blurred(values: Floats, reach: int) -> Floats:
    """The mean of the square of `reach` pixels to each side, edges repeated."""
    return _along(_along(values, reach, 0), reach, 1)


def _along(values: Floats, reach: int, axis: int) -> Floats:
    margin = [(reach + 1, reach) if at == axis else (0, 0) for at in range(2)]
    sums = np.cumsum(np.pad(values, margin, mode="edge"), axis=axis, dtype=np.float64)
    wide = 2 * reach + 1
    ahead, behind = (sums[wide:], sums[:-wide]) if axis == 0 else (sums[:, wide:], sums[:, :-wide])
    return ((ahead - behind) / wide).astype(np.float32)
