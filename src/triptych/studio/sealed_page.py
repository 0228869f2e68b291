"""What HTML files have in common that are opened from disk and speak to nobody."""

import base64
import hashlib
from html import escape


def head(title: str, css: str, js: str) -> str:
    """The head of such a file: its policy lets in its own pictures, this one sheet and this one script (W3C CSP Level 3,
    section 2.3.1 on hashes), and nothing out. `title` is text and no markup."""
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(css)}'; script-src 'sha256-{_digest(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">
<title>{escape(title)}</title><style>{css}</style></head>"""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
