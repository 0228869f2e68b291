"""What the log says of a receipt: whether it has it, whether it is late, what is missing, and which rules were in force."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from triptych.network.evidence import Evidence, Line, Verdict
from triptych.network.history import MERGE_DELAY_MS, History, Numbers
from triptych.network.jose import kid_of
from triptych.network.receipt import Receipt
from triptych.network.statement import Statement
from triptych.spec.words import counted, utc
from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import TlogError
from triptych.tlog.note import ED25519, Note, Signed, VerifierKey
from triptych.tlog.policy import TrustPolicy
from triptych.tlog.proof import TlogProof, verify_proof

_SWITCH_MS = 1_000  # a decision that was under way when the policy changed
_SHOWN = 12  # missing numbers that are spelled out
_FOREIGN = "The log that you brought is not that of the receipt's signer, and"


def signer_line(receipt: Receipt, evidence: Evidence) -> Line:
    """Whether the receipt is signed by a key that is trusted, or by one that handed over to such a key later."""
    trusted = {*evidence.keys, *(key.public for key in (evidence.trust.logs if evidence.trust else ()))}
    hand_overs = [s for _, s in evidence.history.of_kind("key")] if evidence.history else []
    ended = next((s for s in hand_overs if s.kid == receipt.kid), None)
    if ended is not None and receipt.payload["issued_ms"] > ended.issued_ms:
        return Line("signer", "FALSE", f"The key {receipt.kid} handed over to {ended.payload['new']} on "
                    f"{utc(ended.issued_ms)}: it may not sign after that.")  # fmt: skip
    until = f" It was in use until {utc(ended.issued_ms)}, then it handed over." if ended else ""
    if not trusted:
        return Line("signer", "not checked", f"Whose key {receipt.kid} is: give a key that you trust with --key, or a "
                    "trust policy that names the log.")  # fmt: skip
    names = {kid_of(one) for one in trusted}
    if receipt.kid in names:
        return Line("signer", "proved", f"It is a key that you trust.{until}")
    if names & set(successors(receipt.kid, hand_overs)):
        said = f"The key {receipt.kid} handed over to one that you trust; both have signed that."
        return Line("signer", "proved", f"{said}{until}")
    return Line("signer", "FALSE", f"It is signed by {receipt.kid}; you trust {', '.join(sorted(names))}.")


def successors(kid: str, hand_overs: Sequence[Statement]) -> list[str]:
    """The keys that came after one, each by the hand-over of the one before."""
    found: list[str] = []
    following = {s.kid: str(s.payload["new"]) for s in reversed(hand_overs)}
    while (kid := following.get(kid, "")) and kid not in found:
        found.append(kid)
    return found


def log_lines(receipt: Receipt, evidence: Evidence) -> list[Line]:
    """The proof, the log that was brought, or both."""
    lines = [*_proof(receipt, evidence)] if evidence.proof is not None else []
    history = evidence.history
    if evidence.log_fault is not None:
        return [*lines, Line("log", "FALSE", f"The log that you brought is not to be believed: {evidence.log_fault}")]
    if history is None:
        return lines or [Line("log", "not checked", "Whether the log has it: give its proof with --proof, or the log "
                              "with --log.")]  # fmt: skip
    return [*lines, *_whole(receipt, evidence, history, proved=bool(lines))]


def _proof(receipt: Receipt, evidence: Evidence) -> Iterable[Line]:
    data, trust = evidence.proof or b"", evidence.trust
    try:
        policy = trust or own_log(TlogProof.parse(data).checkpoint, receipt.public)
        found = verify_proof(data, receipt.leaf, policy)
    except TlogError as error:
        return [Line("log", "FALSE", str(error))]
    whose = "of a log that you trust" if trust else "of the log that the same key signs"
    said = _place(found.index, found.checkpoint, whose)
    return [Line("log", "proved", said), _witnesses(found.cosigned)]


def _place(index: int, checkpoint: Checkpoint, whose: str) -> str:
    entries = counted(checkpoint.size, "entry", "entries")
    return f"It is entry {index}, counted from 0, {whose}, {checkpoint.origin}, which has {entries}."


def own_log(note: bytes, public: bytes) -> TrustPolicy:
    """The policy that believes whatever log a receipt's own key signs. Raises TlogError."""
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    return TrustPolicy(logs=(VerifierKey(checkpoint.origin, ED25519, public),))


