"""Self-contained proofs and trust policies: what they accept, and that no changed byte passes."""

import subprocess
import sys

import pytest
from tests.unit.tlog import reference
from tests.unit.tlog.tools import LOG, POLICY, W1, W2, flips, leaves

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import REASONS, ProofError, TlogError, TrustError
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer
from triptych.tlog.policy import Group, TrustPolicy
from triptych.tlog.proof import TlogProof, verify_proof

ENTRIES = leaves(13)
AT = 9
TEXT = f"""
# one log, three witnesses
log {LOG.key} https://example.com/log
witness one {W1.key} https://witness.example/w1
\twitness two {W2.key}
group both all one two
group some any both
quorum some
"""
STRICT = TrustPolicy.parse(TEXT)


def checkpoint(*witnesses: Signer, signer: Signer = LOG, entries: list[bytes] = ENTRIES) -> bytes:
    note = Note.signed(Checkpoint("example.com/log", len(entries), reference.mth(entries)).text, signer)
    return Note(note.text, (*note.signatures, *(w.sign(note.text, 1_790_000_000) for w in witnesses))).encode()


def proof(note: bytes, index: int = AT) -> TlogProof:
    return TlogProof(index, tuple(reference.path(index, ENTRIES)), note)


def reason(data: bytes, leaf: bytes = ENTRIES[AT], policy: TrustPolicy = POLICY) -> str:
    with pytest.raises(TlogError) as caught:
        verify_proof(data, leaf, policy)
    assert caught.value.reason in REASONS
    return caught.value.reason


def test_text_of_a_proof() -> None:
    text = proof(checkpoint()).encode().decode()
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 9\n")
    assert "\n\nexample.com/log\n13\n" in text
    extra = TlogProof(0, (), b"note\n", b"hello")
    assert extra.encode() == b"c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 0\n\nnote\n"
    assert TlogProof.parse(extra.encode()) == extra


@pytest.mark.parametrize("index", range(13))
def test_every_entry_is_proved_and_no_other(index: int) -> None:
    data = proof(checkpoint(W1, W2), index).encode()
    found = verify_proof(data, ENTRIES[index], STRICT)
    assert (found.index, found.checkpoint.size, found.log, found.ignored) == (index, 13, LOG.key, 0)
    assert [(s.key.name, s.time) for s in found.cosigned] == [
        ("witness.example/w1", 1_790_000_000), ("witness.example/w2", 1_790_000_000),
    ]  # fmt: skip
    for other in range(13):
        if other != index:
            assert reason(data, ENTRIES[other], STRICT) == "not_included"


def test_any_changed_bit_of_a_proof_is_refused() -> None:
    for changed in flips(proof(checkpoint()).encode()):
        reason(changed)


def test_any_changed_bit_of_a_cosigned_proof_is_refused() -> None:
    for changed in flips(proof(checkpoint(W1, W2)).encode(), (0x01, 0x20)):
        reason(changed, policy=STRICT)


def test_any_changed_bit_of_the_entry_is_refused() -> None:
    data = proof(checkpoint()).encode()
    for changed in flips(ENTRIES[AT]):
        assert reason(data, changed) == "not_included"


def test_cut_proofs_are_refused() -> None:
    data = proof(checkpoint()).encode()
    for end in range(len(data)):
        reason(data[:end])


def test_each_reason() -> None:
    good = proof(checkpoint()).encode()
    assert reason(good, policy=STRICT) == "quorum"
    assert reason(proof(checkpoint(W1)).encode(), policy=STRICT) == "quorum"
    assert reason(good, policy=TrustPolicy(logs=())) == "unknown_log"
    assert reason(proof(checkpoint(signer=Signer.generate("example.com/log"))).encode()) == "unsigned"
    assert reason(proof(checkpoint(entries=[b"another", *ENTRIES[1:]])).encode()) == "not_included"
    assert reason(TlogProof(13, (), checkpoint()).encode()) == "out_of_range"
    assert reason(b"x" * 1_000_001) == "too_large"


def test_a_log_may_not_sign_under_the_name_of_another() -> None:
    other = Signer.generate("example.com/other")
    policy = TrustPolicy(logs=(LOG.key, other.key))
    assert reason(proof(checkpoint(signer=other)).encode(), policy=policy) == "unsigned"


