"""Which addresses may be opened when they came out of an answer.

An answer can name any address. Only https to a public address is opened, and every way in which an address inside a
network can be written is looked through: literal, by name, by redirect, and as IPv4 inside IPv6 (RFC 4291 section 2.5.5,
6to4 RFC 3056, Teredo RFC 4380, NAT64 RFC 6052 and RFC 8215). Ranges: IANA special-purpose registries, read 2026-11-20.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

from triptych.spec.errors import HostileContentError

_SPECIAL_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's metadata and health service on an address that looks public
    )
)  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
_GLOBAL_V6 = ip_network("2000::/3")
_SPECIAL_V6 = tuple(
    ip_network(text)
    for text in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)  # fmt: skip
# A last label that is a number makes the whole host one (WHATWG URL, section 3.5): 127.1, 2130706433, 0x7f000001.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII without the space and the backslash


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is reachable for everyone. False for anything that is not one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _public_v4(parsed)
    return _public_v6(parsed)


def _public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _SPECIAL_V4)


def _public_v6(address: IPv6Address) -> bool:
    inner = _inner_v4(address)
    if inner:
        return all(_public_v4(part) for part in inner)
    return address in _GLOBAL_V6 and address.scope_id is None and not any(address in net for net in _SPECIAL_V6)


def _inner_v4(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address carries; all of them must be public."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64 or address in _COMPATIBLE:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def parse_url(url: str) -> URL:
    """The address as the client will really use it. Raises HostileContentError for what cannot be one.

    Every decision about an address (origin, guard, request) goes through this one parser, because two parsers that
    disagree about the host are the usual way around a guard.
    """
    if not _PLAIN.fullmatch(url) or len(url) > 16_384:
        raise HostileContentError("An address with characters that no address has was refused.")
    try:
        parsed = URL(url, encoded=True)
        usable = parsed.scheme in {"http", "https"} and bool(parsed.host) and parsed.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise HostileContentError("An address that is not http or https was refused.")
    if parsed.user is not None or parsed.password is not None:
        raise HostileContentError(f"An address with a user name in it was refused (host {parsed.host}).")
    return parsed.with_fragment(None)


def origin(url: str) -> str:
    """Scheme, host and port, e.g. `https://example.com:443`. Raises HostileContentError."""
    parsed = parse_url(url)
    return f"{parsed.scheme}://{(parsed.host or '').lower().rstrip('.')}:{parsed.port}"


def check_hostile_url(url: str, public: Callable[[str], bool] = is_public) -> URL:
    """An address out of an answer that may be opened, as far as can be seen before its name is resolved.

    `public` says which IP addresses are. Raises HostileContentError for anything but https, and for an address that is not public.
    """
    parsed = parse_url(url)
    host = (parsed.host or "").lower().rstrip(".")
    if parsed.scheme != "https":
        raise HostileContentError(f"An address without encryption was refused (host {host}).",
                                  hint="The provider sent an address that is not opened. Try another model.")  # fmt: skip
    literal = host.strip("[]")
    local = host == "localhost" or host.endswith(".localhost")
    hidden = not public(literal) if _is_address(literal) else bool(_NUMBER.fullmatch(host.rpartition(".")[2]))
    if local or hidden:
        raise not_public(host)
    return parsed


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def not_public(host: str) -> HostileContentError:
    """The refusal of an address inside a network."""
    return HostileContentError(
        f"An address that is not public was refused (host {host}).",
        hint="An answer may not point into this network. For a server of your own, set the provider's base_url.",
    )
