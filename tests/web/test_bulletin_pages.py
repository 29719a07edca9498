"""The bulletin: page, workbook and paper say the same; an issue that was sent stays as it was; a year that is closing."""

import io
import re
import uuid
from datetime import date, datetime, timedelta

import pypdfium2
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import event, text

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.bulletin import Figures, Issue, Level, Line, document_of, hash_of, issue_from, number_of
from cardnet.benefits.bulletin_files import bulletin_workbook
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import Verdict
from cardnet.issuance.services.answers import AnswerCounts
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier, UnionNode
from tests.make import membership as make_membership
from tests.make.api import assert_problem, make_program, said
from tests.make.issuance import activate, make_office, make_officer
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def browser_of(app, session, world):
    def browser(principal):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, principal.account_id).token)
        return client

    return browser


@pytest.fixture
def lived(office, session, world):
    """B1: six asked, one declined, five applied, four approved, three issued, two handed out, one activated."""
    office.give_unit("B1", 5)
    make_membership.people(session, world, 2, "B9", answer=None, answered_on=None)
    batch = office.submit(office.roster(*range(10, 15))).batch_id
    office.submit(office.roster(15, consent="否"))
    office.review(batch, "A1", Verdict.APPROVE, (1, 2, 3, 4))
    office.review(batch, "D1u")
    office.review(batch, "C1", Verdict.APPROVE, (1, 2, 3))
    cards = issuance.issue_cards(session, world, issuance.IssueCards(batch, office["C2"]))
    office.review(batch, "C1")
    issuance.hand_out_cards(
        session, world, issuance.HandOutCards(office["U1"], numbers=(cards[0].number, cards[1].number))
    )
    activate(session, world, cards[0], make_membership.id_number(10)[-4:])
    # A replaced card is the same person's, and counts once.
    issuance.replace_card(session, world, issuance.ReplaceCard(cards[1].card_id, office["C1"], "遗失"))
    return office


def test_every_figure_is_a_part_of_the_one_before_it(lived, session, world):
    for line in issuance.card_counts(session, world, "/", lived.year):
        for c in (line.own, line.total):
            steps = [c.collected, c.submitted, c.approved, c.issued, c.handed_out, c.activated]
            assert steps == sorted(steps, reverse=True), line.union.code
            assert c.members == c.consent + c.declined + c.no_answer
            assert c.submitted >= c.in_review + c.returned + c.waitlisted + c.approved
    b1 = next(one.own for one in issuance.card_counts(session, world, "/", lived.year) if one.union.code == "B1")
    assert (b1.collected, b1.submitted, b1.approved, b1.issued, b1.handed_out, b1.activated) == (6, 5, 4, 3, 2, 1)
    assert (b1.holders, b1.quota) == (3, lived.quota("B1").received)
    assert b1.issued == lived.quota("B1").used


def test_an_issue_counts_the_register_once(lived, session, world):
    asked = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(session.connection(), "before_cursor_execute", note)
    benefits.issue_of(session, world, "/", lived.year, every_level=True)
    event.remove(session.connection(), "before_cursor_execute", note)
    counts = [one for one in asked if "GROUP BY" in one and "answer" in one and "FILTER" in one]
    assert len(counts) == 1


def test_page_workbook_and_paper_say_the_same(lived, browser_of):
    client = browser_of(lived["C1"])
    page = client.get("/console/bulletin")
    assert "2026 年第 22 期" in words_of(page.text)
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get("/console/bulletin.xlsx").data))
    assert book.sheet_names == ["云间区总工会", "全部单位", "永泽街道总工会", "方塔街道总工会"]
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[[row[0] for row in rows].index("名次")][3:] == [
        "会员", "持卡", "办理中", "未答复", "暂不办", "计划", "采集", "合格", "通过", "发卡", "发放", "激活", "用过",
        "完成率", "覆盖率", "激活率", "用卡率",
    ]  # fmt: skip
    line = next(row for row in rows if row[1] == "D1")
    assert line[3:16] == [6, 3, 2, 0, 1, 5, 6, 5, 4, 3, 2, 1, 0]
    assert [round(rate, 2) for rate in line[16:]] == [0.6, 0.5, 0.5, 0]
    total = next(row for row in rows if row[2] == "合计")
    assert total[3:16] == [8, 3, 2, 2, 1, 5, 6, 5, 4, 3, 2, 1, 0]
    assert "1 永泽街道总工会 6 3 2 0 1 5 6 5 4 3 2 1 0 60.0% 50.0% 50.0% 0.0%" in words_of(page.text)
    # Who has no plan has no place, and nothing is a rate of nothing.
    assert "— 方塔街道总工会 2 0 0 2 0 0 0 0 0 0 0 0 0 — 0.0% — —" in words_of(page.text)
    paper = client.get("/console/bulletin.pdf").data
    assert paper.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", paper)) == 3
    assert paper == client.get("/console/bulletin.pdf").data


