"""Brings the page's third-party files: `python tools/vendor.py`; `--check` only compares what is here.

`src/triptych/web/vendor.toml` names every package with its version and integrity, and every file with its SHA-256.
The download is `npm pack`, so it uses whatever registry npm is set up with. A new version is written into the table by
hand; `--write-hashes` then fills in the SHA-256 of the files it brings, for review in the diff.
"""

import argparse
import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "src" / "triptych" / "web" / "vendor.toml"

Package = Mapping[str, Any]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packages() -> list[Package]:
    found: list[Package] = tomllib.loads(TABLE.read_text("utf-8"))["package"]
    return found


def wanted(package: Package) -> Iterator[tuple[str, str]]:
    """Every file of a package as (path under the root, SHA-256)."""
    for file in package["files"]:
        yield file["to"], file["sha256"]
    if "sprite" in package:
        yield package["sprite"]["to"], package["sprite"]["sha256"]


def check() -> list[str]:
    """What is wrong with the files that are here, in words; empty when every byte is as named."""
    wrong = []
    for package in packages():
        for path, digest in wanted(package):
            if not (ROOT / path).is_file():
                wrong.append(f"{path} is missing")
            elif sha256((ROOT / path).read_bytes()) != digest:
                wrong.append(f"{path} is not the file that vendor.toml names")
    return wrong


def download(package: Package, folder: Path) -> dict[str, bytes]:
    """All files of one package, its integrity checked. Raises SystemExit when the bytes are not the named ones."""
    spec = f"{package['name']}@{package['version']}"
    packed = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(folder), spec], check=True, capture_output=True, text=True
    )
    archive = folder / packed.stdout.split()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package["integrity"]:
        sys.exit(f"{spec}: the package is {digest}, vendor.toml names {package['integrity']}")
    with tarfile.open(archive) as tar:
        names = [m.name for m in tar.getmembers() if m.isfile()]
        return {n.removeprefix("package/"): (tar.extractfile(n) or sys.exit(n)).read() for n in names}


def sprite(icons: list[str], files: Mapping[str, bytes]) -> bytes:
    """One SVG with a symbol for each icon. The stroke is left to the page's style sheet."""
    symbols = []
    for icon in sorted(icons):
        body = re.search(r"<svg[^>]*>(.*)</svg>", files[f"icons/{icon}.svg"].decode(), re.DOTALL)
        if body is None:
            sys.exit(f"{icon} is not an SVG")
        shapes = " ".join(body[1].split()).replace("> <", "><").strip()
        symbols.append(f'<symbol id="{icon}" viewBox="0 0 24 24">{shapes}</symbol>')
    head = '<svg xmlns="http://www.w3.org/2000/svg"><!-- lucide-static, see icons.LICENSE.txt -->'
    return "\n".join([head, *symbols, "</svg>\n"]).encode()


def bring(*, write_hashes: bool) -> None:
    text = TABLE.read_text("utf-8")
    for package in packages():
        with tempfile.TemporaryDirectory() as folder:
            files = download(package, Path(folder))
        made = [(f["to"], f["sha256"], files[f["from"]]) for f in package["files"]]
        if "sprite" in package:
            made.append(
                (package["sprite"]["to"], package["sprite"]["sha256"], sprite(package["sprite"]["icons"], files))
            )
        for path, digest, data in made:
            if sha256(data) != digest and not write_hashes:
                sys.exit(f"{path}: SHA-256 is {sha256(data)}, vendor.toml names {digest}")
            text = re.sub(rf'(to = "{re.escape(path)}", sha256 = ")[^"]*', rf"\g<1>{sha256(data)}", text)
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(data)
    if write_hashes:
        TABLE.write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the files that are here; no network")
    parser.add_argument(
        "--write-hashes", action="store_true", help="write the SHA-256 of what was brought into the table"
    )
    chosen = parser.parse_args()
    if not chosen.check:
        bring(write_hashes=chosen.write_hashes)
    wrong = check()
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
