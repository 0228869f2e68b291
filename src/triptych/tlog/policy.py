"""Whom to trust: logs, witnesses and a quorum (C2SP tlog-policy)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import NoteError, TrustError
from triptych.tlog.note import COSIGNATURE_V1, ED25519, Note, Signed, VerifierKey
from triptych.tlog.text import decimal


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as a witness when at least `threshold` of its members do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trusted:
    """A checkpoint that the policy accepts, the log key that signed it, and the witnesses that cosigned it."""

    checkpoint: Checkpoint
    log: VerifierKey
    cosigned: tuple[Signed, ...]


def _none() -> Mapping[str, VerifierKey]:
    return MappingProxyType({})


def _no_groups() -> Mapping[str, Group]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """The logs that may sign, by key; the witnesses and groups by name; the name that must have cosigned, or None."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey] = field(default_factory=_none)
    groups: Mapping[str, Group] = field(default_factory=_no_groups)
    quorum: str | None = None

    def __post_init__(self) -> None:
        asked = {m for group in self.groups.values() for m in group.members} | ({self.quorum} if self.quorum else set())
        if missing := asked - self.witnesses.keys() - self.groups.keys():
            raise TrustError("policy", f"The policy asks for {min(missing)}, which is no witness or group of it.")

    @classmethod
    def parse(cls, text: str) -> "TrustPolicy":
        """Reads a policy file. Raises TrustError with the number of the line that is wrong."""
        reader = _Reader()
        for number, line in enumerate(text.split("\n"), 1):
            words = [w for w in line.replace("\t", " ").split(" ") if w]
            if any(c < " " and c != "\t" for c in line) or "\x7f" in line:
                raise TrustError("policy", f"Line {number} of the policy has control characters in it.")
            if words and not words[0].startswith("#"):
                try:
                    reader.read(words)
                except (TrustError, NoteError) as error:
                    raise TrustError("policy", f"Line {number} of the policy: {error}") from None
        return reader.done()

    def check(self, data: bytes) -> Trusted:
        """The checkpoint in a note, if a log of this policy signed it and the quorum cosigned it.

        Raises NoteError, CheckpointError, or TrustError (`unknown_log`, `quorum`).
        """
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
        # A log speaks only under its own name: its key must not sign for another log of the policy.
        keys = [k for k in self.logs if k.name == checkpoint.origin]
        if not keys:
            raise TrustError("unknown_log", f"The policy knows no log named {checkpoint.origin}.")
        log = note.verified(keys)[0].key
        names = {(k.name, k.key_id) for k in self.witnesses.values()}
        cosigned: tuple[Signed, ...] = ()
        if any((s.name, s.key_id) in names for s in note.signatures):
            cosigned = note.verified(self.witnesses.values())
        if self.quorum is not None and not self._counts(self.quorum, {s.key for s in cosigned}):
            raise TrustError("quorum", f"The checkpoint of {checkpoint.origin} is not cosigned by {self.quorum}.")
        return Trusted(checkpoint, log, cosigned)

    def _counts(self, name: str, present: Collection[VerifierKey]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name] in present
        group = self.groups[name]
        return sum(self._counts(member, present) for member in group.members) >= group.threshold


class _Reader:
    """A policy, line by line."""

    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum: list[str] = []
        self._lines: Mapping[str, Callable[[list[str]], None]] = {
            "log": self._log, "witness": self._witness, "group": self._group, "quorum": self._set_quorum,
        }  # fmt: skip

    def read(self, words: list[str]) -> None:
        if words[0] not in self._lines:
            raise TrustError("policy", f"{words[0]!r} is none of log, witness, group and quorum.")
        self._lines[words[0]](words[1:])

    def done(self) -> TrustPolicy:
        if len(self._quorum) != 1:
            raise TrustError("policy", "A policy has exactly one quorum line; `quorum none` asks for no witness.")
        return TrustPolicy(
            logs=tuple(self._logs),
            witnesses=MappingProxyType(self._witnesses),
            groups=MappingProxyType(self._groups),
            quorum=None if self._quorum == ["none"] else self._quorum[0],
        )

    def _log(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise TrustError("policy", "a log line is `log <vkey> [<url>]`.")
        self._logs.append(_key(words[0], ED25519, self._logs))

    def _witness(self, words: list[str]) -> None:
        if not 2 <= len(words) <= 3:
            raise TrustError("policy", "a witness line is `witness <name> <vkey> [<url>]`.")
        self._witnesses[self._new(words[0])] = _key(words[1], COSIGNATURE_V1, self._witnesses.values())

    def _group(self, words: list[str]) -> None:
        name, count, *members = words if len(words) >= 3 else ("", "", "")
        threshold = {"any": 1, "all": len(members)}.get(count, decimal(count))
        if threshold is None or not 1 <= threshold <= len(members):
            raise TrustError("policy", "a group line is `group <name> all|any|<number> <member>…`.")
        self._new(name)
        for member in members:
            self._defined(member)
            if member in self._members:
                raise TrustError("policy", f"{member} is a member already; each may count only once.")
            self._members.add(member)
        self._groups[name] = Group(threshold, tuple(members))

    def _set_quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise TrustError("policy", "a quorum line is `quorum <name>` or `quorum none`.")
        if words[0] != "none":
            self._defined(words[0])
        self._quorum.append(words[0])

    def _new(self, name: str) -> str:
        if name == "none" or name in self._witnesses or name in self._groups:
            raise TrustError("policy", f"the name {name} is taken.")
        return name

    def _defined(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise TrustError("policy", f"{name} is not defined on a line before.")


def _key(vkey: str, algorithm: int, known: Collection[VerifierKey]) -> VerifierKey:
    key = VerifierKey.parse(vkey)
    if key.algorithm != algorithm:
        raise TrustError("policy", f"the key of {key.name} has type {key.algorithm:#04x}, not {algorithm:#04x}.")
    if any(key.public == other.public for other in known):
        raise TrustError("policy", f"the key of {key.name} is listed twice.")
    return key
