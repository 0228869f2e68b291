"""Settings: where they come from, which one wins, and what a wrong one says."""

from decimal import Decimal
from pathlib import Path

import pytest

from triptych.config.reference import settings_page
from triptych.config.settings import Settings, load
from triptych.spec.errors import SettingsError

ROOT = Path(__file__).parents[2]


def read(folder: Path, text: str = "", **env: str) -> Settings:
    (folder / "triptych.toml").write_text(text, "utf-8")
    return load(environ={"TRIPTYCH_DATA": str(folder), **env})


def test_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load(environ={"TRIPTYCH_DATA": str(tmp_path)})
    assert (settings.host, settings.port, settings.caps.day_usd) == ("127.0.0.1", 8700, None)
    assert settings.database_url == f"sqlite:///{tmp_path / 'triptych.db'}"


def test_a_variable_wins_over_the_file_and_an_option_over_both(tmp_path: Path) -> None:
    assert read(tmp_path, "port = 9000").port == 9000
    assert read(tmp_path, "port = 9000", TRIPTYCH_PORT="9001").port == 9001
    assert load({"port": 9002}, {"TRIPTYCH_DATA": str(tmp_path), "TRIPTYCH_PORT": "9001"}).port == 9002


def test_base_urls_by_file_and_variable(tmp_path: Path) -> None:
    settings = read(
        tmp_path, '[providers.google]\nbase_url = "http://127.0.0.1:1"', TRIPTYCH_XAI_BASE_URL="http://127.0.0.1:2"
    )
    assert settings.providers["google"].base_url == "http://127.0.0.1:1"
    assert settings.providers["xai"].base_url == "http://127.0.0.1:2"


def test_keys_are_found_and_never_printed(tmp_path: Path) -> None:
    settings = read(tmp_path, GEMINI_API_KEY="AIza-not-a-real-key-4f2a")
    assert settings.keys["GEMINI_API_KEY"].value == "AIza-not-a-real-key-4f2a"
    assert "not-a-real" not in repr(settings)


def test_caps_are_money(tmp_path: Path) -> None:
    assert read(tmp_path, '[caps]\nday_usd = "2.50"').caps.day_usd == Decimal("2.50")
    assert read(tmp_path, TRIPTYCH_CAP_DAY_USD="0.10").caps.day_usd == Decimal("0.10")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "'prot' is not a setting"),
        ("port = 70000", "0 to 65535"),
        ('port = "many"', "port"),
        ("port = ", "not valid TOML"),
        ("[caps]\nday = 1", "[caps] has no setting 'day'"),
        ('[caps]\nday_usd = "-1"', "below zero"),
        ('[providers.google]\nbase_url = "ftp://x"', "http:// or https://"),
        ('[providers.google]\nurl = "http://x"', "no setting 'url'"),
        ('bus = "pigeon"', "memory"),
        ('log_level = "loud"', "debug"),
        ("max_prompts = 0", "at least 1"),
        ("deadline_s = 0", "at least 1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert says in str(caught.value)


def test_the_reference_page_is_the_settings() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text("utf-8") == settings_page()