def test_what_was_not_checked_is_counted() -> None:
    found = verify_proof(proof(checkpoint(W1, Signer.generate("w", COSIGNATURE_V1))).encode(), ENTRIES[AT], POLICY)
    assert (found.ignored, found.cosigned) == (2, ())


@pytest.mark.parametrize(
    "head",
    [
        "", "c2sp.org/tlog-proof@v2\nindex 0", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex", "c2sp.org/tlog-proof@v1\nindex 0\nAAAA", "c2sp.org/tlog-proof@v1\nextra !\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA", "c2sp.org/tlog-proof@v1\nindex é",
        "c2sp.org/tlog-proof@v1\nindex 0" + ("\n" + "A" * 43 + "=") * 64,
    ],
)  # fmt: skip
def test_malformed_proofs(head: str) -> None:
    with pytest.raises(ProofError) as caught:
        TlogProof.parse(head.encode() + b"\n\n" + checkpoint())
    assert caught.value.reason == "malformed"


def test_quorum_of_groups() -> None:
    text = TEXT.replace("group both all", "group both 1")
    policy = TrustPolicy.parse(text)
    assert policy.check(checkpoint(W2)).cosigned[0].key == W2.key
    with pytest.raises(TrustError):
        policy.check(checkpoint())
    single = TrustPolicy.parse(f"log {LOG.key}\nwitness a {W1.key}\nquorum a")
    assert single.check(checkpoint(W1, W2)).checkpoint.size == 13
    with pytest.raises(TrustError):
        single.check(checkpoint(W2))
    none = TrustPolicy.parse(f"log {LOG.key}\nquorum none\n")
    assert none.check(checkpoint()).cosigned == ()


def test_a_bad_cosignature_of_a_known_witness_spoils_the_checkpoint() -> None:
    note = Note.parse(checkpoint())
    data = Note(note.text, (*note.signatures, W1.sign("another\n", 5))).encode()
    with pytest.raises(TlogError) as caught:
        TrustPolicy.parse(f"log {LOG.key}\nwitness a {W1.key}\nquorum none").check(data)
    assert caught.value.reason == "bad_signature"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "exactly one quorum"), ("quorum none\nquorum none", "exactly one quorum"), ("quorum w", "not defined"),
        ("log", "a log line"), ("log x", "verifier key"), (f"log {W1.key}", "type 0x04"),
        (f"log {LOG.key}\nlog {LOG.key}", "twice"), (f"witness a {LOG.key}", "type 0x01"), ("witness a", "a witness line"),
        (f"witness none {W1.key}", "taken"), (f"witness a {W1.key}\nwitness a {W2.key}", "taken"),
        (f"witness a {W1.key}\ngroup g 2 a", "a group line"), (f"witness a {W1.key}\ngroup g 0 a", "a group line"),
        ("group g all", "a group line"), ("group g any a", "not defined"), ("quorum a b", "a quorum line"),
        (f"witness a {W1.key}\ngroup g any a a", "only once"), ("what none", "none of log"), ("quorum\x0bnone", "control"),
    ],
)  # fmt: skip
def test_wrong_policies_name_the_line(text: str, words: str) -> None:
    with pytest.raises(TrustError, match=words) as caught:
        TrustPolicy.parse(text)
    assert caught.value.reason == "policy"


def test_policies_made_in_code_are_whole() -> None:
    with pytest.raises(TrustError, match="asks for b"):
        TrustPolicy(logs=(LOG.key,), groups={"g": Group(1, ("b",))}, quorum="g")


def test_the_verifying_part_needs_nothing_of_the_program() -> None:
    """A stranger runs it: of Triptych it imports only itself, of others only `cryptography`."""
    code = (
        "import sys, triptych.tlog.client, triptych.tlog.proof; "
        "print(*sorted({n for n in sys.modules if n.startswith('triptych.')} | {n.split('.')[0] for n in sys.modules "
        "if n.split('.')[0] in {'aiohttp', 'obstore', 'sqlalchemy', 'structlog', 'starlette', 'msgspec', 'PIL'}}))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    parts = ("checkpoint", "client", "errors", "merkle", "note", "policy", "proof", "text", "tiles")
    assert said == ["triptych.tlog", *(f"triptych.tlog.{p}" for p in parts)]
