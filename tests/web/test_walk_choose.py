"""From a row to a choice on the real server, as a person does it: side by side in every way, blind, the ranking that comes of it,
an edit of a part by several models, and the gallery with its search, marks, trash and cull; a second tab sees it all."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect
from tests.emulators import Emulators
from tests.emulators.scenario import Gate, Scenario
from tests.unit.test_provenance import png as recipe_file
from tests.web.conftest import watched
from tests.web.reading import Reader, chunks, telling, without
from tests.web.test_compare import brightest, drawn, settled
from tests.web.test_every_view import GO
from tests.web.test_import_page import DROP
from tests.web.test_still import moved, watch
from tests.web.test_studio import until
from tests.web.test_views import scales
from tests.web.test_whole_way import Studio, create

from triptych.imaging.reframe import packet
from triptych.studio.veil import in_chance_order

pytestmark = pytest.mark.browser
NANO, GROK, GPT = "google/gemini-3.1-flash-image", "xai/grok-imagine-image", "openai/gpt-image-2"
MAKERS = ("aurora", "demo", "triptych", "grok", "xai", "jpeg", "image/jpeg", "procedural", "commercial")

PASTE = """bytes => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def studio(emulator_servers: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for this file, with three providers whose pictures differ."""
    made = Studio(tmp_path_factory.mktemp("choose") / "data", emulator_servers)
    keys = {"GEMINI": emulator_servers.google, "XAI": emulator_servers.xai, "OPENAI": emulator_servers.openai}
    made.environment |= {f"{name}_API_KEY": one.key for name, one in keys.items()}
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, studio: Studio, emulators: Emulators) -> Iterator[Page]:
    with watched(browser, studio.url) as opened:
        yield opened


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{text}"))


def draw(page: Page, text: str, *models: str) -> Locator:
    """A row whose pictures are all there; its first picture has the focus."""
    create(page, f"{text} --m {','.join(models)}")
    made = row(page, text.split(" --", maxsplit=1)[0])
    expect(made.locator("img.picture.in")).to_have_count(len(models), timeout=30_000)
    made.locator(".frame").first.focus()
    return made


def view(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Side by side")


def get(page: Page, path: str) -> Any:
    return page.request.get(path).json()


def test_nothing_at_all_moves_while_a_row_fills(page: Page, emulators: Emulators) -> None:
    draw(page, "a first raft", NANO, GROK)
    gates = [Gate(), Gate()]
    emulators.google.play(Scenario(gate=gates[0]))
    emulators.openai.play(Scenario(gate=gates[1]))
    page.get_by_label("Prompt", exact=True).fill(f"a row of boats --size 384x256 --m {NANO},{GROK},{GPT},demo/aurora")
    expect(page.get_by_role("button", name="Remove --size 384x256")).to_be_visible()
    expect(page.locator("#plan")).to_contain_text("4 images")
    watch(page)
    page.keyboard.press("Control+Enter")
    made = row(page, "a row of boats")
    expect(made.locator("img.picture.in")).to_have_count(2, timeout=60_000)
    for gate in gates:
        gate.wait_reached()
        gate.release()
    expect(made.locator("img.picture.in")).to_have_count(4, timeout=60_000)
    assert moved(page) == []


def test_three_are_compared_in_every_way_and_one_is_picked(browser: Browser, studio: Studio, page: Page) -> None:
    draw(page, "a lighthouse on a rock", NANO, GROK, GPT)
    page.keyboard.press("Enter")
    expect(view(page).locator("figure")).to_have_count(3)
    settled(page)
    for key in ("+", "+", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert len(set(scales(page))) == 1  # linked
    assert scales(page)[0][0] == 2.25
    page.keyboard.press("0")
    page.keyboard.press("z")
    expect(view(page).locator("output")).to_have_text("100 %")
    page.keyboard.press("0")
    differing = view(page).get_by_role("region", name="What differs")
    expect(differing.get_by_role("row", name=re.compile("^Cost"))).to_contain_text("$0.067")
    expect(differing.get_by_role("rowheader", name="Prompt")).to_have_count(0)  # the same for all

    page.keyboard.press("Delete")
    expect(view(page).locator("figure")).to_have_count(2)
    for key, shown in (("s", "compare-slider"), ("o", ".pile"), ("m", ".pile"), ("f", "figure")):
        page.keyboard.press(key)
        expect(view(page).locator(shown).first).to_be_visible()
        if key == "m":
            view(page).get_by_role("slider").fill("0")
            until(lambda: brightest(drawn(view(page).locator(".pile"))) > 60)
    before = view(page).locator("figcaption").inner_text()
    page.keyboard.down("Space")
    expect(view(page).locator("figcaption")).not_to_have_text(before)
    page.keyboard.up("Space")
    page.keyboard.press("g")
    view(page).get_by_role("button", name="Closer to the brief").click()
    with page.expect_response("**/api/picks") as kept:
        page.keyboard.press("2")
    pick = kept.value.json()
    assert (kept.value.status, pick["question"], pick["winner"], len(pick["shown"])) == (201, "closer", 1, 2)
    expect(view(page).get_by_role("heading")).to_have_text(
        re.compile("^You picked C: GPT Image 2, closer to the brief")
    )
    view(page).get_by_role("link", name="Your ranking").click()
    page.get_by_role("group", name="Question").get_by_role("button", name="Closer to the brief").click()
    expect(page.get_by_role("heading", name="GPT Image 2 is leaning ahead")).to_be_visible()
    with watched(browser, studio.url) as other:
        other.goto("/ranking")
        other.get_by_role("group", name="Question").get_by_role("button", name="Closer to the brief").click()
        expect(other.get_by_role("heading", name="GPT Image 2 is leaning ahead")).to_be_visible()
        with other.expect_download() as file:
            other.get_by_role("link", name="Export").click()
        assert [json.loads(line)["winner"] for line in file.value.path().read_text("utf-8").splitlines()] == [1]
        other.get_by_role("button", name="Forget all…").click()
        other.keyboard.press("Enter")
        expect(other.get_by_role("heading", name="Nothing picked yet")).to_be_visible()
    assert get(page, "/api/picks")["picks"] == []


def beside(page: Page, *asked: dict[str, Any]) -> Locator:
    """What differs between the pictures of rows that are asked for so, each of one picture."""
    return differing(page, [started(page, each) for each in asked])


def sent(page: Page, path: str, body: Any, method: str = "POST") -> Any:
    headers = {"X-Triptych-Session": get(page, "/api/state")["session"]}
    data = body if isinstance(body, bytes) else json.dumps(body)
    answer = page.request.fetch(path, method=method, data=data, headers=headers)
    assert answer.ok, answer.text()
    return answer.json()


def started(page: Page, asked: dict[str, Any]) -> Any:
    return sent(page, "/api/runs", asked)


def ended(page: Page, asked: dict[str, Any]) -> Any:
    """The only tile of a row that is asked for so, once it has its picture."""
    tile = started(page, asked)["tiles"][0]["id"]
    expect(page.locator(f"#{tile} img.picture.in")).to_have_count(1, timeout=60_000)
    return get(page, f"/api/tiles/{tile}")["tile"]


def differing(page: Page, runs: list[Any]) -> Locator:
    """What differs between the first pictures of rows."""
    tiles = [page.locator(f"#{run['tiles'][0]['id']}") for run in runs]
    for made in tiles:
        expect(made.locator("img.picture.in")).to_have_count(1, timeout=60_000)
    for made in tiles:
        made.focus()
        page.keyboard.press("c")
    page.keyboard.press("Enter")
    expect(view(page).locator("figure")).to_have_count(len(tiles))
    return view(page).get_by_role("region", name="What differs")


def cells(table: Locator, name: str) -> Locator:
    return table.get_by_role("row", name=re.compile(f"^{name}")).get_by_role("cell")


def test_what_was_asked_for_stands_below_pictures_that_differ_by_it(page: Page) -> None:
    painted = {"models": ["demo/aurora"]}
    said = "a quay at noon --size 256x256 --seed 5 --s"
    table = beside(page, {"text": f"{said} 50", **painted}, {"text": f"{said} 250 --no birds", **painted})
    expect(cells(table, "Stylize")).to_have_text(["50as asked", "250as asked"])
    expect(cells(table, "Negative prompt")).to_have_text(
        ["not setnot asked for", re.compile("^birds.*(as asked|done another way|changed to fit|not possible there)")]
    )
    for name in ("Seed", "Size", "Prompt", "Made from", "Draft or final"):  # the same for both
        expect(table.get_by_role("rowheader", name=name, exact=True)).to_have_count(0)


def teal(mode: str = "RGB", colour: Any = "teal") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(out, "PNG")
    return out.getvalue()


def test_a_draft_and_a_picture_more_stand_below_what_they_differ_by(page: Page) -> None:
    given = sent(page, "/api/uploads", teal())["sha256"]
    plain = {"text": "a quay by night", "models": [NANO]}
    table = beside(page, plain, {**plain, "tier": "draft"}, {**plain, "images": [{"sha256": given, "role": "style"}]})
    expect(cells(table, "Draft or final")).to_have_text(["Finalas asked", re.compile("^Draft.*size"), "Finalas asked"])
    none = "no picturenot asked for"
    expect(cells(table, "Made from")).to_have_text([none, none, re.compile(r"^Picture 1 \(Style\)")])
    expect(table.get_by_role("rowheader", name="Mask")).to_have_count(0)


def test_a_conversation_stands_below_pictures_that_differ_by_it(page: Page) -> None:
    first = ended(page, {"text": "a quay in fog", "models": [NANO]})
    (image,) = first["images"]
    parent = {"tile": first["id"], "picture": image["id"]}
    edit = {
        "text": "at night", "models": [NANO], "parent": parent,
        "images": [{"sha256": image["sha256"], "role": "edit"}],
    }  # fmt: skip
    table = beside(page, {**edit, "continues": True}, edit)
    expect(cells(table, "Conversation")).to_have_text(["1. a quay in fogas asked", "no earlier turnnot asked for"])
    for name in ("Outside the mask", "Turns", "Restore", "Options", "Prompt"):
        expect(table.get_by_role("rowheader", name=name, exact=True)).to_have_count(0)


def test_what_was_put_back_stands_below_pictures_that_differ_by_it(page: Page) -> None:
    source, hole = (sent(page, "/api/uploads", data)["sha256"] for data in (teal(), teal("L", 255)))
    edit = {"text": "a boat", "models": [NANO], "images": [{"sha256": source, "role": "edit"}], "mask": hole}
    runs = [started(page, each) for each in (edit, edit, {**edit, "mask": None})]
    picture = page.locator(f"#{runs[1]['tiles'][0]['id']}")
    expect(picture.locator("img.picture.in")).to_have_count(1, timeout=60_000)
    with page.expect_response(re.compile("/restored$")):
        picture.focus()
        page.keyboard.press("i")
        page.get_by_role("button", name="Use unrestored").click()
    page.keyboard.press("i")
    table = differing(page, runs)
    told = (
        re.compile("^restoredThis model changed"),
        re.compile("^as it camechosen in the inspector: This model changed"),
    )
    expect(cells(table, "Outside the mask")).to_have_text([*told, "no masknot asked for"])


def test_an_option_stands_below_pictures_that_differ_by_it(page: Page) -> None:
    body = {"model": GPT, "prompt": "a lamp", "options": {"openai": {"background": "opaque"}}}
    one, other = (
        sent(page, "/v1/images/generations", each)["triptych"]["run"] for each in (body, {**body, "options": {}})
    )
    page.reload()
    table = differing(page, [get(page, f"/api/runs/{run}") for run in (one, other)])
    expect(cells(table, "OpenAI: background")).to_have_text(["opaquepassed on as it is", "not setnot asked for"])


def halves(page: Page, own: list[list[str]]) -> list[str]:
    """The two tiles as they are drawn, each without its own ids and its letter."""
    drawn = {
        e: page.locator(f"#{ids[0]}").evaluate("e => (e.closest('.tile') ?? e).outerHTML") for e, ids in enumerate(own)
    }
    return [without(html, own[e]) for e, html in drawn.items()]


def test_nothing_that_the_page_receives_tells_a_painter_from_a_provider_in_a_blind_row(
    page: Page, studio: Studio, emulators: Emulators
) -> None:
    gate, reader = Gate(), Reader(page)
    emulators.xai.play(Scenario(gate=gate))
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    reader.forget()
    asked = f"a chair by a window --blind --ar 1:1 --m demo/aurora,{GROK}"
    with page.expect_response(lambda r: r.url.endswith("/api/runs") and r.request.method == "POST") as started:
        create(page, asked)
    run = started.value.json()
    tiles = [tile["id"] for tile in run["tiles"]]
    made = row(page, "a chair")
    gate.wait_reached()
    expect(made.get_by_text("1 of 2 are over")).to_be_visible(timeout=30_000)  # the painter's
    expect(made.locator(".tile[data-state=working]")).to_have_count(2)
    one, other = halves(page, [[name] for name in tiles])
    assert one == other
    gate.release()
    expect(made.locator("img.picture.in")).to_have_count(2, timeout=30_000)
    shown = [tile["id"] for tile in get(page, f"/api/runs/{run['id']}")["tiles"]]
    assert shown == in_chance_order(tiles, str)  # of their ids alone
    own = [
        [tile, (image := get(page, f"/api/tiles/{tile}")["tile"]["images"][0])["id"], image["sha256"]] for tile in shown
    ]

    for ids in own:  # everything that a person can look at
        made.locator(f"[data-image={ids[1]}]").focus()
        page.keyboard.press("i")
        panel = page.get_by_role("complementary", name="Inspector")
        expect(panel).to_contain_text("Hidden until one of this row is picked")
        page.get_by_role("button", name="Close the inspector").click()
    made.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    expect(view(page).locator("figure")).to_have_count(2)
    figures = view(page).locator("figure").evaluate_all("es => es.map(e => e.outerHTML)")
    page.keyboard.press("x")
    expect(view(page).get_by_role("heading")).to_have_text(re.compile(r"^You rejected [AB]\.$"))
    texts = reader.texts()
    page.keyboard.press("x")  # taken back, so that the two are drawn alike
    page.keyboard.press("Escape")
    for path in (
        "/gallery",
        "/router",
        "/queue",
        "/ranking",
        "/models",
        f"/lineage/{shown[0]}",
        "/kit",
        "/",
    ):
        page.evaluate(GO, path)
        expect(page.locator("main > :nth-child(2)")).to_be_visible()
        texts += reader.texts()
    page.goto("about:blank")
    reader.forget()
    page.goto(studio.url)
    expect(made.locator("img.picture.in")).to_have_count(2)
    for names in own:
        # The page itself may be elsewhere before it has fetched these.
        for path in (f"images/{names[1]}/thumb", f"images/{names[1]}", f"tiles/{names[0]}"):
            page.evaluate("url => fetch(url).then(answer => answer.arrayBuffer()).then(() => true)", f"/api/{path}")
    texts += reader.texts()

    ids = [run["id"], *(name for names in own for name in names)]
    about = [(where, text) for where, text in texts if any(name in text for name in ids)]
    assert {kind for where, _ in about for kind in ("event", "boot", "headings", "drawn") if where.startswith(kind)} == {
        "event", "boot", "headings", "drawn"
    }  # fmt: skip
    settings = json.dumps(run["settings"]["models"])[1:-1]
    for where, text in about:
        plain = re.sub(r"\s", "", text.replace("\\/", "/"))
        for told in (settings, asked):  # what was asked for is on the screen anyway
            plain = plain.replace(re.sub(r"\s", "", told), "").replace(re.sub(r"\s", "", json.dumps(told))[1:-1], "")
        assert telling(plain, ids, MAKERS) == [], where
    one, other = halves(page, own)
    assert one == other
    assert without(figures[0], ids) == without(figures[1], ids)  # in any order: it is drawn by lot
    both = [{(without(where, names), without(text, names)) for where, text in about
             if (where.startswith("event tile") and names[0] in text) or where.endswith(f"/api/tiles/{names[0]}")}
            for names in own]  # fmt: skip
    assert len(both[0]) >= 3  # at work, done, and what the inspector asks for
    assert both[0] == both[1]
    ends = [
        json.loads(data) for _, kind, data in reader.events if kind == "tile" and json.loads(data)["run"] == run["id"]
    ]
    assert [end["state"] for end in ends[-2:]] == ["done", "done"]
    assert [end["id"] for end in ends[-2:]] == shown  # in the order of chance, one right after the other
    places = [
        n
        for n, (_, kind, data) in enumerate(reader.events)
        if kind == "tile" and '"state":"done"' in data and run["id"] in data
    ]
    assert places[1] == places[0] + 1
    files = [{where: (headers, chunks(body)) for where, headers, body in reader.pictures(names[1])} for names in own]
    assert files[0] == files[1]
    assert {where.rpartition("/")[2] for where in files[0]} == {"own", "thumb", "view"}
    assert emulators.xai.served[0].media_type == "image/jpeg"  # what came was another kind of file than the painter's

    made.locator(".frame").first.focus()
    page.keyboard.press("Enter")
    expect(view(page).locator("figure")).to_have_count(2)
    page.keyboard.press("1")
    expect(view(page).get_by_role("heading")).to_have_text(re.compile("^You picked [AB]: (Aurora|Grok)"))
    assert telling(json.dumps(get(page, f"/api/runs/{run['id']}")), ids, MAKERS) != []  # a reader that would find it


def test_a_part_is_edited_by_two_models_and_what_was_sent_is_told(page: Page, emulators: Emulators) -> None:
    draw(page, "a jug on a table", NANO)
    page.keyboard.press("e")
    editor = page.get_by_role("dialog", name=re.compile("^Edit"))
    expect(editor.locator("mask-canvas:not([aria-busy])")).to_be_focused()
    page.keyboard.press("]")
    page.keyboard.press(" ")  # the brush, by key
    expect(editor.get_by_text("% to be changed")).to_be_visible()
    for chip in editor.get_by_role("checkbox").all():
        named = str(chip.locator("xpath=..").text_content())
        chip.set_checked(bool(re.match("Gemini 3.1 Flash Image|GPT Image 2(?!\\.)", named.strip())), force=True)
    editor.get_by_label("What should change").fill("poppies in it")
    with page.expect_response(lambda r: r.url.endswith("/api/runs") and r.request.method == "POST") as answer:
        editor.get_by_role("button", name="Make the edit").click()
    run = answer.value.json()
    assert sorted(tile["model"] for tile in run["tiles"]) == [NANO, GPT]
    edits = row(page, "poppies in it")
    expect(edits.locator("img.picture.in")).to_have_count(2, timeout=30_000)
    edits.get_by_role("group", name=re.compile("Gemini")).focus()
    page.keyboard.press("i")
    panel = page.get_by_role("complementary", name="Inspector")
    expect(
        panel.get_by_text(re.compile(r"This model changed \d+ % outside your mask before it was restored"))
    ).to_be_visible()
    panel.get_by_role("button", name="Heat map").click()
    expect(panel.get_by_alt_text("Where it had changed")).to_be_visible()
    with page.expect_response("**/restored") as used:
        panel.get_by_role("button", name="Use unrestored").click()
    assert used.value.json()["images"][0]["restored"]["unrestored"] is True
    expect(panel.get_by_role("button", name="Use restored")).to_be_visible()
    panel.get_by_role("tab", name="Sent request").click()
    expect(panel).to_contain_text("poppies in it")
    expect(panel).to_contain_text("x-goog-api-key: <key>")
    assert emulators.google.key not in str(panel.inner_text())
    edits.get_by_role("group", name=re.compile("Gemini")).focus()
    page.keyboard.press("l")
    expect(page.get_by_role("treeitem")).to_have_count(3)


def test_the_gallery_finds_marks_throws_away_and_culls_and_another_tab_follows(
    browser: Browser, studio: Studio, page: Page
) -> None:
    draw(page, "a violet kite", NANO, GROK, GPT)
    draw(page, "a violet boat --ar 3:2", NANO, GROK)
    with watched(browser, studio.url) as other:
        for each in (page, other):
            each.goto("/gallery?q=violet")
            expect(each.locator("#found")).to_have_text("5 pictures")
        box = page.get_by_label("Search the gallery")
        for words, count in (("violet kite", "3 pictures"), ("violet model:grok", "2 pictures"), ("violet ar:3:2", "2 pictures"),
                             ("violet cost:>0.05", None), ("violet failed:no ref:no after:2026-01-01", "5 pictures"),
                             ("violet ref:yes", "0 pictures")):  # fmt: skip
            box.fill(words)
            if count == "0 pictures":
                expect(page.get_by_text("Nothing here fits that.")).to_be_visible()
            elif count:
                expect(page.locator("#found")).to_have_text(count)
        box.fill("violet")
        expect(page.locator("#found")).to_have_text("5 pictures")
        page.locator(".cells").focus()
        page.keyboard.press("4")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("p")
        page.get_by_label("Project", exact=True).fill("spring")
        page.keyboard.press("Enter")
        expect(page.get_by_text("In spring: 2 pictures.")).to_be_visible()
        expect(other.locator(".cell").first).to_have_attribute("aria-label", re.compile("4 stars"))
        other.get_by_label("Search the gallery").fill("violet project:spring")
        expect(other.locator("#found")).to_have_text("2 pictures")
        other.get_by_label("Search the gallery").fill("violet stars:>=4")
        expect(other.locator("#found")).to_have_text("1 picture")
        other.get_by_label("Search the gallery").fill("violet")
        expect(other.locator("#found")).to_have_text("5 pictures")
        page.locator(".cells").focus()
        page.keyboard.press("Backspace")
        for each in (page, other):
            expect(each.locator("#found")).to_have_text("3 pictures")
        page.keyboard.press("Control+z")
        for each in (page, other):
            expect(each.locator("#found")).to_have_text("5 pictures")

        page.locator(".cells").focus()
        page.keyboard.press("u")
        left = page.locator("dialog.cull header [role=status]")
        expect(left).to_have_text("5 left")
        for key in (" ", "x", " ", "x"):
            page.keyboard.press(key)
        expect(left).to_have_text("1 left")
        page.keyboard.press("x")
        expect(left).to_have_text("2 pictures on the shortlist")
        page.get_by_role("button", name="Round 2").click()
        page.keyboard.press(" ")
        page.keyboard.press("x")
        page.get_by_role("button", name="Done").click()
        until(lambda: get(page, "/api/gallery/count?q=violet+kept:yes")["count"] == 1)
        for each in (page, other):
            each.get_by_label("Search the gallery").fill("violet kept:yes")
            expect(each.locator("#found")).to_have_text("1 picture")
        page.reload()
        expect(page.locator("#found")).to_have_text("1 picture")


def shape(png: bytes) -> float:
    """Width by height of what stands out from the colour at the upper edge, along the two middle lines."""
    with Image.open(io.BytesIO(png)) as image:
        around = Image.new("RGB", image.size, image.convert("RGB").getpixel((image.width // 2, 6)))
        apart = ImageChops.difference(image.convert("RGB"), around).convert("L").point(lambda v: 255 * (v > 8))
        wide = apart.crop((0, image.height // 2, image.width, image.height // 2 + 1)).tobytes()
        high = apart.crop((image.width // 2, 0, image.width // 2 + 1, image.height)).tobytes()
        return wide.count(255) / high.count(255)


def test_a_model_that_ignores_the_shape_is_shown_in_its_own_and_never_stretched(
    page: Page, emulators: Emulators
) -> None:
    emulators.google.play(Scenario(variant="own_shape"))
    made = draw(page, "a raft on a river --ar 4:5", NANO)
    [served] = emulators.google.served
    own = served.width / served.height
    assert abs(own - 16 / 9) < 0.02
    expect(made.locator(".fitted")).to_contain_text(f"asked for 4:5, it came as {served.width}x{served.height}")
    page.get_by_label("Prompt", exact=True).focus()  # without the buttons that lie over a picture in focus
    picture = made.locator("img.picture.in")
    picture.evaluate("e => e.decode()")
    until(lambda: abs(shape(picture.screenshot(animations="disabled")) - own) < 0.03)
    made.locator(".frame").focus()
    page.keyboard.press("Enter")
    shown = view(page).locator("figure img")
    until(lambda: abs(shown.evaluate("e => e.decode().then(() => e.clientWidth / e.clientHeight)") - own) < 0.03)


def test_a_recipe_that_is_brought_in_leaves_the_prompt_bar_alone_and_a_pasted_picture_goes_along(
    page: Page, emulators: Emulators
) -> None:
    made = draw(page, "a tin boat --ar 3:2", NANO)
    with page.expect_download() as saved:
        page.keyboard.press("d")
    data = saved.value.path().read_bytes()
    [served] = emulators.google.served
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(served.data)) as sent:
        assert image.size == sent.size == (served.width, served.height)  # nothing was made smaller on the way
        assert image.convert("RGB").tobytes() == sent.convert("RGB").tobytes()
        assert abs(image.width / image.height - 3 / 2) < 0.02
    box = made.locator(".plate").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 3 / 2) < 0.03

    prompt, own = page.get_by_label("Prompt", exact=True), "words of my own --ar 1:1"
    prompt.fill(own)
    chosen = page.get_by_role("group", name="Models").locator("input:checked")
    expect(chosen).to_have_count(2)  # those of a first visit
    rows = page.locator(".row").count()
    shared = {"triptych": "recipe/1", "request": {"prompt": "a gull on a post", "n": 4}, "model": GPT, "settings": {}}
    page.evaluate(DROP, [".scroll", "shared.png", list(recipe_file(xmp=packet(json.dumps(shared)).decode()))])
    expect(page.locator(".row")).to_have_count(rows + 1)
    expect(page.locator(".row").last).to_contain_text("a gull on a post")
    expect(prompt).to_have_value(own)
    expect(chosen).to_have_count(2)
    expect(page.locator(".ref img")).to_have_count(0)

    prompt.focus()
    page.evaluate(PASTE, list(data))
    expect(page.locator(".ref img")).to_have_count(1)
    expect(prompt).to_have_value(own)
    expect(page.locator(".row")).to_have_count(rows + 1)