def test_activations_are_counted_by_the_week_of_the_first(lived, session, world, clock):
    clock.advance(timedelta(days=9))
    since, until = datetime(2026, 11, 1, tzinfo=SHANGHAI), datetime(2026, 12, 31, tzinfo=SHANGHAI)
    (week,) = issuance.activations_by_week(session, "/C/", since, until)
    assert (week.monday, week.activated) == (date(2026, 11, 16), 1)


def test_a_bulletin_stays_inside_the_readers_scope(lived, browser_of):
    book = CalamineWorkbook.from_filelike(
        io.BytesIO(browser_of(lived["U9"]).get("/console/bulletin.xlsx?under=/C/").data)
    )
    assert book.sheet_names == ["新桥港货运联合工会委员会"]
    chair = make_officer(lived.session, lived.world, lived.unions["C"], "chair", Role.CHAIR)
    assert browser_of(chair).get("/console/bulletin.pdf").status_code == 200


def test_six_hundred_units_under_sixty_townships_all_have_their_place_in_the_workbook():
    def union(number, tier, above):
        return UnionNode(
            uuid.UUID(int=number), f"Y{number:04d}", f"第{number}工会", tier, f"{above}Y{number:04d}/", None
        )

    top = union(0, Tier.DISTRICT, "/")
    townships = [union(number, Tier.TOWNSHIP, top.path) for number in range(1, 61)]
    units = {
        one.id: [union(100 + 10 * n + k, Tier.UNIT, one.path) for k in range(10)] for n, one in enumerate(townships)
    }
    figures = Figures(issuance.CardCounts(members=3, quota=2, issued=1), AnswerCounts(members=3), 0)

    def level(above, below):
        return Level(above, figures, tuple(Line(one, figures, 1) for one in below))

    levels = (level(top, townships), *(level(one, units[one.id]) for one in townships))
    issue = Issue(2026, 22, datetime(2026, 11, 21, 2, tzinfo=SHANGHAI), levels)
    book = CalamineWorkbook.from_filelike(io.BytesIO(bulletin_workbook(issue)))
    assert len(book.sheet_names) == 62, "one a level and the list of all"
    rows = book.get_sheet_by_name("全部单位").to_python()
    assert len(rows) == 601
    assert {row[1] for row in rows[1:]} == {unit.code for below in units.values() for unit in below}
    assert {row[0] for row in rows[1:]} == {one.name for one in townships}


# ---- issues ----


def publish(office, session, world, who="C1", **more):
    return benefits.publish_bulletin(session, world, benefits.PublishBulletin(office[who], **more))


def join(session, world, union, *serials):
    membership.save_people(session, world, [make_membership.person_row(serial, union) for serial in serials])


def happens_afterwards(office, session, world):
    """Another card is handed out, another person joins, a union gets another name."""
    join(session, world, "B9", 900, 901, 902)
    office.give_unit("B9", 2)
    session.execute(text("update union_node set name = '永泽街道联合工会' where code = 'D1'"))
    session.expire_all()


def main_of(page):
    """What the page is about, without what is said once and what is new in every form."""
    main = re.search(r"<main.*</main>", page, re.DOTALL)[0]
    return "".join(re.sub(r'<div class="notice notice--good".*?</div>', "", main, flags=re.DOTALL).split())


