"""The unit's own approval where the unit has one officer: the chair's one-time link, the stamped summary."""

from dataclasses import replace
from datetime import timedelta

import pypdfium2
import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.names_to_sign import names_to_sign
from cardnet.issuance.rules import ApplicationState, BatchOrigin, Verdict
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import desk
from cardnet.issuance.summary_sheet import summary_sheet
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership.services import notices
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office

PDF = b"%PDF-1.7 a scanned page with a stamp"


@pytest.fixture
def office(session, world):
    """B2 has one officer, U2."""
    office = make_office(session, world)
    office.give_unit("B2", 60)
    return office


@pytest.fixture
def batch(office):
    return office.submit(office.roster(0, 1, 2, unit="B2"), "B2", "U2").batch_id


def pages_of(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def ask(office, batch, kind, unit="B2", officer="U2", signer="王建国"):
    command = services.AskApproval(batch, unit, kind, signer, office[officer])
    return services.ask_approval(office.session, office.world, command)


def decide(office, asked, verdict=Verdict.APPROVE, signer="王建国", **more):
    command = services.DecideByLink(asked.token, signer, verdict, **more)
    return services.decide_by_link(office.session, office.world, command)


def upload(office, number, code, content=PDF, officer="U2"):
    command = services.UploadStamped(number, code, content, office[officer])
    return services.upload_stamped(office.session, office.world, command)


def test_the_chair_confirms_once_and_the_township_is_the_first_to_review_independently(office, batch, session, world):
    with pytest.raises(NotAllowed, match="sod_violation"):
        office.review(batch, "U2")
    asked = ask(office, batch, ApprovalKind.LINK)
    shown = services.approval_by_link(session, world, asked.token)
    assert ([row for row, _ in shown.people], shown.line.signer, shown.line.state) == ([1, 2, 3], "王建国", "open")
    with pytest.raises(InvalidInput, match="signer_wrong"):
        decide(office, asked, signer="赵敏")
    done = decide(office, asked, signer=" 王 建国")
    assert (done.rows, done.state, done.next_path) == (3, ApplicationState.IN_REVIEW, "/C/D1/")
    with pytest.raises(Conflict, match="link_used"):
        decide(office, asked)
    line = desk.batch_history(session, office["D1u"], batch)[-1]
    assert (line.action, line.actor, line.count) == ("confirm", "", 3)
    assert "工会主席王建国凭一次性链接" in line.words
    assert office.review(batch, "D1u").rows == 3
    assert office.breaches() == {}


def test_the_chair_sends_the_list_back_with_a_reason(office, batch, session, world):
    asked = ask(office, batch, ApprovalKind.LINK)
    with pytest.raises(InvalidInput, match="reason_missing"):
        decide(office, asked, Verdict.RETURN)
    assert decide(office, asked, Verdict.RETURN, reason="R07", words="第 2 人已离职").state is ApplicationState.RETURNED
    line = desk.row_of(session, office["U2"], desk.batch_of(session, office["U2"], batch), 1)
    assert line.reasons == ("R07",)
    assert "第 2 人已离职" in line.words
    assert {one.hold_until for one in lines_of(session, batch)} == {world.now() + timedelta(days=10)}
    assert office.quota("B2").held == 3


def test_a_link_ends_after_a_week_and_a_wrong_one_says_so(office, batch, session, world, clock):
    asked = ask(office, batch, ApprovalKind.LINK)
    with pytest.raises(NotFound, match="link_unknown"):
        services.approval_by_link(session, world, asked.token[:-1])
    clock.advance(timedelta(days=7))
    with pytest.raises(Conflict, match="link_expired"):
        decide(office, asked)
    (line,) = services.approvals_of_batch(session, world, office["U2"], batch)
    assert line.state == "expired"


def withdraw(office, asked, words="发错了人", officer="U2"):
    command = services.WithdrawApproval(asked.approval_id, words, office[officer])
    services.withdraw_approval(office.session, office.world, command)


def test_a_new_link_ends_the_earlier_one_and_says_so(office, batch, session, world):
    first, sheet = ask(office, batch, ApprovalKind.LINK), ask(office, batch, ApprovalKind.SUMMARY)
    second = ask(office, batch, ApprovalKind.LINK, signer="赵敏")
    with pytest.raises(Conflict, match="已由新的链接代替"):
        decide(office, first)
    assert services.approval_by_link(session, world, first.token).line.state == "replaced"
    lines = {line.number: line for line in services.approvals_of_batch(session, world, office["U2"], batch)}
    assert [lines[one.number].state for one in (first, sheet, second)] == ["replaced", "open", "open"]
    assert lines[first.number].ended_by == office["U2"].display_name
    after = session.scalars(
        text("select after from audit_event where action = 'unit_approval.ask' order by at, id")
    ).all()
    assert after[-1]["replaces"] == [first.number]
    assert decide(office, second, signer="赵敏").rows == 3


@pytest.mark.parametrize("kind", list(ApprovalKind))
def test_an_officer_withdraws_what_nobody_answered_and_says_why(office, batch, session, world, kind):
    asked = ask(office, batch, kind)
    code = services.approval_list(session, world, office["U2"], asked.approval_id).line.check_code
    with pytest.raises(InvalidInput, match="请写明为什么撤回"):
        withdraw(office, asked, words="  ")
    with pytest.raises(NotFound, match="approval_unknown"):
        withdraw(office, asked, officer="U9")
    withdraw(office, asked)
    with pytest.raises(Conflict, match="已由经办人撤回"):
        decide(office, asked) if asked.token else upload(office, asked.number, code)
    with pytest.raises(Conflict, match="已由经办人撤回"):
        withdraw(office, asked)
    (line,) = services.approvals_of_batch(session, world, office["U2"], batch)
    assert (line.state, line.words, line.ended_by) == ("withdrawn", "发错了人", office["U2"].display_name)
    again = ask(office, batch, ApprovalKind.LINK)
    decide(office, again)
    with pytest.raises(Conflict, match="已经用过"):
        withdraw(office, again)


@pytest.mark.parametrize(
    ("origin", "title", "agreed", "statement"),
    [
        (BatchOrigin.FILE, "办卡", "同意办卡", "本人同意办理工会会员服务卡"),
        (BatchOrigin.SELF_FILLED, "办卡", "同意办卡", "本人同意办理工会会员服务卡"),
        (BatchOrigin.REPLACEMENT, "补卡", "同意补卡", "本人申请补办工会会员服务卡"),
        (BatchOrigin.RENEWAL, "换卡", "同意换卡", "本人同意换发工会会员服务卡"),
    ],
)
def test_the_papers_say_what_their_people_ask_for(office, batch, session, world, origin, title, agreed, statement):
    asked = ask(office, batch, ApprovalKind.SUMMARY)
    listed = replace(services.approval_list(session, world, office["U2"], asked.approval_id), origin=origin)
    names, sheet = pages_of(names_to_sign(listed))[0], pages_of(summary_sheet(listed))[0]
    assert f"{title}确认签名表" in names and f"{title}汇总审核表" in sheet and statement in sheet
    assert names.count(agreed) == 2
    if title != "办卡":
        assert "办卡" not in names


def test_the_stamped_summary_comes_back_with_its_check_code(office, batch, session, world):
    asked = ask(office, batch, ApprovalKind.SUMMARY)
    assert asked.token is None
    listed = services.approval_list(session, world, office["U2"], asked.approval_id)
    (page,) = pages_of(summary_sheet(listed))
    for words in ("办卡汇总审核表", asked.number, listed.line.check_code, "周桂林", "319900********", "王建国"):
        assert words in page, words
    code = listed.line.check_code
    with pytest.raises(InvalidInput, match="check_code_wrong"):
        upload(office, asked.number, "0000-0000-0000-0000")
    with pytest.raises(InvalidInput, match="file_type"):
        upload(office, asked.number, code, b"MZ\x90 a program")
    with pytest.raises(InvalidInput, match="file_too_large"):
        upload(office, asked.number, code, PDF + bytes(9 << 20))
    with pytest.raises(NotFound, match="approval_unknown"):
        upload(office, asked.number, code, officer="U9")
    done = upload(office, asked.number.lower(), code.lower().replace("-", " "))
    assert (done.rows, done.next_path) == (3, "/C/D1/")
    with pytest.raises(Conflict, match="summary_used"):
        upload(office, asked.number, code)
    assert services.stamped_file(session, world, office["D1u"], asked.approval_id) == (
        asked.number,
        "application/pdf",
        PDF,
    )
    with pytest.raises(NotFound):
        services.stamped_file(session, world, office["D9u"], asked.approval_id)
    stored = session.scalar(text("select content from unit_approval_file"))
    assert PDF not in bytes(stored)


def test_a_list_that_changed_is_approved_by_no_earlier_paper(office, batch, session, world):
    link, sheet = ask(office, batch, ApprovalKind.LINK), ask(office, batch, ApprovalKind.SUMMARY)
    code = services.approval_list(session, world, office["U2"], sheet.approval_id).line.check_code
    services.withdraw(session, world, services.Withdraw(batch, office["U2"], (2,)))
    with pytest.raises(Conflict, match="list_changed"):
        decide(office, link)
    with pytest.raises(Conflict, match="list_changed"):
        upload(office, sheet.number, code)
    states = {line.state for line in services.approvals_of_batch(session, world, office["U2"], batch)}
    assert states == {"outdated"}
    assert decide(office, ask(office, batch, ApprovalKind.LINK)).rows == 2


def test_a_unit_with_two_officers_reviews_in_the_system(office, session, world):
    office.give_unit("B1", 3)
    batch = office.submit(office.roster(5)).batch_id
    with pytest.raises(Conflict, match="unit_has_reviewer"):
        ask(office, batch, ApprovalKind.LINK, unit="B1", officer="U1")
    codes = ("B1", "B2", "D1", "C")
    told = services.officers_of_units(session, [office.unions[code] for code in codes], "/")
    assert [told.get(office.unions[code].id) for code in codes] == [2, 1, 2, None]


def test_only_the_units_own_rows_of_a_mixed_batch_are_confirmed(office, session, world):
    office.give_unit("B9", 3)
    lines = [make_membership.roster_line(0, unit="B2"), make_membership.roster_line(1, unit="B9")]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    batch = office.submit(content, "C", "C1").batch_id
    with pytest.raises(NotAllowed, match="out_of_scope"):
        ask(office, batch, ApprovalKind.LINK, officer="U9")
    for above in ("D1", "C"):
        with pytest.raises(Conflict, match="unit_has_reviewer"):
            ask(office, batch, ApprovalKind.LINK, unit=above, officer="C1")
    assert decide(office, ask(office, batch, ApprovalKind.LINK)).rows == 1
    assert [str(line.state) for line in lines_of(session, batch)] == ["in_review", "submitted"]


@pytest.mark.parametrize("count", [1, 15, 22, 23, 54])
def test_the_sheet_has_every_person_and_room_for_the_stamp(office, session, world, count):
    batch = office.submit(office.roster(*range(100, 100 + count), unit="B2"), "B2", "U2").batch_id
    asked = ask(office, batch, ApprovalKind.SUMMARY)
    sheet = summary_sheet(services.approval_list(session, world, office["U2"], asked.approval_id))
    pages = pages_of(sheet)
    assert sum(page.count("周桂林") for page in pages) == count
    assert "盖章" in pages[-1]
    assert all(asked.number in page for page in pages)


@pytest.mark.parametrize(
    ("count", "sheets", "kind"), [(1, 1, "link"), (23, 1, "summary"), (24, 2, "link"), (51, 3, "link")]
)
def test_the_list_to_sign_has_every_person_numbered_pages_and_the_code_of_the_approval(
    office, session, world, count, sheets, kind
):
    batch = office.submit(office.roster(*range(100, 100 + count), unit="B2"), "B2", "U2").batch_id
    asked = ask(office, batch, ApprovalKind(kind))
    listed = services.list_to_sign(session, world, office["U2"], asked.approval_id)
    pages = pages_of(names_to_sign(listed))
    assert len(pages) == sheets
    assert sum(page.count("周桂林") for page in pages) == count
    for number, page in enumerate(pages, start=1):
        for words in (
            listed.line.check_code,
            asked.number,
            f"第 {number} 页，共 {sheets} 页",
            "信息无误",
            "同意办卡",
            "本人签名",
        ):
            assert words in page, words
        assert "319900" in page
        assert make_membership.id_number(100) not in page
    assert names_to_sign(listed) == names_to_sign(listed)


def test_a_list_that_has_changed_or_was_answered_is_not_signed_any_more(office, batch, session, world):
    asked = ask(office, batch, ApprovalKind.LINK)
    with pytest.raises(NotFound):
        services.list_to_sign(session, world, office["U9"], asked.approval_id)
    decide(office, asked)
    with pytest.raises(Conflict, match="list_changed"):
        services.list_to_sign(session, world, office["U2"], asked.approval_id)


def test_a_link_sent_to_the_chairs_phone_is_never_shown_to_the_officer(office, batch, session, world):
    prefix = "https://card.example.org/confirm/"
    command = services.AskApproval(batch, "B2", ApprovalKind.LINK, "王建国", office["U2"], "139 0000 0001", prefix)
    asked = services.ask_approval(session, world, command)
    assert (asked.token, asked.sent) == (None, True)
    taken = notices.take_next_direct(session, world)
    assert taken.message.address == "13900000001" and "3人" in taken.message.words
    token = taken.message.words.split(prefix)[1].split()[0]
    done = services.decide_by_link(session, world, services.DecideByLink(token, "王建国", Verdict.APPROVE))
    assert done.rows == 3 and office.breaches() == {}
    with pytest.raises(InvalidInput, match="phone_format"):
        services.ask_approval(
            session, world, services.AskApproval(batch, "B2", ApprovalKind.LINK, "王建国", office["U2"], "110")
        )


@pytest.mark.parametrize("officer", ["U2", "D1u", "C1"])
def test_whoever_reviews_over_the_unit_does_not_answer_for_its_chair(office, batch, session, officer):
    asked = ask(office, batch, ApprovalKind.LINK)
    with pytest.raises(NotAllowed, match="link_not_yours"):
        decide(office, asked, opened_by=office[officer])
    assert decide(office, asked, opened_by=office["U9"]).rows == 3
