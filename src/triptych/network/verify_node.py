"""Checking a node's receipt offline: whether every byte is as the node signed it, and whether the files beside it are those that it is over."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from triptych.network.check_images import file_lines
from triptych.network.evidence import Line, Report
from triptych.network.node_receipt import NodeReceiptError, ReceiptBody, read
from triptych.spec.words import counted, utc

UNPROVABLE = (
    "Which model the node really ran: that is its own word, and jobs that are drawn twice are there to catch a lie.",
    "Which words it was asked: the receipt names the job by a hash over a random nonce, so that nobody can guess them.",
    "That the node's clock was right, and who runs the node: its id is the name of a key.",
)  # fmt: skip
_ENDS = {
    "ok": "done",
    "refused": "refused before anything was drawn",
    "censored": "drawn, and partly or wholly withheld",
}


def verify_node(data: bytes, images: Mapping[str, bytes], trusted: Collection[str]) -> Report:
    """Checks a receipt as a node handed it out, with pictures by the name of their file. `trusted` are the ids of nodes that are trusted
    (RFC 7638 thumbprints of their keys). Never raises for what is wrong with it: that is a line."""
    try:
        found = read(data)
    except NodeReceiptError as error:
        return Report((Line("signature", "FALSE", str(error)),), None, UNPROVABLE)
    lines = (
        Line("signature", "proved", f"Every byte is as it was signed by the node {found.body.node}."),
        _signer(found.body.node, trusted),
        *file_lines(_listed(found.body), images),
        _outcome(found.body),
        _times(found.body),
        Line("model", "not checked", f"By the node's own word: {_way(found.body)}."),
    )
    return Report(lines, found.line, UNPROVABLE)


def _listed(body: ReceiptBody) -> dict[str, Any]:
    """The pictures as a router's receipt lists them."""
    return {
        "inputs": [{"sha256": one} for one in body.inputs],
        "outputs": [msgspec.to_builtins(one) for one in body.outputs],
    }


def _signer(node: str, trusted: Collection[str]) -> Line:
    if not trusted:
        return Line(
            "signer",
            "not checked",
            "Whose node it is: give the id of one that you trust with --node, or its key with --key.",
        )
    if node in trusted:
        return Line("signer", "proved", "It is a node that you trust.")
    return Line("signer", "FALSE", f"It is signed by the node {node}; you trust {', '.join(sorted(trusted))}.")


def _outcome(body: ReceiptBody) -> Line:
    count = len(body.outputs)
    pictures = counted(count, "picture")
    if (body.policy, bool(count)) in {("ok", False), ("refused", True)}:
        return Line("outcome", "FALSE", f"It says that the job was {_ENDS[body.policy]}, and lists {pictures}.")
    if len({one.sha256 for one in body.outputs}) != count:
        return Line("outcome", "FALSE", "It lists the same picture twice.")
    return Line("outcome", "proved", f"It says that the job was {_ENDS[body.policy]}, and lists {pictures}.")


def _times(body: ReceiptBody) -> Line:
    if not body.received_ms <= body.started_ms <= body.ended_ms:
        return Line("times", "FALSE", "Its times are not in their order.")
    asked, took = utc(body.received_ms), body.ended_ms - body.started_ms
    return Line("times", "not checked", f"By the node's own clock it was asked on {asked}, and drew for {took} ms.")


def _way(body: ReceiptBody) -> str:
    drawn = f"{body.model} by {body.engine}, in {body.precision}, with seed {body.seed}"
    return drawn if body.policy == "refused" else f"{drawn} and {counted(body.steps, 'step')}"
