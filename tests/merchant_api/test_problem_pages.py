"""Every problem code has a page that says what happened and what to do, in both languages."""

import pytest

from cardnet.merchant_api.problem_words import GUIDE
from cardnet.merchant_api.problems import PROBLEMS


def test_every_code_of_the_catalogue_is_explained_and_no_other_but_what_any_address_answers():
    assert set(GUIDE) - set(PROBLEMS) == {"method_not_allowed"}
    assert set(PROBLEMS) - set(GUIDE) == set()


@pytest.mark.parametrize("code", sorted(GUIDE))
def test_the_type_of_a_problem_leads_to_its_page(client, code):
    page = client.get(f"/problems/{code}")
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    for words in GUIDE[code]:
        assert words.split("。")[0].split(".")[0][:12] in text


def test_a_code_nobody_knows_is_not_found(client):
    assert client.get("/problems/nonsense_code").status_code == 404


def test_what_a_till_hears_names_the_page(shop, client):
    answer = shop.get(client, "/redemptions/01a1fbd4-0000-7000-8000-000000000000")
    assert answer.json["type"] == "/problems/not_found"
    assert client.get(answer.json["type"]).status_code == 200
