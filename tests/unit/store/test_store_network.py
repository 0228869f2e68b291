"""What is remembered of nodes, hubs and tokens."""

from tests.unit.store.samples import NOW

from triptych.store.records import SqlRecordStore


async def test_a_text_is_kept_replaced_and_forgotten(store: SqlRecordStore) -> None:
    memory = store.network
    await memory.save("hub", {"a": "1", "b": "2"}, NOW)
    await memory.save("hub", {"a": "3"}, NOW + 1)
    await memory.save("studio", {"a": "other"}, NOW)
    await memory.save("studio", {}, NOW)
    assert await memory.all("hub") == {"a": "3", "b": "2"}
    assert await memory.get("hub", "b") == "2"
    assert await memory.get("hub", "c") is None
    await memory.forget("hub", "a")
    assert await memory.all("hub") == {"b": "2"}
    await memory.forget("hub")
    assert await memory.all("hub") == {}
    assert await memory.all("studio") == {"a": "other"}


async def test_once_is_once(store: SqlRecordStore) -> None:
    assert await store.network.once("spent 5", "t", "", NOW)
    assert not await store.network.once("spent 5", "t", "", NOW + 1)
    assert await store.network.once("spent 6", "t", "", NOW)
