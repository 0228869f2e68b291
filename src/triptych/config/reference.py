"""Writes the settings' reference page from the settings themselves."""

from dataclasses import MISSING, Field, fields

from triptych.config.settings import CapSettings, FileSettings, ProviderSettings, WitnessSettings


def _default(entry: "Field[object]") -> str:
    if entry.default is MISSING or entry.default in (None, (), ""):
        return "–"
    return str(entry.default).lower() if isinstance(entry.default, bool) else str(entry.default)


def _rows(cls: type, variable: str | None) -> list[str]:
    return [
        f"| `{entry.name}` | {f'`{variable}{entry.name.upper()}`' if variable else '–'} | {_default(entry)} | {entry.metadata['doc']} |"
        for entry in fields(cls)
        if "doc" in entry.metadata
    ]


def settings_page() -> str:
    """The whole of docs/reference/settings.md."""
    head = "| setting | variable | default | what it does |\n|---|---|---|---|"
    return "\n".join([
        "# Settings",
        "",
        "In `triptych.toml` in the data folder, or as variables. A variable wins over the file, an option of a command over",
        "both. `TRIPTYCH_DATA` names the data folder itself; `triptych doctor` says where it is.",
        "",
        head, *_rows(FileSettings, "TRIPTYCH_"),
        "", "## `[caps]`", "", "Spending caps in US dollars. A run that would pass one is refused before anything is sent.",
        "The caps of keys and projects divide what honest callers spend: any text is a key, and any name a project, with an",
        "allowance of its own. `day_usd` and `run_usd` hold for everybody.",
        "", head, *_rows(CapSettings, "TRIPTYCH_CAP_"),
        "", "## `[providers.NAME]`", "",
        "`NAME` is the first part of a model id. The address can also be set as `TRIPTYCH_<NAME>_BASE_URL`.",
        "", head, *_rows(ProviderSettings, None),
        "", "## `[witnesses.NAME]`", "",
        "Who cosigns the checkpoints of this log; see [the transparency log](../concepts/tlog.md).",
        "", head, *_rows(WitnessSettings, None),
        "", "## `[endpoints.NAME]`", "",
        "Your own endpoints that speak the OpenAI Images API:", "",
        "```toml",
        "[endpoints.studio-box]",
        'base_url = "http://192.168.1.20:8080/v1"',
        'key_env = "STUDIO_BOX_KEY"',
        'models = [{ id = "flux-dev", name = "FLUX dev on the studio box" }]',
        "```", "",
    ])  # fmt: skip
