"""The pages of wallet and till, their workers and manifests, and the words they carry."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from cardnet.benefits.words import AdviceOutcome
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices
from cardnet.merchants.rules import SettlementCycle
from cardnet.web import till, wallet
from tests.make.issuance import make_office

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "frontend" / "src"
WORDS = {"wallet": wallet.words, "till": till.words}


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_every_sentence_a_script_says_is_in_the_list_and_every_one_of_the_list_is_said(app: Flask, name: str) -> None:
    source = "".join(path.read_text() for path in sorted((SOURCES / name).glob("*.ts")))
    said = set(re.findall(r'say\(\s*"(\w+)"', source)) | set(re.findall(r'wrong: "(\w+)"', source))
    said |= _chosen(source)
    with app.test_request_context():
        listed = set(WORDS[name]())
    assert said - listed == set()
    assert listed - said == set()


def _chosen(source: str) -> set[str]:
    """Sentences chosen by a value: one of two, or one for each word that a type of the sources or the server knows."""
    pairs = re.findall(r'(?:const (?:borne|sentence) = |say\()[^;\n]*? \? "(\w+)" : "(\w+)"', source)
    every = "".join(path.read_text() for path in SOURCES.glob("*/*.ts"))
    said = {word for pair in pairs for word in pair}
    for prefix in set(re.findall(r"say\(`(\w+)_\$\{", source)):
        said |= {f"{prefix}_{word}" for word in _KINDS[prefix](every)}
    return said


def _union(name: str, *others: str) -> Callable[[str], set[str]]:
    """The words of a TypeScript type, but for those that are never told so."""
    return lambda source: (
        set(re.findall(r'"(\w+)"', next(iter(re.findall(rf"type {name} =([^;]+);", source)), ""))) - set(others)
    )


_KINDS: dict[str, Callable[[str], set[str]]] = {
    "asking": _union("Asking"),
    # What can be wrong with a camera is told by the module that the till shares with the officer's phone.
    "camera": _union("CameraTrouble"),
    "disk": _union("Refusal"),
    "none": _union("NoneBecause"),
    "online": _union("OnlineBecause"),
    # The server is asked about these two, and a replay is told with its time.
    "code": _union("Outcome", "unknown_key", "clock_error", "replayed"),
    "record": lambda _: {
        *(outcome.value for outcome in AdviceOutcome),
        *("waiting", "undoing", "undone", "not_undone", "stuck"),
    },
    # Every service that has a name of its own; others are called by their programs.
    "service_of": lambda _: {
        word.removeprefix("service_of_") for word in till.words() if word.startswith("service_of_")
    },
    "settle": lambda _: {cycle.value for cycle in SettlementCycle},
}


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_a_page_is_the_same_at_every_visit_and_sets_no_cookie(client: FlaskClient, name: str) -> None:
    first, second = client.get(f"/{name}"), client.get(f"/{name}")
    assert first.status_code == 200
    assert first.data == second.data
    assert "Set-Cookie" not in first.headers
    # At whatever host: the card may have an origin of its own (docs/security.md).
    assert client.get(f"/{name}", base_url="https://card.example").data == first.data
    assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_a_page_has_no_inline_script_or_style_and_nothing_of_another_host(client: FlaskClient, name: str) -> None:
    page = client.get(f"/{name}").text
    for script in re.findall(r"<script[^>]*>", page):
        assert 'type="application/json"' in script or "src=" in script
    assert not re.search(r'<style|\sstyle="|\son\w+="', page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "'unsafe-inline'" not in client.get(f"/{name}").headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_the_worker_may_hold_its_page_and_names_files_that_exist(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/{name}/sw.js")
    assert answer.headers["Service-Worker-Allowed"] == f"/{name}"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.mimetype == "text/javascript"
    shell = json.loads(answer.text.split("\n", 1)[0].removeprefix("self.cardnetShell = ").removesuffix(";"))
    assert shell["page"] == f"/{name}"
    built = re.findall(r'"url":\s*"(/static/[^"]+)"', answer.text.split("\n", 1)[1])
    assert built, "the scripts of the build are in the worker"
    for url in [file["url"] for file in shell["files"]] + built:
        assert client.get(url).status_code == 200, url
    assert not any("/api" in file["url"] for file in shell["files"])


def test_a_changed_word_is_a_new_worker_and_an_unchanged_one_is_not(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get("/wallet/sw.js").data
    assert client.get("/wallet/sw.js").data == before
    monkeypatch.setattr(wallet, "words", lambda: {"step_of": "别的话"})
    assert client.get("/wallet/sw.js").data != before


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_the_manifest_makes_the_page_installable(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/{name}/manifest.webmanifest")
    manifest = answer.get_json(force=True)
    assert answer.mimetype == "application/manifest+json"
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == (f"/{name}", f"/{name}", "standalone")
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    for icon in manifest["icons"]:
        assert client.get(icon["src"]).status_code == 200


def test_a_page_that_was_never_built_says_how_to_build_it(
    app: Flask, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardnet.web.offline._DIST", tmp_path)
    answer = client.get("/wallet")
    assert answer.status_code == 503
    assert "make demo" in answer.text


@pytest.mark.parametrize("address", ["/wallet", "/till", "/lost"])
def test_the_number_to_call_is_the_topmost_unions_own_else_the_hotline(
    client: FlaskClient, session: Session, world: World, address: str
) -> None:
    office = make_office(session, world)
    assert 'href="tel:12351"' in client.get(address).text
    top = membership.unions_under(session, "/")[0]
    notices.set_union_phone(session, world, notices.SetUnionPhone(office["C1"], top.id, "021-67812351"))
    page = client.get(address).text
    assert 'href="tel:021-67812351"' in page
    assert "12351" not in page.replace("67812351", "")


def test_the_hotline_is_written_down_in_one_place() -> None:
    """Whoever names a number to call asks `notices.help_phone`, so that a district has one number everywhere."""
    sources = [path for ending in ("py", "html") for path in (ROOT / "cardnet").rglob(f"*.{ending}")]
    named = [path for path in [*sources, *SOURCES.rglob("*.ts")] if "12351" in path.read_text()]
    assert [str(path.relative_to(ROOT)) for path in named] == ["cardnet/membership/services/notices/writing.py"]
