"""执行标准 as a page: every version with who and when; one person hands in, another approves or gives back."""

import re
from datetime import date

from cardnet.benefits import services
from tests.make.benefits import percent, rule
from tests.make.web import submit, words_of

PAGE = "/console/rules"


def test_a_version_goes_from_its_author_to_another_person_and_back_and_into_force(
    tea_shop, session, world, signed_in_as
):
    author, approver = signed_in_as(tea_shop.office["C1"]), signed_in_as(tea_shop.office["C2"])
    command = services.DraftRule("tea", rule(percent(2_000)), date(2027, 1, 1), tea_shop.office["C1"])
    draft = services.draft_rule(session, world, command)
    here = f"{PAGE}/{draft.id}"
    page = words_of(author.get(PAGE).text)
    assert all(words in page for words in ("茶饮九折", "第 2 版 草稿", "第 1 版 已批准", draft.content_hash))
    assert submit(author, f"{here}/submit").status_code == 303
    assert "您是起草人" in author.get(PAGE).text
    assert submit(author, f"{here}/approve").status_code == 403
    assert "1 版等您审批" in words_of(approver.get(PAGE).text)
    silent = submit(approver, f"{here}/send_back", {"words": " "})
    assert (silent.status_code, f'id="words-{draft.id}-error"' in silent.text) == (422, True)
    assert submit(approver, f"{here}/send_back", {"words": "让利写错"}).status_code == 303
    submit(author, f"{here}/submit")
    assert submit(approver, f"{here}/approve").status_code == 303
    first, second = services.rule_versions(session, "tea")[::-1]
    assert (second.status, first.effective_to) == ("approved", date(2027, 1, 1))
    assert submit(approver, f"{here}/retire", {"on": ""}).status_code == 422
    assert submit(approver, f"{here}/retire", {"on": "2027-01-01"}).status_code == 303
    assert re.search(r"第 2 版\s*已停用", words_of(approver.get(PAGE).text))


def test_who_may_not_decide_sees_no_button_and_nobody_sees_other_unions(tea_shop, signed_in_as):
    assert signed_in_as(tea_shop.office["U1"]).get(PAGE).status_code == 403
    assert "茶饮九折" not in signed_in_as(tea_shop.office["D1u"]).get(PAGE).text
    assert (
        submit(signed_in_as(tea_shop.office["C1"]), f"{PAGE}/{tea_shop.office['C1'].account_id}/approve").status_code
        == 404
    )
