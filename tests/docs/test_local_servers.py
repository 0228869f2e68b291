"""Which servers of this machine are found is said in two places, and both say what the code does."""

import re

import pytest
from tests.docs.test_blocks import ROOT

from triptych.app.engines import engine_of
from triptych.provider_kit.local_servers import KNOWN


@pytest.mark.parametrize(
    ("file", "after"),
    [("README.md", "*Look for one*"), ("src/triptych/web/app/local.js", "Looks on this machine only.")],
)
def test_every_known_program_is_named_with_what_becomes_of_it(file: str, after: str) -> None:
    text = re.sub(r"\s+", " ", (ROOT / file).read_text("utf-8")).split(after)[1]
    drawn, _, rest = text.partition("by a click;")
    found, _, _ = rest.partition("not drawn with yet")
    for known in KNOWN:
        name = "OpenAI" if known.name.startswith("An OpenAI") else known.name
        assert name in (drawn if known.models or engine_of(known) else found), known.name
        assert name not in (found if known.models or engine_of(known) else drawn), known.name
    for port in re.findall(r"\b\d{4,5}\b", drawn):
        assert int(port) in {known.port for known in KNOWN if known.models or engine_of(known)}
    for port in re.findall(r"\b\d{4,5}\b", found):
        assert int(port) in {known.port for known in KNOWN if not known.models and not engine_of(known)}
