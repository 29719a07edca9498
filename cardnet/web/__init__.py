"""Pages for people: wallet, till, console, finance, overview. Each calls the same services as the API."""

from flask import Flask


def install(app: Flask) -> None:
    """Register every page."""
