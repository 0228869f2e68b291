"""The commands, on emulated providers: what is said where, and the exit codes."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.emulators import Emulators, Kind
from tests.unit.cli_tools import Cli, clean_environment, cli_on, provider_environment

from triptych.cli.generate import write_new
from triptych.cli.logs import configure_logging
from triptych.cli.output import Exit, table

MODEL, OTHER = "openai/gpt-image-2", "google/gemini-3.1-flash-image"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made:
        yield made


@pytest.fixture
def keyed(cli: Cli, emulators: Emulators) -> Cli:
    for name, value in provider_environment(emulators).items():
        cli.patch.setenv(name, value)
    return cli


def generate(cli: Cli, *arguments: str, folder: str = "pictures") -> tuple[int, list[Path], str]:
    said = cli("generate", "a steel kettle", "-o", str(cli.data.parent / folder), *arguments)
    return said.code, [Path(line) for line in said.out.splitlines()], said.err


# Pictures.


def test_pictures_are_saved_and_only_their_paths_are_on_standard_output(keyed: Cli) -> None:
    code, files, err = generate(keyed, "-m", MODEL, "-m", OTHER)
    assert code == Exit.OK
    assert [f.name.split("_")[:2] for f in files] == [["steel-kettle", "gpt-image-2"], ["steel-kettle", "gemini-3.1-flash-image"]]  # fmt: skip
    assert all(f.stat().st_size > 0 for f in files)
    assert "GPT Image 2: done, $" in err


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    paths = [write_new(tmp_path / "kettle.png", data) for data in (b"one", b"two", b"three")]
    assert [path.name for path in paths] == ["kettle.png", "kettle-2.png", "kettle-3.png"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two", b"three"]


def test_json_is_alone_on_standard_output(keyed: Cli) -> None:
    said = keyed("generate", "a kettle --nosuch 3", "-m", MODEL, "-o", str(keyed.data.parent), "--json")
    answer = json.loads(said.out)
    assert (said.code, answer["tiles"][0]["state"], len(answer["files"])) == (Exit.OK, "done", 1)
    assert "--nosuch" in said.err


def test_some_failed(keyed: Cli, emulators: Emulators) -> None:
    emulators.google.play(Kind.MODERATION_INPUT)
    code, files, err = generate(keyed, "-m", MODEL, "-m", OTHER)
    assert (code, len(files)) == (Exit.SOME_FAILED, 1)
    assert "ot billed" in err


def test_all_failed(keyed: Cli, emulators: Emulators) -> None:
    emulators.google.play(Kind.WRONG_KEY)
    code, files, err = generate(keyed, "-m", OTHER)
    assert (code, files) == (Exit.ALL_FAILED, [])
    assert "key" in err


def test_a_budget_that_would_be_passed_sends_nothing(keyed: Cli, emulators: Emulators) -> None:
    code, files, err = generate(keyed, "-m", MODEL, "--n", "10", "--budget", "0.10")
    assert (code, files) == (Exit.REFUSED, [])
    assert "$0.10" in err
    assert emulators.openai.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-m", "gogle/gemini-3-pro-image"), "google/gemini-3-pro-image"),
        (("--size", "huge"), "--size is 'huge': it needs"),
        (("--ar", "4"), "--ar is '4': it needs a ratio like 4:5"),
        (("--ar", "4:5 --m openai/gpt-image-2"), "--ar is"),
        (("--seed", "x"), "--seed is 'x'"),
        (("--budget", "lots"), "--budget is 'lots'; it takes dollars"),
        (("--n", "0"), "--n is 0: it needs a whole number from 1 to 10."),
        (("--n", "11"), "--n is 11: it needs a whole number from 1 to 10."),
        (("-o", "/dev/null/pictures"), "--output is /dev/null/pictures: Not a directory."),
    ],
)
def test_bad_input_names_its_option_before_anything_is_sent(
    keyed: Cli, emulators: Emulators, arguments: tuple[str, ...], said: str
) -> None:
    code, files, err = generate(keyed, "-m", MODEL, *arguments)
    assert (code, files) == (Exit.USAGE, [])
    assert said in err
    assert "Traceback" not in err
    assert emulators.openai.requests == []


def test_an_error_with_json_is_the_servers_object(cli: Cli) -> None:
    said = cli("generate", "x", "-m", "demo/arora", "--json")
    error = json.loads(said.out)["error"]
    assert (said.code, error["code"]) == (Exit.USAGE, "unknown_model")
    assert "demo/aurora" in error["triptych"]["hint"]
    assert said.err.startswith("error: ")


# Keys.


def pipe(cli: Cli, text: str) -> None:
    cli.patch.setattr(sys, "stdin", io.StringIO(text))


def test_a_piped_key_is_tried_and_kept_and_never_shown(cli: Cli, emulators: Emulators) -> None:
    cli.patch.setenv("TRIPTYCH_OPENAI_BASE_URL", emulators.openai.base_url)
    pipe(cli, f"{emulators.openai.key}\n")
    assert cli("keys", "set", "openai").code == Exit.OK
    shown = cli("keys", "list", "--json")
    row = next(r for r in json.loads(shown.out)["keys"] if r["provider"] == "openai")
    assert row["from"] == "vault"
    assert emulators.openai.key not in shown.out
    assert cli("keys", "test", "OPENAI_API_KEY").code == Exit.OK
    assert cli("keys", "remove", "openai").code == Exit.OK
    assert cli("keys", "remove", "openai").code == Exit.ERROR


def test_a_key_that_is_refused_is_not_kept_unless_asked_to(cli: Cli, emulators: Emulators) -> None:
    cli.patch.setenv("TRIPTYCH_OPENAI_BASE_URL", emulators.openai.base_url)
    pipe(cli, "sk-of-somebody-else\n")
    said = cli("keys", "set", "openai")
    assert said.code == Exit.ERROR
    assert "not kept" in said.err
    pipe(cli, "sk-of-somebody-else\n")
    assert cli("keys", "set", "openai", "--keep").code == Exit.OK
    assert "vault" in cli("keys", "list").out


def test_a_key_as_an_argument_is_refused_and_not_repeated(cli: Cli) -> None:
    said = cli("keys", "set", "google", "AIzaMyVeryOwnKey")
    assert said.code == Exit.USAGE
    assert "history" in said.err
    assert "AIzaMyVeryOwnKey" not in said.out + said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "goggle"), "No provider is named 'goggle'"),
        (("set", "demo"), "needs no key"),
        (("set", "google"), "No key came in"),
    ],
)
def test_keys_that_cannot_be_set(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    pipe(cli, "")
    answer = cli("keys", *arguments)
    assert answer.code == Exit.USAGE
    assert said in answer.err


def test_a_provider_without_a_key_is_not_asked(cli: Cli) -> None:
    said = cli("keys", "test", "google")
    assert said.code == Exit.ERROR
    assert "triptych keys set google" in said.err


# Models, doctor, version.


def test_models_are_whole_and_in_columns(cli: Cli) -> None:
    said = cli("models")
    ids = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert {"demo/aurora", OTHER, MODEL} <= set(ids)
    assert all("/" in name for name in ids)
    assert "…" not in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert "google: no key yet: triptych keys set google" in said.err
    listed = json.loads(cli("models", "--json").out)["models"]
    assert [model["id"] for model in listed] == ids


def test_doctor_looks_at_everything_and_says_what_is_wrong(keyed: Cli, emulators: Emulators) -> None:
    assert cli_findings(keyed)["openai"]
    keyed.patch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    assert not cli_findings(keyed)["openai"]
    assert keyed("doctor").code == Exit.ERROR
    assert not emulators.openai.submits


def cli_findings(cli: Cli) -> dict[str, bool]:
    return {found["name"]: found["ok"] for found in json.loads(cli("doctor", "--json").out)["findings"]}


def test_version_and_help_cost_nothing(cli: Cli) -> None:
    assert cli("--version").out.count(".") == 2
    assert cli("generate", "--help").code == Exit.OK
    assert not cli.data.exists()


def test_the_last_column_alone_is_folded_on_a_terminal() -> None:
    """Through a real terminal of 60 columns, where a table library would fold the ids as well."""
    code = (
        "from triptych.cli.output import table\n"
        "table(('model', 'why'), [('provider/a-model-with-a-long-name', 'because ' * 9)])"
    )
    leader, follower = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=follower, stdin=follower, stderr=follower,
                          env=clean_environment() | {"COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}) as process:  # fmt: skip
        os.close(follower)
        text = b""
        try:
            while piece := os.read(leader, 4096):
                text += piece
        except OSError:  # the other side has gone: that is the end of a terminal
            pass
        assert process.wait(60) == 0
    os.close(leader)
    lines = text.decode().splitlines()
    assert "\x1b[3" not in text.decode()  # NO_COLOR: bold may stay, colours may not
    assert any("provider/a-model-with-a-long-name" in line for line in lines)
    assert all(len(line) <= 60 + 8 for line in lines)
    assert len(lines) > 3


def test_a_table_in_a_pipe_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    table(("model", "why"), [("a", "because " * 40), ("bb", "x")])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["model", "a", "bb"]


def test_a_start_loads_nothing_that_it_does_not_use() -> None:
    code = "import sys, triptych.cli; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), check=True, capture_output=True, text=True
    )
    loaded = set(ran.stdout.split())
    assert "triptych.cli" in loaded
    assert loaded & {"alembic", "psycopg", "playwright", "hypothesis", "rich.progress"} == set()


def test_logs_go_to_standard_error_as_it_is_then(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning")
    structlog.get_logger("triptych.test").warning("said now")
    assert "said now" in capsys.readouterr().err
