"""The guide for POS vendors (`docs/merchant-api.md`): every block of it, run as it stands against a server."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from cardnet.kernel.db import transaction
from cardnet.kernel.world import clock_started_at
from cardnet.merchant_api.routes.blueprint import API
from cardnet.merchants.services import MakePairingCode, make_pairing_code
from tests.conftest import START, make_app
from tests.make.redemptions import make_shop

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "merchant-api.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


@pytest.fixture
def open_for_business(fresh_database, data_folder):
    """A server whose clock runs, four members with phones, and the variables the guide's blocks read."""
    world = clock_started_at(START)
    app = make_app(fresh_database, data_folder, world)
    with app.app_context():
        with transaction() as session:
            shop = make_shop(session, world, people=4)
        with transaction() as session:
            pairing = make_pairing_code(session, world, MakePairingCode(shop.tills["T02"].venue.terminal_id))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    codes = [phone.code(world) for phone in shop.phones]
    yield (
        os.environ
        | {
            "CARDNET_URL": f"http://127.0.0.1:{server.server_port}",
            "CARDNET_TOKEN": shop.tills["T01"].token,
            "PAIRING_CODE": pairing,
            "CODE": codes[0],
            "CODE_2": codes[1],
            "CODE_3": codes[2],
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        },
        codes,
    )
    server.shutdown()
    thread.join()
    with app.app_context():
        app.extensions["cardnet.sessions"].bind.dispose()


def test_the_guide_in_chinese_has_the_same_blocks_and_sections():
    chinese = (DOCS / "merchant-api.zh.md").read_text()
    for shape in (r"```\w+\n.*?```", r"^## \d", r"^\| `\w+`"):
        assert re.findall(shape, chinese, re.S | re.M) == re.findall(shape, GUIDE, re.S | re.M)


def test_the_guide_names_every_call():
    paths = {call.path.split("{")[0].rstrip("/") or call.path for call in API.calls}
    assert [path for path in sorted(paths) if path not in GUIDE] == []


def test_the_guide_has_both_kinds_of_blocks():
    assert len(blocks("bash")) >= 3
    assert len(blocks("python")) >= 6


def test_every_curl_of_the_guide_works_as_it_stands(open_for_business):
    given, codes = open_for_business
    for block in blocks("bash"):
        script = f"set -e\n{block}"
        done = subprocess.run(
            ["bash", "-c", script], check=False, env=given | {"CODE": codes[3]}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_python_of_the_guide_works_from_top_to_bottom(open_for_business):
    given, _ = open_for_business
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks("python"))],
        check=False,
        env=given,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'charge_fen': 28000" in done.stdout
