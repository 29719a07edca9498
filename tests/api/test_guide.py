"""docs/back-office-api.md: its commands are run as they stand, against a server that listens."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from cardnet.web.api import API
from tests.make.api import make_program
from tests.make.issuance import make_office

GUIDE = Path(__file__).parents[2] / "docs" / "back-office-api.md"
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL) for line in block.splitlines()]  # fmt: skip
CURLS = [line for line in COMMANDS if line.startswith("curl")]


@pytest.fixture
def served(committing_app) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, committing_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}/api/v1"
    server.shutdown()
    thread.join()


def test_the_guide_leads_from_a_file_to_cards(committing_app, served, clock, tmp_path):
    world = clock.world()
    with committing_app.extensions["cardnet.sessions"]() as session, session.begin():
        office = make_office(session, world)
        office.give_unit("B1", 2)
        tokens = {
            name: make_program(committing_app.test_client(), session, world, office[officer]).token
            for name, officer in (("TOKEN", "U1"), ("TOKEN_A1", "A1"), ("TOKEN_D1", "D1u"), ("TOKEN_C1", "C1"))
        }
        (tmp_path / "roster.csv").write_bytes(office.roster(1, 2))
    environment = {**os.environ, **tokens, "BASE": served, "no_proxy": "127.0.0.1"}
    answers = []
    for command in CURLS:
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True)
        answers.append(json.loads(done.stdout))
        assert "code" not in answers[-1], (command, answers[-1])
        if "/rosters?" in command:
            environment["ROSTER"] = answers[-1]["id"]
        environment["BATCH"] = answers[-1].get("batch_id") or environment.get("BATCH", "")
    issued, cards = answers[-2], answers[-1]
    assert len(issued["cards"]) == 2 and all(len(card["activation_code"]) == 8 for card in issued["cards"])
    assert {card["number"] for card in cards["items"]} == {card["number"] for card in issued["cards"]}


def test_the_guide_names_only_calls_that_are_there():
    from_document = {re.sub(r"\{\w+\}", "{}", call) for call in (call.path for call in API.calls)}
    named = re.findall(r"`(?:GET |POST )?(/[a-z{][a-z{}./-]*)`", GUIDE.read_text(encoding="utf-8"))
    others = {"/api/v1", "/api/v1/openapi.json", "/docs/back-office", "/docs/merchant"}
    short = {"/allocate", "/transfer", "/return", "/use"}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in named} - from_document - others - short == set()
