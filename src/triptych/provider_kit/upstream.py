"""Reading what a provider answered, whatever shape it has.

Nothing here trusts the shape of an answer: every reader gives a neutral value for what is not there or is something
else. Failures are classed by status first, then by the provider's own codes and words, because a status alone lies
often enough (a wrong key is 400 at two vendors; a refusal can be 200).
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec
import pybase64

from triptych.http.message import HttpResponse
from triptych.spec.errors import (
    AmbiguousError,
    AuthError,
    BillingError,
    BlockedError,
    EmptyAnswerError,
    ExpiredError,
    HostileContentError,
    ModelUnavailableError,
    NotSentError,
    OverloadedError,
    ProviderFailedError,
    RateLimitedError,
    RejectedError,
    TriptychError,
)
from triptych.spec.image import Billed, InputImage
from triptych.spec.json import Json, JsonObject
from triptych.spec.model import KeyCheck

_MAX_WORDS = 600  # characters kept of what a provider says
_MAX_WAIT_S = 86_400.0
_LONG = 1 << 16  # bytes of a string that is taken over as it is
_MOST_STRINGS = 4096  # in an answer whose long strings are looked for
_DEEPEST = 100  # levels of an answer; nobody who reads one runs out of stack on so many
_MARK = secrets.token_hex(16)  # no answer knows it


# Tolerant readers.


def as_object(value: object) -> JsonObject:
    """The mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[Json]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The text, or None; the empty text is None too."""
    return value if isinstance(value, str) and value else None


def as_count(value: object) -> int | None:
    """A whole number that is not negative, or None. Booleans are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if value >= 0 else None


def dig(value: object, *path: str) -> Json:
    """What lies at a path of keys; None as soon as a step is missing."""
    found: object = value
    for key in path:
        found = as_object(found).get(key)
    return found if found is None or isinstance(found, bool | int | float | str | list | Mapping) else None


def read_json(response: HttpResponse) -> Json:
    """The decoded body, or None when it is no JSON, or JSON nested deeper than any provider's."""
    body = response.body
    lifted = _lifted(body) if len(body) > _LONG else None
    short = body if lifted is None else lifted[0]
    try:
        decoded: Json = msgspec.json.decode(short)
    except (msgspec.DecodeError, RecursionError):
        return None
    if _is_deep(short, decoded):
        return None
    return decoded if lifted is None else _put_back(decoded, lifted[1])


def _is_deep(body: bytes, decoded: Json) -> bool:
    """Most answers have too few brackets to be, so that nothing of them is walked through."""
    if body.count(b"[") + body.count(b"{") <= _DEEPEST:
        return False
    level = [decoded]
    for _ in range(_DEEPEST):
        groups = [one if isinstance(one, list) else one.values() for one in level if isinstance(one, list | Mapping)]
        level = [item for group in groups for item in group]
        if not level:
            return False
    return any(isinstance(one, list | Mapping) for one in level)


def _lifted(body: bytes) -> tuple[bytes, dict[str, str]] | None:
    """JSON with a short name in the place of each long string of plain ASCII, and those strings by their names; None where
    there is nothing to gain. A decoder looks at every character of a picture's megabytes for what may be escaped in it, and
    whoever takes the base64 apart does that once more."""
    pieces: list[bytes] = []
    found: dict[str, str] = {}
    done = at = 0
    for _ in range(_MOST_STRINGS):
        start = body.find(b'"', at)
        if start < 0:
            return (b"".join([*pieces, body[done:]]), found) if found else None
        end = _closing(body, start + 1)
        if end < 0:
            return None
        if end - start > _LONG and (text := _unescaped(body, start + 1, end)) is not None:
            name = f"{_MARK}{len(found)}"
            found[name] = text
            pieces += [body[done : start + 1], name.encode()]
            done = end
        at = end + 1
    return None


def _closing(body: bytes, at: int) -> int:
    """Where the string ends that `at` is inside of; -1 when it does not."""
    while (end := body.find(b'"', at)) >= 0:
        last = end
        while body[last - 1] == 0x5C:  # backslashes: an odd number of them escapes the quote
            last -= 1
        if (end - last) % 2 == 0:
            return end
        at = end + 1
    return -1


