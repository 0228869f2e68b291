"""What lies beside a log for readers who have nothing but its folder: policies, catalogues, and packs of snapshots.

Every file is named by its SHA-256 and never changes, so nothing in it has to be believed. A pack is gzip (RFC 1952) over
one snapshot a line, as canonical JSON: the SHA-256 of a line is the id of the snapshot.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping

MAX_PACK = 256 << 20  # bytes unpacked
FOLDER = "triptych"
_PATH = re.compile(
    r"triptych/(?:(?:policy|catalogue)/[0-9a-f]{64}\.json|snapshots/([0-9a-f]{2})/\1[0-9a-f]{62}\.jsonl\.gz)"
)


class PackError(Exception):
    """A pack that cannot be read, or that is not the one it should be."""


def policy_path(policy_id: str) -> str:
    """Where a routing policy is."""
    return f"{FOLDER}/policy/{policy_id}.json"


def catalogue_path(catalogue_id: str) -> str:
    """Where the catalogue is that a policy names."""
    return f"{FOLDER}/catalogue/{catalogue_id}.json"


def pack_path(pack: str) -> str:
    """Where a pack of snapshots is."""
    return f"{FOLDER}/snapshots/{pack[:2]}/{pack}.jsonl.gz"


def is_beside_path(path: str) -> bool:
    """Whether `path` is one of those."""
    return _PATH.fullmatch(path) is not None


def pack(bodies: Iterable[bytes]) -> tuple[str, bytes]:
    """The name and the bytes of a pack of snapshots."""
    data = gzip.compress(b"".join(body + b"\n" for body in bodies), compresslevel=6, mtime=0)
    return hashlib.sha256(data).hexdigest(), data


def unpack(name: str, data: bytes) -> Mapping[str, bytes]:
    """The snapshots in a pack by their ids. Raises PackError."""
    if hashlib.sha256(data).hexdigest() != name:
        raise PackError(f"The pack {name} is another file than its name says.")
    reader = zlib.decompressobj(wbits=31)
    try:
        text = reader.decompress(data, MAX_PACK)
    except zlib.error as error:
        raise PackError(f"The pack {name} cannot be unpacked: {error}.") from None
    if reader.unconsumed_tail or not reader.eof:
        raise PackError(f"The pack {name} is cut off, or larger than {MAX_PACK >> 20} MB.")
    return {hashlib.sha256(line).hexdigest(): line for line in text.split(b"\n") if line}
