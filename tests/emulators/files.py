"""The host that results lie on: another origin than any provider, public, and a place where no key must ever arrive."""

import hashlib
from dataclasses import dataclass

from tests.emulators.base import Call, Emulator, Recorded, Reply
from tests.emulators.pictures import Picture
from tests.emulators.scenario import PICTURE_KINDS, Kind, Scenario

CREDENTIAL_HEADERS = ("authorization", "x-goog-api-key", "apikey", "x-key", "api-key", "x-api-key", "cookie")
EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
)
MISSING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
)


@dataclass(frozen=True, slots=True)
class Published:
    picture: Picture
    expired: bool
    redirect: str | None


class Files(Emulator):
    """Serves what the providers publish. `violations` names every request that brought a credential along."""

    name = "files"
    key = ""
    kinds = (PICTURE_KINDS - {Kind.INVALID_BASE64, Kind.PIXEL_BOMB}) | {
        Kind.PIXEL_BOMB,
        Kind.URL_EXPIRED,
        Kind.URL_REDIRECT_PRIVATE,
        Kind.OVERLOADED,
        Kind.SERVER_ERROR,
    }

    def __init__(self) -> None:
        super().__init__()
        self.front: str | None = None  # the origin that addresses name, when something stands before this host
        self.violations: list[str] = []
        self._store: dict[str, Published] = {}

    def publish(self, picture: Picture, *, expired: bool = False, redirect: str | None = None) -> str:
        """Puts a picture there and returns its address, which looks presigned as those of object stores do."""
        ending = picture.media_type.rpartition("/")[2].replace("jpeg", "jpg")
        name = f"{len(self._store)}-{hashlib.sha256(picture.data).hexdigest()[:16]}.{ending}"
        self._store[name] = Published(picture, expired, redirect)
        return f"{self.front or self.url}/results/{name}?X-Amz-Expires=1800&X-Amz-Signature={name[-20:-4]}"

    def expire_all(self) -> None:
        """All published addresses answer 403 from now on."""
        self._store = {name: Published(one.picture, True, one.redirect) for name, one in self._store.items()}

    def play(self, *scenarios: Scenario | Kind) -> None:
        """As everywhere, for the step "file"."""
        as_files = [one if isinstance(one, Scenario) else Scenario(one, on="file") for one in scenarios]
        super().play(*as_files)

    def reset(self) -> None:
        super().reset()
        self.violations = []
        self._store = {}

    def step(self, method: str, path: str) -> str:
        return "file" if method in ("GET", "HEAD") and path.startswith("/results/") else ""

    def watch(self, recorded: Recorded) -> list[str]:
        """The credentials that a request carries; kept as violations by name, never by value."""
        found = [name for name in CREDENTIAL_HEADERS if recorded.headers.get(name)]
        found += [name for name in ("key", "api_key", "apikey") if name in recorded.query]
        self.violations += [f"{recorded.method} {recorded.path} came with {name}" for name in found]
        return found

    def answer(self, call: Call) -> Reply:
        if found := self.watch(call.recorded):
            return Reply(400, f"a credential was sent to the files host: {', '.join(found)}".encode(), "text/plain")
        published = self._store.get(call.path.removeprefix("/results/"))
        if call.kind in (Kind.OVERLOADED, Kind.SERVER_ERROR):
            return Reply(
                503 if call.kind is Kind.OVERLOADED else 500, b"<Error><Code>SlowDown</Code></Error>", "application/xml"
            )
        if published is None:
            return Reply(404, MISSING, "application/xml")
        if published.expired or call.kind is Kind.URL_EXPIRED:
            return Reply(403, EXPIRED, "application/xml")
        target = published.redirect or call.redirect_target()
        if target is not None:
            return Reply(302, b"", "text/plain", {"Location": target})
        picture = call.spoil_file(published.picture)
        return Reply(200, picture.data, picture.media_type, {"Cache-Control": "private"})
