"""Every sentence has its English, and the compiled catalogue is the one of the source."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import cardnet.web
from tests.make.access import make_account, make_session
from tests.make.web import enter, submit, words_of

WEB = Path(cardnet.web.__file__).parent
ENGLISH = WEB / "translations" / "en" / "LC_MESSAGES"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (ENGLISH / "messages.po").open("rb") as file:
        return read_po(file)


def sentences() -> Iterator[str]:
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    keywords = {"_": None, "gettext": None, "lazy_gettext": None}
    return (found[2] for found in extract_from_dir(WEB, methods, keywords=keywords))


def test_every_sentence_has_its_english(catalogue: Catalog) -> None:
    missing = {text for text in sentences() if text not in catalogue or not catalogue[text].string}
    assert missing == set()


def test_a_translation_keeps_the_places_for_names_and_numbers(catalogue: Catalog) -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"%\(\w+\)[sd]", text))

    wrong = [m.id for m in catalogue if m.id and m.string and places(m.id) != places(m.string)]
    assert wrong == []


def test_the_compiled_catalogue_says_what_the_source_says(catalogue: Catalog) -> None:
    with (ENGLISH / "messages.mo").open("rb") as file:
        compiled = {m.id: m.string for m in read_mo(file) if m.id}
    assert compiled == {m.id: m.string for m in catalogue if m.id and m.string}


def test_an_officer_who_chose_english_reads_english(client, session, world) -> None:
    enter(client, make_session(session, world, make_account(session, world, "officer")))
    submit(client, "/language", {"language": "en"})
    page = client.get("/account")
    assert 'lang="en"' in page.text
    assert "Signed-in devices" in page.text
    assert "Sat 21 Nov 2026" in words_of(page.text)
