#!/bin/sh
# Writes the hashed locks from pyproject.toml. Needs uv; the locks carry no index address.
set -eu
cd "$(dirname "$0")/.."
opts="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra c2pa --extra parquet"
uv pip compile $opts --group build pyproject.toml -o requirements/run.txt
uv pip compile $opts --group build --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt
