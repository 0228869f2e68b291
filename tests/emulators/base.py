"""What all emulators share: the record of requests, the charges, the scenarios, and pictures as the scenario wants them."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from tests.emulators import pictures
from tests.emulators.pictures import MEDIA_TYPES, Format, Picture, Style, Subject
from tests.emulators.scenario import TRANSPORT_KINDS, Kind, Playlist, Scenario, open_gates

if TYPE_CHECKING:
    from tests.emulators.files import Files

EPOCH = 1_770_000_000


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a multipart form; `content_type` is None when the part names none."""

    name: str
    filename: str
    content_type: str | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    fields: tuple[tuple[str, str], ...]
    files: tuple[FilePart, ...]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key == name), None)

    def file(self, name: str) -> FilePart | None:
        return next((one for one in self.files if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came in. `body` is parsed JSON, a Form, None for no body, or bytes when it is neither."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    step: str
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Charge:
    request_number: int
    micro_usd: int
    what: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. With `events` it is a stream: every item is sent on its own, the last one after the final gate."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[bytes, ...] = ()


class Refuse(Exception):
    """Ends a request with the vendor's own error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"answered {reply.status}")
        self.reply = reply


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers or {})


class Emulator:
    """One provider on its own port. Subclasses know the protocol; nothing here does."""

    name: ClassVar[str]
    base_path: ClassVar[str] = ""
    key: ClassVar[str]
    key_env: ClassVar[str] = ""
    base_env: ClassVar[str] = ""
    hue: ClassVar[float] = 0.6
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    delays_jobs: ClassVar[bool] = False  # a delay makes the job long, not the answer to its submission

    def __init__(self, files: "Files | None" = None) -> None:
        self.port = 0
        self.files = files
        self.style: Style = "quick"
        self.default = Scenario()
        self.requests: list[Recorded] = []
        self.charges: list[Charge] = []
        self.served: list[Picture] = []
        self.cut_connections = 0
        self.playlist = Playlist()
        self._used: list[Scenario] = []

    # What tests use

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The origin with the path that the vendor's own base address has."""
        return self.url + self.base_path

    def in_place_of(self, address: str) -> str:
        """The same address with this emulator's origin: for a base address whose path is the caller's choice."""
        return self.url + urlsplit(address).path.rstrip("/")

    def play(self, *scenarios: Scenario | Kind) -> None:
        """Queues behaviours for the coming requests. Raises ValueError for one that this vendor never shows."""
        for one in scenarios:
            scenario = one if isinstance(one, Scenario) else Scenario(one)
            self.check_kind(scenario.kind)
            self.playlist.add(scenario)

    def check_kind(self, kind: Kind) -> None:
        if kind not in self.kinds | TRANSPORT_KINDS:
            known = ", ".join(sorted(self.kinds | TRANSPORT_KINDS))
            raise ValueError(f"{self.name} has no {kind.value!r}; it has: {known}")

    @property
    def submits(self) -> tuple[Recorded, ...]:
        """The requests that ask for pictures."""
        return tuple(one for one in self.requests if one.step == "submit")

    @property
    def charged_micro_usd(self) -> int:
        return sum(one.micro_usd for one in self.charges)

    def reset(self) -> None:
        """Forgets everything and lets held requests go."""
        self.playlist.clear()
        for one in self._used:
            open_gates(one)
        self._used = []
        self.requests = []
        self.charges = []
        self.served = []
        self.cut_connections = 0

    # What the server uses

    def step(self, method: str, path: str) -> str:
        """The step of the protocol that a request belongs to; "" when there is no such address."""
        raise LookupError(f"{self.name} has no routes for {method} {path}")

    def answer(self, call: "Call") -> Reply:
        raise LookupError(f"{self.name} answers nothing to {call.path}")

    def begin(self, scenario: Scenario) -> None:
        if scenario.gate is not None or scenario.final_gate is not None:
            self._used.append(scenario)


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way through an emulator."""

    emulator: Emulator
    recorded: Recorded
    raw: bytes

    @property
    def scenario(self) -> Scenario:
        return self.recorded.scenario

    @property
    def kind(self) -> Kind:
        return self.recorded.scenario.kind

    @property
    def path(self) -> str:
        return self.recorded.path

    @property
    def method(self) -> str:
        return self.recorded.method

    @property
    def headers(self) -> Mapping[str, str]:
        return self.recorded.headers

    @property
    def body(self) -> Any:
        return self.recorded.body

    @property
    def request_id(self) -> str:
        return hashlib.sha256(f"{self.emulator.name} {self.recorded.number}".encode()).hexdigest()[:32]

    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token else None

    def charge(self, micro_usd: int, what: str) -> None:
        self.emulator.charges.append(Charge(self.recorded.number, micro_usd, what))

    def hint(self, usual: float | None) -> float | None:
        given = self.scenario.retry_after_s
        return usual if given is None else given

    def failed(self, index: int) -> bool:
        return self.kind is Kind.PARTIAL and index in self.scenario.fail_indexes

    def picture(
        self,
        model: str,
        prompt: str,
        size: tuple[int, int],
        form: Format = "png",
        *,
        seed: object = "",
        index: int = 0,
        alpha: bool = False,
        draft: int = 0,
    ) -> Picture:
        """A picture of the asked-for size, or what the scenario puts in its place."""
        emulator = self.emulator
        subject = Subject(
            model,
            prompt,
            size[0],
            size[1],
            str(seed),
            index,
            alpha,
            label=f"{emulator.name} / {model}",
            hue=emulator.hue,
            draft=draft,
        )
        made = pictures.paint(subject, form, emulator.style)
        served = self._spoil(made, subject, form)
        emulator.served.append(served)
        return served

    def _spoil(self, made: Picture, subject: Subject, form: Format) -> Picture:
        fakes = {Kind.TEXT_AS_PNG: pictures.TEXT, Kind.SVG_AS_PNG: pictures.SVG}
        if self.kind in fakes:
            return replace(made, data=fakes[self.kind], media_type="image/png")
        if self.kind is Kind.PIXEL_BOMB:
            return Picture(pictures.pixel_bomb(), "image/png", 60000, 60000)
        if self.kind is Kind.HALF_IMAGE:
            return replace(made, data=made.data[: len(made.data) // 2])
        if self.kind is Kind.WRONG_MIME:
            other: Format = "jpeg" if form == "png" else "png"
            return replace(pictures.paint(subject, other, self.emulator.style), media_type=MEDIA_TYPES[form])
        return made

    def spoil_file(self, picture: Picture) -> Picture:
        """The same for a picture that is already made."""
        form: Format = "png"
        subject = Subject("file", "", 64, 64)
        for name, media_type in MEDIA_TYPES.items():
            if media_type == picture.media_type and name in ("jpeg", "webp"):
                form = "jpeg" if name == "jpeg" else "webp"
        return self._spoil(picture, subject, form)

    def b64(self, picture: Picture) -> str:
        text = base64.b64encode(picture.data).decode()
        return "!!not base64!!" + text[14:-1] if self.kind is Kind.INVALID_BASE64 else text

    def link(self, picture: Picture) -> str:
        """The address of a result on the files host, which is another origin than this emulator's."""
        if self.kind is Kind.URL_PRIVATE:
            return self.scenario.url
        files = self.emulator.files
        if files is None:
            raise LookupError(f"{self.emulator.name} stands without a files host")
        return files.publish(picture, expired=self.kind is Kind.URL_EXPIRED, redirect=self.redirect_target())

    def redirect_target(self) -> str | None:
        return self.scenario.url if self.kind is Kind.URL_REDIRECT_PRIVATE else None


def from_base64(text: str) -> bytes | None:
    """Decodes either alphabet; None when it is not base64."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None


def fit_area(area: int, ratio: float, multiple: int = 16) -> tuple[int, int]:
    """Width and height of about `area` pixels at width:height = `ratio`, both multiples of `multiple`."""
    width = max(multiple, round((area * ratio) ** 0.5 / multiple) * multiple)
    height = max(multiple, round((area / ratio) ** 0.5 / multiple) * multiple)
    return width, height


def mask_key(key: str) -> str:
    """A key as vendors print it back: a few characters at each end."""
    return f"{key[:2]}***{key[-2:]}" if len(key) > 8 else "***"


def sse(event: str | None, value: Any) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2)."""
    name = f"event: {event}\n" if event else ""
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{name}data: {data}\n\n".encode()
