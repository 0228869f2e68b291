"""What every test may use."""

import os
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

pytest_plugins = ["tests.emulators.fixtures"]
HANGS_S = 360
"""So long after its start a test is taken for one that hangs. What starts several programs takes minutes on a machine that is busy with
something else."""
LONG = ("web", "integration")
"""Folders whose files take long. They come first, so that no worker waits at the end for the one that has such a file."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    @cache
    def rank(path: Path) -> int:
        return next((place for place, name in enumerate(LONG) if here / name in path.parents), len(LONG))

    items.sort(key=lambda item: rank(item.path))
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(HANGS_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to say aloud though it has passed, such as that this machine did not let it be as strict as it is."""
    for report in terminalreporter.getreports("passed"):
        for name, text in getattr(report, "user_properties", ()):
            if name == "aloud":
                terminalreporter.write_line(f"WARNING {report.nodeid}: {text}", yellow=True, bold=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped in the gate has not been run, so it has failed there."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report
