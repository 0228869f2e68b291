"""The studio in a real browser: what a person sees and does, from the first visit to a row of finished pictures."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.web.conftest import Opener, intercept, provider

pytestmark = pytest.mark.browser
PAIR = ["demo/aurora", "demo/woodcut"]
FOUR = ["demo/aurora", "bytedance/seedream-5", "google/gemini-3.1-flash-image", "xai/grok-imagine"]


def create(page: Page, text: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(text)
    # The row before shows before its answer is there.
    expect(page.get_by_role("button", name="Sending")).to_have_count(0)
    page.keyboard.press("Control+Enter")


def tile(page: Page, name: str) -> Any:
    return page.get_by_role("group", name=re.compile(f"^[A-Z], {re.escape(name)},"))


def fake(page: Page, **body: Any) -> Any:
    return page.request.post("/fake", data=json.dumps(body)).json()


def called(page: Page, path: str) -> list[Any]:
    return [c for c in fake(page)["calls"] if c[1].startswith(path)]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.03)


def heard(page: Page, true: Callable[[], bool]) -> None:
    """Until what a test notes of a page's own events is true: they come only while the page is asked something."""
    until(lambda: page.evaluate("0") == 0 and true())


def here(page: Page, *modules: str) -> None:
    """Until these modules of the page hear what they are for; they come after the first paint, in no certain order."""
    page.evaluate(
        "names => Promise.all(names.map(n => import(document.querySelector('script[type=module]').src.replace('main.js', `${n}.js`)))).then(() => 0)",
        list(modules),
    )


def test_a_first_visit_offers_a_start_and_three_ways_to_models(visit: Opener) -> None:
    page = visit("first")
    page.get_by_role("button", name="A product").click()
    prompt = page.get_by_label("Prompt", exact=True)
    expect(prompt).to_be_focused()
    expect(prompt).to_have_value(re.compile("kettle.*--ar 4:5"))
    expect(page.get_by_text("not AI models")).to_be_visible()
    expect(page.get_by_text("its server and the worker that draws can read it")).to_be_visible()
    page.get_by_role("switch", name="Switch on AI Horde").click()
    expect(page.get_by_role("checkbox", name=re.compile("FLUX.1 schnell.*limited now"))).to_be_attached()
    page.keyboard.press("/")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    expect(page.locator(".tally")).to_contain_text("2/2")
    expect(page.locator(".tile").first).to_contain_text("procedural, not an AI model")
    expect(page.get_by_role("img", name="A steel kettle on wet basalt").first).to_be_visible()


def test_places_are_kept_before_any_picture_and_filled_one_by_one(visit: Opener) -> None:
    page = visit(
        runs=[
            (
                "harbour demo!hold google!slow openai!queue --ar 2:1",
                ["demo/aurora", "google/gemini-3.1-flash-image", "openai/gpt-image-2"],
            )
        ]
    )
    expect(tile(page, "Aurora")).to_contain_text("60 %")
    expect(tile(page, "Aurora").get_by_role("progressbar")).to_have_attribute("value", "0.6")
    box = tile(page, "GPT Image 2").locator(".plate").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 2) < 0.02
    expect(tile(page, "GPT Image 2")).to_contain_text("2nd in the queue")
    slow = tile(page, "Gemini 3.1 Flash Image")
    expect(slow).to_contain_text("Slower than usual")
    assert slow.locator(".line").evaluate("e => e.style.getPropertyValue('--share')") == "0.95"
    slow.get_by_role("button", name="Also try… another model").click()
    page.get_by_role("menuitem", name="Woodcut").click()
    expect(tile(page, "Woodcut")).to_contain_text("60 %")  # `demo!hold` holds it too
    expect(slow).to_contain_text("Working")
    tile(page, "Aurora").get_by_role("button", name="Stop Aurora").click()
    expect(tile(page, "Aurora")).to_contain_text("Stopped on request.")
    expect(tile(page, "Aurora")).to_contain_text("Not billed.")
    expect(slow).to_contain_text("Working")


