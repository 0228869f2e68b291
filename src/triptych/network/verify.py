"""Checking a receipt offline: line by line, what is proved, what was not checked, and what is false.

Needs no network, no clock, no database and nothing of the server. Whoever calls brings the files, and, to compute the
decision again, the function that decides.
"""

from collections.abc import Collection, Mapping
from typing import Any

from triptych.network.check_asked import asked_line, request_line
from triptych.network.check_images import image_lines
from triptych.network.check_log import family, in_force, log_lines, signer_line
from triptych.network.check_price import price_lines, request_for
from triptych.network.check_way import way_line
from triptych.network.evidence import Evidence, Line, Reclaim, Redecide, Rederive, Report, Verdict
from triptych.network.named import Files, files, others
from triptych.network.receipt import Receipt, ReceiptError, read

__all__ = ["UNPROVABLE", "Evidence", "Line", "Reclaim", "Redecide", "Rederive", "Report", "Verdict", "verify"]

UNPROVABLE = (
    "Which model a provider really ran behind its API: the receipt says which one was asked for and who answered.",
    "What a provider does with what it was sent, and what it charges in the end.",
    "That the signer's words about its own doings are true: they are signed, so that they cannot be taken back.",
    "Which endpoints had a key and were switched on, what a model refused in its own words, and the signer's own taste.",
    "That the signer threw its dice only once: give a nonce of your own with the request, and compare it with --nonce.",
)  # fmt: skip
_OWN_WORD = "Who had a key and was switched on, and what a model refused in its own words, is the signer's word."
_BEHIND = {0: "and nobody else took part", 1: "and the other is behind or left out for the reason given"}
_THROWN = {
    "router": " The signer threw the dice, and could have thrown them again.",
    "client": " The dice are said to be the caller's: compare with --nonce.",
}


def verify(evidence: Evidence) -> Report:
    """Checks everything that the evidence allows. Never raises for what is wrong with it: that is a line."""
    try:
        receipt = read(evidence.receipt)
    except ReceiptError as error:
        return Report((Line("signature", "FALSE", str(error)),), None, UNPROVABLE)
    known = files(receipt.payload, evidence)
    lines = [
        Line("signature", "proved", f"Every byte is as it was signed by the key {receipt.kid}."),
        signer_line(receipt, evidence),
        *image_lines(receipt, evidence),
        *log_lines(receipt, evidence),
        *_decision(receipt, evidence, known),
        way_line(receipt.payload, known),
        asked_line(receipt.payload),
        *price_lines(receipt.payload, evidence.opening, known),
        request_line(receipt.payload, evidence.opening),
    ]
    return Report(tuple(lines), receipt, UNPROVABLE)


def _decision(receipt: Receipt, evidence: Evidence, known: Files) -> list[Line]:
    stated = receipt.payload.get("decision")
    named = [one.line for one in (known.policy, known.snapshot) if one.line is not None]
    if not stated:
        return [Line("decision", "not checked", "Nothing was decided: it ended before."), *named]
    lines = [*named, in_force(stated, receipt, evidence)]
    lines += [_redecided(stated, evidence.redecide, known), *_dice(stated, evidence.nonces)]
    return [*lines, _derived(receipt, evidence, known), _claimed(receipt, evidence, known)]


def _redecided(stated: Mapping[str, Any], redecide: Redecide | None, known: Files) -> Line:
    what, policy, snapshot = "decision", known.policy.data, known.snapshot.data
    if strange := others(known.policy, known.snapshot):
        return Line(what, "not checked", f"It was not computed again: {strange}.")
    if redecide is None or policy is None or snapshot is None:
        return Line(what, "not checked", "Give the policy and the snapshot to compute the decision again.")
    differences = redecide(stated, policy, snapshot)
    if differences:
        return Line(what, "FALSE", f"Computed again it is another: {'; '.join(differences)}.")
    rest = sum(one.get("endpoint") != stated.get("picked") for one in stated.get("candidates", ()))
    rest += stated.get("other_models", 0) + stated.get("not_listed", 0)
    behind = _BEHIND.get(rest, f"and each of the {rest} others is behind or left out for the reason given")
    said = f"Computed again it is the same: {stated.get('picked') or 'nobody'} is first, {behind}."
    thrown = _THROWN.get(str(stated.get("nonce_from")), "")
    return Line(what, "proved", f"{said} {_OWN_WORD}{thrown}")


def _dice(stated: Mapping[str, Any], nonces: Collection[str]) -> list[Line]:
    """Whether the draw was made with what the caller gave."""
    if not nonces:
        return []
    if stated.get("nonce") not in nonces:
        return [Line("dice", "FALSE", f"The draw was made with {stated.get('nonce')}, which is not what you gave.")]
    return [Line("dice", "proved", "The draw was made with what you gave.")]


def _claimed(receipt: Receipt, evidence: Evidence, known: Files) -> Line:
    """Whether what the snapshot says of endpoints is what the catalogue says."""
    what, stated = "candidates", receipt.payload.get("decision") or {}
    if strange := others(known.policy, known.snapshot, known.catalogue):
        return Line(what, "not checked", f"They were not compared: {strange}.")
    if evidence.reclaim is None or known.snapshot.data is None or known.catalogue.data is None:
        said = "Give the snapshot, and the catalogue that the policy names, to compute each endpoint's lane, data policy, limits and price again."
        return Line(what, "not checked", said)
    ask = request_for(receipt.payload, evidence.opening)
    return Line(what, *evidence.reclaim(stated, known.snapshot.data, known.catalogue.data, ask))


def _derived(receipt: Receipt, evidence: Evidence, known: Files) -> Line:
    """Whether the numbers of the snapshot are what the log's outcomes come to."""
    what, history = "outcomes", evidence.history
    if strange := others(known.snapshot):
        return Line(what, "not checked", f"They were not counted again: {strange}.")
    if history is None or evidence.rederive is None or known.snapshot.data is None:
        said = "Give the snapshot and the log to count again what the snapshot says of each endpoint."
        return Line(what, "not checked", said)
    return Line(what, *evidence.rederive(known.snapshot.data, history.outcomes.of(family(receipt.kid, history))))
