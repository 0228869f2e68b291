"""`triptych hub` by itself: the same options, and nothing loaded that a hub has no use for."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from triptych.cli import alone, commands
from triptych.cli.exits import Exit
from triptych.cli.hub_process import HubWanted
from triptych.cli.logs import configure_logging
from triptych.cli.plain import fail, log_plainly
from triptych.spec.errors import ProviderFailedError, SettingsError


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The program's own, as it was before."""
    found = logging.getLogger("triptych")
    before = found.handlers, found.propagate, found.level
    yield found
    found.handlers, found.propagate = before[:2]
    found.setLevel(before[2])


def test_a_hub_loads_neither_a_command_line_nor_a_studio() -> None:
    code = (
        "import sys, triptych.cli.alone, triptych.cli.plain; "
        "print(*sorted({n.split('.')[0] for n in sys.modules} & {'rich', 'typer', 'pydantic', 'structlog', 'aiohttp', "
        "'PIL', 'numpy', 'sqlalchemy', 'alembic', 'obstore', 'attr', 'pygments'}))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == ""


def test_the_options_are_those_that_the_help_shows() -> None:
    shown = vars(typer.main.get_command(commands.app))["commands"]["hub"].params
    taken = {one.option_strings[0]: one for one in alone.options()._actions}
    assert list(taken) == [one.opts[0] for one in shown]
    for one in shown:
        same = taken[one.opts[0]]
        assert (same.help, same.required) == (one.help, one.required)
        assert (same.default or None) == one.default
        assert (same.option_strings[0] in {"--peer", "--proxy"}) == one.multiple


def test_what_is_asked_for() -> None:
    places = ["--public", "https://a.example", "--port", "0", "--data", "there"]
    given = [
        *places,
        "--peer",
        "https://b.example",
        "--peer=https://c.example",
        "--stamp-bits",
        "3",
        "--proxy",
        "10.0.0.2",
    ]
    peers = ["https://b.example", "https://c.example"]
    assert alone.wanted(given) == HubWanted(
        public="https://a.example", port=0, proxies=["10.0.0.2"], peers=peers, stamp_bits=3, data=Path("there")
    )
    assert alone.wanted(["--public", "https://a.example"]) == HubWanted(
        public="https://a.example", peers=[], proxies=[]
    )


@pytest.mark.parametrize(
    "words",
    [[], ["--public"], ["--public", "x", "--stamp-bits", "0"], ["--public", "x", "--port", "a"], ["--pub", "x"]],
)
def test_a_wrong_option_ends_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        alone.wanted(words)
    assert ended.value.code == Exit.USAGE
    assert "--" in capsys.readouterr().err


def test_an_error_is_said_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(SettingsError("It is none.", hint="Write another.")) == Exit.USAGE
    assert fail(ProviderFailedError("It broke.", upstream="no")) == Exit.ERROR
    assert (
        capsys.readouterr().err == "error: It is none.\nhint: Write another.\nerror: It broke.\nthe provider says: no\n"
    )


def test_a_line_of_the_log_is_json_without_variables(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_plainly("info")
    logger.getChild("hub").debug("not heard")
    made = {"key": "very-" * 2 + "secret"}
    try:
        raise ValueError("a-fault" * len(made))
    except ValueError as error:
        logger.getChild("hub").error("it broke", extra={"about": {"hub": "https://a.example"}}, exc_info=error)
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["level"], said["hub"]) == ("it broke", "error", "https://a.example")
    assert "a-fault" in said["exception"]
    assert made["key"] not in said["exception"]


def test_the_same_record_is_heard_in_a_studio(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning")
    logger.getChild("tlog").info("not heard")
    logger.getChild("tlog").warning("partial tiles stay", extra={"about": {"folder": "tile/0"}})
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["level"], said["folder"]) == ("partial tiles stay", "warning", "tile/0")
