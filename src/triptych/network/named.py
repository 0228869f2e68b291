"""Which of the files that were brought are those that a receipt names. On others nothing is computed: what came of it would
be said of something else than was decided and paid by."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from triptych.network.evidence import Evidence, Line


@dataclass(frozen=True, slots=True)
class File:
    """One file and the line about it. `data` is there when it is what is named; `other` says that one was brought which is
    not."""

    what: str
    line: Line | None
    data: bytes | None = None
    other: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """The policy and the snapshot that the decision of a receipt names, and the catalogue that the policy names."""

    policy: File
    snapshot: File
    catalogue: File


def files(payload: Mapping[str, Any], evidence: Evidence) -> Files:
    """Looks at what was brought."""
    stated = payload.get("decision") or {}
    policy = _named("policy", stated, evidence.policy)
    return Files(policy, _named("snapshot", stated, evidence.snapshot), _catalogue(policy, evidence.catalogue))


def others(*given: File) -> str:
    """In words, which of them are not those that are named; empty when none is."""
    wrong = [f"the {one.what}" for one in given if one.other]
    if not wrong:
        return ""
    which = "are not those that are named" if len(wrong) > 1 else "is not the one that is named"
    return f"{' and '.join(wrong)} that {'were' if len(wrong) > 1 else 'was'} given {which}"


def rules(policy: File) -> Mapping[str, Any] | None:
    """What a policy says; None when the one that is named is not here, or cannot be read."""
    try:
        found = msgspec.json.decode(policy.data or b"null")
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _named(what: str, decision: Mapping[str, Any], data: bytes | None) -> File:
    if not decision:
        return File(
            what, None if data is None else Line(what, "FALSE", "The receipt names none."), None, data is not None
        )
    stated = decision.get(f"{what}_id")
    if not stated:
        verdict: Any = "FALSE" if data is not None else "not checked"
        return File(what, Line(what, verdict, f"The receipt names no {what}."), None, data is not None)
    if data is None:
        return File(what, Line(what, "not checked", f"The receipt names the {what} {stated}; it was not given."))
    digest = hashlib.sha256(data).hexdigest()
    if digest == stated:
        return File(what, Line(what, "proved", f"It is the {what} that the receipt names."), data)
    return File(what, Line(what, "FALSE", f"Its SHA-256 is {digest}; the receipt names {stated}."), None, other=True)


def _catalogue(policy: File, data: bytes | None) -> File:
    what = "catalogue"
    if data is None:
        return File(what, None)
    digest, said = hashlib.sha256(data).hexdigest(), rules(policy)
    if said is None:
        why = others(policy) or "the policy, which names the catalogue, was not given"
        return File(what, Line(what, "not checked", f"Its SHA-256 is {digest}; {why}."))
    if said.get("catalogue") != digest:
        wrong = Line(what, "FALSE", f"Its SHA-256 is {digest}; the policy names {said.get('catalogue') or 'none'}.")
        return File(what, wrong, None, other=True)
    return File(what, Line(what, "proved", "It is the catalogue that the policy names."), data)
