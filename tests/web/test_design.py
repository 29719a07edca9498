"""What every page owes its reader, whatever it is about."""

import re

from flask.testing import FlaskClient


def test_the_front_page_leads_each_audience_to_its_own(client: FlaskClient) -> None:
    page = client.get("/").text
    for path in ("/wallet", "/till", "/console", "/finance", "/overview"):
        assert f'href="{path}"' in page


def test_a_page_has_no_inline_style_or_script_and_names_no_other_host(client: FlaskClient) -> None:
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_an_address_that_is_none_answers_with_a_page_that_leads_on(client: FlaskClient) -> None:
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "没有找到" in answer.text
    assert 'href="/"' in answer.text


def test_a_form_that_was_not_opened_here_changes_nothing(client: FlaskClient) -> None:
    answer = client.post("/language", data={"language": "en"})
    assert answer.status_code == 403
    assert 'lang="zh-Hans-CN"' in client.get("/").text


def test_a_visitor_chooses_english_and_stays_on_the_page(client: FlaskClient) -> None:
    token = re.search(r'name="_token" value="([^"]+)"', client.get("/").text)
    assert token
    answer = client.post("/language", data={"language": "en", "return_to": "//evil.example/", "_token": token[1]})
    assert answer.headers["Location"] == "/"
    assert 'lang="en"' in client.get("/").text


def test_a_call_from_another_site_with_our_cookie_is_refused(client: FlaskClient) -> None:
    answer = client.post("/wallet/api/activate", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code in (403, 404)
