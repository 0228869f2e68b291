"""Small pictures out of latents, while a picture comes about.

Decoding a latent takes as long as some steps do. So what colour a cell of it stands for is found once for each model: a few blurred colour
fields are encoded by its own autoencoder, and the linear map from their cells back to their colours is fitted by least squares.
"""

import io
from typing import Any

import torch
from PIL import Image

_FIELD, _FIELDS = 16, 3  # cells a side, and how many fields: more equations than any latent has channels
_SIDE = 512  # of what is shown


class Glimpses:
    """The map of one model. Raises RuntimeError, ValueError or AttributeError where its autoencoder cannot encode pictures."""

    def __init__(self, pipe: Any) -> None:
        vae = pipe.vae
        cell = 1 << (len(vae.config.block_out_channels) - 1)
        noise = torch.rand((_FIELDS, 3, 4, 4), generator=torch.Generator().manual_seed(3))
        colours = torch.nn.functional.interpolate(noise, size=(_FIELD, _FIELD), mode="bicubic").clamp(0, 1)
        picture = torch.nn.functional.interpolate(colours, scale_factor=cell, mode="bilinear") * 2 - 1
        with torch.no_grad():
            # A network that waits elsewhere for its turn says where it lies; the pipeline says where it will work.
            latents = vae.encode(picture.to(pipe._execution_device, vae.dtype)).latent_dist.mean.float().cpu()  # noqa: SLF001
        pipe.maybe_free_model_hooks()  # it goes back to where it waits
        latents = (latents - (getattr(vae.config, "shift_factor", None) or 0.0)) * vae.config.scaling_factor
        self.map = torch.linalg.lstsq(_rows(latents), colours.permute(0, 2, 3, 1).reshape(-1, 3)).solution

    def picture(self, latents: torch.Tensor) -> bytes | None:
        """A WebP of the first latent (channels, rows, columns); None where it is none that can be shown."""
        one = latents[:1].float().cpu()
        if one.ndim != 4 or one.shape[1] != self.map.shape[0] - 1:
            return None
        colours = _rows(one) @ self.map
        if not bool(torch.isfinite(colours).all()):
            return None
        shown = (colours.clamp(0, 1) * 255).to(torch.uint8).reshape(one.shape[2], one.shape[3], 3).numpy()
        made = Image.fromarray(shown)
        times = max(1, _SIDE // max(made.size))
        out = io.BytesIO()
        made.resize((made.width * times, made.height * times), Image.Resampling.BICUBIC).save(out, "WEBP", quality=70)
        return out.getvalue()


def _rows(latents: torch.Tensor) -> torch.Tensor:
    """A row for each cell: its channels, and a one."""
    flat = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    return torch.cat([flat, torch.ones((len(flat), 1))], dim=1)


def unpacked(pipe: Any, latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Latents that some pipelines keep as a list of patches, as a picture again."""
    if latents.ndim == 3 and hasattr(pipe, "_unpack_latents"):
        return pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)  # noqa: SLF001
    return latents
