"""The folder of a node: it comes back as itself, its numbers never go back, its keys change once a day at most."""

import stat
from pathlib import Path

import pytest
from tests.unit.network.card_tools import DAY, NODE, NODE_ID, NOW, OWNER

from triptych.network import bond
from triptych.network.identity import keep_key
from triptych.network.known import KEY_LIFE_MS
from triptych.node.keys import CHANGE_MS, FOLDER, GOING_OUT_MS, KEY, NUMBER, SEAL, open_keys
from triptych.node.keys import OWNER as OWNER_FILE
from triptych.node.owning import make_owner
from triptych.spec.errors import SettingsError, StorageError


def test_a_node_comes_back_as_itself_and_its_files_are_its_own(tmp_path: Path) -> None:
    first = open_keys(tmp_path)
    sealed, number = first.sealing(NOW), first.next_number(NOW)
    again = open_keys(tmp_path)
    assert (again.id, again.sealing(NOW), again.owner) == (first.id, sealed, None)
    assert again.next_number(NOW) == number + 1
    for name in (KEY, SEAL, NUMBER):
        assert stat.S_IMODE((tmp_path / FOLDER / name).stat().st_mode) == 0o600
    assert sealed[0].private.hex() not in repr(first)


def test_the_number_of_a_card_never_goes_back(tmp_path: Path) -> None:
    node = open_keys(tmp_path)
    later = node.next_number(NOW + DAY)
    assert node.next_number(NOW) == later + 1, "the clock was set back"
    (tmp_path / FOLDER / NUMBER).unlink()
    assert open_keys(tmp_path).next_number(NOW + DAY + 5000) > later, "the file was lost"


def test_a_key_changes_after_a_day_and_the_old_one_opens_while_it_goes_out(tmp_path: Path) -> None:
    node = open_keys(tmp_path)
    (first,) = node.sealing(NOW)
    assert CHANGE_MS > KEY_LIFE_MS
    assert node.sealing(NOW + CHANGE_MS - 1) == (first,)
    second, old = node.sealing(NOW + CHANGE_MS)
    assert (old, second.config.key_id) == (first, 2)
    assert open_keys(tmp_path).sealing(NOW + CHANGE_MS + 1) == (second, first), "both were on the disk"
    assert node.sealing(NOW + CHANGE_MS + GOING_OUT_MS) == (second,)


def test_an_owner_is_taken_only_for_this_node(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    keep_key(tmp_path / FOLDER / KEY, NODE)
    path = tmp_path / FOLDER / OWNER_FILE
    word = bond.sign("owner", NODE_ID, OWNER, issued_ms=NOW, expires_ms=NOW + DAY)
    path.write_text(word + "\n")
    assert open_keys(tmp_path).owner == word
    path.write_text(bond.sign("owner", "x" * 43, OWNER, issued_ms=NOW, expires_ms=NOW + DAY))
    with pytest.raises(StorageError, match="another node"):
        open_keys(tmp_path)
    path.write_text("nothing")
    with pytest.raises(StorageError, match="no owner's word") as told:
        open_keys(tmp_path)
    assert f"triptych keys owner sign {NODE_ID} > FILE" in str(told.value.hint)


def test_a_node_takes_its_owners_word_keeps_it_and_says_a_month_before_that_it_ends(tmp_path: Path) -> None:
    owner, other = make_owner(tmp_path / "laptop"), make_owner(tmp_path / "thief")
    node = open_keys(tmp_path)
    assert node.owner_fault(NOW) is None
    for wrong, words in (
        ("nothing", "no owner's word"),
        (owner.sign("x" * 43, NOW), "is about xxx"),
        (bond.sign("revoke", node.id, OWNER, issued_ms=NOW), "is about"),
    ):
        with pytest.raises(SettingsError, match=words) as told:
            node.adopt(wrong)
        assert f"triptych keys owner sign {node.id} > FILE" in str(told.value.hint)
    assert node.adopt(owner.sign(node.id, NOW, days=100) + "\n") == owner.id
    again = open_keys(tmp_path)
    assert again.owner is not None
    assert bond.read(again.owner.encode()).kid == owner.id
    assert again.owner_fault(NOW + 69 * DAY) is None
    assert "ends on 2027" in str(again.owner_fault(NOW + 71 * DAY))
    assert "has ended. Where the owner's key is: `triptych keys owner sign" in str(again.owner_fault(NOW + 100 * DAY))
    with pytest.raises(SettingsError, match="another owner"):
        again.adopt(other.sign(node.id, NOW))
    again.adopt(owner.sign(node.id, NOW + 71 * DAY))
    assert open_keys(tmp_path).owner_fault(NOW + 100 * DAY) is None


@pytest.mark.parametrize(
    ("name", "content"), [(SEAL, "[]x"), (SEAL, '[{"id":1,"private":"ab","made_ms":1}]'), (NUMBER, "-1")]
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    open_keys(tmp_path)
    (tmp_path / FOLDER / name).write_text(content)
    with pytest.raises(StorageError, match=name):
        open_keys(tmp_path)
