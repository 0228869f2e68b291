"""Networks by ONNX Runtime, which is an extra (`triptych[tools]`). It opens no connection; on the processor alone."""

import hashlib
import os
from pathlib import Path

import numpy as np

from triptych.imaging.tools.job import Floats, Net, ToolError, Weights
from triptych.imaging.tools.runtime import EXTRA

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

_QUIET = 3  # errors only


def open_network(weights: Weights, output: str | None = None) -> Net:
    """A network over one picture, ready to run; of several things that it tells `output` is taken where it is there, else the
    first. The very bytes whose hash was taken are the ones that are used. Raises
    ToolError for a file that is not there, that is another one, or that is no network, and without the extra."""
    if onnxruntime is None:
        raise ToolError("ONNX Runtime is not installed.", f"Install it: {EXTRA}")
    try:
        data = Path(weights.path).read_bytes()
    except OSError as error:
        raise ToolError(f"The weights cannot be read: {error.strerror}.", "Get them again.") from error
    if hashlib.sha256(data).hexdigest() != weights.sha256:
        raise ToolError("The file of weights is not the one that this model names.", "Delete it and get it again.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = os.cpu_count() or 1
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        told = [each.name for each in session.get_outputs()]
    except _FAULTS as error:
        raise ToolError(f"The weights cannot be loaded: {_short(error)}.", "Get them again.") from error

    answer = output if output in told else told[0]

    def run(given: Floats) -> Floats:
        try:
            made = session.run([answer], {name: given})[0]
        except _FAULTS as error:
            raise ToolError(f"The network stopped: {_short(error)}.") from error
        return np.asarray(made, dtype=np.float32)

    return run


_FAULTS: tuple[type[Exception], ...] = (
    RuntimeError, ValueError, IndexError,
    *((getattr(onnxruntime.capi.onnxruntime_pybind11_state, name) for name in (
        "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException",
    )) if onnxruntime is not None else ()),
)  # fmt: skip
"""What ONNX Runtime raises; its own errors have no common class but Exception."""


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160].rstrip(".")
