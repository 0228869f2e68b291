"""The page of a key-visual kit on a real server: windows, names, votes that come from anywhere, and the client's sheet."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import APIResponse, Browser, BrowserContext, Locator, Page, Route, expect
from tests.emulators import Emulators
from tests.integration.place import SESSION
from tests.web.conftest import intercept
from tests.web.test_studio import heard, here, until
from tests.web.test_whole_way import Studio, done, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, emulator_servers: Emulators) -> Iterator[Studio]:
    """One server for the tests of this file, with one picture."""
    studio = Studio(tmp_path_factory.mktemp("kit") / "data", emulator_servers)
    studio.start()
    yield studio
    studio.stop()


@pytest.fixture(scope="module")
def kit(served: Studio, browser: Browser) -> str:
    """The address of a kit of a picture made elsewhere: nothing has to be painted for it."""
    page = browser.new_page(reduced_motion="reduce")
    visit(page, served)
    boot = json.loads(str(page.locator("#boot").text_content()))
    made = page.request.post(
        f"{served.url}/api/imports?name=kettle.png", data=picture(), headers={SESSION: boot["session"]}
    )
    assert made.status == 201, made.text()
    done(page, 1)
    page.locator(".frame").first.focus()
    page.keyboard.press("f")
    expect(page.locator(".formats .card")).to_have_count(4)
    found = page.url
    page.close()
    return found


@pytest.fixture
def context(browser: Browser, kit: str) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, kit: str) -> Iterator[Page]:
    opened = watched(context)
    opened.goto(kit)
    expect(opened.locator(".formats .card")).not_to_have_count(0)
    yield opened
    assert opened.errors == []  # type: ignore[attr-defined]


def picture() -> bytes:
    """A square that differs from place to place, with a prompt in it."""
    image = Image.radial_gradient("L").resize((1024, 1024)).convert("RGB")
    note = PngInfo()
    note.add_text("parameters", "a steel kettle on basalt, dawn\nSteps: 20, Seed: 7, Size: 1024x1024")
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=note)
    return out.getvalue()


def watched(context: BrowserContext) -> Page:
    """A page that remembers what went wrong in it."""
    opened = context.new_page()
    errors: list[str] = []
    opened.errors = errors  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console",
        lambda said: errors.append(said.text) if said.type == "error" and "Failed to load" not in said.text else None,
    )
    return opened


def window(page: Page, title: str) -> Locator:
    return page.get_by_role("application", name=re.compile(f"^{title}"))


def violations(page: Page, axe: str) -> Any:
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": axe})
    found = session.send("Runtime.evaluate", {
        "expression": "axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))",
        "awaitPromise": True, "returnByValue": True,
    })  # fmt: skip
    return json.loads(found["result"]["value"])


def sheet(page: Page, folder: Path) -> Path:
    with page.expect_download() as got:
        page.get_by_role("button", name="Make a sheet").click()
    path = folder / "sheet.html"
    got.value.save_as(path)
    return path


def sheet_id(path: Path) -> str:
    found = re.search(r'data-sheet="(\w+)"', path.read_text("utf-8"))
    assert found is not None
    return found[1]


def test_windows_have_their_true_shape_and_are_moved_by_keys_and_by_hand(page: Page, kit: str) -> None:
    for title, ratio in (("1:1", 1), ("4:5", 0.8), ("9:16", 9 / 16), ("16:9", 16 / 9)):
        box = window(page, title).bounding_box()
        assert box is not None
        assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.02)
    tall = window(page, "9:16")
    tall.focus()
    with page.expect_response(re.compile("/takes/")) as moved:
        page.keyboard.press("ArrowRight")
    focus = moved.value.json()["formats"][2]["takes"][0]["focus"]
    assert (focus[0] > 500, focus[1]) == (True, 500)
    image = tall.locator("img")
    before = str(image.evaluate("e => getComputedStyle(e).objectPosition"))
    box = tall.bounding_box()
    assert box is not None
    with page.expect_response(re.compile("/takes/")) as dragged:
        page.mouse.move(box["x"] + 40, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 90, steps=4)
        page.mouse.up()
    part = dragged.value.json()["formats"][2]["takes"][0]
    assert part["focus"][0] < focus[0]
    assert image.evaluate("e => getComputedStyle(e).objectPosition") != before
    page.reload()
    expect(tall).to_be_visible()
    shown = float(str(tall.locator("img").evaluate("e => getComputedStyle(e).objectPosition")).partition("%")[0])
    free = 1024 - (part["window"][2] - part["window"][0])
    assert shown == pytest.approx(100 * part["window"][0] / free, abs=1.0)  # what is shown is what is cut


def test_a_picture_in_the_gallery_leads_to_its_kit(page: Page, kit: str) -> None:
    page.goto(kit.partition("/kit/")[0] + "/gallery")
    expect(page.locator(".cell img")).to_have_count(1)
    page.get_by_role("listbox", name="Pictures").focus()
    page.keyboard.press("f")
    expect(page).to_have_url(kit)


def test_names_follow_the_template_as_it_is_typed(page: Page) -> None:
    template = page.get_by_label("Template for the names of files")
    use = page.get_by_role("button", name="Use it")
    expect(use).to_be_disabled()
    template.fill("{kit}-{format}")
    expect(page.locator(".card .name").first).to_have_text("a-steel-kettle-on-basalt-dawn-1x1.png")
    template.fill("{kti}")
    expect(page.get_by_text("{kti} is nothing that a name can hold.")).to_be_visible()
    expect(use).to_be_disabled()
    template.fill("{kit}")
    expect(page.get_by_text("Another file has this name too.")).to_have_count(4)
    use.click()
    expect(page.get_by_role("button", name="Export ZIP")).to_be_disabled()
    template.fill("{project}_{format}_{width}x{height}_{model}_v{n}")
    use.click()
    expect(page.get_by_role("link", name="Export ZIP")).to_be_visible()


def test_what_is_typed_while_a_template_is_kept_stays(page: Page) -> None:
    template = page.get_by_label("Template for the names of files")
    held: list[Route] = []
    intercept(
        page,
        "**/api/kits/*",
        lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_(),
    )
    template.fill("{kit}")
    with page.expect_request(lambda asked: asked.method == "PATCH"):
        page.get_by_role("button", name="Use it").click()
    template.fill("{kit}_{format}")
    heard(page, lambda: bool(held))
    held[0].continue_()
    expect(page.locator(".card .name").first).to_have_text("a-steel-kettle-on-basalt-dawn_1x1.png")
    expect(page.get_by_role("button", name="Export ZIP")).to_be_disabled()  # what was kept has one name for all
    expect(template).to_have_value("{kit}_{format}")


def test_a_format_of_ones_own_is_added_and_taken_out_by_keys(page: Page) -> None:
    field = page.get_by_label("Own ratio or size")
    field.fill("9000x1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no shape that a picture can have")
    field.fill("1200x628")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(5)
    expect(page.get_by_role("alert")).to_have_count(0)
    out = page.get_by_role("button", name="Take 300:157 out of the kit")
    out.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(4)


def test_votes_come_in_by_paste_and_drop_and_hostile_ones_are_text(page: Page, tmp_path: Path, served: Studio) -> None:
    id_ = sheet_id(sheet(page, tmp_path))
    here(page, "votes")
    words = "<img src=x onerror=alert(1)> no"
    sent = {
        "triptych": "votes/1",
        "sheet": id_,
        "ballot": "a" * 16,
        "client": "<b>Bo</b>",
        "pictures": [{"letter": "A", "vote": "maybe", "comment": words}],
    }
    page.evaluate(
        "text => { const d = new DataTransfer(); d.setData('text/plain', text);"
        " document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: d, bubbles: true, cancelable: true })); }",
        f"Dear all,\n{json.dumps(sent)}\nBo",
    )
    expect(page.locator(".card").first).to_contain_text(words)
    expect(page.get_by_text("<b>Bo</b>").first).to_be_visible()
    page.goto(served.url)
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    here(page, "votes")
    drop = (
        "text => { const d = new DataTransfer(); d.items.add(new File([text], 'x.votes.json', { type: 'application/json' }));"
        " document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: d, bubbles: true, cancelable: true })); }"
    )
    page.evaluate(drop, json.dumps(sent | {"ballot": "b" * 16, "client": "Cy"}))
    page.get_by_role("button", name="Open the kit").click()
    expect(page.get_by_role("heading", name="2 clients answered")).to_be_visible()
    page.evaluate(drop, '{"triptych": "votes/1", "sheet": "sht_x"}')
    expect(page.get_by_text("These are no votes that can be read.")).to_be_visible()
    for name in ("<b>Bo</b>", "Cy"):
        page.get_by_role("button", name=f"Forget the votes of {name}").click()
        expect(page.get_by_text(name, exact=True)).to_have_count(0)


def test_the_sheet_is_answered_by_keys_kept_and_given_out(
    page: Page, browser: Browser, tmp_path: Path, axe: str
) -> None:
    page.get_by_role("switch", name="Letters only").check()
    path = sheet(page, tmp_path)
    context = browser.new_context(offline=True, reduced_motion="reduce", viewport={"width": 390, "height": 844})
    client = watched(context)
    client.goto(path.as_uri())
    cards = client.locator(".card")
    expect(cards).to_have_count(4)
    expect(cards.nth(0).locator("header span")).to_have_text(
        [re.compile(r"^\d+:\d+$")]
    )  # its format, and nobody's name
    cards.nth(1).get_by_label("Yes").focus()
    client.keyboard.press("n")
    expect(cards.nth(1).get_by_label("No", exact=True)).to_be_checked()
    for card in (0, 2):
        cards.nth(card).get_by_label(re.compile("^Place of")).select_option("1")
    expect(cards.nth(0).get_by_label(re.compile("^Place of"))).to_have_value("")  # one place, one picture
    said = client.get_by_role("status")
    expect(said).to_have_text("2 of 4 answered")

    def there_again() -> bool:  # a browser writes down what a page keeps, a moment later
        client.reload()
        return said.inner_text() == "2 of 4 answered"

    until(there_again)
    for scheme in ("light", "dark"):
        client.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(client, axe) == []
    sizes = client.locator("html").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert sizes[0] <= sizes[1]
    client.get_by_text("The answers as text").click()
    text = client.get_by_label("To copy into a message").input_value()
    assert json.loads(text[text.index("{") :])["pictures"][1] == {
        "letter": "B",
        "vote": "no",
        "rank": None,
        "comment": "",
    }
    assert client.errors == []  # type: ignore[attr-defined]
    context.close()


def test_nothing_stands_in_the_way_of_anyone(page: Page, axe: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(200)
        assert violations(page, axe) == []
    page.get_by_role("button", name="Make formats").click()
    expect(page.get_by_role("dialog", name="Make formats").get_by_text("filled already")).to_be_visible()
    expect(page.get_by_role("button", name="Outpaint")).to_be_focused()  # and not on Close
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Make formats")).to_be_focused()
    page.set_viewport_size({"width": 320, "height": 700})
    for path in (page.url, page.url.rpartition("/")[0]):
        page.goto(path)
        expect(page.get_by_role("main").get_by_role("link", name=re.compile("kits|kettle")).first).to_be_visible()
        sizes = page.locator(".scroll").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert sizes[0] <= sizes[1]
    assert violations(page, axe) == []


def test_a_fifth_format_does_not_stand_alone(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("group", name="Add a format").get_by_role("button", name="A4").click()
    cards = page.locator(".formats .card")
    expect(cards).to_have_count(5)

    def lines() -> list[int]:
        tops = cards.evaluate_all("es => es.map(e => Math.round(e.getBoundingClientRect().top))")
        return [tops.count(top) for top in sorted(set(tops))]

    until(lambda: lines() == [3, 2])
    page.set_viewport_size({"width": 760, "height": 900})
    until(lambda: lines() == [2, 2, 1])
    page.get_by_role("button", name="Take A4 out of the kit").click()
    expect(cards).to_have_count(4)
    even = page.evaluate(
        "import('/web/' + document.querySelector('script[type=module]').src.split('/')[4] + '/app/kit.js').then(m => [[4, 4], [5, 4], [6, 4], [9, 4], [4, 3], [1, 4], [3, 0]].map(a => m.evenly(...a)))"
    )
    assert even == [4, 3, 3, 3, 2, 1, 1]


def test_what_a_format_loses_is_a_warning_where_it_is_much(page: Page) -> None:
    field = page.get_by_label("Own ratio or size")
    for size in ("3000x3000", "3000x900"):
        field.fill(size)
        field.press("Enter")
        expect(field).to_have_value("")
    cards = page.locator(".formats .card")
    whole, wide = cards.filter(has_text="3000 × 3000"), cards.filter(has_text="3000 × 900")
    soft = "Enlarged to 293 %: it will look soft. Enlarge the picture with a model first."
    lost = page.locator(".remark.warn").filter(has_text=re.compile("Enlarged|is cut off"))
    expect(whole.locator(lost)).to_have_text([soft])
    expect(whole.locator("p.sub")).to_have_text(re.compile("whole picture$"))
    cut = "70 % of the picture is cut off. A model can make this format whole."
    expect(wide.locator(lost)).to_have_text([cut, soft])
    expect(cards.filter(has_text="1080 × 1080").locator(lost)).to_have_count(0)
    for card in (whole, wide):
        card.get_by_role("button", name=re.compile("out of the kit$")).click()
        expect(card).to_have_count(0)


def test_an_answer_that_comes_late_does_not_take_back_what_was_said_since(page: Page) -> None:
    name = page.get_by_label("Name of the kit")
    was = name.input_value()
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "PATCH" and not late:
            late.append((route, route.fetch()))  # the server has done it, the page does not know
        else:
            route.continue_()

    intercept(page, "**/api/kits/*", hold)
    name.fill("one")
    name.press("Tab")
    heard(page, lambda: bool(late))
    name.fill("two")
    with page.expect_response(lambda r: r.request.method == "PATCH"):
        name.press("Tab")
    (route, answer), changed = late[0], re.compile("/api/kits/")
    with page.expect_response(changed):
        route.fulfill(response=answer)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    expect(name).to_have_value("two")
    page.unroute("**/api/kits/*")
    name.fill(was)
    with page.expect_response(lambda r: r.request.method == "PATCH"):
        name.press("Tab")
    page.reload()
    expect(name).to_have_value(was)
