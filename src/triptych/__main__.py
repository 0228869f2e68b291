"""`python -m triptych` is the command too."""

from triptych.cli import main

main()
