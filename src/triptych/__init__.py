"""Triptych: one prompt, many image models, side by side."""

__version__ = "0.1.0"