FAILURES = [
    ("blocked", "Refused", "Refused by a content rule: violence.", "Not billed.", "Edit prompt"),
    ("auth", "Failed", "The key was not accepted (401).", "Not billed.", "Fix key"),
    ("failed", "Failed", "“internal error 0x2f”", "It may have been billed.", "Retry"),
    ("rate", "Failed", "Too many requests, after 3 tries.", "Not billed.", "Retry"),
    ("empty", "Failed", "The answer came without a picture.", "It may have been billed.", "Retry"),
    ("lost", "Lost", "this provider cannot resume", "It may have been billed.", "Retry"),
]


def test_each_failure_says_what_happened_what_it_cost_and_what_is_next(visit: Opener) -> None:
    page = visit(runs=[(f"harbour google!{word}", ["google/gemini-3.1-flash-image"]) for word, *_ in FAILURES])
    for shown, (_, head, message, billed, following) in zip(page.locator("section.row").all(), FAILURES, strict=True):
        for words in (head, message, billed):
            expect(shown).to_contain_text(words)
        expect(shown.get_by_role("button", name=following, exact=True)).to_be_attached()
    page.locator("section.row").nth(1).get_by_role("button", name="Fix key").click()
    expect(page.get_by_label("Key for Google")).to_be_focused()


def test_a_row_says_how_many_accepted_and_who_refused(visit: Opener) -> None:
    page = visit(runs=[("harbour google!blocked xai!rate", FOUR), ("harbour xai!rate", FOUR)])
    expect(page.locator(".tally").first).to_contain_text("3 of 4 accepted")
    expect(page.locator(".tally").last).to_contain_text("3/4")
    expect(page.locator(".tally").last).not_to_contain_text("accepted")
    expect(page.get_by_title("Refused by Gemini 3.1 Flash Image")).to_be_visible()


def test_retry_touches_one_tile_and_keeps_its_model_and_place(visit: Opener) -> None:
    page = visit(runs=[("harbour google!rate xai!lost", FOUR)])
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    before = tile(page, "Aurora").get_attribute("id")
    tile(page, "Gemini 3.1 Flash Image").get_by_role("button", name="Retry").click()
    expect(page.locator(".tile[data-state=done]")).to_have_count(3)
    assert page.locator(".frame b").all_text_contents() == [
        "Aurora",
        "Seedream 5",
        "Gemini 3.1 Flash Image",
        "Grok Imagine",
    ]
    assert tile(page, "Aurora").get_attribute("id") == before
    assert len(called(page, "/api/tiles")) == 1
    tile(page, "Grok Imagine").get_by_role("button", name="Retry").click()  # may have been billed: asks first
    assert len(called(page, "/api/tiles")) == 1
    tile(page, "Grok Imagine").get_by_role("button", name="Send again", exact=True).click()
    expect(page.locator(".tile[data-state=done]")).to_have_count(4)
    assert called(page, "/api/tiles")[-1][2] == {"confirm": True}


def test_who_writes_goes_on_writing_when_a_retry_is_answered(visit: Opener) -> None:
    page = visit(runs=[("harbour google!rate", ["google/gemini-3.1-flash-image"])])
    late: list[Route] = []
    intercept(page, "**/api/tiles/*/retry", lambda route: late.append(route))
    tile(page, "Gemini 3.1 Flash Image").get_by_role("button", name="Retry").click()
    heard(page, lambda: bool(late))
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("a ki")
    with page.expect_response("**/retry"):
        late[0].continue_()
    expect(page.locator(".tile[data-state=done]")).to_have_count(1)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    page.keyboard.type("te")
    expect(prompt).to_have_value("a kite")
    expect(prompt).to_be_focused()


def test_a_waiting_tile_counts_down_and_can_go_now(visit: Opener) -> None:
    page = visit(runs=[("harbour google!wait", ["google/gemini-3.1-flash-image"])])
    waiting = tile(page, "Gemini 3.1 Flash Image")
    expect(waiting).to_contain_text("Google is rate-limiting.")
    expect(waiting).to_contain_text(re.compile(r"by itself in 1\d s \(try 2 of 3\)"))
    waiting.get_by_role("button", name="Try now").click()
    expect(page.locator(".tile[data-state=done]")).to_have_count(1)


