# Sourced by ./run and ./test: `prepare run` or `prepare dev` makes or refreshes .venv from requirements/.
# The stamp in .venv names the lock it was made from, so that a second start does no work. It is written last: a set-up
# that was interrupted is simply done again.

VENV="$PWD/.venv"

find_python() {
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "Triptych needs Python 3.11 or newer; none was found. hint: install it, or set PYTHON to its path." >&2
  return 1
}

# What .venv has to be made from; a moved folder counts, because scripts in .venv hold its path.
stamp() {
  printf '%s %s\n' "$(cat "requirements/$1.txt" pyproject.toml | cksum)" "$PWD"
}

made_for() {
  [ -f "$VENV/stamp-$1" ] && [ "$(cat "$VENV/stamp-$1")" = "$(stamp "$1")" ] && [ -x "$VENV/bin/triptych" ] &&
    [ -x "$VENV/bin/python" ]
}

failed() {
  echo "The set-up did not finish: see above. hint: it downloads packages; check the network, then run this again." >&2
  exit 1
}

with_uv() {
  # A `.venv` that was cut off half-way may have no working Python: it is made anew.
  "$VENV/bin/python" -c '' 2>/dev/null || uv venv --quiet --clear --python "$1" "$VENV" || return 1
  uv pip sync --quiet --python "$VENV/bin/python" --require-hashes "$2" &&
    uv pip install --quiet --python "$VENV/bin/python" --no-deps --no-build-isolation --editable .
}

with_pip() {
  if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    "$1" -m venv --clear "$VENV" || {
      echo "hint: on Debian and Ubuntu, install the package python3-venv (or install uv)." >&2
      return 1
    }
  fi
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement "$2" &&
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . || return 1
  # pip translates with one core what is installed, this with all. A file that no Python here can read is none of ours.
  "$VENV/bin/python" -m compileall -qq -j 0 "$VENV/lib" || true
}

prepare() {
  # A development environment holds everything a run needs.
  if made_for "$1" || { [ "$1" = run ] && made_for dev; }; then
    return
  fi
  python="$(find_python)" || exit 1
  echo "preparing .venv from requirements/$1.txt (once; it takes some minutes)" >&2
  rm -f "$VENV"/stamp-*
  if command -v uv >/dev/null 2>&1; then
    with_uv "$python" "requirements/$1.txt" || failed
  else
    with_pip "$python" "requirements/$1.txt" || failed
  fi
  stamp "$1" >"$VENV/stamp-$1"
}

# What the tests of open models need, put on top of a development environment. Without dependencies: the lock names them all.
prepare_local() {
  made="$(cksum requirements/local.txt) $PWD"
  if [ -f "$VENV/stamp-local" ] && [ "$(cat "$VENV/stamp-local")" = "$made" ]; then
    return
  fi
  if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python "$VENV/bin/python" --no-deps --require-hashes ${PIP_FIND_LINKS:+--find-links "$PIP_FIND_LINKS"} \
      --requirement requirements/local.txt || failed
  else
    # Not compiled: of its 10,000 files the tests load a tenth.
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
      --requirement requirements/local.txt || failed
  fi
  printf '%s\n' "$made" >"$VENV/stamp-local"
}
