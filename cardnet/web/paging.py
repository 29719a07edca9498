"""One page of a long list: which rows, how many pages, and the numbers to offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request, url_for


def install(app: Flask) -> None:
    """Give templates `page_url(n)`: this address with another page number."""
    app.jinja_env.globals.update(page_url=page_url)


def page_url(number: int) -> str:
    """The address of this list's page `number`, with the filters of this one."""
    words = [(key, value) for key, value in request.args.items(multi=True) if key != "page"]
    # Not through url_for's own words: `?_scheme=x` or `?endpoint=x` in the address would reach its parameters.
    here = url_for(request.endpoint or "home.front", **(request.view_args or {}))
    return f"{here}?{urlencode([*words, ('page', number)])}"


@dataclass(frozen=True)
class Page:
    """`number` counts from 1; `items` are the rows of this page only, `total` the rows of all."""

    items: Sequence[Any]
    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        return 0 if not self.total else (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.total)

    @property
    def offered(self) -> list[int | None]:
        """Page numbers to link: the ends, and the neighbours of this one; None is a gap."""
        near = {1, self.pages, *range(max(1, self.number - 2), min(self.pages, self.number + 2) + 1)}
        numbers: list[int | None] = []
        for n in sorted(near):
            if numbers and numbers[-1] is not None and n > numbers[-1] + 1:
                numbers.append(None)
            numbers.append(n)
        return numbers


def asked_page() -> int:
    """The page number of the address, 1 when it makes no sense."""
    asked = request.args.get("page", "1")
    return max(1, int(asked)) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 1


def page_of(rows: Sequence[Any], size: int = 50) -> Page:
    """The asked page of rows that are all in memory."""
    pages = max(1, -(-len(rows) // size))
    number = min(asked_page(), pages)
    return Page(rows[(number - 1) * size : number * size], number, size, len(rows))
