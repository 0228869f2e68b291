"""Where the tests find a tiny open model, made once for each run by a process of its own: PyTorch is never loaded into theirs."""

import atexit
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from triptych.imaging.diffusion.runtime import installed

ROOT = Path(__file__).parents[2]
needed = pytest.mark.skipif(not installed(), reason="the extra `local` is not installed")
# More threads than one only wait for each other at this size.
CALM = {"OMP_NUM_THREADS": "1"}


def models_folder() -> Path:
    """A folder with the model `tiny` in it."""
    return _made() / "one"


def kinds_folder() -> Path:
    """A folder with a model of every kind that is offered, each by the name of its pipeline."""
    return _made() / "kinds"


@cache
def _made() -> Path:
    place = Path(mkdtemp(prefix="triptych-models-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "tests.unit.tiny_kinds", str(place)], cwd=ROOT, check=True, capture_output=True,
                   env={**os.environ, **CALM})  # fmt: skip
    return place
