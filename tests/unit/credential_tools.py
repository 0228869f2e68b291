"""Pictures with content credentials as a provider's, made by the package itself."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from triptych.imaging import credentials
from triptych.network.credentials import CredentialKey, load_or_create

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def picture(kind: str = "PNG", side: int = 48, colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, kind)
    return out.getvalue()


def manifest(generator: str = "Painter of Elsewhere", **data: Any) -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE}trainedAlgorithmicMedia"}
    assertions: list[dict[str, Any]] = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
    if data:
        assertions.append({"label": "org.example.more", "data": data})
    return {"claim_generator_info": [{"name": generator, "version": "1"}], "assertions": assertions}


def key_in(folder: Path) -> CredentialKey:
    folder.mkdir(parents=True, exist_ok=True)
    return load_or_create(folder)


def upstream(folder: Path, data: bytes, kind: str = "PNG", **more: Any) -> bytes:
    """A picture with a provider's manifest, signed by a key of its own."""
    key = key_in(folder / "elsewhere")
    return credentials.embed(data, KINDS[kind], manifest(**more), key.chain, key.sign, None)
