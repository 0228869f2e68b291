"""What is logged of a fault: where it happened, and nothing of what was in memory."""

import sys

import pytest

from triptych.cli.logs import renderers


@pytest.mark.parametrize("pretty", [True, False])
def test_a_traceback_shows_no_variables(pretty: bool) -> None:
    made = {"key": "very-" * 2 + "secret"}
    try:
        raise ValueError("a-fault" * len(made))
    except ValueError:
        event: object = {"event": "internal error", "exc_info": sys.exc_info()}
    for processor in renderers(pretty=pretty):
        event = processor(None, "error", event)  # type: ignore[arg-type]
    assert "a-fault" in str(event)
    assert "test_a_traceback_shows_no_variables" in str(event)
    assert made["key"] not in str(event)