def _unescaped(body: bytes, start: int, end: int) -> str | None:
    """The text of a string that stands there as it is; None for one with escapes, and for a name in an object."""
    if body.find(b"\\", start, end) >= 0 or body[end + 1 : end + 9].lstrip().startswith(b":"):
        return None
    try:
        return str(memoryview(body)[start:end], "ascii")
    except UnicodeDecodeError:
        return None


def _put_back(value: Json, found: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        return found.get(value, value)
    if isinstance(value, list):
        return [_put_back(item, found) for item in value]
    if isinstance(value, Mapping):
        return {name: _put_back(item, found) for name, item in value.items()}
    return value


def picture_bytes(value: object, *, urlsafe: bool = False) -> bytes | None:
    """Bytes out of base64 text, a `data:` address included; None for anything that does not decode strictly.

    `urlsafe` also takes the alphabet with `-` and `_` (RFC 4648 section 5).
    """
    text = as_text(value)
    if text is None:
        return None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if urlsafe:
        text = text.replace("-", "+").replace("_", "/")
        text += "=" * (-len(text) % 4)
    try:
        return pybase64.b64decode(text, validate=True) or None
    except ValueError:
        return None


def base64_of(data: bytes) -> str:
    """Standard base64 as text."""
    return pybase64.b64encode(data).decode("ascii")


def data_uri(image: InputImage) -> str:
    """A picture as a `data:` address; the type is written in lower case, as strict hosts want it."""
    return f"data:{image.media_type.lower()};base64,{base64_of(image.data)}"


# Failures.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What an answer that is no success says. `codes` are all machine words found, joined by spaces."""

    provider: str
    status: int
    codes: str = ""
    message: str = ""
    param: str | None = None
    retry_after_s: float | None = None
    body: Json = None

    @property
    def upstream(self) -> str | None:
        """The provider's own words, for people."""
        said = f"{self.codes}: {self.message}" if self.codes and self.message else self.codes or self.message
        return said[:_MAX_WORDS] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of an adapter's table: answers whose codes or words match become this class.

    `pattern` is a regular expression, matched without regard to case; `status` limits the rule to one status;
    `retry_after_s` is the least to wait, also where the answer says less; `said` takes the place of the class's own words.
    """

    pattern: str
    error: type[TriptychError]
    status: int | None = None
    billed: Billed | None = None
    retry_after_s: float | None = None
    said: str | None = None
    hint: str | None = None

    def matches(self, fault: Fault) -> bool:
        """Whether this rule is about that fault."""
        if self.status is not None and self.status != fault.status:
            return False
        return re.search(self.pattern, f"{fault.codes}\n{fault.message}", re.IGNORECASE) is not None


_BY_STATUS: Mapping[int, type[TriptychError]] = {
    400: RejectedError,
    401: AuthError,
    402: BillingError,
    403: AuthError,
    404: ModelUnavailableError,
    405: RejectedError,
    408: AmbiguousError,
    409: RejectedError,
    410: ExpiredError,
    413: RejectedError,
    415: RejectedError,
    421: NotSentError,
    422: RejectedError,
    423: OverloadedError,
    425: OverloadedError,
    429: RateLimitedError,
    499: AmbiguousError,
    503: OverloadedError,
    504: AmbiguousError,
    524: AmbiguousError,
    529: OverloadedError,
}
_WORDS: Mapping[type[TriptychError], tuple[str, str | None]] = {
    RejectedError: ("says that the request is wrong", "Change the setting it names, or choose another model."),
    AuthError: ("does not accept the key", "Check the key, or make a new one at the provider."),
    BillingError: ("has no credit for this account", "Add credit or raise the spending limit at the provider."),
    ModelUnavailableError: ("does not offer this model to this account", "Choose another model."),
    AmbiguousError: ("gave no verdict in time; the request may have been billed", "Look at the provider's usage page."),
    ExpiredError: ("no longer has this job", "Look at the provider's usage page before you make it again."),
    NotSentError: ("did not take the request", "Try again, or choose another model."),
    OverloadedError: ("is too busy; nothing was begun", "Try again later, or choose another model."),
    RateLimitedError: ("asks to slow down", "Wait, or choose another model."),
    BlockedError: ("refused this by its content rules", "Reword the prompt, or try another model."),
    ProviderFailedError: ("failed", "Try again, or choose another model."),
    EmptyAnswerError: ("answered without a picture", "Try again, or choose another model."),
    HostileContentError: ("sent what is not opened", "Try again, or choose another model."),
}


def way_out(error: TriptychError) -> str | None:
    """What to do after an error of that class, for one that says nothing of it by itself."""
    return _WORDS.get(type(error), ("", None))[1]


def error_from(fault: Fault, rules: Sequence[Rule] = ()) -> TriptychError:
    """The typed error for a fault: the first rule that matches, else by status."""
    rule = next((rule for rule in rules if rule.matches(fault)), None)
    kind = rule.error if rule else _BY_STATUS.get(fault.status, ProviderFailedError)
    said, hint = _WORDS.get(kind, ("failed", None))
    said = (rule.said if rule else None) or said
    words = f": {fault.message[:_MAX_WORDS]}" if fault.message else f" (status {fault.status})."
    hint = (rule.hint if rule else None) or hint
    waits = [wait for wait in (fault.retry_after_s, rule.retry_after_s if rule else None) if wait is not None]
    return kind(
        f"{fault.provider} {said}{words}", hint=hint, provider=fault.provider, status=fault.status, param=fault.param,
        billed=rule.billed if rule else None, retry_after_s=max(waits, default=None),
        upstream=fault.upstream,
    )  # fmt: skip


def read_fault(response: HttpResponse, provider: str) -> Fault:
    """What a failed answer says, in any of the envelopes met in the field: `error` as object, text or list,
    `detail`, `code` + `message`, `message` + `rc`, `errors`, or no JSON at all."""
    body = read_json(response)
    return fault_of(body, provider, response.status, retry_after(response, body), raw=response.body)


def fault_of(body: Json, provider: str, status: int, wait: float | None = None, *, raw: bytes = b"") -> Fault:
    """The same for a body that is decoded already (an error inside a 200 or inside a stream)."""
    top = as_object(body[0] if isinstance(body, list) and body else body)
    inner = top.get("error", top.get("detail"))
    inner = inner.get("error", inner) if isinstance(inner, Mapping) and "message" not in inner else inner
    levels = [as_object(inner), top]
    codes: list[str] = []
    for level in levels:
        codes += [str(level[key]) for key in ("code", "type", "status", "rc", "reason") if _is_word(level.get(key))]
    codes += [str(word) for word in _reasons(levels[0]) if word not in codes]
    said = as_count(levels[0].get("code"))
    status = said if status == 200 and said is not None and 400 <= said < 600 else status
    message = as_text(inner)
    for level in levels:
        message = message or as_text(level.get("message")) or as_text(level.get("msg"))
    message = message or _field_errors(top) or _plain(raw, body)
    params = (as_text(level.get("param")) for level in levels)
    return Fault(
        provider=provider, status=status, codes=" ".join(dict.fromkeys(codes))[:_MAX_WORDS], message=message.strip(),
        param=next((param for param in params if param), None), retry_after_s=wait, body=body,
    )  # fmt: skip


def _is_word(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != "" and len(str(value)) < 120


def _reasons(error: JsonObject) -> list[str]:
    """Machine words of Google's `details`, OpenAI's `moderation_details`, and the error inside of Azure's."""
    found = [as_text(dig(detail, "reason")) for detail in as_list(error.get("details"))]
    for detail in as_list(error.get("details")):
        found += [as_text(dig(violation, "quotaId")) for violation in as_list(dig(detail, "violations"))]
    moderation = as_object(error.get("moderation_details"))
    found.append(as_text(moderation.get("moderation_stage")))
    found += [as_text(category) for category in as_list(moderation.get("categories"))]
    for name in ("innererror", "inner_error"):
        inside = as_object(error.get(name))
        found.append(as_text(inside.get("code")))
        for kind, seen in as_object(inside.get("content_filter_result", inside.get("content_filter_results"))).items():
            found += [kind[:60]] if as_object(seen).get("filtered") is True else []
    return [word for word in found if word]


def _field_errors(top: JsonObject) -> str | None:
    """`{"errors": {"params.steps": "…"}}`, `{"errors": ["…"]}` and `{"detail": [{"loc": […], "msg": "…"}]}`."""
    errors = top.get("errors", top.get("detail"))
    if isinstance(errors, Mapping):
        return "; ".join(f"{name}: {text}" for name, text in errors.items())[:_MAX_WORDS] or None
    said = [as_text(item) or as_text(dig(item, "msg")) or as_text(dig(item, "message")) for item in as_list(errors)]
    return "; ".join(text for text in said if text) or None


def _plain(raw: bytes, body: Json) -> str:
    """The start of an answer that is no JSON object; markup is left out, it says nothing to a reader."""
    if isinstance(body, Mapping | list) or raw[:1] == b"<":
        return ""
    return raw[:200].decode("utf-8", "replace").strip()


def retry_after(response: HttpResponse, body: Json = None) -> float | None:
    """Seconds to wait, from `retry-after-ms`, `retry-after` (seconds, or a date measured against the answer's own
    `date`; RFC 9110 section 10.2.3) or Google's `RetryInfo.retryDelay`."""
    headers = response.headers
    wait = _number(headers.get("retry-after-ms"))
    if wait is not None:
        return min(wait / 1000, _MAX_WAIT_S)
    text = headers.get("retry-after")
    wait = _number(text)
    if wait is None and text:
        wait = _seconds_between(headers.get("date"), text)
    if wait is None:
        wait = _retry_delay(body)
    return None if wait is None else min(wait, _MAX_WAIT_S)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,9})?\s*", text, re.ASCII) else None


