"""Whatever an address says, whoever sends it, every page answers with something better than "a fault of ours"."""

import pytest
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.utils import cached_property

from cardnet.web.paging import page_url
from tests.web.no_five_hundred.routes import SEGMENTS, address, pages_of

VALUES = ("", "-1", "abc", "999999", "9" * 30, "²", "2026-02-30", "a\0b", "/C/\0", "/C/", "%", "<b>")
LONG_VALUES = ("9" * 5_000, "张" * 2_000)
"""Only for the parameters that a page reads: of half a million bytes of address nearly all would be for nobody."""
FRAMEWORK_WORDS = ("endpoint", "batch_id", "run_id", "settlement_id", "_external", "_scheme", "_anchor", "_method", "values", "self")  # fmt: skip


class Asked(ImmutableMultiDict):
    """The parameters of an address; `names` are those a page has asked for, whether they are there or not."""

    def __init__(self, parameters, names):
        super().__init__(parameters)
        self.names = names

    def __getitem__(self, key):
        self.names.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.names.add(key)
        return super().__contains__(key)

    def getlist(self, key, *more):
        self.names.add(key)
        return super().getlist(key, *more)


@pytest.fixture
def noted(app, monkeypatch):
    """`noted(names)`: from now on the parameters that pages read are noted there."""
    names = set()

    class Noting(app.request_class):
        @cached_property
        def args(self):
            return Asked(super().args, names)

    def note(there):
        nonlocal names
        names = there

    monkeypatch.setattr(app, "request_class", Noting)
    return note


@pytest.fixture
def pages(app, browsers, things, noted):
    """Of each page: its rule, a good address, whoever it opens for (else the stranger), and the parameters it reads."""
    found = []
    for rule in pages_of(app, "GET"):
        good = address(rule, things["ids"])
        noted(names := set())
        reader = next((one for one in browsers.values() if one.get(good).status_code == 200), browsers["stranger"])
        found.append((rule, good, reader, names))
    return found


def test_no_parameter_breaks_a_page(pages, noted):
    broken = []
    anywhere = set().union(*(names for *_, names in pages))
    assert anywhere > {"page", "under", "year", "first", "before", "format"}
    for _, good, reader, names in pages:
        noted(names)
        # A page that reads none sees none: what all pages share is asked by those that do.
        for value in VALUES if names else VALUES[-1:]:
            if reader.get(good, query_string=dict.fromkeys(anywhere, value)).status_code >= 500:
                broken.append((good, value))
        # All at once: what one of them does to the addresses on a page is asked below, of the function that makes them.
        for value in ("1", "a"):
            if reader.get(good, query_string=dict.fromkeys(FRAMEWORK_WORDS, value)).status_code >= 500:
                broken.append((good, "a word of the framework"))
        for value in LONG_VALUES:
            if reader.get(good, query_string=dict.fromkeys(names, value)).status_code >= 500:
                broken.append((good, value[:5]))
    assert broken == []


def test_no_address_breaks_a_page(pages, things):
    broken = []
    for rule, _, reader, _ in pages:
        bad = [address(rule, things["ids"] | {name: segment}) for name in rule.arguments for segment in SEGMENTS]
        broken += [path for path in bad if reader.get(path).status_code >= 500]
    assert broken == []


def test_nobody_who_has_not_signed_in_sees_a_page_of_staff(app, browsers, things):
    open_to_all = {"home", "wallet", "till", "confirm", "lost", "phone", "invite", "fill"}
    staff = [rule for rule in pages_of(app, "GET") if rule.endpoint.split(".")[0] not in open_to_all]
    for rule in staff:
        answer = browsers["stranger"].get(address(rule, things["ids"]))
        assert answer.status_code == (200 if rule.endpoint == "auth.sign_in" else 303), rule.rule


@pytest.mark.parametrize("word", FRAMEWORK_WORDS)
def test_a_word_of_the_framework_in_an_address_is_a_word_like_any_other(app, word):
    with app.test_request_context(f"/console/rosters?{word}=a&under=%2FC%2F&page=2"):
        assert page_url(3) == f"/console/rosters?{word}=a&under=%2FC%2F&page=3"
