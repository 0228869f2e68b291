#!/bin/sh
# Writes the hashed locks from pyproject.toml. Needs uv; the locks carry no index address.
set -eu
cd "$(dirname "$0")/.."
opts="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra attest --extra c2pa --extra lan --extra parquet --extra tools"
uv pip compile $opts --group build pyproject.toml -o requirements/run.txt
uv pip compile $opts --group build --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt
# What the tests of open models need besides: never part of the two above.
printf 'torch==%s\n' "$(sed -n 's/^TORCH = "\(.*\)"/\1/p' tools/lock_local.py)" |
  cat requirements/dev.txt - >requirements/local.in
uv pip compile $opts --extra local --group build --group dev pyproject.toml -c requirements/local.in | python3 tools/lock_local.py >requirements/local.txt
rm requirements/local.in