def test_the_prompt_is_read_as_it_is_typed(visit: Opener) -> None:
    page = visit(expected=("402",))
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a {red, green} kite --ar 4:5 --stlye raw")
    page.get_by_role("checkbox", name="Seedream 5").check(force=True)
    expect(page.locator("#plan")).to_contain_text("2 prompts × 3 models = 6 images")
    expect(page.locator("#plan")).to_contain_text("about $0.06")
    expect(page.get_by_text("Did you mean --stylize? It was not sent.")).to_be_visible()
    expect(page.get_by_text("Seedream 5: asked 4:5, this model offers 3:4")).to_be_visible()
    page.get_by_role("button", name="Remove --ar 4:5").click()
    expect(prompt).to_have_value("a {red, green} kite --stlye raw")
    prompt.fill("{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g,h,i,j,k} kite")
    page.get_by_role("checkbox", name="Gemini").check(force=True)
    expect(page.get_by_text("would pass the cap of $2.00")).to_be_visible()
    expect(page.get_by_role("button", name="Create")).to_be_disabled()
    page.keyboard.press("Control+Enter")
    assert called(page, "/api/runs") == []
    prompt.fill("a teapot")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This run would pass the cap of the day. Raise it, or choose fewer models."
    )


def test_suggestions_and_history_work_from_the_keyboard(visit: Opener) -> None:
    page = visit(runs=[("first thing", PAIR), ("second thing", PAIR)])
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("kite --se")
    expect(page.get_by_role("option", name="--seed 7")).to_be_visible()
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("kite --seed ")
    prompt.press_sequentially("7 @grok")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Grok Imagine")).to_be_checked()
    expect(prompt).to_have_value("kite --seed 7 ")
    for key, text in (
        ("ArrowUp", "second thing"),
        ("ArrowUp", "first thing"),
        ("ArrowDown", "second thing"),
        ("ArrowDown", "kite --seed 7 "),
    ):
        page.keyboard.press(f"Alt+{key}")
        expect(prompt).to_have_value(text)
    until(
        lambda: (
            called(page, "/api/selection")[-1:]
            == [["PUT", "/api/selection", {"models": ["demo/aurora", "xai/grok-imagine", "demo/woodcut"]}]]
        )
    )


def test_a_model_is_added_however_long_its_name_is_looked_at(visit: Opener) -> None:
    page = visit()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("kite @gro")
    expect(page.get_by_role("button", name="Chosen in the text")).to_be_visible()  # it was read as a name meanwhile
    prompt.press_sequentially("k")
    expect(page.get_by_role("option", name="Grok Imagine")).to_contain_text("add")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("kite ")
    for name in ("Aurora", "Grok Imagine", "Woodcut"):
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    expect(page.get_by_role("button", name="Chosen in the text")).to_have_count(0)


HOLD = "() => { const held = []; window.requestAnimationFrame = f => held.push(f); window.drawn = () => held.splice(0).forEach(f => f()); }"
"""A busy machine: no frame is drawn until `drawn()`."""


def test_what_is_typed_right_after_a_suggestion_stands_behind_it(visit: Opener) -> None:
    page = visit()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("kite --se")
    expect(page.get_by_role("option", name="--seed 7")).to_be_visible()
    page.evaluate(HOLD)
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    page.evaluate("drawn()")
    page.keyboard.type(" --tile")
    expect(prompt).to_have_value("kite --seed 7 --tile")


def test_pictures_go_along_with_a_role_and_a_mask(visit: Opener) -> None:
    page = visit(runs=[("harbour", PAIR)], expected=("400",))
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    tile(page, "Aurora").focus()
    page.keyboard.press("e")
    expect(page.get_by_label("What picture 1 is for")).to_have_value("edit")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Add pictures").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"<svg>not a png</svg>"}
    )
    expect(page.get_by_text("This is an SVG, not a PNG, JPEG or WebP picture. Save it as PNG first.")).to_be_visible()
    page.get_by_role("button", name="Remove picture 2").click()
    page.get_by_label("Attach a mask").set_input_files(
        {"name": "m.png", "mimeType": "image/png", "buffer": b"\x89PNG mask"}
    )
    expect(page.get_by_text("Its transparent part is changed")).to_be_visible()
    page.get_by_role("checkbox", name="Gemini").check(force=True)
    page.get_by_label("Prompt", exact=True).fill("make it dusk")
    expect(page.locator(".chip.out", has_text="Gemini")).to_contain_text("cannot take a mask")
    expect(page.locator(".chip.out", has_text="Grok Imagine")).to_contain_text("takes no pictures")
    page.keyboard.press("Control+Enter")
    until(lambda: bool(called(page, "/api/runs")))
    body = called(page, "/api/runs")[0][2]
    assert [i["role"] for i in body["images"]] == ["edit"]
    assert len(body["mask"]) == 64