def test_what_was_sent_is_shown_as_it_was_sent_whatever_happens_afterwards(lived, browser_of, session, world):
    client = browser_of(lived["C1"])
    answer = submit(
        client,
        "/console/bulletin/publish",
        {"year": "2026", "to": ["D1", "D2"], "copies": "区人社局", "words": "请月底前发完卡。"},
    )
    assert answer.status_code == 303
    address = answer.headers["Location"]
    page = client.get(address)
    for words in (
        "2026 年第 22 期办卡进度通报",
        "永泽街道总工会",
        "抄送 区人社局",
        "请月底前发完卡。",
        "发出后不再变动",
    ):
        assert words in words_of(page.text)
    files = [client.get(f"{address}/bulletin.{kind}").data for kind in ("xlsx", "pdf")]
    happens_afterwards(lived, session, world)
    assert "永泽街道联合工会" in client.get("/console/bulletin").text
    # But for the sentence that it was sent, said once, and the tokens of forms.
    assert main_of(client.get(address).text) == main_of(page.text)
    assert [client.get(f"{address}/bulletin.{kind}").data for kind in ("xlsx", "pdf")] == files
    check = re.search(r"校验码 ([0-9A-F]{4}(?: [0-9A-F]{4}){3})", words_of(page.text))[1]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(files[0])).get_sheet_by_index(0).to_python()
    assert ["校验码", check] == next(row[:2] for row in rows if row[0] == "校验码")


def test_an_issue_is_sent_once_and_a_correction_names_the_one_before(lived, browser_of, session, world):
    first = publish(lived, session, world)
    with pytest.raises(Conflict) as twice:
        publish(lived, session, world)
    assert twice.value.code == "bulletin_published"
    with pytest.raises(InvalidInput) as silent:
        publish(lived, session, world, corrects=first.line.id)
    assert silent.value.code == "reason_missing"
    happens_afterwards(lived, session, world)
    second = publish(lived, session, world, corrects=first.line.id, reason="方塔街道的计划漏报 2 个。")
    assert (second.line.number, second.line.edition, second.line.corrects_id) == (22, 2, first.line.id)
    assert second.issue.sent.before == first.line.sha256
    assert second.issue.first.total.answers.members == first.issue.first.total.answers.members + 3
    with pytest.raises(Conflict) as again:
        publish(lived, session, world, corrects=first.line.id, reason="再改")
    assert again.value.code == "issue_corrected"
    client = browser_of(lived["C1"])
    old = words_of(client.get(f"/console/bulletin/issues/{first.line.id}").text)
    new = words_of(client.get(f"/console/bulletin/issues/{second.line.id}").text)
    assert "这一期已经更正。" in old
    assert "（第 1 次更正）" in new
    assert "方塔街道的计划漏报 2 个。" in new
    listed = words_of(client.get("/console/bulletin/issues").text)
    assert listed.index("（第 1 次更正）") < listed.index("已更正")
    assert "发更正" not in old


def test_a_correction_shows_what_it_says_otherwise_on_page_in_workbook_and_on_paper(lived, browser_of, session, world):
    first = publish(lived, session, world)
    assert first.issue.changes is None
    happens_afterwards(lived, session, world)
    client = browser_of(lived["C1"])
    ahead = words_of(client.get(f"/console/bulletin/publish?corrects={first.line.id}").text)
    second = publish(lived, session, world, corrects=first.line.id, reason="方塔街道的计划漏报 2 个。")
    told = [(one.name, one.own, one.what, one.before, one.after) for one in second.issue.changes]
    assert told == [
        ("合计", False, "会员", 8, 11), ("合计", False, "办理中", 2, 5), ("合计", False, "计划", 5, 7),
        ("方塔街道总工会", False, "会员", 2, 5), ("方塔街道总工会", False, "办理中", 0, 3),
        ("方塔街道总工会", False, "计划", 0, 2),
        ("新桥港货运联合工会委员会", False, "会员", 2, 5), ("新桥港货运联合工会委员会", False, "办理中", 0, 3),
        ("新桥港货运联合工会委员会", False, "计划", 0, 2),
    ]  # fmt: skip
    address = f"/console/bulletin/issues/{second.line.id}"
    for page in (ahead, words_of(client.get(address).text)):
        assert "更正了哪些数字" in page and "方塔街道总工会 计划 0 2 +2" in page
        assert "新桥港货运联合工会委员会 计划" not in page, "that stands on the township's page"
    below = words_of(client.get(f"{address}?under=/C/D2/").text)
    assert "新桥港货运联合工会委员会 计划 0 2 +2" in below and "合计 计划" not in below
    assert "这一页的数字与原来的一期相同" in words_of(client.get(f"{address}?under=/C/D1/").text)
    assert "更正了哪些数字" not in client.get(f"/console/bulletin/issues/{first.line.id}").text
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"{address}/bulletin.xlsx").data))
    rows = book.get_sheet_by_name("更正内容").to_python()
    assert rows[0] == ["工会编码", "工会", "项目", "原来", "更正后", "增减"]
    assert ["D2", "方塔街道总工会", "计划", 0, 2, 2] in rows and len(rows) == 10
    paper = client.get(f"{address}/bulletin.pdf").data
    with pypdfium2.PdfDocument(paper) as document:
        last = document[len(document) - 1].get_textpage().get_text_range()
    assert "更正内容" in last and "+2" in last
    unsaid = {"corrects": second.line.id, "reason": "只改说明。", "words": "见附件。"}
    with pytest.raises(Conflict, match="nothing_corrected"):
        publish(lived, session, world, **unsaid)
    form = {**unsaid, "corrects": str(second.line.id), "to": ["D1", "D2"]}
    asked = submit(client, "/console/bulletin/publish", form)
    assert (asked.status_code, "没有数字变化，仍要更正" in asked.text, "见附件。" in asked.text) == (409, True, True)
    assert "没有数字变化，仍要更正" not in ahead
    third = publish(lived, session, world, **unsaid, unchanged_too=True)
    assert third.issue.changes == ()
    assert "数字与原来的一期相同" in client.get(f"/console/bulletin/issues/{third.line.id}").text


