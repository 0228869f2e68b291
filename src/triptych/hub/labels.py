"""Names for networks that tell which nodes share one, and not which network it is.

A studio that has a job drawn twice wants the second node in another network than the first. So a hub names the /24 or /48 that it
sees a node in by a keyed hash: the same for all nodes of that network and at all times, another one at each hub. It is the hub's
word, as all it lists but the cards.
"""

import hashlib
import hmac

from triptych.hub.directory import is_home
from triptych.network.jose import encode_url64

_LENGTH = 12  # bytes: enough that two networks of one hub have two names


def label_key(secret: str) -> bytes:
    """The key of a hub's names, from its log's secret key, so that they stay when the hub is started anew."""
    return hmac.digest(secret.encode(), b"triptych-hub/network-labels/1", hashlib.sha256)


def network_label(key: bytes, network: str) -> str | None:
    """The name of a network as `quota.network_of` writes it. None for networks at home, which may be any two houses, and without a key."""
    if not key or is_home(network):
        return None
    return encode_url64(hmac.digest(key, network.encode(), hashlib.sha256)[:_LENGTH])
