"""What the program knows of ONNX Runtime. Only a tool's own process loads it: it takes memory, and a thread of its own."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from importlib.util import find_spec

EXTRA = "pip install 'triptych[tools]'"


def installed() -> bool:
    """Whether ONNX Runtime is there; asks without loading it."""
    return find_spec("onnxruntime") is not None


def version() -> str:
    """Of ONNX Runtime, as the receipt names it."""
    try:
        return version_of("onnxruntime")
    except PackageNotFoundError:
        return "not there"
