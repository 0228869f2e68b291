"""What somebody sees who opens the link of an invite in a browser. What stands behind the # is not sent."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_WELCOME = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>An invite</title><h1>This is an invite</h1>
<p>Somebody shares the image models on their machine with you. To use them, you need Triptych on yours.</p>
<ol><li>Copy the whole address of this page, with everything behind the #.</li><li>Start Triptych, and open <b>Network</b>.</li>
<li>Paste it under <b>Invites</b>, and press <b>Accept</b>.</li></ol>
<p>What is behind the # was not sent to anybody when you opened this page. Whoever has the whole address can use the invite: keep it to
yourself.</p></html>"""
_WELCOME_HEADERS = {
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


async def welcome(_: Request) -> Response:
    """For whoever opens the link of an invite in a browser: what to do with it."""
    return HTMLResponse(_WELCOME, headers=_WELCOME_HEADERS)
