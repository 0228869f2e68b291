"""Signed notes, keys, checkpoints and cosignatures: published values, and every changed byte refused."""

import pytest
from tests.unit.tlog.tools import LOG, W1, W2, flips

from triptych.tlog.checkpoint import Checkpoint
from triptych.tlog.errors import CheckpointError, NoteError, TlogError
from triptych.tlog.merkle import EMPTY_ROOT, check_consistency, leaf_hash
from triptych.tlog.note import COSIGNATURE_V1, Note, Signer, VerifierKey, parse_signatures
from triptych.tlog.text import decimal, decode64, encode64

# golang.org/x/mod/sumdb/note, package documentation and tests.
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
# github.com/transparency-dev/witness, internal/witness tests: two checkpoints and the proof between them.
MONKEYS = VerifierKey.parse("monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT")
FIVE = (
    "monkeys\n5\n41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE=\n\n— monkeys "
    "202fftzGl3LVoqjXfwCFZZXs8I+5G22+Ek2K0AOyBuSJ/8/CZawNF+6fNlTKOCd622pbzJNkkJFWuw9DbicZCkEx9AY=\n"
)
EIGHT = (
    "monkeys\n8\nV8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo=\n\n— monkeys "
    "202ffoUEboiQYpHzICeaFmoy3RNviHTpAxYrq/eO4QQVQMvu9UebKBMX2MJC76NLthZaKsnKbCA8GxrjePZhvDCH7Ag=\n"
)
BETWEEN = [
    "b9e1d62618f7fee8034e4c5010f727ab24d8e4705cb296c374bf2025a87a10d2",
    "aac66cd7a79ce4012d80762fe8eec3a77f22d1ca4145c3f4cee022e7efcd599d",
    "89d0f753f66a290c483b39cd5e9eafb12021293395fad3d4a2ad053cfbcfdc9e",
    "29e40bb79c966f4c6fe96aff6f30acfce5f3e8d84c02215175d6e018a5dee833",
]
HEAD = Checkpoint("example.com/log", 7, leaf_hash(b"x"))


def test_published_key_and_note() -> None:
    signer = Signer.parse(SKEY)
    assert str(signer.key) == VKEY == str(VerifierKey.parse(VKEY))
    assert signer.secret() == SKEY
    assert Note.signed(TEXT, signer).encode().decode() == TEXT + "\n" + PETER
    assert "AYEK" not in repr(signer)
    both = Note.parse((TEXT + "\n" + PETER + ENOCH).encode())
    keys = [VerifierKey.parse(VKEY), VerifierKey.parse(ENOCH_KEY)]
    assert {s.key.name for s in both.verified(keys)} == {"PeterNeumann", "EnochRoot"}
    assert [s.key.name for s in both.verified(keys[1:])] == ["EnochRoot"]


def test_published_checkpoints_and_the_proof_between_them() -> None:
    heads = []
    for data in (FIVE, EIGHT):
        note = Note.parse(data.encode())
        note.verified([MONKEYS])
        heads.append(Checkpoint.parse(note.text))
    old, new = heads
    assert (old.origin, old.size, new.size) == ("monkeys", 5, 8)
    check_consistency(5, 8, [bytes.fromhex(h) for h in BETWEEN], old.root, new.root)