def _seconds_between(now: str | None, then: str) -> float | None:
    try:
        dates = [parsedate_to_datetime(text) for text in (now or "", then)]
    except (ValueError, TypeError, OverflowError):
        return None
    start, end = (date if date.tzinfo else date.replace(tzinfo=UTC) for date in dates)
    return max(0.0, (end - start).total_seconds())


def _retry_delay(body: Json) -> float | None:
    top = body[0] if isinstance(body, list) and body else body
    for detail in as_list(dig(top, "error", "details")):
        wait = _number((as_text(dig(detail, "retryDelay")) or "").removesuffix("s"))
        if wait is not None:
            return wait
    return None


def key_check(
    response: HttpResponse, provider: str, rules: Sequence[Rule] = (), *, works: str, untried: str | None = None
) -> KeyCheck:
    """The outcome of a free call: `works` is the sentence for a success, `untried` for an address that has no such call, which says
    nothing about the key."""
    if 200 <= response.status < 300:
        return KeyCheck(ok=True, message=works)
    if response.status == 404 and untried is not None:
        return KeyCheck(ok=True, code="unverified", message=untried)
    error = error_from(read_fault(response, provider), rules)
    way_out = error.hint if isinstance(error, BillingError | ModelUnavailableError) else None
    return KeyCheck(ok=False, message=" ".join(filter(None, (error.message, way_out))), code=error.code)


def credits_left(check: KeyCheck, left: Json) -> KeyCheck:
    """A check that succeeded, with how many credits are `left`; as it was when it failed or no number was told."""
    if not check.ok or isinstance(left, bool) or not isinstance(left, int | float):
        return check
    return KeyCheck(ok=True, message=f"The key works; {left:g} credits are left.", detail={"credits": left})


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def models_told(check: KeyCheck, rows: Json, *, key: str = "id", prefix: str = "", ends: str = "") -> KeyCheck:
    """A call that succeeded, with the names of the models in its answer, without their `prefix`, in `detail.models`. Where a row has a day
    such as 2026-12-01 under `ends`, `detail.ends` has it for its model."""
    found = [(name.removeprefix(prefix), row) for row in as_list(rows) if (name := as_text(dig(row, key)))]
    if not check.ok or not found:
        return check
    days = {name: day for name, row in found if ends and (day := as_text(dig(row, ends))) and _DAY.fullmatch(day)}
    told: dict[str, Json] = {"models": [name for name, _ in found]}
    return KeyCheck(ok=True, message=check.message, detail={**told, "ends": days} if days else told)
