"""Pages around rosters: large files as jobs, what is to be mended alone, the register, transfers, posters, cards of before."""

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.issuance import jobs
from cardnet.issuance.services import self_filled
from cardnet.membership.roster import Column
from cardnet.membership.spreadsheet import read
from cardnet.membership.template_workbook import template_workbook
from tests.make import membership as make_membership
from tests.make.issuance import make_office
from tests.make.web import enter, form_token, submit, words_of


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    office.give_unit("B1", 20)
    return office


@pytest.fixture
def browser_of(app, session, world, office):
    def make(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    return make


def upload(client, path, content, filename="名单.xlsx", **form):
    data = {"file": (io.BytesIO(content), filename), "_token": form_token(client), **form}
    return client.post(path, data=data, content_type="multipart/form-data")


def mixed():
    lines = [make_membership.roster_line(n, name=f"周桂{'林芳英'[n]}") for n in range(3)]
    lines[1][Column.CONSENT] = ""
    lines[2][Column.JOINED_ON] = "不详"
    return make_membership.xlsx_file(make_membership.roster_cells(lines))


def test_findings_are_summed_up_and_a_click_shows_their_rows(browser_of):
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", mixed()).headers["Location"]
    page = client.get(path)
    assert re.search(r"缺本人同意\s*1", words_of(page.text))
    assert "周桂芳" in page.text
    assert "周桂林" not in page.text, "what must be mended comes first"
    only = client.get(path + "?code=date_invalid").text
    assert "周桂英" in only
    assert "周桂芳" not in only


def test_an_officer_who_chose_english_reads_what_to_mend_in_english(browser_of):
    client = browser_of("U1")
    submit(client, "/language", {"language": "en"})
    path = upload(client, "/console/rosters/check", mixed()).headers["Location"]
    assert "The person&#39;s answer is missing: ask, keep the signed consent form" in client.get(path).text
    assert "“不详” is no usable date and was left out" in client.get(path + "?show=warning").text
    rows = read(client.get(path + "/result.xlsx?rows=invalid").data).rows
    assert [row[18] for row in rows] == ["Status", "must be mended"]
    assert rows[1][19].startswith("The person's answer is missing")
    torn = upload(client, "/console/rosters/check", b"PK\x03\x04torn")
    assert "cannot be read and may be damaged" in torn.text


def test_what_must_be_mended_is_downloaded_alone_before_and_after_submission(browser_of):
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", mixed()).headers["Location"]
    rows = read(client.get(path + "/result.xlsx?rows=invalid").data).rows
    assert [row[1] for row in rows] == ["姓名", "周桂芳"]
    batch = submit(client, path + "/submit", {"mode": "valid_rows_only"}).headers["Location"]
    assert "下载未提交的 1 行去改" in client.get(batch).text
    kept = read(client.get(batch + "/result.xlsx?rows=invalid").data).rows
    assert [row[1] for row in kept] == ["姓名", "周桂芳"]
    assert kept[1][18] == "需要改正"
    assert "本人同意没有填写" in kept[1][19]
    mended = [list(kept[0]), [*kept[1][:15], "是", *kept[1][16:]]]
    again = upload(client, "/console/rosters/check", make_membership.xlsx_file(mended)).headers["Location"]
    assert "1 人都可以提交" in client.get(again).text


def sheet_of(*serials, **cells):
    lines = [make_membership.roster_line(n, **cells) for n in serials]
    return make_membership.xlsx_file(make_membership.roster_cells(lines))


def test_a_mended_sheet_sent_whole_again_shows_who_is_in_process_as_no_fault(browser_of, office):
    office.submit(office.roster(0, 1))
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", sheet_of(0, 1, 2)).headers["Location"]
    page = client.get(path).text
    assert "1 人可以提交，2 人已在办理" in words_of(page)
    assert "怎样提交" not in page, "both answers do the same"
    assert '<input type="hidden" name="mode" value="valid_rows_only">' in page
    assert [
        word for word in ("需要改正", "有提醒", "本人暂不办") if f"{word} 0" in words_of(page.split('id="rows"')[1])
    ] == []
    assert "这一类没有人" in client.get(path + "?show=warning").text
    assert "badge--bad" not in page
    assert "badge--calm" in client.get(path + "?show=running").text
    rows = read(client.get(path + "/result.xlsx").data).rows
    assert [row[18] for row in rows] == ["状态", "已在办理", "已在办理", "可以提交"]
    sent = submit(client, path + "/submit", {"mode": "all_or_nothing"})
    batch = client.get(sent.headers["Location"]).text
    assert re.search(r"已在办理\s*2", words_of(batch))
    assert "行去改" not in batch, "there is nothing to mend"
    shown = client.get(sent.headers["Location"] + "?show=running").text
    assert (shown.count("此人已有办理中的申请"), "badge--bad" in shown) == (2, False)
    only = read(client.get(sent.headers["Location"] + "/result.xlsx?rows=invalid").data).rows
    assert len(only) == 1
    nothing = upload(client, "/console/rosters/check", sheet_of(0, 1, 2, department="二车间")).headers["Location"]
    assert "3 人已在办理，不用再提交" in words_of(client.get(nothing).text)


def test_a_note_that_says_the_same_of_many_rows_is_one_line(browser_of):
    # 3199xx was never assigned: the numbers are right, the table does not know them.
    lines = [make_membership.roster_line(n) for n in range(2)]
    lines[1][Column.CONSENT] = ""
    client = browser_of("U1")
    content = make_membership.xlsx_file(make_membership.roster_cells(lines))
    path = upload(client, "/console/rosters/check", content).headers["Location"]
    page = words_of(client.get(path + "?show=all").text)
    assert "2 行：证件地址码不在表内，仅提示" in page
    assert ("行政区划代码表" in page, "本人同意没有填写" in page) == (False, True)
    assert client.get(path + "?code=id_address_unknown").text.count("行政区划代码表") == 2


def test_the_kept_rows_of_a_whole_district_are_not_a_units(office, browser_of):
    receipt = office.submit(office.roster(0), "D1", "D1u")
    assert browser_of("U1").get(f"/console/batches/{receipt.batch_id}/result.xlsx").status_code == 403
    assert browser_of("D1u").get(f"/console/batches/{receipt.batch_id}/result.xlsx").status_code == 200


def test_a_large_file_is_a_job_that_tells_how_far_it_is_and_can_be_cancelled(app, browser_of, session, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE_BYTES", 100)
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", mixed()).headers["Location"]
    page = client.get(path)
    assert "正在检查采集表" in page.text
    assert "data-poll" in page.text
    assert "排队等待" in client.get(path + "/progress").text
    assert session.scalar(text("select count(*) from procrastinate_jobs where task_name = 'work_on_roster'")) == 1
    with app.app_context():
        jobs.run_roster_job(session.scalar(text("select id from roster_job")))
    assert client.get(path + "/progress").status_code == 204
    assert "问题汇总" in client.get(path).text
    assert submit(client, path + "/submit", {"mode": "valid_rows_only"}).headers["Location"] == path
    assert "正在提交采集表" in client.get(path).text
    submit(client, path + "/cancel")
    assert "人可以提交" in client.get(path).text
    submit(client, path + "/submit", {"mode": "valid_rows_only"})
    with app.app_context():
        jobs.run_roster_job(session.scalar(text("select id from roster_job")))
    assert "/console/batches/" in client.get(path).headers["Location"]


def test_a_cancelled_check_leads_back_to_the_form(browser_of, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE_BYTES", 100)
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", mixed()).headers["Location"]
    submit(client, path + "/cancel")
    assert "检查已取消" in client.get(path).text


def test_bytes_that_were_sent_in_before_lead_to_their_batch(browser_of):
    client = browser_of("U1")
    path = upload(client, "/console/rosters/check", (content := mixed())).headers["Location"]
    batch = submit(client, path + "/submit", {"mode": "valid_rows_only"}).headers["Location"]
    again = upload(client, "/console/rosters/check", content)
    assert again.headers["Location"] == batch
    assert "没有重复生成" in client.get(batch).text


def test_the_empty_sheet_has_every_column_and_is_read_by_our_own_reader(browser_of):
    sheet = read(browser_of("U1").get("/console/rosters/template.xlsx").data)
    assert [str(cell).rstrip("*") for cell in sheet.rows[0]] == [column.value for column in Column]
    assert read(template_workbook()).rows == sheet.rows


def test_the_register_shows_names_inside_the_unit_and_counts_above(office, browser_of):
    lines = [make_membership.roster_line(n, name="欧阳海燕", consent="", phone="") for n in range(3)]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    client = browser_of("U1")
    done = client.get(upload(client, "/console/register", content, "名册.csv").headers["Location"])
    assert re.search(r"新入册\s*3\b", words_of(done.text))
    office.submit(office.roster(0))
    page = client.get("/console/register?show=no_answer").text
    assert "欧阳海燕" in page
    assert re.search(r"未答复\s*2\b", words_of(page))
    for above in ("D1u", "C1"):
        counted = browser_of(above).get("/console/register").text
        assert "欧阳海燕" not in counted
        assert "这里只有人数" in counted
    assert "恒启精密" in browser_of("C1").get("/console/register?under=/C/D1/").text
    assert browser_of("D9u").get("/console/register?under=/C/D1/").text.count("恒启精密") == 0


def test_a_register_that_cannot_be_read_is_told_at_its_field(browser_of):
    client = browser_of("U1")
    assert 'href="#file"' in submit(client, "/console/register").text
    answer = upload(client, "/console/register", b"%PDF-1.4", "x.pdf")
    assert (answer.status_code, 'id="file-error"' in answer.text) == (422, True)


def test_both_units_see_a_transfer_and_nobody_else(office, session, world, browser_of):
    make_membership.people(session, world, 1, "B2")
    office.submit(office.roster(0))
    assert "要从本单位转出的人" in browser_of("U2").get("/console/register/transfers").text
    assert "周桂林" in browser_of("U2").get("/console/register/transfers").text
    assert "恒启精密机械" in browser_of("U2").get("/console/register/transfers").text
    assert "周桂林" in browser_of("U1").get("/console/register/transfers").text
    assert "周桂林" not in browser_of("U9").get("/console/register/transfers").text


def test_an_officer_hangs_a_poster_and_ticks_off_who_filled_in(office, session, world, browser_of, clock):
    client, phone = browser_of("U1"), browser_of("U2").application.test_client()
    assert submit(client, "/console/register/self-fill/poster", {"last_day": "never"}).status_code == 422
    submit(client, "/console/register/self-fill/poster", {"last_day": "2026-12-20"})
    sheet = client.get("/console/register/self-fill/poster.pdf")
    assert sheet.data.startswith(b"%PDF")
    token = re.search(r"/fill/([0-9a-f]+)", client.get("/console/register/self-fill").text)[1]
    filled = {"name": "买买提·艾山", "id_type": "居民身份证", "id_number": make_membership.id_number(5), "phone": "13800138000", "employment": "合同", "consent": "是"}  # fmt: skip
    blank = submit(phone, f"/fill/{token}", {"name": "李四", "id_type": "居民身份证"})
    assert blank.status_code == 422 and "办还是不办，请在下面选一项。" in blank.text
    assert "没有填写" not in blank.text, "a roster's sentences speak to an officer"
    assert submit(phone, f"/fill/{token}", filled).status_code == 303
    page = client.get("/console/register/self-fill").text
    assert "买买提·艾山" in page
    entry = re.search(r'name="entry" value="([^"]+)"', page)[1]
    sent = submit(client, "/console/register/self-fill/entries", {"entry": entry, "act": "take"})
    assert "/console/batches/" in sent.headers["Location"]
    assert "还没有人填写" in client.get("/console/register/self-fill").text
    poster = re.search(r'name="poster" value="([^"]+)"', client.get("/console/register/self-fill").text)[1]
    submit(client, "/console/register/self-fill/poster/close", {"poster": poster})
    assert phone.get(f"/fill/{token}").status_code == 404
    assert client.get("/console/register/self-fill/poster.pdf").status_code == 303


def test_put_aside_is_a_click_and_nothing_chosen_is_told(office, session, world, browser_of):
    poster = self_filled.open_poster(session, world, self_filled.OpenPoster(office["U1"], "B1", world.now().date() + timedelta(days=9)))  # fmt: skip
    fields = {"name": "张三", "id_type": "护照", "id_number": "E1234567", "phone": "13800000000", "employment": "合同", "consent": "否"}  # fmt: skip
    self_filled.fill_in(session, world, self_filled.FillIn(poster.token, fields, "10.1.1.1"))
    client = browser_of("U1")
    assert "请至少勾选一个人" in submit(client, "/console/register/self-fill/entries", {"act": "take"}).text
    entry = re.search(r'name="entry" value="([^"]+)"', client.get("/console/register/self-fill").text)[1]
    submit(client, "/console/register/self-fill/entries", {"entry": entry, "act": "dismiss"})
    assert "已放在一边 1 人" in client.get("/console/register/self-fill").text
    above = browser_of("D1u").get("/console/register/self-fill")
    assert (above.status_code, "E1234567" in above.text) == (200, False), "the bureau's own poster, and nobody of B1's"
    assert browser_of("C1").get("/console/register/self-fill").status_code == 403


def test_cards_of_before_are_tied_by_a_list(office, session, world, browser_of):
    make_membership.people(session, world, 2, answer=None)
    rows = [["姓名", "身份证号码", "卡号"], ["周桂林", make_membership.id_number(0), "6222021001112223334"], ["无此人", make_membership.id_number(9), "6222021001112223335"]]  # fmt: skip
    client = browser_of("U1")
    assert "请选择已发卡登记表" in submit(client, "/console/cards/import").text
    done = upload(client, "/console/cards/import", make_membership.xlsx_file(rows), issuer="市总工会")
    page = client.get(done.headers["Location"]).text
    assert re.search(r"新绑定\s*1\b", words_of(page))
    assert "请先导入会员名册" in page
    assert session.scalar(text("select external_issuer from card")) == "市总工会"
    assert "绑定已有工会卡" in client.get("/console/register").text


def test_a_bureau_sees_its_own_people_by_name_and_its_units_as_counts(office, session, world, browser_of):
    client = browser_of("D1u")
    for unit, name in (("D1", "欧阳海燕"), ("B1", "司马文静")):
        lines = [make_membership.roster_line(n + ord(unit[0]), unit=unit, name=name, consent="") for n in range(2)]
        content = make_membership.csv_file(make_membership.roster_cells(lines))
        where = "/console/register?own=1" if unit == "D1" else "/console/register"
        upload(client, where, content, "名册.csv", unit_code="" if unit == "D1" else unit)
    counted = client.get("/console/register").text
    assert re.search(r"本级（机关）\s*D1\s*2\b", words_of(counted))
    assert re.search(r"会员\s*4\b", words_of(counted))
    assert "欧阳海燕" not in counted and "司马文静" not in counted
    own = client.get("/console/register?own=1&show=no_answer").text
    assert "欧阳海燕" in own and "司马文静" not in own
    assert "/console/register/self-fill" in own
    assert "本级（机关）" in browser_of("C1").get("/console/register?under=/C/D1/").text
    assert "欧阳海燕" not in browser_of("C1").get("/console/register?under=/C/D1/&own=1").text
    assert "欧阳海燕" in client.get("/console/members/confirmation?own=1").text
    assert "欧阳海燕" not in client.get("/console/members/confirmation").text
    moves = words_of(client.get("/console/members/moves?month=2018-04").text)
    assert "欧阳海燕" in moves and "司马文静" not in moves and "恒启精密" in moves
    rest = submit(client, "/console/members/confirmation?act=rest&own=1")
    assert (rest.status_code, rest.location) == (303, "/console/members/confirmation?own=1")
