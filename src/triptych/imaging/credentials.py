"""Content credentials (C2PA 2.2) of pictures, by the package c2pa-python, which is an extra.

Runs in the guarded process (`triptych.imaging.worker`): the files are hostile and the library is native code. It opens no
connection: nothing is fetched that a manifest points to, no revocation list, no time stamp. The key that signs stays
outside: the process asks for each signature.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any

Sign = Callable[[bytes], bytes]
PARENT = "xmp:iid:parent"  # how a manifest's actions name the picture it was made from
_SIGNER_ONLY = frozenset({"signingCredential.untrusted"})
_MAX_TEXT = 120
_TAKEN = ("image/png", "image/jpeg", "image/webp")


class CredentialsError(Exception):
    """A manifest that cannot be read, or cannot be made."""


def installed() -> bool:
    """Whether the package is there; asks without loading it."""
    return find_spec("c2pa") is not None


def read(data: bytes, media_type: str, anchors: str | None = None) -> dict[str, Any]:
    """What a manifest store says and whether it holds: `state`, `issuer`, `generator`, `problems` by the codes of the
    C2PA specification, `assertions` of the active manifest by label, and the number of its `ingredients`.

    `valid` means that everything holds and the signer is on the list `anchors` (PEM); `untrusted` that everything but the
    signer's standing holds; `broken` that something in it is false. Raises CredentialsError for what is no manifest.
    """
    c2pa = _package()
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=_context(c2pa, anchors)) as reader:
            store = json.loads(reader.json())
            state = str(reader.get_validation_state())
    except (c2pa.C2paError, ValueError, TypeError) as error:
        raise CredentialsError(_short(error)) from error
    active = (store.get("manifests") or {}).get(store.get("active_manifest")) or {}
    failed = {str(one.get("code")) for one in store.get("validation_status") or ()}
    broken = state == "Invalid" or bool(failed - _SIGNER_ONLY)
    signed = active.get("signature_info") or {}
    return {
        "state": "broken" if broken else "valid" if state == "Trusted" else "untrusted",
        "issuer": _word(signed.get("issuer")),
        "generator": _generator(active),
        "problems": sorted(failed - _SIGNER_ONLY)[:8],
        "assertions": {str(one.get("label")): one.get("data") for one in active.get("assertions") or ()},
        "ingredients": len(active.get("ingredients") or ()),
    }


def embed(
    data: bytes, media_type: str, manifest: Mapping[str, Any], chain: str, sign: Sign, parent: tuple[bytes, str] | None
) -> bytes:
    """The picture with a manifest in it. `chain` are certificates in PEM, the signer's (Ed25519) first; `parent` is the
    picture that this one was made from, with its media type. Raises CredentialsError."""
    if media_type not in _TAKEN:
        raise CredentialsError(f"{media_type} takes no content credentials here.")
    c2pa = _package()
    out = io.BytesIO()
    try:
        with (
            c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ED25519, chain) as signer,
            c2pa.Builder(json.dumps(manifest), context=_context(c2pa, None)) as builder,
        ):
            if parent is not None:
                said = {
                    "title": "the picture that this one was made from",
                    "relationship": "parentOf",
                    "instance_id": PARENT,
                }
                builder.add_ingredient(json.dumps(said), parent[1], io.BytesIO(parent[0]))
            builder.sign(signer, media_type, io.BytesIO(data), out)
    except (c2pa.C2paError, ValueError, TypeError) as error:
        raise CredentialsError(_short(error)) from error
    return out.getvalue()


def _package() -> ModuleType:
    """Loaded only when it is needed: 53 MB on the disk and 70 ms."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:  # a native library that does not fit this machine
        raise CredentialsError("The package c2pa-python is not installed.") from error
    module: ModuleType = c2pa
    return module


def _context(c2pa: ModuleType, anchors: str | None) -> Any:
    settings: dict[str, Any] = {
        "builder": {"thumbnail": {"enabled": False}},
        "core": {"allowed_network_hosts": [], "max_decompressed_manifest_size_in_mb": 16},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    }
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    return c2pa.Context(settings=c2pa.Settings.from_dict(settings))


def _generator(manifest: Mapping[str, Any]) -> str | None:
    told: Sequence[Mapping[str, Any]] = manifest.get("claim_generator_info") or ()
    name = told[0].get("name") if told else manifest.get("claim_generator")
    return _word(name)


def _word(value: object) -> str | None:
    text = "".join(c for c in str(value) if c.isprintable())[:_MAX_TEXT] if value else ""
    return text or None


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