def test_page_and_paper_draw_the_same_bars(lived, browser_of):
    page = browser_of(lived["C1"]).get("/console/bulletin").text
    bars = re.findall(r'funnel__word">([^<]+)<.*?class="number">([^<]+)<', page)
    with pypdfium2.PdfDocument(browser_of(lived["C1"]).get("/console/bulletin.pdf").data) as document:
        paper = document[0].get_textpage().get_text_range()
    assert [word for word, _ in bars] == ["会员", "计划", "采集", "合格", "通过", "发卡", "发放", "激活", "用过"]
    drawn = re.findall(r"(会员|计划|采集|合格|通过|发卡|发放|激活|用过)\s+([\d,]+)", paper)
    assert drawn[:9] == bars


def test_whoever_it_was_sent_to_reads_it_and_nobody_else(lived, browser_of, session, world):
    kept = publish(lived, session, world, to=("D1",))
    address = f"/console/bulletin/issues/{kept.line.id}"
    assert [browser_of(lived[who]).get(address).status_code for who in ("C1", "D1u", "U1", "D9u", "U9")] == [
        200, 200, 200, 404, 404,
    ]  # fmt: skip
    assert "已发出的通报" in browser_of(lived["U1"]).get("/console/bulletin").text
    assert benefits.bulletin_issues(session, lived["U9"]) == ((), 0)
    # A township sends its own to its units.
    own = publish(lived, session, world, "D1u")
    assert {line.union.code for line in own.issue.first.lines} == {"B1", "B2"}
    with pytest.raises(NotFound):
        publish(lived, session, world, to=("B9",))
    with pytest.raises(NotAllowed):
        publish(lived, session, world, "U1")
    with pytest.raises(NotFound):
        publish(lived, session, world, "D1u", corrects=kept.line.id, reason="不是本工会的")


def test_a_kept_issue_cannot_be_changed_and_the_audit_finds_one_that_was(lived, session, world):
    kept = publish(lived, session, world)
    stored = session.execute(text("select content, sha256 from bulletin_issue")).one()
    assert hash_of(stored.content) == stored.sha256.hex() == kept.line.sha256
    assert document_of(issue_from(stored.content)) == stored.content
    for statement in ("update bulletin_issue set year = 2025", "delete from bulletin_issue"):
        with pytest.raises(Exception, match=r"append.only|permission"), session.begin_nested():
            session.execute(text(statement))


def test_no_name_and_no_number_of_a_person_is_in_an_issue(lived, session, world):
    publish(lived, session, world)
    content = session.scalar(text("select content from bulletin_issue"))
    people = [row.name for row in (make_membership.person_row(serial) for serial in range(10, 16))]
    assert people
    assert not [name for name in people if name in content]
    assert not re.search(r"\d{11,}", re.sub(r'"id":"[^"]*"|"parent":"[^"]*"|"before":"[^"]*"', "", content))


