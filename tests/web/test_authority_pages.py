"""决策依据 of programs and pools as pages: what is missing is seen, a decision is put on record with its original."""

import io
import re

from cardnet.access.rules import Role
from tests.make.issuance import make_officer
from tests.make.web import submit, words_of

LIST, PROGRAM, POOL = "/console/authorities", "/console/authorities/program/tea", "/console/authorities/pool/check-2026"
# As large as a scan of four pages: more than an ordinary form may carry.
SCAN = b"%PDF-1.7 " + b"decision " * 400_000


def decision(**other):
    return {
        "document": "云工〔2026〕18号", "meeting": "第三次常委会", "decided_on": "2026-03-02", "budget_item": "职工服务支出",
        **other,
    }  # fmt: skip


def test_a_decision_is_put_on_record_with_its_original_and_reused_for_the_pool(tea_shop, signed_in_as, session, world):
    client = signed_in_as(tea_shop.office["C1"])
    assert "2 个还没有登记决策依据" in words_of(client.get(LIST).text)
    # The form starts with what the program was set up under.
    assert 'value="云工〔2026〕8号"' in client.get(PROGRAM).text
    form = decision(original=(io.BytesIO(SCAN), "决定.pdf"))
    assert submit(client, PROGRAM, form, content_type="multipart/form-data").status_code == 303
    page = client.get(PROGRAM).text
    assert "第三次常委会" in page
    original = re.search(r'href="(/console/quota/authority/[^"]+)"', page)[1]
    chosen = re.search(r'<option value="([0-9a-f-]{36})"', client.get(POOL).text)[1]
    assert submit(client, POOL, {"authority": chosen}).status_code == 303
    assert submit(client, POOL, {"authority": chosen}).status_code == 409
    words = words_of(client.get(LIST).text)
    assert "还没有登记" not in words
    assert words.count("1 份原件") == 2
    auditor = signed_in_as(make_officer(session, world, tea_shop.office.unions["C"], "aud", Role.AUDITOR))
    assert auditor.get(original).data == SCAN
    assert "登记决策依据" not in words_of(auditor.get(PROGRAM).text)
    # Below the district nobody sees it, and nobody learns that it is there.
    assert [signed_in_as(tea_shop.office["U1"]).get(page).status_code for page in (original, PROGRAM)] == [404, 403]
    assert [signed_in_as(tea_shop.office["D1u"]).get(page).status_code for page in (original, PROGRAM)] == [404, 404]


def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(tea_shop, signed_in_as):
    client = signed_in_as(tea_shop.office["C1"])
    wrong = submit(client, PROGRAM, decision(meeting="", decided_on="2031-01-01"))
    assert wrong.status_code == 422
    assert 'id="meeting-error"' in wrong.text
    assert 'id="decided_on-error"' in wrong.text
    assert 'value="云工〔2026〕18号"' in wrong.text
    program = submit(
        client, PROGRAM, decision(original=(io.BytesIO(b"MZ"), "决定.pdf")), content_type="multipart/form-data"
    )
    assert (program.status_code, 'id="original-error"' in program.text) == (422, True)
    empty = submit(client, PROGRAM, decision(decided_on=""))
    assert ("请填写会议日期" in empty.text, "不能晚于今天" in empty.text) == (True, False)
    # The browser's own chooser speaks the browser's language: a zone with our words stands over it.
    assert ("data-drop-choose" in empty.text, "js/console.js" in empty.text) == (True, True)
    assert client.get("/console/authorities/none/tea").status_code == 404
