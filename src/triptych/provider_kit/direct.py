"""The call that anybody can make without us: a recorded request as a script for `curl`, and as a value that an adapter may
put into the words of its provider's own SDK.

Everything comes out of the record of what was sent. Keys are named by their environment variable; pictures stand in files.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
import pybase64

from triptych.provider_kit.adapter import Auth
from triptych.spec.json import Json
from triptych.spec.model import WireRecord

_PLACE = re.compile(r"<(?P<type>[\w.+-]+/[\w.+-]+), \d+ bytes, sha256:(?P<sha>[0-9a-f]{64})>")
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
KEY = "<key>"
_UNSAFE = re.compile(r'(["$`\\])')


@dataclass(frozen=True, slots=True)
class File:
    """A picture of a call, by the name that the scripts use."""

    name: str
    sha256: str
    media_type: str

    @classmethod
    def of(cls, found: re.Match[str]) -> "File":
        kind, sha = found["type"], found["sha"]
        return cls(f"{sha[:12]}.{_ENDINGS.get(kind, 'bin')}", sha, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCall:
    """One recorded call. `body` is its JSON, or the list of its form's parts where `form` is set, with a placeholder in the
    place of each picture; `uri` says whether pictures stand there as `data:` addresses or as bare base64. `exact`: with
    the files in place the script sends the very bytes that were sent, by their hash."""

    method: str
    url: str
    headers: Mapping[str, str]
    text: str | None
    body: Any
    form: bool
    uri: bool
    exact: bool
    files: tuple[File, ...]
    env: str | None
    anonymous: str | None

    def python(self, value: Json, *, raw: bool = False) -> str:
        """A value as Python source; pictures are read from their files, as bytes where `raw` is set."""
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{name!r}: {self.python(item, raw=raw)}" for name, item in value.items()) + "}"
        if isinstance(value, list | tuple):
            return "[" + ", ".join(self.python(item, raw=raw) for item in value) + "]"
        found = _PLACE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return repr(value)
        file = File.of(found)
        if raw:
            return f'Path("{file.name}").read_bytes()'
        read = f'b64encode(Path("{file.name}").read_bytes()).decode()'
        return f'"data:{file.media_type};base64," + {read}' if self.uri else read

    @property
    def key(self) -> str:
        """The key as Python source."""
        if self.env is None:
            return '"none"'
        return (
            f'os.environ["{self.env}"]'
            if self.anonymous is None
            else f'os.environ.get("{self.env}", "{self.anonymous}")'
        )


@runtime_checkable
class SpeaksSdk(Protocol):
    """An adapter whose provider has an SDK for Python, or speaks the language of one."""

    def sdk(self, call: DirectCall) -> str | None:
        """The call as a Python script of that SDK; None when it has no words for it."""
        ...


def named_in(wire: WireRecord) -> frozenset[str]:
    """The SHA-256 of each picture that a recorded call had in it."""
    return frozenset(found["sha"] for found in _PLACE.finditer(wire.body or ""))


def direct_call(wire: WireRecord, auth: Auth | None, pictures: Mapping[str, bytes]) -> DirectCall:
    """A recorded call, ready to be written down. `pictures` are bytes by SHA-256, as far as they are here."""
    files = {found["sha"]: File.of(found) for found in _PLACE.finditer(wire.body or "")}
    form = wire.headers.get("Content-Type", "").startswith("multipart/")
    uri, exact = False, False
    for way in (False, True):
        data = None if form or wire.body is None else _filled(wire.body, pictures, uri=way)
        if data is not None and hashlib.sha256(data).hexdigest() == wire.body_sha256:
            uri, exact = way, True
    return DirectCall(
        method=wire.method, url=wire.url, headers=wire.headers, text=wire.body,
        body=None if wire.body is None else msgspec.json.decode(wire.body), form=form, uri=uri,
        exact=exact or wire.body is None, files=tuple(files[sha] for sha in sorted(files)),
        env=auth.env[0] if auth is not None and auth.env else None, anonymous=auth.anonymous if auth else None,
    )  # fmt: skip


def _filled(text: str, pictures: Mapping[str, bytes], *, uri: bool) -> bytes | None:
    """The body with its pictures in it; None where one is not here."""
    if any(found["sha"] not in pictures for found in _PLACE.finditer(text)):
        return None

    def put(found: re.Match[str]) -> str:
        return _head(found, uri=uri) + pybase64.b64encode(pictures[found["sha"]]).decode()

    return _PLACE.sub(put, text).encode()


def _head(found: re.Match[str], *, uri: bool) -> str:
    return f"data:{found['type']};base64," if uri else ""


def curl(call: DirectCall) -> str:
    """The call as a script for a POSIX shell. The key comes from the environment, pictures from files beside it."""
    lines = [f"curl --silent --show-error --request {call.method} {shlex.quote(call.url)}"]
    skipped = {"content-type"} if call.form else set()
    lines += [_header(name, value, call) for name, value in call.headers.items() if name.lower() not in skipped]
    if call.form:
        lines += [_part(part) for part in call.body]
    elif call.text is not None:
        lines.append("--data-binary @-" if call.files else f"--data-raw {shlex.quote(call.text)}")
    script = " \\\n  ".join(lines)
    return f"{_piped(call)} | {script}\n" if call.files and not call.form else f"{script}\n"


def _header(name: str, value: str, call: DirectCall) -> str:
    if KEY in value and call.env is not None:
        before, _, after = value.partition(KEY)
        named = f"${{{call.env}}}" if call.anonymous is None else f"${{{call.env}:-{call.anonymous}}}"
        return f'--header "{_plain(name)}: {_plain(before)}{named}{_plain(after)}"'
    return f"--header {shlex.quote(f'{name}: {value}')}"


def _plain(text: str) -> str:
    """Text between double quotes of a shell."""
    return _UNSAFE.sub(r"\\\1", text)


def _part(part: Mapping[str, str]) -> str:
    found = _PLACE.fullmatch(part["content"])
    if "filename" not in part or found is None:
        return f"--form-string {shlex.quote(part['name'] + '=' + part['content'])}"
    file = File.of(found)
    said = f"{part['name']}=@{file.name};type={file.media_type};filename={part['filename']}"
    return f"--form {shlex.quote(said)}"


def _piped(call: DirectCall) -> str:
    """Commands that write the body: its text, with each picture put in from its file."""
    steps, end, text = [], 0, call.text or ""
    for found in _PLACE.finditer(text):
        before = text[end : found.start()] + _head(found, uri=call.uri)
        steps += [f"printf %s {shlex.quote(before)}", f"base64 < {File.of(found).name} | tr -d '\\n'"]
        end = found.end()
    steps.append(f"printf %s {shlex.quote(text[end:])}")
    return "{ " + "; ".join(steps) + "; }"


def script(imports: Sequence[str], lines: Sequence[str]) -> str:
    """A Python script with what its pictures and key need imported, too."""
    text = "\n".join(lines)
    more = {
        "import os": "os.environ",
        "from base64 import b64encode": "b64encode(",
        "from pathlib import Path": "Path(",
    }
    own = [line for line, used in more.items() if used in text]
    return "\n".join([*own, "", *imports, "", text, ""]).lstrip("\n")
