"""The web server in front of a hub, as its page has it, against what the hub's own calls need."""

import re
import shlex
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from triptych.hub.mailbox import Limits
from triptych.network import meeting
from triptych.network.invite import invite
from triptych.network.ohttp.padding import MAX_REQUEST, MAX_RESPONSE
from triptych.server.hub_api import HubApi
from triptych.server.hub_app import routes
from triptych.tlog.note import Signer

PAGE = (Path(__file__).parents[2] / "docs/guides/hub.md").read_text("utf-8")
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "s": 1, "": 1}
Directive = tuple[list[str], list[Any]]


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def parsed(text: str) -> list[Directive]:
    """The directives of a block of nginx, each with those inside it (nginx.org, *Beginner's guide*: words, then `;` or braces)."""
    tokens = re.findall(r"[{};]|[^\s{};]+", text)

    def inside() -> list[Directive]:
        found: list[Directive] = []
        words: list[str] = []
        while tokens and (token := tokens.pop(0)) != "}":
            if token in ";{":
                found.append((words, inside() if token == "{" else []))
                words = []
            else:
                words.append(token)
        assert not words, f"nothing ends {words}"
        return found

    made = inside()
    assert not tokens
    return made


SERVER = parsed(block("nginx"))[0][1]
SAID = {words[0]: words[1:] for words, held in SERVER if not held and words[0] != "proxy_set_header"}
HEADERS = {words[1].lower(): words[2] for words, _ in SERVER if words[0] == "proxy_set_header"}
PLACES = [(words[1:], {one[0]: one[1] for one, _ in held}) for words, held in SERVER if words[0] == "location"]


def number(text: str) -> int:
    found = re.fullmatch(r"(\d+)([kmgs]?)", text)
    assert found is not None, text
    return int(found[1]) * UNITS[found[2]]


def upstream() -> str:
    """Where the hub of the page's first command listens."""
    words = shlex.split(next(line for line in PAGE.splitlines() if "triptych hub --public" in line))
    return f"http://127.0.0.1:{words[words.index('--port') + 1]}"


def passed_on(path: str) -> str | None:
    """Where nginx sends a path: an exact place first, then the longest beginning."""
    exact = [held for where, held in PLACES if where == ["=", path]]
    begun = sorted(
        (where[0], held["proxy_pass"]) for where, held in PLACES if len(where) == 1 and path.startswith(where[0])
    )
    return str(exact[0]["proxy_pass"]) if exact else begun[-1][1] if begun else None


def test_every_path_of_the_hub_is_passed_on_as_it_is() -> None:
    link = invite(Signer.generate("n"), ("https://hub.example",), "Ada", "p" * 22, 1_800_000_000_000)
    page = link.partition("#")[0].removeprefix("https://hub.example")
    found = {re.sub(r"\{.*?\}", "x", one) for one in (route.path for route in routes(HubApi(mock.Mock())))}
    assert {page, "/hub/v1", "/hub/v1/mailbox/x", "/hub/v1/log/x"} <= found
    for path in found:
        assert passed_on(path) == upstream(), path
    assert passed_on("/v1/images/generations") is None
    assert f"reverse_proxy {upstream().removeprefix('http://')} {{" in block("caddy")


def test_the_largest_message_and_answer_fit() -> None:
    largest = max(MAX_REQUEST, MAX_RESPONSE, Limits().request_bytes, Limits().answer_bytes)
    assert number(*SAID["client_max_body_size"]) >= largest
    assert f"{largest >> 20} MiB" in PAGE


def test_nothing_is_kept_back_and_every_wait_is_longer_than_the_hubs() -> None:
    assert SAID["proxy_buffering"] == SAID["proxy_request_buffering"] == ["off"]
    assert SAID["proxy_http_version"] == ["1.1"]
    assert "flush_interval -1" in block("caddy")
    limits = Limits()
    waits = (limits.take_s + limits.answer_s, limits.poll_s, meeting.IDLE_S, 60.0)
    assert number(*SAID["proxy_read_timeout"]) > max(waits)


def test_whose_call_it_is_is_said_and_written_nowhere() -> None:
    assert HEADERS["x-forwarded-for"] == "$remote_addr"
    assert SAID["access_log"] == ["off"]


def test_the_reader_of_the_block_would_see_a_mistake() -> None:
    assert parsed("a { b c; } d;") == [(["a"], [(["b", "c"], [])]), (["d"], [])]
    for wrong in ("a b", "a { b c }"):
        with pytest.raises(AssertionError):
            parsed(wrong)