def _witnesses(cosigned: Sequence[Signed]) -> Line:
    if cosigned:
        names = ", ".join(signed.key.name for signed in cosigned)
        return Line("witnesses", "proved", f"The checkpoint is cosigned by {names}.")
    return Line(
        "witnesses", "not checked", "No witness that you trust has cosigned: others might be shown another log."
    )


def _whole(receipt: Receipt, evidence: Evidence, history: History, *, proved: bool) -> list[Line]:
    index = history.place
    lines: list[Line] = []
    if index is not None and not proved:
        whose = "of a log that you trust" if history.trusted else "of a log whose key you were not given"
        lines = [Line("log", "proved", _place(index, history.trusted_as.checkpoint, whose)),
                 _witnesses(history.trusted_as.cosigned)]  # fmt: skip
    return [*lines, _omission(receipt, evidence, history, index), _sequence(receipt, evidence, history)]


def _omission(receipt: Receipt, evidence: Evidence, history: History, index: int | None) -> Line:
    """What shows that the log had its time: a witness's clock, an entry that says it is later, or the reader's clock."""
    if index is not None:
        return Line("omission", "proved", f"The log that you brought has it, as entry {index}.")
    log = f"The log of {counted(history.size, 'entry', 'entries')}"
    if not _same_signer(receipt, evidence, history):
        return Line("omission", "not checked", f"{log} is signed by {kid_of(history.trusted_as.log.public)}, and the receipt by "
                    f"{receipt.kid}: it is not the log of the receipt's signer. Bring that one.")  # fmt: skip
    due = int(receipt.payload["issued_ms"]) + MERGE_DELAY_MS
    times = [(s.time * 1000, f"{s.key.name} cosigned this log") for s in history.trusted_as.cosigned if s.time]
    if history.newest is not None:
        times.append((history.newest[0], f"its entry {history.newest[1]} was signed"))
    if history.read_ms is not None:
        times.append((history.read_ms, "you fetched its checkpoint, by your own clock"))
    moment, what = max(times, default=(0, ""))
    if moment > due:
        said = f"{log} leaves it out: it was due on {utc(due)}, and on {utc(moment)} {what}."
        return Line("omission", "FALSE", said)
    return Line("omission", "not checked", f"{log} does not have it, and nothing shows that its time is over: it is due "
                f"within a minute, on {utc(due)}.{_ahead(history)}")  # fmt: skip


def _ahead(history: History) -> str:
    """Which entry is not believed when it says how late it is."""
    if history.ahead is None:
        return ""
    issued, place = history.ahead
    return (f" Entry {place} says that it was signed on {utc(issued)}, later than your own clock or a cosignature: it is "
            "not believed.")  # fmt: skip


def family(kid: str, history: History) -> frozenset[str]:
    """A key, those that it handed over to, and those that came before it, by name."""
    hand_overs = [s for _, s in history.of_kind("key")]
    return frozenset((kid, *successors(kid, hand_overs), *_before(kid, hand_overs)))


def _same_signer(receipt: Receipt, evidence: Evidence, history: History) -> bool:
    """Whether the key of the log is the receipt's, one that this handed over to, or, by the reader's own word, another key
    of the same log."""
    log = history.trusted_as.log
    if kid_of(log.public) in family(receipt.kid, history):
        return True
    named = evidence.trust.logs if evidence.trust else ()
    return any(key.name == log.name and key.public == receipt.public for key in named)


def _sequence(receipt: Receipt, evidence: Evidence, history: History) -> Line:
    """The numbers that the signer's receipts have in this log: each once, none missing."""
    if not _same_signer(receipt, evidence, history):
        return Line("numbers", "not checked", f"{_FOREIGN} may repeat and leave out what its keeper likes.")
    mine = history.numbers
    if not mine.seqs:
        return Line("numbers", "not checked", "The log has no receipt of this key.")
    twice = _twice(mine)
    if twice:
        return Line(
            "numbers", "FALSE", f"The key has signed number {twice[0]} twice: entries {twice[1]} and {twice[2]}."
        )
    missing, count = _missing(mine)
    if not count:
        said = f"None is missing: the log has {counted(len(mine.seqs), 'receipt')} of this key, numbered from 0 on."
        return Line("numbers", "proved", said)
    shown = ", ".join(map(str, missing)) + (", …" if count > len(missing) else "")
    if history.newest is not None and _overdue(missing, mine, history.newest[0]):
        said = f"The log leaves out {counted(count, 'receipt')} of this key: number {shown}."
        moment, place = history.newest
        return Line(
            "numbers", "FALSE", f"{said} Their time was over when its entry {place} was signed, on {utc(moment)}."
        )
    return Line(
        "numbers", "not checked", f"Number {shown} of this key may still be on its way into the log.{_ahead(history)}"
    )


