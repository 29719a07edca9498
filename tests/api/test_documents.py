"""The pages of the two APIs: whole, without a script, open to all."""

import re

import pytest

from cardnet.http.calls import Api
from cardnet.merchant_api.routes.blueprint import API as MERCHANT_API
from cardnet.web.api import API


@pytest.mark.parametrize(("name", "api"), [("back-office", API), ("merchant", MERCHANT_API)])
def test_a_page_shows_every_call_and_every_shape_without_a_script(client, name: str, api: Api):
    page = client.get(f"/docs/{name}")
    assert page.status_code == 200
    shown = set(re.findall(r'call__method--\w+">(\w+)</span> <code class="call__path">([^<]+)<', page.text))
    assert shown == {(call.method, api.prefix + call.path) for call in api.calls}
    document = client.get(f"{api.prefix}/openapi.json").json
    assert set(re.findall(r'id="shape-(\w+)"', page.text)) == set(document["components"]["schemas"])
    inside = page.text.split("<main", 1)[1].split("</main>", 1)[0]
    assert "<script" not in inside and "style=" not in inside


@pytest.mark.parametrize(("path", "page"), [("/api/v1/", "/docs/back-office"), ("/merchant/v1/docs", "/docs/merchant")])
def test_who_opens_the_api_itself_is_led_to_its_page(client, path, page):
    answer = client.get(path)
    assert (answer.status_code, answer.location) == (303, page)
    assert "Set-Cookie" not in answer.headers


def test_the_type_of_a_problem_leads_to_a_page(client, programs):
    problem = programs["U1"].post("/quota/plan", {}).json
    page = client.get(problem["type"])
    assert (page.status_code, "role_missing" in page.text, API.title in page.text) == (200, True, True)
    assert client.get("/problems/<b>x").status_code == 404
    assert client.get("/docs/nothing").status_code == 404
