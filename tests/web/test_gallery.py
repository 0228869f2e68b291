"""The gallery as a person uses it: looked through, searched, marked, thrown away and taken back, culled."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.painting import paint
from tests.web.test_studio import heard, until
from tests.web.test_views import violations

pytestmark = pytest.mark.browser


def opened(visit: Opener, size: int = 400, **options: Any) -> Page:
    page = visit(**options)
    page.context.request.post("/fake", data={"gallery": size})
    page.goto("/gallery")
    expect(page.get_by_label("Search the gallery")).to_be_visible()
    if size:
        expect(page.get_by_role("option").first).to_be_visible()
    return page


def cell(page: Page, number: int) -> Any:
    return page.locator(f"#cell-{number}")


def sent(page: Page) -> list[Any]:
    calls = page.context.request.post("/fake", data={}).json()["calls"]
    return [body for method, path, body in calls if (method, path) == ("PATCH", "/api/gallery")]


def test_a_hundred_thousand_pictures_are_few_in_the_page(visit: Opener) -> None:
    page = opened(visit, 100_000)
    expect(page.locator("#found")).to_have_text("100,000 pictures")
    counts = []
    for key in ("End", "PageUp", "Home", "PageDown", "ArrowDown", "End"):
        page.keyboard.press(key)
        counts.append(page.locator(".cell").count())
    expect(cell(page, 99_999)).to_have_attribute("aria-label", re.compile("number 99999"))
    expect(cell(page, 99_999)).to_have_attribute("data-active", "true")
    expect(cell(page, 99_999)).to_be_in_viewport()
    page.set_viewport_size({"width": 2560, "height": 1440})
    expect(page.get_by_role("option").first).to_be_visible()
    counts.append(page.locator(".cell").count())
    assert max(counts) < 150


def test_it_is_the_second_place(visit: Opener) -> None:
    page = visit()
    page.get_by_role("navigation", name="Workspace").get_by_role("link").nth(1).click()
    expect(page).to_have_url(re.compile("/gallery$"))
    expect(page.get_by_text("Everything that you make is kept here.")).to_be_visible()
    expect(page.get_by_role("link", name="Gallery")).to_have_attribute("aria-current", "page")


def test_a_search_with_fields_that_help_and_words_for_what_is_wrong(visit: Opener) -> None:
    page = opened(visit, expected=("400",))
    box = page.get_by_label("Search the gallery")
    box.fill("fox")
    expect(page.locator("#found")).to_have_text("100 pictures")
    expect(page).to_have_url(re.compile(r"q=fox"))
    page.reload()
    expect(page.locator("#found")).to_have_text("100 pictures")
    box.fill("fox st")
    page.get_by_role("button", name="stars:").click()
    expect(box).to_be_focused()
    expect(box).to_have_value("fox stars:")
    expect(page.locator("#wrong")).to_contain_text("stars: has no value. Write stars:yes.")
    expect(box).to_have_attribute("aria-invalid", "true")
    box.press_sequentially("0")
    expect(page.locator("#found")).to_have_text("100 pictures")
    expect(page.locator("#wrong")).to_be_empty()
    box.fill("harbor")
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator("#found")).to_have_text("400 pictures")


def test_pictures_are_marked_by_keyboard_and_taken_back(visit: Opener) -> None:
    page = opened(visit)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("4")
    expect(cell(page, 1)).to_have_attribute("aria-label", re.compile("4 stars"))
    page.keyboard.press("Control+z")
    expect(cell(page, 1)).not_to_have_attribute("aria-label", re.compile("stars"))
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("[data-verdict=rejected]")).to_have_count(3)
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("[data-verdict=rejected]")).to_have_count(0)
    page.locator(".cells").focus()
    page.keyboard.press("Backspace")
    expect(page.locator("#found")).to_have_text("397 pictures")
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#found")).to_have_text("400 pictures")
    assert [sorted(body["pictures"]) for body in sent(page)] == [["img_g1"], *[["img_g1", "img_g2", "img_g3"]] * 2]


def order(page: Page, name: str) -> None:
    page.get_by_role("button", name="Order: ").click()
    page.get_by_role("menuitem", name=name).click()
    expect(page.get_by_role("button", name=f"Order: {name}")).to_be_visible()


def patched(page: Page) -> list[str]:
    until(lambda: bool(sent(page)))
    return list(sent(page)[-1]["pictures"])


def test_a_range_over_pages_that_are_not_here_is_whole(visit: Opener) -> None:
    page = opened(visit, 4_000)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+End")
    expect(page.get_by_text("3,999 chosen", exact=True)).to_be_visible()
    page.keyboard.press("x")
    assert patched(page) == [f"img_g{n}" for n in range(1, 4_000)]
    expect(cell(page, 3_999)).to_have_attribute("data-verdict", "rejected")


def test_nothing_is_done_to_a_part_of_a_range_that_is_on_its_way(visit: Opener) -> None:
    page = opened(visit, 4_000)
    asked: list[Route] = []
    intercept(page, "**/api/gallery/ids?**", lambda route: asked.append(route))
    page.keyboard.press("Shift+End")
    heard(page, lambda: len(asked) == 1)
    page.keyboard.press("4")
    asked[0].continue_()
    assert len(patched(page)) == 4_000


def test_what_is_more_than_one_call_takes_is_said(visit: Opener) -> None:
    page = opened(visit, 25_000)
    page.keyboard.press("Control+a")
    bar = page.get_by_role("toolbar", name="With the chosen pictures")
    expect(bar.get_by_role("status")).to_have_text("10,000 of 25,000 chosen, no more at once")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+End")
    expect(bar.get_by_role("status")).to_have_text(re.compile(r"^10,000 of 24,99\d chosen, no more at once$"))
    expect(cell(page, 24_999)).to_have_attribute("aria-label", re.compile("number 24999"))
    cell(page, 24_999).click()
    expect(bar.get_by_role("status")).to_have_text("1 chosen")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cull").click()
    expect(page.locator("dialog.cull header [role=status]")).to_have_text("10,000 left")
    expect(page.get_by_text("10,000 pictures at a time: these are the first.")).to_be_visible()


WHOLE = """async () => {
  const s = await import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js'));
  return s.comparing.peek().map(({ tile }) => tile.still.peek() === tile.peek());
}"""
"""Whether each tile that is looked at side by side is one as those of rows are, with what its parts read."""


def test_chosen_pictures_of_pages_that_are_gone_are_compared_and_go_along(visit: Opener) -> None:
    page = opened(visit, 4_000)
    cell(page, 0).click()
    page.keyboard.press("Shift+End")
    expect(page.get_by_text("4,000 chosen", exact=True)).to_be_visible()
    page.reload()  # in another order the first ones were never here
    order(page, "Oldest first")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("number 3999"))
    page.locator(".cells").focus()
    page.keyboard.press("End")
    expect(cell(page, 3_999)).to_have_attribute("data-active", "true")
    page.keyboard.press("Shift+Home")
    expect(page.get_by_text("4,000 chosen", exact=True)).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="Side by side").locator(".plate")).to_have_count(6)
    expect(page.get_by_text("Six pictures fit side by side: these are the first.")).to_be_visible()
    assert page.evaluate(WHOLE) == [True] * 6
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".cells").focus()
    page.keyboard.press("r")
    expect(page.get_by_text("16 pictures go along at most: these are the first.")).to_be_visible()
    expect(page.get_by_role("list", name="Pictures that go along").locator("li")).to_have_count(16)


def test_the_order_is_chosen_and_kept(visit: Opener) -> None:
    page = opened(visit, 40)
    cell(page, 7).click()
    page.keyboard.press("5")
    expect(cell(page, 7)).to_have_attribute("aria-label", re.compile("5 stars"))
    page.keyboard.press("Escape")
    order(page, "Most stars first")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("number 7"))
    page.locator(".cells").focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("dialog", name="Command palette").get_by_role("combobox")
    box.fill("Oldest first")
    box.press("Enter")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("number 39"))
    page.reload()
    expect(page.get_by_role("button", name="Order: Oldest first")).to_be_visible()
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("number 39"))


def test_pictures_are_made_larger_and_smaller_and_stay_so(visit: Opener) -> None:
    page = opened(visit, 400)

    def width() -> float:
        box = cell(page, 0).bounding_box()
        return box["width"] if box else 0.0

    usual = width()
    page.locator(".cells").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    until(lambda: width() > usual + 30)
    page.get_by_label("Size of the pictures").fill("320")
    until(lambda: width() >= 320)
    page.reload()
    expect(page.get_by_label("Size of the pictures")).to_have_value("320")
    expect(cell(page, 0)).to_be_visible()
    until(lambda: width() >= 320)
    page.locator(".cells").focus()
    for _ in range(9):
        page.keyboard.press("-")
    until(lambda: width() < usual + 10)
    assert page.locator(".cell").count() < 150


def test_a_form_writes_the_query_and_reads_what_is_written(visit: Opener) -> None:
    page = opened(visit, expected=("400",))
    cell(page, 0).click()
    page.keyboard.press("4")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("4 stars"))
    box = page.get_by_label("Search the gallery")
    box.fill("fox")
    page.locator(".cells").focus()
    page.keyboard.press("m")
    form = page.get_by_role("form", name="Filter")
    expect(form.get_by_label("Model", exact=True).locator("option")).to_have_text(
        ["any", "google/gemini-3.1-flash-image", "xai/grok-imagine"]
    )
    form.get_by_label("Kept").select_option(label="not decided")
    expect(box).to_have_value("fox kept:no")
    expect(page.locator("#found")).to_have_text("100 pictures")
    form.get_by_label("Stars").select_option(label="★★★★ or more")
    expect(box).to_have_value("fox kept:no stars:>=4")
    expect(page.locator("#found")).to_have_text("0 pictures")
    box.fill("fox kept:yes cost:>1")
    expect(form.get_by_label("Kept")).to_have_value("yes")
    expect(form.get_by_label("Cost in dollars")).to_have_value(">1")
    form.get_by_label("Kept").select_option(label="any")
    expect(box).to_have_value("fox cost:>1")
    form.get_by_label("From the day").fill("2026-11-01")
    expect(box).to_have_value("fox cost:>1 after:2026-11-01")
    form.get_by_label("From the day").press("Escape")
    expect(form).to_have_count(0)
    expect(box).to_be_focused()  # there are no pictures to stand on


def test_the_keyboard_is_never_left_where_the_last_picture_was(visit: Opener) -> None:
    page = opened(visit, 1)
    expect(page.locator(".cells")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("#found")).to_have_text("0 pictures")
    expect(page.get_by_label("Search the gallery")).to_be_focused()


def test_days_are_those_of_the_browser(visit: Opener) -> None:
    page = opened(visit, timezone_id="Pacific/Auckland", expected=("400",))
    with page.expect_request(re.compile(r"/api/gallery\?.*zone=Pacific")) as asked:
        page.get_by_label("Search the gallery").fill("after:2026-11-01")
    assert "zone=Pacific%2FAuckland" in asked.value.url


def test_pictures_are_chosen_by_mouse_and_tagged(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    cell(page, 2).click(modifiers=["Control"])
    cell(page, 5).click(modifiers=["Shift"])
    expect(page.get_by_role("option", selected=True)).to_have_count(5)
    cell(page, 2).click(modifiers=["Control"])
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tag", exact=True).fill("spring")
    page.keyboard.press("Enter")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("tagged spring"))
    page.get_by_label("Search the gallery").fill("tag:spring")
    expect(page.locator("#found")).to_have_text("4 pictures")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    expect(page.get_by_text("4 chosen")).to_be_visible()


def test_pictures_go_on_to_compare_references_and_their_like(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    cell(page, 3).click(modifiers=["Control"])
    whole = page.get_by_role("link", name="Download ZIP")
    expect(whole).to_have_attribute("href", re.compile(r"^/api/gallery/download\?pictures=img_g\d+,img_g\d+$"))
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("dialog .plate")).to_have_count(2)
    page.keyboard.press("Escape")
    cell(page, 1).click()
    page.get_by_role("button", name="Find similar").click()
    expect(page.get_by_text("Looks like this one")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("button", name="Back to all").click()
    expect(page.locator("#found")).to_have_text("400 pictures")
    cell(page, 1).click()
    page.get_by_role("button", name="Use as reference").click()
    expect(page.get_by_role("list", name="Pictures that go along").locator("li")).to_have_count(1)


def test_that_nothing_else_looks_like_a_picture_is_said(visit: Opener) -> None:
    page = opened(visit, 3)
    cell(page, 1).click()
    page.keyboard.press("s")
    expect(page.get_by_text("Nothing else looks like this one. Try what it shows.")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(1)


def test_what_shows_the_like_is_found_by_a_network_that_is_fetched_once(visit: Opener, axe: str) -> None:
    page = opened(visit)
    cell(page, 1).click()
    page.keyboard.press("s")
    by = page.get_by_role("group", name="Alike by")
    expect(by.get_by_role("button", name="Looks")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("option")).to_have_count(3)
    by.get_by_role("button", name="What it shows").click()
    expect(page.get_by_text("CLIP ViT-B/32 (MIT) sees what pictures show, here on this machine.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/gallery\?like=\w+&by=shows$"))
    expect(page.get_by_role("option")).to_have_count(1)
    assert violations(page, axe) == []
    page.reload()
    page.get_by_role("button", name="Get 89.1 MB").click()
    expect(page.get_by_role("progressbar", name="Weights of CLIP ViT-B/32")).to_be_visible()
    page.context.request.post("/fake", data={"fetched": True})
    expect(page.get_by_text("Shows the like, the nearest first. 7 pictures are still being looked at.")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(2)
    by.get_by_role("button", name="Looks").click()
    expect(page.get_by_text("Looks like this one, the nearest first.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/gallery\?like=\w+$"))
    expect(page.get_by_role("option")).to_have_count(3)


def test_what_is_like_a_tile_is_found_from_the_tile_and_the_address_keeps_it(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 1).click()
    page.keyboard.press("s")
    expect(page.get_by_text("Looks like this one")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/gallery\?like=\w+$"))
    there = page.url
    page.get_by_role("button", name="Back to all").click()
    expect(page.locator("#found")).to_have_text("400 pictures")
    expect(page).to_have_url(re.compile("/gallery$"))
    page.goto(there)
    expect(page.get_by_text("Looks like this one")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(3)
    page.goto("/")
    page.get_by_label("Prompt", exact=True).fill("a kite")
    expect(page.locator("#plan")).to_contain_text("image")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".tile[data-state=done]").first).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/similar/" in request.url else None)
    intercept(
        page,
        "**/api/gallery/similar/**",
        lambda route: route.fulfill(json={"picture": None, "pictures": [], "unseen": 1}),
    )
    page.locator(".tile[data-state=done] .frame").first.focus()
    page.keyboard.press("s")
    expect(page.get_by_text("Nobody has looked at this picture yet")).to_be_visible()
    assert len(asked) == 1
    expect(page.locator("#found")).to_contain_text("picture")


def test_what_a_picture_shows_is_said_from_the_gallery_and_side_by_side(visit: Opener) -> None:
    page = opened(visit)
    cell(page, 0).click()
    cell(page, 3).click(modifiers=["Control"])
    page.get_by_role("button", name="Compare").click()
    view = page.get_by_role("dialog", name="Side by side")
    view.get_by_role("button", name="More with B").click()
    page.get_by_role("menuitem", name="Say what it shows…").click()
    sheet = page.get_by_role("dialog", name="What it shows")
    words = sheet.get_by_label("What it shows")
    words.press("Control+a")
    words.press_sequentially("x A red kite")  # letters that are keys of the view below
    sheet.get_by_role("button", name="Save").click()
    until(lambda: [one.get("alt") for one in sent(page)] == ["x A red kite"])
    expect(sheet).to_have_count(0)
    expect(view.get_by_role("img", name="x A red kite")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    cell(page, 1).click()
    page.keyboard.press("d")
    expect(words).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    assert len(sent(page)) == 1


def test_culling_leaves_a_shortlist_and_has_a_second_round(visit: Opener) -> None:
    page = opened(visit, 6)
    page.keyboard.press("u")
    told = page.locator("dialog.cull header [role=status]")
    expect(told).to_have_text("6 left")
    for key, left in (
        (" ", "5 left"),
        ("x", "4 left"),
        ("4", "3 left"),
        ("2", "2 left"),
        ("ArrowLeft", "3 left"),
        ("5", "2 left"),
        ("x", "1 left"),
    ):
        page.keyboard.press(key)
        expect(told).to_have_text(left)
    page.keyboard.press("ArrowRight")
    expect(told).to_have_text("3 pictures on the shortlist")
    page.get_by_role("button", name="Round 2").click()
    expect(told).to_have_text("3 left")
    page.keyboard.press(" ")
    page.keyboard.press("x")
    page.keyboard.press("x")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    expect(page.locator("[data-verdict=kept]")).to_have_count(1)


def test_back_goes_over_the_start_of_a_round(visit: Opener) -> None:
    page = opened(visit, 3)
    page.keyboard.press("u")
    told, round_ = page.locator("dialog.cull header [role=status]"), page.locator("dialog.cull h2")
    expect(told).to_have_text("3 left")
    for key in (" ", " ", "x"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Round 2").click()
    expect(told).to_have_text("2 left")
    page.keyboard.press("x")
    page.keyboard.press("ArrowLeft")
    expect(told).to_have_text("2 left")
    page.keyboard.press("ArrowLeft")
    expect(round_).to_have_text("Round 1")
    expect(told).to_have_text("2 pictures on the shortlist")
    page.keyboard.press("ArrowLeft")
    expect(told).to_have_text("1 left")
    page.keyboard.press(" ")
    expect(told).to_have_text("3 pictures on the shortlist")


def test_a_cell_says_that_its_picture_was_picked(visit: Opener, axe: str) -> None:
    page = visit()
    asked: list[list[str]] = []

    def answer(route: Route) -> None:
        ids = parse_qs(urlsplit(route.request.url).query)["pictures"][0].split(",")
        asked.append(ids)
        route.fulfill(json={"picked": {ids[1]: ["prettier", "closer"]} if len(asked) == 1 else {}})

    intercept(page, "**/api/picks/pictures?*", answer)
    page.context.request.post("/fake", data={"gallery": 150})
    page.goto("/gallery")
    expect(cell(page, 1)).to_have_accessible_name(re.compile("Picked: prettier, closer to the brief"))
    expect(cell(page, 1).locator(".marks")).to_have_text("picked")
    expect(cell(page, 0).locator(".marks")).to_have_count(0)
    page.locator(".cells").focus()
    page.keyboard.press("End")
    expect(cell(page, 149)).to_be_in_viewport()
    heard(page, lambda: len(asked) == 2)  # one question for each hundred, whatever is in sight
    assert [len(ids) for ids in asked] == [100, 50]
    assert len({each for ids in asked for each in ids}) == 150
    page.keyboard.press("Home")
    expect(cell(page, 1).locator(".marks")).to_have_text("picked")
    assert violations(page, axe) == []


def test_keys_before_the_cull_of_the_gallery_is_there_are_meant_for_it(visit: Opener) -> None:
    page = opened(visit, 6)
    held: list[Any] = []
    intercept(page, re.compile(r"/app/cull\.js"), lambda route: held.append(route))
    for key in ("u", "x", "k", " ", "4"):
        page.keyboard.press(key)
    heard(page, lambda: bool(held))
    for route in held:
        route.continue_()
    expect(page.locator("dialog.cull header [role=status]")).to_have_text("3 left")  # k means nothing there
    until(lambda: len(sent(page)) == 3)
    assert [body.get("verdict") or body["stars"] for body in sent(page)] == ["rejected", "kept", 4]


def test_a_picture_is_culled_at_its_real_size(visit: Opener) -> None:
    page, large = opened(visit, 5), paint("google/gemini-3.1-flash-image", "a fox", 1.5, 2000)[0]
    intercept(page, "**/api/images/img_g*", lambda route: route.fulfill(body=large, content_type="image/png"))
    page.keyboard.press("u")
    picture, told = page.get_by_alt_text("The picture to decide on"), page.locator("dialog.cull header [role=status]")

    def width() -> float:
        box = picture.bounding_box()
        return round(box["width"]) if box else 0

    until(lambda: picture.evaluate("e => e.complete && e.naturalWidth") == 2000)
    expect(page.locator("dialog.cull .pic")).to_have_attribute(
        "style", re.compile(r"--ar: ?1\.5")
    )  # its shape is known
    fitted = width()
    assert fitted < 1280
    page.keyboard.press("z")
    until(lambda: width() == 2000)
    left = picture.evaluate("e => e.getBoundingClientRect().left")
    page.keyboard.press("ArrowRight")
    until(lambda: picture.evaluate("e => e.getBoundingClientRect().left") < left)
    expect(told).to_have_text("5 left")  # an arrow moved the picture and decided nothing
    page.keyboard.press("Escape")
    until(lambda: width() == fitted)
    stage = picture.bounding_box()
    assert stage
    x, y = stage["x"] + stage["width"] / 4, stage["y"] + stage["height"] / 4
    page.mouse.click(x, y)
    until(lambda: width() == 2000)
    box = picture.bounding_box()
    assert box
    assert abs((x - box["x"]) / box["width"] - 0.25) < 0.01  # what was under the pointer is there still
    page.mouse.click(x, y)
    until(lambda: width() == fitted)
    page.keyboard.press("ArrowRight")
    expect(told).to_have_text("4 left")


def test_four_are_culled_side_by_side_in_turn(visit: Opener, axe: str) -> None:
    page = opened(visit, 6)
    page.keyboard.press("u")
    expect(page.get_by_role("dialog", name="Cull")).to_be_visible()
    page.keyboard.press("g")
    plates = page.locator("dialog.cull .plate")
    expect(plates).to_have_count(4)
    expect(plates.nth(0)).to_have_attribute("data-on", "true")
    page.keyboard.press(" ")
    page.keyboard.press("x")
    expect(plates.nth(2)).to_have_attribute("data-on", "true")
    expect(plates.nth(0)).to_contain_text("on the shortlist")
    expect(plates.nth(1)).to_contain_text("not on the shortlist")
    assert violations(page, axe) == []
    page.keyboard.press("ArrowLeft")
    expect(plates.nth(1)).to_have_attribute("data-on", "true")
    for _ in range(3):
        page.keyboard.press(" ")
    expect(plates).to_have_count(2)
    page.keyboard.press("g")
    expect(plates).to_have_count(1)
    expect(page.locator("dialog.cull header [role=status]")).to_have_text("2 left")


def test_a_gallery_that_cannot_be_read_says_so(visit: Opener) -> None:
    page = opened(visit, expected=("507",))
    page.context.request.post("/fake", data={"broken": True})
    page.get_by_label("Search the gallery").fill("fox")
    expect(page.get_by_role("alert")).to_contain_text("The database is locked. Try again in a moment.")


def test_a_chosen_picture_is_opened_and_leads_on_by_its_menu_and_its_keys(visit: Opener, axe: str) -> None:
    page = opened(visit, expected=("404",))
    cell(page, 1).click()
    bar = page.get_by_role("toolbar", name="With the chosen pictures")
    expect(bar.get_by_role("button").first).to_have_text("Open")
    bar.get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog", name="Side by side").locator(".plate")).to_have_count(1)
    page.keyboard.press("Escape")
    bar.get_by_role("button", name="More").click()
    menu = page.get_by_role("menu", name="More")
    expect(menu.get_by_role("menuitem", name="Edit…")).to_be_focused()
    for name in (
        "Vary…",
        "Extend to another shape…",
        "Enlarge…",
        "Remove the background…",
        "Continue…",
        "Lineage",
        "Use the prompt",
        "Inspector",
        "Go to its row",
    ):
        expect(menu.get_by_role("menuitem", name=name)).to_be_visible()
    assert violations(page, axe) == []
    menu.get_by_role("menuitem", name="Vary…").click()
    expect(page.get_by_role("dialog", name="Vary Grok Imagine’s picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(bar.get_by_role("button", name="More")).to_be_focused()
    page.locator(".cells").focus()
    page.keyboard.press("e")
    expect(page.get_by_role("dialog", name="Edit Grok Imagine’s picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".cells")).to_be_focused()
    page.keyboard.press("w")  # the stand-in has pictures without rows
    expect(page.locator(".toasts")).to_contain_text("There is no such run.")
    expect(page).to_have_url(re.compile("/gallery$"))
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("/lineage/tile_g1$"))


def test_what_a_key_does_here_is_in_the_palette_and_on_the_sheet(visit: Opener) -> None:
    page = opened(visit)
    page.keyboard.press("ArrowRight")
    expect(cell(page, 1)).to_have_attribute("data-active", "true")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Shortcuts")
    place = sheet.locator("section", has=page.get_by_role("heading", name="Gallery"))
    expect(place.get_by_label("Key for Edit with this: E")).to_be_visible()
    expect(place.get_by_label("Key for Go to its row: W")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("Control+k")
    box = page.get_by_role("dialog", name="Command palette").get_by_role("combobox")
    box.fill("Edit with this")
    expect(page.get_by_role("option", name="Edit with this E")).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    expect(page.get_by_role("dialog", name="Edit Grok Imagine’s picture")).to_be_visible()


def test_on_a_phone_a_tap_chooses_and_the_bar_opens(visit: Opener) -> None:
    page = opened(visit, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    cell(page, 1).tap()
    bar = page.get_by_role("toolbar", name="With the chosen pictures")
    for name in ("Open", "More"):
        expect(bar.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    bar.get_by_role("button", name="Open").tap()
    expect(page.get_by_role("dialog", name="Side by side").locator(".plate")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_in_the_way_of_anybody(visit: Opener, axe: str, scheme: str, width: int) -> None:
    page = opened(visit, color_scheme=scheme, viewport={"width": width, "height": 800})
    assert violations(page, axe) == []
    cell(page, 0).click()
    page.keyboard.press("3")
    expect(cell(page, 0)).to_have_attribute("aria-label", re.compile("3 stars"))
    page.get_by_label("Search the gallery").focus()
    expect(page.get_by_role("list", name="Fields")).to_be_visible()
    assert violations(page, axe) == []
    page.locator(".cells").focus()
    page.keyboard.press("u")
    expect(page.get_by_role("dialog", name="Cull")).to_be_visible()
    assert violations(page, axe) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True},
        {"viewport": {"width": 760, "height": 700}},
    ],
)
def test_the_bar_is_one_line_and_its_menu_has_the_rest(visit: Opener, options: dict[str, Any]) -> None:
    page = opened(visit, **options)
    bar = page.locator(".bar[role=toolbar]")
    seen = """e => [e, ...e.children].filter(c => c.checkVisibility()).map(c => c.getBoundingClientRect())
      .filter(b => b.right > innerWidth || b.height > 60 || b.bottom > e.getBoundingClientRect().bottom + 1)"""
    for chosen in (1, 2):
        cell(page, chosen).click(modifiers=["Control"])
        expect(bar.locator("b")).to_have_text(f"{chosen} chosen")
        until(lambda: bar.evaluate(seen) == [])
    there = set(bar.get_by_role("button").or_(bar.get_by_role("link")).all_inner_texts())
    if "viewport" in options:
        bar.get_by_role("button", name="More").click()
        expect(page.get_by_role("menuitem", name="Project")).to_be_visible()
        there |= set(page.get_by_role("menuitem").locator("span").all_inner_texts())
        page.keyboard.press("Escape")
    assert {"Keep", "Reject", "Compare", "Tag", "Project", "Use as reference", "Cull", "Download ZIP", "Trash"} <= there
    page.set_viewport_size({"width": 1280, "height": 800})  # and all of it is there when there is room
    expect(bar.get_by_role("link", name="Download ZIP")).to_be_visible()


def test_on_a_phone_stars_and_downloads_come_from_menus(visit: Opener) -> None:
    page = opened(visit, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    cell(page, 1).tap()
    bar = page.get_by_role("toolbar", name="With the chosen pictures")
    bar.get_by_role("button", name="Stars").tap()
    page.get_by_role("menuitem", name="3 stars").tap()
    expect(cell(page, 1)).to_have_attribute("aria-label", re.compile("3 stars"))
    bar.get_by_role("button", name="More").tap()
    with page.expect_download() as got:
        page.get_by_role("menuitem", name="Download").tap()
    assert got.value.suggested_filename
