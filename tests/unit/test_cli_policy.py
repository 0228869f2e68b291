"""`triptych policy`: what the rules are, what is wrong with a file, what other rules would have changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.emulators import Emulators
from tests.unit.cli_tools import Cli, cli_on, provider_environment

from triptych.cli.output import Exit
from triptych.router.bundle import policy_id
from triptych.router.policy import BALANCED, CHEAPEST, SHIPPED


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with cli_on(tmp_path / "data", monkeypatch, capsys) as made:
        yield made


def test_the_shipped_ones_are_listed_with_the_one_that_is_set(cli: Cli) -> None:
    said = cli("policy", "list")
    assert (said.code, [line.split()[0] for line in said.out.splitlines()[1:]]) == (0, list(SHIPPED))
    assert "Set: cheapest" in said.err
    assert json.loads(cli("policy", "list", "--json").out)["set"] == "cheapest"


def test_a_policy_is_shown_in_words_and_as_published(cli: Cli) -> None:
    said = cli("policy", "show")
    assert json.loads(said.out)["name"] == "cheapest"
    assert "No fee is taken." in said.err
    assert json.loads(cli("policy", "show", "balanced", "--json").out)["id"] == policy_id(BALANCED)


def test_what_is_wrong_with_a_file_is_said_with_its_path(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"format": "triptych-policy/1", "name": "mine", "weights": {"price": 1.5}}')
    said = cli("policy", "check", str(file))
    assert said.code == Exit.USAGE
    assert "weights.price is 1.5; it takes a whole number from 0 to" in said.err
    assert "policy show" in said.err, "what to do next is another command than this one"
    assert cli("policy", "check", str(tmp_path / "none.json")).code == Exit.USAGE


def test_a_valid_file_is_tried_on_the_decisions_made_so_far(cli: Cli, tmp_path: Path, emulators: Emulators) -> None:
    assert "no decisions yet" in cli("policy", "check", "fastest").err
    for name, value in provider_environment(emulators).items():
        cli.patch.setenv(name, value)
    model = "google/gemini-3.1-flash-image"
    assert cli("generate", "a kettle", "-m", model, "-o", str(tmp_path / "out")).code == 0
    balanced = cli("policy", "check", "balanced").err
    assert "would have changed 0" in balanced
    assert "no taste" not in balanced
    assert "There is no taste in 1 of 1 snapshots" in cli("policy", "check", "best-for-me").err
    file = tmp_path / "no-google.json"
    rule = {"field": "provider", "op": "ne", "value": "google"}
    file.write_text(json.dumps({"format": "triptych-policy/1", "name": "mine", "filters": rule}))
    said = json.loads(cli("policy", "check", str(file), "--json").out)
    assert (said["looked_at"], said["left_out"], said["was"], said["would_be"]) == (1, 0, {model: 1}, {})
    assert [(c["was"], c["would_be"], c["why"]) for c in said["changes"]] == [(model, None, "policy_filter")]
    spoken = cli("policy", "check", str(file))
    assert f"{model} → – ({model}: policy_filter)" in spoken.out


def test_the_setting_names_a_policy_or_a_file_in_the_data_folder(cli: Cli) -> None:
    cli.data.mkdir()
    (cli.data / "mine.json").write_text('{"format": "triptych-policy/1", "name": "mine"}')
    cli.patch.setenv("TRIPTYCH_POLICY", "mine.json")
    assert json.loads(cli("policy", "show").out)["name"] == "mine"
    cli.patch.setenv("TRIPTYCH_POLICY", "nosuch")
    said = cli("models")
    assert said.code == Exit.USAGE
    assert "nosuch" in said.err
    assert CHEAPEST.name in said.err