def test_rows_can_be_hidden_and_brought_back_and_older_ones_come_by_scrolling(visit: Opener) -> None:
    page = visit(runs=[(f"thing {n}", ["demo/aurora"]) for n in range(20)])
    expect(page.get_by_role("heading", name="thing 19")).to_be_in_viewport()
    page.locator(".rows").evaluate("e => { e.scrollTop = 0 }")
    expect(page.get_by_role("heading", name="thing 5", exact=True)).to_be_attached()
    expect(page.get_by_role("heading", name="thing 12")).to_be_in_viewport()  # what was looked at did not move
    page.locator(".rows").evaluate("e => { e.scrollTop = 0 }")
    expect(page.locator("section.row")).to_have_count(20)
    page.get_by_role("button", name="Row: thing 19").click()
    page.get_by_role("menuitem", name="Hide this row").click()
    expect(page.get_by_role("heading", name="thing 19")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="thing 19")).to_be_attached()
    page.get_by_role("button", name="Row: thing 19").click()
    page.get_by_role("menuitem", name="Add Woodcut").click()
    expect(page.locator("section.row").last.locator(".tile[data-state=done]")).to_have_count(2)


def test_a_key_is_tried_at_once_and_its_chips_turn_green(visit: Opener) -> None:
    page = visit("first", path="/models")
    card = provider(page, "Google")
    card.get_by_label("Key for Google").fill("bad-key-of-google")
    card.get_by_role("button", name="Save and test").click()
    expect(card).to_contain_text("Google does not accept this key (401).")
    page.get_by_label("Any provider’s key").fill("AIzaSy-good-key-9f3c")
    page.get_by_role("button", name="Use for Google").click()
    expect(page.get_by_text("The key works. 1 model is ready.")).to_be_visible()
    expect(page.locator("#provider-google .state")).to_have_text("Ready")
    expect(card).to_contain_text("…9f3c")
    expect(page.get_by_label("Any provider’s key")).to_have_value("")
    assert "AIzaSy" not in page.content()
    page.get_by_role("link", name="Studio").click()
    expect(page.locator(".chip[data-state=ready]", has_text="Gemini")).to_be_visible()


def test_a_friends_invite_goes_where_keys_go(visit: Opener) -> None:
    page = visit("first", path="/models", expected=("409",))
    link = "https://friend.example/join#eyJhbGciOiJFZERTQSJ9.abc.def"
    given: list[Any] = []

    def accepted(route: Route) -> None:
        given.append(route.request.post_data_json)
        used = {"error": {"message": "This invite was used.", "triptych": {"hint": "Ask for another."}}}
        route.fulfill(json=used if len(given) == 1 else {}, status=409 if len(given) == 1 else 200)

    intercept(page, "**/api/network/invites", accepted)
    field = page.get_by_label("Any provider’s key, or an invite")
    field.fill(link)
    page.get_by_role("button", name="Accept the invite of a friend").click()
    expect(page.get_by_text("This invite was used.")).to_be_visible()
    expect(field).to_have_value(link)
    field.press("Enter")
    expect(page.get_by_text("Accepted. The models of your friend appear as soon as")).to_be_visible()
    expect(field).to_have_value("")
    assert given == [{"link": link}, {"link": link}]