def test_key_of_rfc_8032() -> None:
    """Section 7.1, test 1."""
    signer = Signer.from_seed("a", bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert signer.key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_published_cosignature_line() -> None:
    """The example of C2SP tlog-cosignature: its time is 1679315147."""
    (signature,) = parse_signatures(
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
        "qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    assert int.from_bytes(signature.raw[:8], "big") == 1679315147
    assert len(signature.raw) == 72


def test_cosignatures_carry_their_time() -> None:
    note = Note.signed(HEAD.text, LOG)
    note = Note(note.text, (*note.signatures, W1.sign(note.text, 1679315147), W2.sign(note.text, 5)))
    again = Note.parse(note.encode())
    assert again == note
    assert {s.key.name: s.time for s in again.verified([W1.key, W2.key])} == {
        "witness.example/w1": 1679315147,
        "witness.example/w2": 5,
    }
    raw = note.signatures[1].raw
    later = note.signatures[1].__class__(W1.key.name, W1.key.key_id, (6).to_bytes(8, "big") + raw[8:])
    with pytest.raises(NoteError, match="does not belong"):
        Note(note.text, (later,)).verified([W1.key])
    with pytest.raises(NoteError, match="does not belong"):
        Note(note.text, (later.__class__(W1.key.name, W1.key.key_id, b"\xff" * 72),)).verified([W1.key])


def test_one_key_has_another_id_for_each_use() -> None:
    seed = bytes(range(32))
    plain, timed = Signer.from_seed("n", seed), Signer.from_seed("n", seed, COSIGNATURE_V1)
    assert plain.key.public == timed.key.public
    assert plain.key.key_id != timed.key.key_id
    with pytest.raises(NoteError, match="without a time"):
        plain.sign("t\n", 5)
    with pytest.raises(NoteError, match="with a time"):
        timed.sign("t\n")


def test_any_changed_byte_of_a_checkpoint_is_refused() -> None:
    data = Note.signed(HEAD.text, LOG).encode()
    for changed in flips(data):
        with pytest.raises(TlogError):
            note = Note.parse(changed)
            note.verified([LOG.key])


def test_signatures_of_unknown_keys_are_ignored_and_known_ones_must_hold() -> None:
    good = Note.signed(HEAD.text, LOG)
    stranger = Signer.generate("example.com/log")
    with_stranger = Note(good.text, (stranger.sign(good.text), *good.signatures))
    assert [s.key for s in with_stranger.verified([LOG.key])] == [LOG.key]
    spoiled = Note(good.text, (*good.signatures, LOG.sign("another\n")))
    with pytest.raises(NoteError) as caught:
        spoiled.verified([LOG.key])
    assert caught.value.reason == "bad_signature"
    with pytest.raises(NoteError) as caught:
        good.verified([stranger.key])
    assert caught.value.reason == "unsigned"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"text\n", b"text\n\n", b"text\n\n\xe2\x80\x94 a", b"text\n\n- a AAAAAAAA\n", b"te\txt\n\n\xe2\x80\x94 a AAAAAAAA\n",
        b"\xff\n\n\xe2\x80\x94 a AAAAAAAA\n", b"text\n\n\xe2\x80\x94 a AAAA\n", b"text\n\n\xe2\x80\x94  AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAAA\n", b"text\n\n\xe2\x80\x94 a AAAAAAB=\n", b"text\n\n\xe2\x80\x94 a\xc2\xa0b AAAAAAAA\n",
        b"text\n\n" + b"\xe2\x80\x94 a AAAAAAAA\n" * 101, b"x" * 1_000_001,
    ],
)  # fmt: skip
def test_malformed_notes(data: bytes) -> None:
    with pytest.raises(NoteError):
        Note.parse(data)


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "\x00\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(NoteError):
        Note.signed(text, LOG)


@pytest.mark.parametrize(
    "vkey",
    ["", "a", "a+00000000+AA==", VKEY.replace("c74f", "c74e"), VKEY[:-4], VKEY.replace("Peter", "Pe er"),
     VKEY.replace("+ARpc", "+Axpc"), "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
)  # fmt: skip
def test_malformed_keys(vkey: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(vkey)


@pytest.mark.parametrize("skey", ["", VKEY, SKEY[:-8], SKEY.replace("c74f", "c74e"), "PRIVATE+KEY+a+00000000+AQ=="])
def test_malformed_signer_keys_keep_their_secret(skey: str) -> None:
    with pytest.raises(NoteError) as caught:
        Signer.parse(skey)
    assert "AYEKFALV" not in str(caught.value)


ROOT = encode64(leaf_hash(b"x"))


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", f"a\n1\n{ROOT}", f"\n1\n{ROOT}\n", f"a\n01\n{ROOT}\n", f"a\n-1\n{ROOT}\n", f"a\n1\n{ROOT[:-4]}\n",
        f"a\n1\n{ROOT}\n\n", f"a\n0\n{ROOT}\n", f"a\n٣\n{ROOT}\n", f"a\n9223372036854775808\n{ROOT}\n", "a\n1\n!\n",
    ],
)  # fmt: skip
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.parse(text)


def test_checkpoint_text() -> None:
    assert Checkpoint.parse(HEAD.text) == HEAD
    extended = Checkpoint("a", 0, EMPTY_ROOT, ("more", "and more"))
    assert Checkpoint.parse(extended.text) == extended


def test_base64_and_decimals_have_one_spelling() -> None:
    assert decode64("AAA=") == b"\0\0"
    assert decode64("AAB=") is None  # stray bits
    assert decode64("AAA") is None
    assert decode64("A A=") is None
    assert decode64("AA-_") is None
    assert decode64("é") is None
    assert [decimal(t) for t in ("0", "10", "9223372036854775807")] == [0, 10, (1 << 63) - 1]
    assert [decimal(t) for t in ("", "00", "+1", "1_0", "٣", " 1", "9223372036854775808")] == [None] * 7
