"""Tiny ONNX networks, written by hand after onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3, read
2026-11-21): what a test needs of real weights, in some hundred bytes."""

import struct

FLOAT = 1


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | bytes | str | float) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    if isinstance(value, float):
        return _number(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(data)) + data


def _attribute(name: str, value: int | str | list[int]) -> bytes:
    if isinstance(value, list):
        return _field(1, name) + b"".join(_field(8, one) for one in value) + _field(20, 7)
    return _field(1, name) + (
        _field(3, value) + _field(20, 2) if isinstance(value, int) else _field(4, value) + _field(20, 3)
    )


def _node(kind: str, takes: list[str], gives: str, **attributes: int | str | list[int]) -> bytes:
    body = b"".join(_field(1, name) for name in takes) + _field(2, gives) + _field(4, kind)
    return body + b"".join(_field(5, _attribute(name, value)) for name, value in attributes.items())


def _tensor(name: str, sides: int = 4) -> bytes:
    """One float tensor with free sides."""
    shape = b"".join(_field(1, _field(2, f"{name}{side}")) for side in range(sides))
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def _network(nodes: list[bytes], initializers: list[bytes] = [], out: bytes = b"") -> bytes:  # noqa: B006
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "tiny")
    graph += b"".join(_field(5, one) for one in initializers) + _field(11, _tensor("x"))
    graph += out or _field(12, _tensor("y"))
    return _field(1, 8) + _field(8, _field(1, "") + _field(2, 17)) + _field(7, graph)


def enlarger(factor: int = 4, blur: int = 0) -> bytes:
    """Each pixel `factor` x `factor` times; before that the mean of the `blur` pixels around it to each side."""
    scales = _field(1, 4) + _field(2, FLOAT) + _field(9, struct.pack("<4f", 1, 1, factor, factor)) + _field(8, "s")
    larger = _node("Resize", ["m" if blur else "x", "", "s"], "y", mode="nearest", nearest_mode="floor",
                   coordinate_transformation_mode="asymmetric")  # fmt: skip
    mean = _node("AveragePool", ["x"], "m", kernel_shape=[2 * blur + 1] * 2, pads=[blur] * 4)
    return _network([mean, larger] if blur else [larger], [scales])


def bright_is_subject() -> bytes:
    """How bright a pixel is stands for how much of it is the subject."""
    return _network([_node("ReduceMean", ["x"], "y", axes=[1], keepdims=1)])


def seer() -> bytes:
    """Tells the mean of red, green and blue as what the picture shows; before that, as CLIP's networks do, something else."""
    nodes = [
        _node("ReduceMax", ["x"], "last_hidden_state", axes=[1], keepdims=1),
        _node("ReduceMean", ["x"], "image_embeds", axes=[2, 3], keepdims=0),
    ]
    out = _field(12, _tensor("last_hidden_state")) + _field(12, _tensor("image_embeds", 2))
    return _network(nodes, out=out)