def test_caps_are_kept_from_the_top_line(visit: Opener) -> None:
    page = visit()
    page.get_by_role("button", name="today $1.84 of $5.00").click()
    page.get_by_label("A day").fill("7.5")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="today $1.84 of $7.50")).to_be_focused()


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        "h => { Object.defineProperty(document, 'hidden', {value: h, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_hidden_page_holds_no_stream_and_catches_up(visit: Opener) -> None:
    page = visit()
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_role("button", name="Shortcuts")).to_be_visible()
    until(lambda: fake(page)["streams"] == 2)
    hide(other, True)
    until(lambda: fake(page)["streams"] == 1)
    create(page, "shared")
    expect(page.locator(".tile[data-state=done]")).to_have_count(2)
    assert other.locator(".tile").count() == 0
    hide(other, False)
    expect(other.locator(".tile[data-state=done]")).to_have_count(2)
    expect(other.get_by_label("Prompt", exact=True)).to_have_value("")


def test_an_expired_log_and_a_restarted_server_are_got_over(visit: Opener) -> None:
    page = visit(expected=("403",))
    page.get_by_label("Prompt", exact=True).fill("half a thought")
    hide(page, True)
    fake(page, runs=[{"text": "made elsewhere", "models": PAIR}], session="after-a-restart")
    fake(page, forget=True)
    hide(page, False)
    expect(page.get_by_role("heading", name="made elsewhere")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("half a thought")
    fake(page, session="after-another")  # the next call gets a 403, a new session, and goes through
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="half a thought")).to_be_visible()


def test_an_answer_that_is_late_does_not_begin_anew_what_is_over(visit: Opener) -> None:
    page = visit(runs=[("harbour demo!hold", PAIR)])
    expect(tile(page, "Aurora")).to_contain_text("60 %")
    early = page.request.get("/api/runs").json()["runs"][0]
    tile(page, "Aurora").get_by_role("button", name="Stop Aurora").click()
    expect(tile(page, "Aurora")).to_contain_text("Stopped on request.")
    page.evaluate(
        "run => import(document.querySelector('script[type=module]').src.replace('main.js', 'state.js')).then(s => { s.merge([run]); })",
        early,
    )
    expect(tile(page, "Woodcut")).to_contain_text("60 %")
    expect(tile(page, "Aurora")).to_contain_text("Stopped on request.")


def test_a_lost_connection_is_said_and_comes_back(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    until(lambda: fake(page)["streams"] == 1)  # what hears of the loss has come, and what tells of it
    here(page, "toast")
    page.context.set_offline(True)
    hide(page, True)
    hide(page, False)
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("The server does not answer.")).to_have_count(0)
    expect(page.get_by_text("Connected again. This page is up to date.")).to_be_visible()


def test_a_page_of_an_older_release_says_so(visit: Opener) -> None:
    page = visit()
    hide(page, True)
    fake(page, version="1", forget=True)
    hide(page, False)
    expect(page.get_by_role("alert")).to_contain_text("Reload the page")


def test_a_part_that_does_not_load_says_what_helps(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    intercept(page, "**/app/toast.js", lambda route: route.abort())
    page.get_by_label("Add pictures").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(page.get_by_role("alert")).to_contain_text("A part of this page did not load.")
    page.get_by_role("alert").get_by_role("link", name="Reload the page").click()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_text_typed_before_the_script_is_kept(browser: Browser, server: str) -> None:
    context = browser.new_context(base_url=server, service_workers="block")
    page = context.new_page()
    fake(page, scene="keys")

    late: list[Route] = []
    intercept(page, "**/app/main.js", lambda route: late.append(route))
    page.goto("/", wait_until="commit")
    early = page.get_by_label("Prompt", exact=True)
    early.fill("early bird")
    before = page.locator(".rail a, .models label, .models a").evaluate_all(
        "es => es.map(e => e.ariaLabel ?? [...e.children].map(c => c.textContent).join('|') + e.lastChild.textContent)"
    )
    heard(page, lambda: bool(late))
    late[0].continue_()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_visible()
    expect(early).to_have_value("early bird")
    expect(early).to_be_focused()
    expect(page.get_by_role("button", name="Create")).to_be_enabled()
    after = page.locator(".rail a, .models label, .models a").evaluate_all(
        "es => es.map(e => e.ariaLabel ?? [...e.children].map(c => c.textContent).join('|') + e.lastChild.textContent)"
    )
    assert before == after  # the shell of the server and the frame of the script say the same
    context.close()
