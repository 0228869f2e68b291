"""`triptych serve` in a process of its own, in whose world the pictures' name leads to the emulators' files host.

python -m tests.integration.boot CERTIFICATE serve --port 0 --no-browser
"""

import sys
from functools import partial
from pathlib import Path

from tests.integration.place import ToLoopback, public, trusting

from triptych.app import container
from triptych.cli import main
from triptych.http.client import HttpClient

if __name__ == "__main__":
    certificate = Path(sys.argv.pop(1))
    client = partial(HttpClient, resolver=ToLoopback, tls=trusting(certificate), public=public)
    vars(container)["HttpClient"] = client
    main()
