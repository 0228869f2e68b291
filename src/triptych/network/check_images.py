"""Checking the picture files of a receipt, also those that got content credentials or a recipe when they were taken home."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from triptych.imaging.bare import bare, has_credentials, has_recipe
from triptych.imaging.header import header
from triptych.network.evidence import Evidence, Line
from triptych.network.receipt import Receipt
from triptych.spec.errors import HostileContentError
from triptych.spec.words import counted

RECEIPT_LABEL = "org.triptych.receipt"
"""The assertion of our content credentials that names the receipt."""
About = Callable[[str, bytes], Iterable[Line]]
_NAMES = {"outputs": "output {}", "inputs": "input {}", "received": "output {} as it came from the model"}
_TAKEN_OUT = {
    (False, False): "",
    (True, False): ", once its content credentials are taken out",
    (False, True): ", once its recipe is taken out",
    (True, True): ", once its content credentials and its recipe are taken out",
}


def image_lines(receipt: Receipt, evidence: Evidence) -> list[Line]:
    """A line for each file, one for its content credentials where it has some, and one for pictures that are missing."""
    return file_lines(receipt.payload, evidence.images, lambda name, data: _credentials(name, data, receipt, evidence))


def file_lines(
    payload: Mapping[str, Any], images: Mapping[str, bytes], about: About = lambda _name, _data: ()
) -> list[Line]:
    """A line for each file by the `inputs` and `outputs` of a receipt, what is to be said `about` one that is among them, and a line for
    pictures that are missing."""
    stated = {picture["sha256"]: (kind, place, picture) for kind in ("inputs", "outputs")
              for place, picture in enumerate(payload.get(kind, ()), 1)}  # fmt: skip
    for place, picture in enumerate(payload.get("outputs", ()), 1):
        if isinstance(came := picture.get("received"), Mapping):  # the model's own file, this one was made of it
            stated.setdefault(came["sha256"], ("received", place, came))
    bared = {picture["bare_sha256"]: digest for digest, (kind, _, picture) in stated.items()
             if kind == "outputs" and "bare_sha256" in picture}  # fmt: skip
    lines, seen = [], set[str]()
    for name, data in images.items():
        digest = hashlib.sha256(data).hexdigest()
        left = data if digest in stated else bare(data)
        without = digest if digest in stated else hashlib.sha256(left).hexdigest()
        found = stated.get(bared.get(without, without))
        if found is None:
            lines.append(
                Line(f"image {name}", "FALSE", f"Its SHA-256 is {digest}, which is no picture of this receipt.")
            )
            continue
        kind, place, picture = found
        seen.add(payload["outputs"][place - 1]["sha256"] if kind == "received" else picture["sha256"])
        wrong = _unlike(data, left if digest in stated or without in stated else None, picture)
        how = "" if digest in stated else _TAKEN_OUT[has_credentials(data), has_recipe(data)]
        said = f"It is {_NAMES[kind].format(place)}, byte for byte{how}."
        lines.append(Line(f"image {name}", "FALSE" if wrong else "proved", wrong or said))
        lines.extend(about(name, data))
    missing = [digest for digest, (kind, _, _) in stated.items() if kind == "outputs" and digest not in seen]
    if missing:
        gone = counted(len(missing), "picture of the receipt was", "pictures of the receipt were")
        lines.append(Line("images", "not checked", f"{gone} not given."))
    return lines


def _unlike(data: bytes, whole: bytes | None, picture: Mapping[str, Any]) -> str | None:
    """What the receipt says of a picture and is not so. `whole` is the file whose length it states, None when that one
    is not here."""
    try:
        info = header(data)
    except HostileContentError as error:
        return f"It cannot be read as a picture: {error.message}"
    found: dict[str, Any] = {"media_type": info.media_type, "width": info.width, "height": info.height}
    if whole is not None:
        found["bytes"] = len(whole)
    wrong = [name for name, value in found.items() if picture.get(name, value) != value]
    return f"Its {', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} not as the receipt says." if wrong else None


def _credentials(name: str, data: bytes, receipt: Receipt, evidence: Evidence) -> Iterator[Line]:
    """What the file's own content credentials say of this receipt. They are another signature than the receipt's."""
    if not has_credentials(data):
        return
    what = f"credentials {name}"
    said = evidence.credentials(data) if evidence.credentials else "they are not read here."
    if isinstance(said, str):
        yield Line(what, "not checked", f"The file has content credentials: {said}")
        return
    signer = f"{said.get('issuer') or 'nobody named'} ({'believed' if said['state'] == 'valid' else 'not known'} here)"
    ours = said["assertions"].get(RECEIPT_LABEL)
    mine = {"receipt": receipt.payload["id"], "receipt_sha256": hashlib.sha256(receipt.leaf).hexdigest()}
    if said["state"] == "broken":
        yield Line(
            what, "FALSE", f"They do not hold: {', '.join(said['problems']) or 'something in them was changed'}."
        )
    elif not isinstance(ours, Mapping):
        yield Line(what, "not checked", f"They hold, are signed by {signer}, and name no receipt.")
    elif any(ours.get(key) != value for key, value in mine.items()):
        yield Line(what, "FALSE", f"They name another receipt: {ours.get('receipt')}.")
    else:
        yield Line(what, "proved", f"They hold and name this receipt. They are signed by {signer}.")
