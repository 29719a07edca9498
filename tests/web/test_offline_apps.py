"""The pages of wallet and till, their workers and manifests, and the words they carry."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cardnet.web import till, wallet

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "frontend" / "src"
WORDS = {"wallet": wallet.words, "till": till.words}


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_every_sentence_a_script_says_is_in_the_list_and_every_one_of_the_list_is_said(app: Flask, name: str) -> None:
    source = "".join(path.read_text() for path in sorted((SOURCES / name).glob("*.ts")))
    said = set(re.findall(r'say\(\s*"(\w+)"', source)) | set(re.findall(r'wrong: "(\w+)"', source))
    # Chosen by a value: one of two sentences, and one for each trouble of the camera.
    said |= _chosen(source)
    with app.test_request_context():
        listed = set(WORDS[name]())
    assert said - listed == set()
    assert listed - said == set()


def _chosen(source: str) -> set[str]:
    pairs = re.findall(r'const (?:borne|sentence) = .*? \? "(\w+)" : "(\w+)"', source)
    # What can be wrong with a camera is told by the module that the till shares with the officer's phone.
    shared = (SOURCES / "shared" / "camera.ts").read_text() if "camera_${" in source else ""
    troubles = re.findall(r"type CameraTrouble = ([^;]+);", shared)
    return {word for pair in pairs for word in pair} | {
        f"camera_{trouble}" for union in troubles for trouble in re.findall(r'"(\w+)"', union)
    }


@pytest.mark.parametrize("name", ["wallet", "till"])
def test_a_page_is_the_same_at_every_visit_and_sets_no_cookie(client: FlaskClient, name: str) -> None:
    first, second = client.get(f"/{name}"), client.get(f"/{name}")
    assert first.status_code == 200
    assert first.data == second.data
    assert "Set-Cookie" not in first.headers
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