def test_in_januarys_closing_window_the_closing_year_is_shown_and_the_new_one_can_be_chosen(
    lived, browser_of, session, world, clock
):
    issuance.begin_closing(session, world, issuance.BeginClosing(2026, date(2027, 1, 31), lived["C1"]))
    clock.advance(datetime(2027, 1, 11, 2, tzinfo=SHANGHAI) - world.now())
    issuance.grant_quota(session, world, issuance.GrantQuota(2027, 40, "云工〔2027〕1号"))
    client = browser_of(lived["C1"])
    page = words_of(client.get("/console/bulletin").text)
    assert "2026 年第 25 期" in page
    assert "1 永泽街道总工会 6 3 2 0 1 5 6 5 4 3 2 1 0" in page
    assert "2027 年第 1 期" in words_of(client.get("/console/bulletin?year=2027").text)
    chair = browser_of(make_officer(session, world, lived.unions["C"], "chair", Role.CHAIR))
    assert "2026年会员服务一页通" in words_of(chair.get("/overview").text)
    assert "2027年会员服务一页通" in words_of(chair.get("/overview?year=2027").text)
    closing = words_of(chair.get("/overview/year-end").text)
    assert "2026 年年终收口" in closing
    assert "占用的名额可用到2027年1月31日" in closing
    assert "离年底还有" not in closing
    kept = publish(lived, session, world)
    assert (kept.line.year, kept.line.number) == (2026, 25)
    assert publish(lived, session, world, year=2027).line.number == 1
    with pytest.raises(NotFound):
        publish(lived, session, world, year=2019)
    # When the year has closed the new one is the year.
    clock.advance(timedelta(days=30))
    issuance.close_due_years(session, world)
    assert "2027 年第 3 期" in words_of(browser_of(lived["C1"]).get("/console/bulletin").text)


def test_the_number_counts_the_halves_of_months_from_january_of_its_year():
    days = (date(2026, 1, 1), date(2026, 1, 16), date(2026, 11, 22), date(2027, 1, 15), date(2027, 1, 16))
    assert [number_of(2026, on) for on in days] == [1, 2, 22, 25, 26]
    assert number_of(2027, date(2026, 12, 20)) == 1


def test_a_unions_own_people_are_a_line_so_that_the_lines_add_up(lived, session, world):
    join(session, world, "D1", 910, 911)
    issue = benefits.issue_of(session, world, "/C/", 2026, every_level=True)
    township = issue.level_of("/C/D1/")
    own = township.lines[-1]
    assert (own.name, own.rank, own.figures.answers.members) == ("永泽街道总工会（本级）", None, 2)
    for level in issue.levels:
        for at, total in enumerate(level.total.row):
            assert sum(line.figures.row[at] for line in level.lines) == total, (level.union.code, at)


def test_a_program_sends_opens_and_corrects_what_the_page_does(lived, client, session, world):
    program = make_program(client, session, world, lived["C1"])
    sent = said(program.post("/bulletin/issues", {"to": ["D1"], "words": "请抓紧"}), 201)
    assert (sent["number"], sent["edition"], sent["by"]) == (22, 1, lived["C1"].display_name)
    assert said(program.get("/bulletin"))["lines"][0]["coverage_bp"] == 5000
    listed = said(program.get("/bulletin/issues", year=2026))["items"]
    assert [one["sha256"] for one in listed] == [sent["sha256"]]
    told = said(program.get(f"/bulletin/issues/{sent['id']}"))
    assert (told["words"], told["addressees"][0]["code"], told["levels"][0]["total"]["issued"]) == ("请抓紧", "D1", 3)
    assert program.get(f"/bulletin/issues/{sent['id']}/bulletin.pdf").data.startswith(b"%PDF-")
    again = {"corrects": sent["id"], "reason": "漏报", "to": ["D1", "D2"]}
    assert_problem(program.post("/bulletin/issues", again), 409, "nothing_corrected")
    corrected = said(program.post("/bulletin/issues", {**again, "unchanged_too": True}), 201)
    assert (corrected["edition"], corrected["corrects"]) == (2, sent["id"])
    assert said(program.get(f"/bulletin/issues/{sent['id']}"))["corrected_by"] == corrected["id"]
    assert said(program.get("/overview", year=2026))["years"] == [2026]
