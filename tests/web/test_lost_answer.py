"""A click whose answer is lost on the way: the next one of the same kind carries the same key."""

import re
import socket
import threading
from contextlib import suppress

from playwright.sync_api import Page, Route, expect
from tests.web.conftest import Opener, intercept
from tests.web.test_studio import heard

KEY = "idempotency-key"


def key_of_run(page: Page) -> str:
    with page.expect_request("**/api/runs") as told:
        page.keyboard.press("Control+Enter")
    return str(told.value.headers[KEY])


def test_asked_again_after_a_lost_answer_it_has_the_same_key(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    page.get_by_label("Prompt", exact=True).fill("harbour")
    intercept(page, "**/api/runs", lambda route: route.abort("connectionreset"))
    first = key_of_run(page)
    expect(page.get_by_text("Triptych’s server does not answer.")).to_be_visible()
    assert re.fullmatch("[0-9a-f]{32}", first)
    page.unroute("**/api/runs")
    assert key_of_run(page) == first
    expect(page.get_by_role("heading", name="harbour")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("harbour")
    expect(page.get_by_role("button", name="Create")).to_be_enabled()  # the row may show before its answer is there
    assert key_of_run(page) != first, "what was answered is over: the same again is a new run"


def test_an_answer_that_breaks_off_is_none_and_is_asked_for_by_the_same_key(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    page.get_by_label("Prompt", exact=True).fill("harbour")
    head = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 999\r\nconnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as broken:

        def answer(taken: socket.socket) -> None:
            with taken:
                if taken.recv(1 << 16):
                    taken.sendall(head + b'{"id": "run_')

        def listen() -> None:
            with suppress(OSError):  # until it is closed
                while True:  # a browser also opens connections on which it asks nothing
                    threading.Thread(target=answer, args=(broken.accept()[0],), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        elsewhere = f"http://127.0.0.1:{broken.getsockname()[1]}/api/runs"
        intercept(page, "**/api/runs", lambda route: route.continue_(url=elsewhere))
        first = key_of_run(page)
        expect(page.get_by_text("Triptych’s server does not answer.")).to_be_visible()
    page.unroute("**/api/runs")
    assert key_of_run(page) == first
    expect(page.get_by_role("heading", name="harbour")).to_be_visible()


def test_what_a_run_tells_is_not_taken_back_by_the_plan_of_the_same_text(visit: Opener) -> None:
    page = visit(expected=("ERR_", "Failed to load"))
    intercept(page, "**/api/runs", lambda route: route.abort("connectionreset"))
    held: list[Route] = []
    intercept(page, "**/api/plan", lambda route: held.append(route))
    page.get_by_label("Prompt", exact=True).fill("harbour")
    heard(page, lambda: bool(held))
    page.keyboard.press("Control+Enter")
    told = page.get_by_text("Triptych’s server does not answer.")
    expect(told).to_be_visible()
    with page.expect_response("**/api/plan"):
        held.pop().continue_()
    expect(page.get_by_text("2 images")).to_be_visible()  # the plan is there
    expect(told).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill("harbour at dawn")
    heard(page, lambda: bool(held))
    held.pop().continue_()
    expect(told).to_have_count(0)
