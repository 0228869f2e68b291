"""A node shows evidence of its hardware for the keys of now, out of a folder, and never that of other keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.network.attestation_tools import vendor
from tests.unit.network.card_tools import NOW

from triptych.network import card
from triptych.network.attestation import nitro
from triptych.network.attestation.standing import Trust, standing
from triptych.network.card import Card, Load, Policy
from triptych.network.jose import encode_url64
from triptych.node.cards import Cards
from triptych.node.evidence import BINDS, EVIDENCE, EvidenceFolder
from triptych.node.keys import open_keys

OURS = vendor(NOW)


def shown(data: Path, folder: Path, now_ms: int = NOW) -> Card:
    cards = Cards(open_keys(data), ("https://hub.example",), Policy(nsfw=False), models=lambda: (),
                  load=lambda: Load(queue=0, p50_ms=0), evidence=EvidenceFolder(folder).of)  # fmt: skip
    return card.read(cards.current(now_ms).text.encode())


def put(folder: Path, binds: str, /, **changed: Any) -> None:
    found = {"type": "nitro", "evidence": encode_url64(OURS.document(bytes.fromhex(binds))), "binds": binds, **changed}
    (folder / EVIDENCE).write_text(json.dumps(found))


def test_a_node_is_told_what_to_bind_and_shows_what_was_bound(tmp_path: Path) -> None:
    folder = tmp_path / "attestation"
    folder.mkdir()
    assert shown(tmp_path, folder).body.attest is None
    binds = (folder / BINDS).read_text().strip()
    put(folder, binds)
    found = shown(tmp_path, folder)
    program = f"nitro:{nitro.read(OURS.document(b'')).program}"
    assert standing(found, NOW, Trust(frozenset({program}), root_sha256=OURS.root_sha256)).lane == "attested"


def test_after_a_change_of_keys_old_evidence_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "attestation"
    folder.mkdir()
    shown(tmp_path, folder)
    before = (folder / BINDS).read_text()
    put(folder, before.strip())
    later = shown(tmp_path, folder, NOW + 2 * 86_400_000)
    assert (folder / BINDS).read_text() != before
    assert later.body.attest is None


@pytest.mark.parametrize("changed", [{"type": "tpm"}, {"evidence": 5}, {"binds": "00"}, {"more": 1}])
def test_what_is_no_evidence_is_left_out(tmp_path: Path, changed: dict[str, Any]) -> None:
    folder = tmp_path / "attestation"
    folder.mkdir()
    shown(tmp_path, folder)
    put(folder, (folder / BINDS).read_text().strip(), **changed)
    assert shown(tmp_path, folder).body.attest is None


def test_without_the_folder_nothing_is_written(tmp_path: Path) -> None:
    assert shown(tmp_path, tmp_path / "attestation").body.attest is None
    assert not (tmp_path / "attestation").exists()
