"""Open models on their way: the list, what fits, and a download in parts that is gone on with and kept only under its hashes."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.test_diffusion import folder, on

from triptych.app import open_models as module
from triptych.app.container import open_app
from triptych.app.open_models import OpenFetch, RemoteFile, chosen, fits
from triptych.catalog.open_models import open_entries, open_entry
from triptych.cli import main
from triptych.config.settings import load
from triptych.http.message import HttpRequest, HttpResponse
from triptych.imaging.diffusion.folder import read_folder
from triptych.imaging.diffusion.memory import Machine
from triptych.imaging.diffusion.runtime import installed, main_memory
from triptych.providers.local import local_card
from triptych.spec.clock import SystemClock
from triptych.spec.errors import HostileContentError, NotConfiguredError, NotFoundError, NotSentError, StorageError

ROOT = Path(__file__).parents[2]
ENTRY = open_entry("sd-turbo")


def test_the_list_goes_from_small_to_large_and_says_what_is_needed() -> None:
    entries = open_entries()
    assert [one.about_gb for one in entries] == sorted(one.about_gb for one in entries)
    assert len({one.id for one in entries}) == len(entries)
    for one in entries:
        # What is fetched is at least what it takes with 16 bits, and no more than with 32.
        half = 2 * sum(one.billions.values())
        assert half * 0.95 <= one.about_gb <= half * 2, one.id
    with pytest.raises(NotFoundError, match="named 'nothing'"):
        open_entry("nothing")


def test_only_what_the_machine_has_room_for_fits() -> None:
    def names(here: Machine) -> list[str]:
        return [one.id for one in open_entries() if fits(one, here)]

    assert names(on("cpu", 2)) == []
    assert names(on("cpu", 6)) == ["sd-turbo", "stable-diffusion-1.5"]
    assert "z-image-turbo" not in names(on("mps", 12))
    assert len(names(on("cuda", 24))) == len(open_entries())


# A repository as the hub serves it.


class Repository:
    """Serves a folder; `wrong` are files that are sent changed, `broken` after how many parts the connection fails."""

    def __init__(self, files: Path, *, wrong: str = "", broken: int = 1000, status: int = 200) -> None:
        self.files = {one.relative_to(files).as_posix(): one.read_bytes() for one in files.rglob("*") if one.is_file()}
        self.wrong, self.broken, self.status = wrong, broken, status
        self.parts: list[tuple[str, str]] = []

    def entry(self, path: str, data: bytes) -> dict[str, object]:
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        large = (
            {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}}
            if path.endswith(".safetensors")
            else {}
        )
        return {"type": "file", "path": path, "oid": git, "size": len(data), **large}

    async def send(self, request: HttpRequest, *, deadline: float, max_bytes: int = 0) -> HttpResponse:
        del deadline, max_bytes
        assert ENTRY.revision in request.url
        if "/api/models/" in request.url:
            listed = [{"type": "directory", "path": "unet", "oid": "0" * 40}, self.entry("../evil.json", b"{}")]
            listed += [self.entry(path, data) for path, data in self.files.items()]
            return HttpResponse(status=self.status, body=json.dumps(listed).encode())
        if len(self.parts) >= self.broken:
            raise NotSentError("The connection broke.")
        path = request.url.split(f"{ENTRY.revision}/")[1]
        self.parts.append((path, request.headers["Range"]))
        start, _, end = request.headers["Range"].removeprefix("bytes=").partition("-")
        data = self.files[path]
        if path == self.wrong:
            data = data[:-1] + b"\0"
        body = data[int(start) : int(end) + 1]
        return HttpResponse(status=206, headers={"content-range": f"bytes {start}-{end}/{len(data)}"}, body=body)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """What lies in the repository: more than drawing needs."""
    made = folder(tmp_path / "there")
    for path in (
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "vae_1_0/model.safetensors",
        "README.md",
        "unet/x.bin",
        "whole.safetensors",
    ):
        (made / path).parent.mkdir(exist_ok=True)
        (made / path).write_bytes(b"more than is needed")
    (made / "unet" / "more.safetensors").write_bytes(
        (made / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    return made


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 64)


def fetch(place: Path, client: Repository) -> OpenFetch:
    return OpenFetch(place, client, SystemClock())


async def test_exactly_what_drawing_needs_is_fetched(tmp_path: Path, there: Path) -> None:
    repository, told = Repository(there), list[tuple[int, int]]()
    got = await fetch(tmp_path / "models", repository).get(ENTRY, lambda here, total: told.append((here, total)))
    kept = {one.relative_to(got).as_posix() for one in got.rglob("*") if one.is_file()}
    assert kept == {"model_index.json", "triptych.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "unet/more.safetensors",
                    "vae/config.json", "vae/diffusion_pytorch_model.safetensors"}  # fmt: skip
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    found = read_folder(got)
    card = local_card(found)
    assert (card.name, card.license, found.told["revision"], found.told["steps"]) == (
        ENTRY.name,
        ENTRY.license,
        ENTRY.revision,
        2,
    )
    asked = len(repository.parts)
    assert await fetch(tmp_path / "models", repository).get(ENTRY, lambda *_: None) == got
    assert len(repository.parts) == asked


async def test_it_goes_on_where_it_broke_off(tmp_path: Path, there: Path) -> None:
    first = Repository(there, broken=5)
    with pytest.raises(NotSentError):
        await fetch(tmp_path / "models", first).get(ENTRY, lambda *_: None)
    assert not (tmp_path / "models" / ENTRY.id).exists()
    second = Repository(there)
    await fetch(tmp_path / "models", second).get(ENTRY, lambda *_: None)
    assert not set(first.parts) & set(second.parts)


async def test_a_file_with_another_hash_is_thrown_away(tmp_path: Path, there: Path) -> None:
    for wrong in ("unet/more.safetensors", "unet/config.json"):
        with pytest.raises(HostileContentError, match="another one"):
            await fetch(tmp_path / wrong, Repository(there, wrong=wrong)).get(ENTRY, lambda *_: None)
        assert not (tmp_path / wrong / ENTRY.id).exists()
        assert (await fetch(tmp_path / wrong, Repository(there)).get(ENTRY, lambda *_: None)).is_dir()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda one: setattr(one, "status", 401), NotConfiguredError),
        (lambda one: one.files.pop("model_index.json"), HostileContentError),
        (lambda one: one.files.update({"model_index.json": b"["}), HostileContentError),
    ],
)
async def test_a_repository_that_is_no_model_is_told(
    tmp_path: Path, there: Path, change: Callable[[Repository], object], error: type[Exception]
) -> None:
    repository = Repository(there)
    change(repository)
    with pytest.raises(error):
        await fetch(tmp_path / "models", repository).get(ENTRY, lambda *_: None)


async def test_a_full_disk_is_told_before(tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPARE", 1 << 62)
    with pytest.raises(StorageError, match="no room"):
        await fetch(tmp_path / "models", Repository(there)).get(ENTRY, lambda *_: None)


def test_sixteen_bits_are_enough() -> None:
    def named(path: str) -> RemoteFile:
        return RemoteFile(type="file", path=path, oid="")

    paths = [
        "model_index.json",
        "unet/a.safetensors",
        "unet/a.fp16.safetensors",
        "vae/b.safetensors",
        "tokenizer/merges.txt",
    ]
    kept = chosen({path: named(path) for path in paths}, frozenset({"unet", "vae", "tokenizer"}))
    assert {one.path for one in kept} == set(paths) - {"unet/a.safetensors"}


def test_the_command_fetches_and_says_where_it_is(
    tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Repository(there)

    @asynccontextmanager
    async def client(_: object) -> AsyncIterator[Repository]:
        yield served

    monkeypatch.setattr("triptych.cli.models.HttpClient", client)
    guide = (ROOT / "docs/guides/open-models.md").read_text("utf-8")
    line = next(line for line in guide.splitlines() if "triptych models get" in line)
    monkeypatch.setattr("sys.argv", [*line.split(), "--data", str(tmp_path / "data")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert Path(said.out.strip()) == tmp_path / "data" / "models" / "sd-turbo"
    assert ENTRY.license in said.err


def test_what_can_be_fetched_is_listed_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def small() -> Machine:
        return on("cpu", 6)

    monkeypatch.setattr("triptych.cli.models.look_around", small)
    (tmp_path / "models" / "sd-turbo").mkdir(parents=True)
    (tmp_path / "models" / "sd-turbo" / "model_index.json").write_text("{}")
    for words, names in (([], 2), (["--all"], 8)):
        monkeypatch.setattr("sys.argv", ["triptych", "models", "open", "--data", str(tmp_path), *words])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        lines = said.out.splitlines()[1:]
        assert len(lines) == names
        assert "here" in lines[0]
        assert ("does not fit" in said.out, "6 more do not fit" in said.err) == (bool(words), not words)
    monkeypatch.setattr("sys.argv", ["triptych", "models", "open", "--data", str(tmp_path), "--json"])
    with pytest.raises(SystemExit):
        main()
    read = json.loads(capsys.readouterr().out)
    assert [one["held"]["way"] for one in read["models"]] == ["whole", "whole"]


def test_without_the_extra_the_main_memory_is_looked_at() -> None:
    assert main_memory().free > 1 << 28


async def test_a_server_finds_what_was_fetched_beside_it(tmp_path: Path) -> None:
    app = await open_app(load({"data": tmp_path}, environ={}))
    try:
        assert "local/one" not in app.models.endpoints()
        folder(tmp_path / "models" / "one")
        await app.local.notice()
        first = app.models.endpoints()["local/one"]
        assert first.ready == installed()
        await app.local.notice()
        assert app.models.endpoints()["local/one"] is first
        (tmp_path / "models" / "one" / "model_index.json").unlink()
        await app.local.notice()
        assert "local/one" not in app.models.endpoints()
    finally:
        await app.close()