def _twice(mine: Numbers) -> tuple[int, int, int] | None:
    seen: dict[int, int] = {}
    for seq, place in zip(mine.seqs, mine.places, strict=True):
        if seq in seen:
            return seq, seen[seq], place
        seen[seq] = place
    return None


def _missing(mine: Numbers) -> tuple[list[int], int]:
    """The first numbers from 0 on that are left out below the highest, and how many in all. Each number is there once."""
    shown: list[int] = []
    following = 0
    for seq in sorted(mine.seqs):
        shown += range(following, min(seq, following + _SHOWN - len(shown)))
        following = seq + 1
    return shown, following - len(mine.seqs)


def _overdue(missing: Sequence[int], mine: Numbers, newest: int) -> bool:
    """Whether a number above the first missing one was signed longer than the merge delay before another entry."""
    both = zip(mine.seqs, mine.issued_ms, strict=True)
    return any(seq > missing[0] and issued + MERGE_DELAY_MS < newest for seq, issued in both)


def in_force(stated: Mapping[str, Any], receipt: Receipt, evidence: Evidence) -> Line:
    """Whether the policy was the active one when it was decided, by what the log had stated before it had the receipt:
    what was entered after it may have been made up to fit."""
    what, history = "policy in force", evidence.history
    if history is None:
        return Line(what, "not checked", "Give the log with --log to see which policy was the active one then.")
    place = history.place
    if place is None:
        return Line(
            what, "not checked", "The log does not have the receipt, so nothing shows which statements came before."
        )
    if not _same_signer(receipt, evidence, history):
        return Line(what, "not checked", f"{_FOREIGN} may leave out statements of the policy.")
    keys = family(receipt.kid, history)
    known = [_Active(int(s.payload["active_ms"]), index, s) for index, s in history.of_kind("policy") if s.kid in keys]
    return Line(what, *_in_force(known, place, int(stated["taken_ms"]), str(stated.get("policy_id"))))


class _Active(NamedTuple):
    """A policy was the active one from `since_ms` on, by an entry of the log."""

    since_ms: int
    place: int
    statement: Statement

    @property
    def policy_id(self) -> str:
        return str(self.statement.payload["policy_id"])

    def late(self, taken: int) -> bool:
        """Whether it was signed neither as soon as the policy was active, nor before the decision."""
        issued = self.statement.issued_ms
        return issued > self.since_ms + MERGE_DELAY_MS and issued > taken


def _in_force(known: Sequence[_Active], place: int, taken: int, mine: str) -> tuple[Verdict, str]:
    begun = sorted((one for one in known if one.since_ms <= taken), key=lambda one: one[:2])
    before = [one for one in begun if one.place < place]
    if not before:
        return "not checked", "Before the receipt, the log states no policy of this signer that was active by then."
    active, earlier = before[-1], before[-2:-1]
    since, index = active.since_ms, active.place
    if active.late(taken):
        issued = active.statement.issued_ms
        said = f"Entry {index} tells of the policy from {utc(since)} on, and was signed only on {utc(issued)}."
        return "not checked", said
    if begun[-1] != active and not begun[-1].late(taken):
        return "not checked", (f"By entry {index} the active policy was {active.policy_id}; for the same time the log "
                               "states another, but only after the receipt.")  # fmt: skip
    if active.policy_id == mine:
        return "proved", f"By entry {index} it was the active policy from {utc(since)} on."
    if earlier and taken - since < _SWITCH_MS and earlier[0].policy_id == mine:
        return "proved", f"It was the active policy until {utc(since)}, less than a second before (entry {index})."
    elsewhere = (
        "The log states this policy for another time; by" if any(one.policy_id == mine for one in known) else "By"
    )
    return "FALSE", f"{elsewhere} entry {index} the active policy on {utc(taken)} was {active.policy_id}."


def _before(kid: str, hand_overs: Sequence[Statement]) -> list[str]:
    """The keys that came before one."""
    found: list[str] = []
    earlier = {str(s.payload["new"]): s.kid for s in hand_overs}
    while (kid := earlier.get(kid, "")) and kid not in found:
        found.append(kid)
    return found
