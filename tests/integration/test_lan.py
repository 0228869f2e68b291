"""Found in the same network, over an air that is only here: who is known by an invite is found again at another address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.test_sharing import PAINTERS, shared, studio

from triptych.app import lan
from triptych.app.lan import Lan, Nearby, Service, read
from triptych.app.shared import Chosen
from triptych.spec.errors import NotConfiguredError

NODE = "a" * 43
TEXTS = {"v": "1", "name": "Mira's attic", "node": NODE}


@dataclass
class OneRoom:
    """An air in which everybody hears everybody at once."""

    said: list[Service] = field(default_factory=list)

    async def say(self, service: Service) -> Callable[[], Awaitable[None]]:
        self.said.append(service)

        async def close() -> None:
            self.said.remove(service)

        return close

    async def hear(self, seconds: float) -> list[Service]:
        return list(self.said)


def test_only_what_has_the_right_shape_and_is_at_home_is_read() -> None:
    good = Service("x", ("192.168.1.20",), 8750, TEXTS)
    assert read(good) == Nearby("Mira's attic", NODE, "http://192.168.1.20:8750")
    assert read(Service("x", ("fd00::5",), 8750, TEXTS)) == Nearby("Mira's attic", NODE, "http://[fd00::5]:8750")
    for wrong in (
        Service("x", ("203.0.114.7",), 8750, TEXTS), Service("x", (), 8750, TEXTS), Service("x", ("hello",), 8750, TEXTS),
        Service("x", ("192.168.1.20",), 0, TEXTS), Service("x", ("192.168.1.20",), 8750, {**TEXTS, "node": "b" * 42 + "/"}),
        Service("x", ("192.168.1.20",), 8750, {**TEXTS, "name": " "}), Service("x", ("224.0.0.251",), 8750, TEXTS),
        Service("x", ("192.168.1.20",), 8750, {**TEXTS, "name": "a\u202eb"}),
    ):  # fmt: skip
        assert read(wrong) is None, wrong


async def test_a_friend_is_found_again_at_another_address(tmp_path: Path) -> None:
    air = OneRoom()
    async with studio(tmp_path / "mira") as mira, studio(tmp_path / "ada") as ada:
        mira.lan._air = ada.lan._air = air
        await shared(mira)
        node = await ada.neighbours.accept(await mira.sharing.invite("Ada"))
        assert await ada.lan.look(0) == ()  # nothing is said that was not asked for
        await mira.sharing.close()
        url = await shared(mira, Chosen(name=PAINTERS.name, engines=PAINTERS.engines, lan=True))
        assert {key: value for one in air.said for key, value in one.texts.items()} == {
            "v": "1",
            "name": "Mira's attic",
            "node": node,
        }
        found = await ada.lan.look(0)
        assert [(one.node, one.hub) for one in found] == [(node, url)]
        assert await ada.neighbours.found_at(node, url)
        await ada.neighbours.pull()
        one = next(one for one in ada.neighbours.nodes() if one.id == node)
        assert (one.lane, one.away(ada.clock.now_ms())) == ("pinned", None)
        assert url in ada.neighbours.hubs()
        assert not await ada.neighbours.found_at("b" * 43, "http://192.168.1.9:8750")
        await mira.sharing.stop()
        assert air.said == []


async def test_where_the_extra_is_not_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan, "find_spec", lambda _: None)
    with pytest.raises(NotConfiguredError, match="triptych\\[lan\\]"):
        await Lan().look(0)
    with pytest.raises(NotConfiguredError, match="no name"):
        await Lan(OneRoom()).say("Mira", NODE, "https://mira.example")
