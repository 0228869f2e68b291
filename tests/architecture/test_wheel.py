"""What is installed is whole: every file of data that the program reads lies in the wheel."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def test_the_wheel_has_every_file_of_data() -> None:
    inside = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    data = {path for path in (SOURCE / "triptych").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    ours = {path.relative_to(SOURCE).as_posix() for path in data}
    assert ours >= {"triptych/catalog/lang/de.json", "triptych/catalog/data/openai.toml", "triptych/web/lang/de.json"}
    assert ours - inside == set()
