"""Word that pictures are done when no page is open: how a browser asks for it, and what its worker makes of a message."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.web.conftest import Opener
from tests.web.test_studio import heard, until

pytestmark = pytest.mark.browser
WHOLE_BROWSER = True

# A headless browser has no push service: what it would give is put in its place, all else is the browser's own.
SUBSCRIBES = """
window.asked = [];
const key = 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4';
const bytes = Uint8Array.from(atob(key.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0)).buffer;
let mine = null;
PushManager.prototype.getSubscription = async () => mine;
PushManager.prototype.subscribe = async options => {
  window.asked.push(options);
  if (window.noService) throw new DOMException('no push service', 'AbortError');
  return mine = { endpoint: 'https://push.example/1', options: { applicationServerKey: bytes }, unsubscribe: async () => { mine = null; return true; },
    toJSON: () => ({ endpoint: 'https://push.example/1', expirationTime: null, keys: { p256dh: 'P', auth: 'A' } }) };
};
"""


def calls(page: Page, path: str) -> list[tuple[str, Any]]:
    told = page.context.request.post("/fake", data="{}").json()["calls"]
    return [(method, body) for method, where, body in told if where == path]


def test_it_is_asked_for_in_the_settings_and_taken_back_there(visit: Opener) -> None:
    page = visit(service_workers="allow", permissions=["notifications"])
    page.add_init_script(SUBSCRIBES)
    page.reload()
    page.get_by_role("button", name="Settings").click()
    sheet = page.get_by_role("dialog", name="Settings")
    closed = sheet.get_by_role("switch", name="Also when no page is open")
    expect(closed).to_have_count(0)  # first notifications at all
    sheet.get_by_role("switch", name="A notification of the system").click()
    page.evaluate("window.noService = true")
    closed.click()
    expect(sheet.get_by_role("status").last).to_contain_text("push service cannot be had")
    expect(closed).not_to_be_checked()
    page.evaluate("window.noService = false")
    closed.click()
    until(lambda: bool(calls(page, "/api/push")))
    expect(closed).to_be_checked()
    expect(closed).to_be_enabled()
    asked = page.evaluate("window.asked")
    assert [one["userVisibleOnly"] for one in asked] == [True, True]
    (sent,) = calls(page, "/api/push")
    assert sent == ("PUT", {"endpoint": "https://push.example/1", "expirationTime": None,
                            "keys": {"p256dh": "P", "auth": "A"}, "lang": "en"})  # fmt: skip
    page.reload()
    until(lambda: len(calls(page, "/api/push")) == 2)  # told again with each page: the server may be another one
    page.get_by_role("button", name="Settings").click()
    expect(closed).to_be_checked()
    page.evaluate("navigator.serviceWorker.getRegistration().then(r => r.pushManager.subscribe({}))")
    sheet.get_by_role("switch", name="A notification of the system").click()
    until(lambda: calls(page, "/api/push")[-1] == ("DELETE", {"endpoint": "https://push.example/1"}))
    expect(closed).to_have_count(0)
    until(lambda: page.evaluate("localStorage.push") == "off")


def deliver(page: Page, **message: Any) -> None:
    """As a push service does, to the worker of the page's origin."""
    devtools = page.context.new_cdp_session(page)
    found: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda e: found.extend(r["registrationId"] for r in e["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    heard(page, lambda: bool(found))
    origin = page.evaluate("location.origin")
    devtools.send("ServiceWorker.deliverPushMessage",
                  {"origin": origin, "registrationId": found[-1], "data": json.dumps(message)})  # fmt: skip


SHOWN = "navigator.serviceWorker.getRegistration().then(r => r.getNotifications()).then(all => all.map(n => [n.tag, n.title, n.body, n.lang]))"
COUNTED = "(() => { const was = tell; self.told = 0; self.tell = async m => { await was(m); self.told += 1; }; })()"
HIDDEN = "Object.defineProperty(WindowClient.prototype, 'visibilityState', { get: () => 'hidden' })"


def test_a_message_is_shown_in_words_unless_somebody_looks(visit: Opener) -> None:
    page = visit(service_workers="allow", permissions=["notifications"])
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    heard(page, lambda: len(page.context.service_workers) == 1)
    (worker,) = page.context.service_workers
    worker.evaluate(COUNTED)
    deliver(page, tag="run_1", rows=1, done=4, of=5, lang="en")
    until(lambda: worker.evaluate("self.told") == 1)  # a message is handed over some time after it was delivered
    worker.evaluate(HIDDEN)  # pages of a headless browser are always in sight
    deliver(page, tag="run_2", rows=1, done=4, of=5, lang="en")
    deliver(page, tag="rows", rows=3, done=14, of=15, lang="de")
    until(lambda: len(page.evaluate(SHOWN)) == 2)
    assert sorted(page.evaluate(SHOWN)) == [
        ["rows", "Deine Bilder sind fertig", "3 Zeilen sind fertig: 14 von 15 Kacheln haben ein Bild.", "de"],
        ["run_2", "Your pictures are done", "4 of 5 tiles have a picture.", "en"],
    ]
