"""In which language a document is made that leaves the studio."""

from starlette.requests import Request

from triptych.spec.errors import BadRequestError
from triptych.web.languages import COOKIE, LANGUAGES, language


def spoken(request: Request, asked: object = None) -> str:
    """The one asked for, else the one the page is shown in. Raises BadRequestError for one that there is not."""
    if asked is None:
        return language(request.headers.get("accept-language", ""), request.cookies.get(COOKIE))
    if isinstance(asked, str) and asked in LANGUAGES:
        return asked
    raise BadRequestError(f"lang takes {', '.join(LANGUAGES)}.", param="lang")
