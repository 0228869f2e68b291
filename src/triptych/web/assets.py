"""The page's files under one name for the whole tree, and the strict headers they are served with.

Everything lies at `/web/<version>/<path>`, where the version is a hash over all files: relative imports keep the
prefix, every file may be cached for ever, and a new release is one new prefix. Nothing here touches a framework: the
server turns `page()` and `asset()` into answers.
"""

import base64
import gzip
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from triptych.catalog import told
from triptych.spec.json import Json, JsonObject
from triptych.web.shell import shell

ROOT = Path(__file__).parent
ENTRY = "app/main.js"
STYLES = ("style/tokens.css", "style/app.css")
TOLD = "lang/told/"
"""What the server says, a file for each language. What cards and adapters say lies beside them, in `triptych.catalog`."""

BARE = {
    "preact": "vendor/preact.js",
    "preact/hooks": "vendor/hooks.js",
    "@preact/signals": "vendor/signals.js",
    "@preact/signals-core": "vendor/signals-core.js",
    "htm": "vendor/htm.js",
}
"""What a module imports by name. The import map in the page says the same to the browser."""

MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""The kinds of file that are served; anything else in the folder (Python, the vendor table) is not."""

_STATIC_IMPORT = re.compile(r"""(?:^|[;}\s])(?:import|export)\b(?:[^'"();]*?\bfrom)?\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to send: its bytes and its headers."""

    body: bytes
    headers: Mapping[str, str]


class Tree:
    """All files at one moment."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self._packed: dict[str, bytes] = {}
        self._words: dict[str, Mapping[str, Json]] = {}

    @classmethod
    def read(cls, root: Path) -> "Tree":
        paths = sorted(p for p in root.rglob("*") if p.suffix in MEDIA and p.is_file())
        files = {p.relative_to(root).as_posix(): p.read_bytes() for p in paths}
        return cls({path: _with_cards(path, data) if path.startswith(TOLD) else data for path, data in files.items()})

    @cached_property
    def version(self) -> str:
        """Ten hex digits over every path and every byte."""
        digest = hashlib.sha256()
        for path, data in self.files.items():
            digest.update(f"{path}\0{len(data)}\0".encode())
            digest.update(data)
        return digest.hexdigest()[:10]

    def words(self, language: str) -> Mapping[str, Json]:
        """The catalogue of a language, with what the server says; English needs none."""
        if language not in self._words:
            parts = [self.files.get(f"{folder}{language}.json") for folder in (TOLD, "lang/")]
            self._words[language] = {text: said for part in parts if part for text, said in json.loads(part).items()}
        return self._words[language]

    @property
    def base(self) -> str:
        return f"/web/{self.version}/"

    @cached_property
    def import_map(self) -> str:
        return json.dumps({"imports": {name: self.base + path for name, path in BARE.items()}})

    @cached_property
    def csp(self) -> str:
        """Scripts, styles and connections from here only; the import map is the one inline script, named by hash."""
        digest = base64.b64encode(hashlib.sha256(self.import_map.encode()).digest()).decode()
        return "; ".join(
            [
                "default-src 'none'",
                f"script-src 'self' 'sha256-{digest}'",
                "style-src 'self'",
                "font-src 'self'",
                "img-src 'self'",
                "connect-src 'self'",
                "manifest-src 'self'",
                "worker-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        )

    def graph(self, entry: str = ENTRY) -> tuple[str, ...]:
        """Every module that `entry` needs before it can run, itself first. Views loaded later are not in it."""
        seen: dict[str, None] = {}
        todo = [entry]
        while todo:
            path = todo.pop(0)
            if path not in seen:
                seen[path] = None
                todo += self._imports(path)
        return tuple(seen)

    def _imports(self, path: str) -> Iterator[str]:
        for name in _STATIC_IMPORT.findall(self.files[path].decode()):
            yield BARE.get(name) or posixpath.normpath(posixpath.join(posixpath.dirname(path), name))

    @cached_property
    def worker(self) -> Asset:
        """The service worker, which names this version: at another one its text differs, and a browser takes it anew."""
        headers = {
            "Content-Type": MEDIA[".js"],
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
            "X-Content-Type-Options": "nosniff",
        }
        return Asset(self.files["worker.js"].replace(b"VERSION", self.version.encode()), headers)

    def asset(self, path: str, *, accept_gzip: bool) -> Asset | None:
        data = self.files.get(path)
        if data is None:
            return None
        headers = {
            "Content-Type": MEDIA[posixpath.splitext(path)[1]],
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if not accept_gzip or path.endswith(".woff2"):
            return Asset(data, headers)
        if path not in self._packed:
            self._packed[path] = gzip.compress(data, 9, mtime=0)
        return Asset(self._packed[path], {**headers, "Content-Encoding": "gzip"})


def _with_cards(path: str, data: bytes) -> bytes:
    """A file of `TOLD` with the sentences of cards and adapters: the page asks for one file."""
    return msgspec.json.encode({**msgspec.json.decode(data), **told(Path(path).stem)}, order="sorted")


class Assets:
    """The page and its files. With `development` the folder is read anew for every page, so a reload shows an edit."""

    def __init__(self, root: Path = ROOT, *, development: bool = False) -> None:
        self._root = root
        self._development = development
        self._tree = Tree.read(root)

    @property
    def tree(self) -> Tree:
        return self._tree

    def page(self, boot: JsonObject, *, path: str = "/", language: str = "en") -> tuple[str, dict[str, str]]:
        """The page as HTML and its headers. `boot` is what the page starts from (docs/reference/studio-api.md).

        The frame is in `language`, one of `triptych.web.languages.LANGUAGES`.
        """
        if self._development:
            self._tree = Tree.read(self._root)
        tree = self._tree
        html = shell(
            boot,
            path=path,
            base=tree.base,
            styles=STYLES,
            import_map=tree.import_map,
            entry=ENTRY,
            modules=tree.graph(),
            language=language,
            words=tree.words(language),
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": tree.csp,
            "Cache-Control": "no-store",  # the boot data carry the session's token
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return html, headers

    def worker(self) -> Asset:
        """What is served at `/sw.js`."""
        return self._tree.worker

    def asset(self, path: str, accept_gzip: bool = False, *, version: str | None = None) -> Asset | None:  # noqa: FBT001, FBT002
        """One file by its path in the tree, e.g. `app/main.js`; None when there is no such file.

        With `version` (the folder in the address) the answer is None for any other version than the one served, so a
        page of an older release never runs half of a newer one.
        """
        if version is not None and version != self._tree.version:
            return None
        return self._tree.asset(path, accept_gzip=accept_gzip)


_DEFAULT = Assets()
VERSION = _DEFAULT.tree.version
CSP = _DEFAULT.tree.csp
page = _DEFAULT.page
asset = _DEFAULT.asset
worker = _DEFAULT.worker
