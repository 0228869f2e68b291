"""Where a request really goes, and whether it may carry the key and enter a private network."""

from dataclasses import dataclass
from urllib.parse import urljoin

from triptych.http.guard import origin, parse_url
from triptych.http.message import HttpRequest
from triptych.spec.errors import HostileContentError


@dataclass(frozen=True, slots=True)
class Target:
    """`url` is absolute. `own` is the provider's configured origin: it was chosen by the user or by this program, not
    by an answer. `trusted` targets get the key."""

    url: str
    own: bool
    trusted: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """The addresses of one provider.

    `trusted_hosts` are exact names, or `*.example.com` for every name below that one; they are trusted by https on the
    usual port only.
    """

    base_url: str
    trusted_hosts: frozenset[str]

    @property
    def origin(self) -> str:
        return origin(self.base_url)

    def target(self, request: HttpRequest) -> Target:
        """A path of the adapter, or an address out of an answer. Raises HostileContentError for what is no address."""
        if not request.from_response and request.url.startswith("/"):
            return Target(self.base_url.rstrip("/") + request.url, own=True, trusted=True)
        return self.address(request.url)

    def address(self, url: str) -> Target:
        """An address out of an answer; a relative one is meant within the provider's origin."""
        try:
            absolute = urljoin(self.base_url.rstrip("/") + "/", url)
        except ValueError as error:
            raise HostileContentError("An address that cannot be read was refused.") from error
        own = origin(absolute) == self.origin
        return Target(absolute, own=own, trusted=own or self._trusts(absolute))

    def _trusts(self, url: str) -> bool:
        parsed = parse_url(url)
        host = (parsed.host or "").lower().rstrip(".")
        if parsed.scheme != "https" or parsed.port != 443:
            return False
        return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in self.trusted_hosts)
