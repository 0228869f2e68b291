"""The emulators by hand: `python -m tests.emulators --port-base 9100 --delay 2`. Ends with Ctrl+C."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.emulators import Emulators


def environment(emulators: Emulators) -> list[str]:
    """The lines that point a program at the emulators."""
    lines = []
    for one in emulators.providers:
        if one is not emulators.relay:
            lines += [f"{one.base_env}={one.base_url}", f"{one.key_env}={one.key}"]
    return [*lines, *relay_lines(emulators)]


def relay_lines(emulators: Emulators) -> list[str]:
    """The relay is no provider that comes with the program: a comment says what to put into triptych.toml."""
    relay = emulators.relay
    models = ", ".join(f'{{ id = "{name}" }}' for name in relay.models)
    return [
        f"{relay.key_env}={relay.key}", "# For triptych.toml:", "# [endpoints.relay]", f'# base_url = "{relay.base_url}"',
        f'# key_env = "{relay.key_env}"', f"# models = [{models}]",
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators", description="Image providers on loopback.")
    parser.add_argument("--port-base", type=int, default=9100, help="first port; 0 takes free ones")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds that a picture takes")
    parser.add_argument("--style", choices=("scene", "quick"), default="scene")
    parser.add_argument("--env-file", help="write the lines there too")
    options = parser.parse_args()
    emulators = Emulators(port_base=options.port_base, style=options.style, delay_s=options.delay)
    emulators.start()
    text = "\n".join(environment(emulators)) + "\n"
    if options.env_file:
        Path(options.env_file).write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    sys.stdout.flush()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    emulators.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
