"""Telling members: which way, when, how often; the desk that prints what no gateway may carry."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cardnet.kernel.calendar import local
from cardnet.kernel.errors import CardnetError
from cardnet.kernel.paper import wrapped
from cardnet.kernel.vault import vault_of
from cardnet.membership import cli
from cardnet.membership.notices import rules
from cardnet.membership.notices.rules import Accepted, Later, NoticeKind, Reach, Reason, RefusedForGood, Way
from cardnet.membership.notices.slips import NoticeSlip, slip_sheets
from cardnet.membership.services import notices
from cardnet.membership.services.notices import desk
from tests.make import membership as make_membership
from tests.make.issuance import make_officer

REMINDER = NoticeKind.ACTIVATION_REMINDER
SMS = frozenset({Way.SMS})


@pytest.fixture
def unions(session, world):
    return make_membership.tree(session, world)


@pytest.fixture
def officer(session, world, unions):
    return make_officer(session, world, unions["B1"])


@pytest.fixture
def people(session, world, unions):
    return make_membership.people(session, world, 4)


def tell(session, world, unions, people, kind=REMINDER, **more):
    recipients = [notices.Recipient(person, unions["B1"].id) for person in people]
    return notices.tell(session, world, notices.Tell(kind, recipients, **more))


def confirm(session, world, officer, *people):
    return notices.confirm_phones(session, world, notices.ConfirmPhones(officer, people))


def rows(session, columns="way, state, reason"):
    return [tuple(row) for row in session.execute(text(f"select {columns} from notice order by id"))]


# ---- rules ----


@pytest.mark.parametrize(
    ("reach", "way", "reason"),
    [
        (Reach(True, True, True, True), Way.OFFICIAL_ACCOUNT, None),
        (Reach(True, True, True), Way.SMS, None),
        (Reach(False, True, True, True), Way.PAPER, Reason.NO_CONSENT),
        (Reach(True, False, True), Way.PAPER, Reason.PHONE_UNVERIFIED),
        (Reach(True, False), Way.PAPER, Reason.NO_PHONE),
        (Reach(True, True, True, True, deceased=True), None, Reason.DECEASED),
    ],
)
def test_the_best_way_is_the_account_then_a_message_then_paper(reach, way, reason):
    assert rules.way_for(reach) == rules.Chosen(way, reason)


def test_a_notice_never_goes_back_to_a_way_that_failed():
    reach = Reach(True, True, True, True)
    both = {Way.OFFICIAL_ACCOUNT, Way.SMS}
    assert rules.way_after(reach, Way.OFFICIAL_ACCOUNT, both, Reason.REFUSED).way is Way.SMS
    assert rules.way_after(reach, Way.SMS, both, Reason.REFUSED) == rules.Chosen(Way.PAPER, Reason.REFUSED)


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("20:59", "20:59"),
        ("21:00", "08:00+1"),
        ("23:59", "08:00+1"),
        ("00:00", "08:00"),
        ("07:59", "08:00"),
        ("08:00", "08:00"),
    ],
)
def test_no_phone_rings_between_nine_and_eight(asked, goes):
    at = datetime.fromisoformat(f"2026-11-21T{asked}+08:00").astimezone(UTC)
    hour, _, days = goes.partition("+")
    expected = datetime.fromisoformat(f"2026-11-21T{hour}+08:00") + timedelta(days=int(days or 0))
    assert local(rules.not_before(at)) == expected


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_fits_one_message_says_what_to_do_and_where_to_ask(kind):
    values = {
        "until": "11月28日10时",
        "begins": "12月31日",
        "when": "28日10:05",
        "shop": "云间工人…",
        "saved": "1,000.00",
    }
    words = rules.sentence(kind, "欧阳海燕", "021-67812351", values)
    assert len(f"【云间区总工会】{words}") <= rules.ONE_SMS
    assert "咨询021-67812351" in words and "请" in words


def test_a_gateway_is_asked_six_times_and_never_sooner_than_it_wants():
    pauses = [rules.pause_after(tries) for tries in range(1, rules.TRIES)]
    assert pauses == sorted(pauses) and rules.pause_after(rules.TRIES) is None
    assert rules.pause_after(1, timedelta(minutes=9)) == timedelta(minutes=9)
    assert rules.pause_after(1, timedelta(days=9)) == timedelta(hours=6)


# ---- writing ----


def test_without_consent_or_verified_phone_it_is_a_slip_with_them_a_message(session, world, unions, officer, people):
    confirm(session, world, officer, people[0])
    told = tell(session, world, unions, people)
    assert told == notices.Told(messages=1, slips=3)
    assert rows(session) == [("sms", "waiting", None), *[("paper", "waiting", "no_consent")] * 3]


def test_the_words_are_sealed_and_name_the_nearest_union_with_a_number(session, world, unions, officer, people):
    district = make_officer(session, world, unions["D1"])
    notices.set_union_phone(session, world, notices.SetUnionPhone(district, unions["D1"].id, "021-6781 0001"))
    tell(session, world, unions, people[:1])
    (line,) = notices.notice_lines(session, "/C/")
    assert line.words.startswith("周桂林：") and line.words.endswith("咨询021-6781 0001")
    assert "周桂林".encode() not in bytes(rows(session, "words")[0][0])
    notices.set_union_phone(session, world, notices.SetUnionPhone(officer, unions["B1"].id, "67810002"))
    assert notices.contact_phones(session, [unions["B1"].id, unions["B9"].id]) == {
        unions["B1"].id: "67810002", unions["B9"].id: "12351",
    }  # fmt: skip


def test_one_reminder_of_a_kind_a_day(session, world, clock, unions, people):
    assert tell(session, world, unions, people).slips == 4
    assert tell(session, world, unions, people).slips == 0
    clock.advance(timedelta(days=1))
    assert tell(session, world, unions, people[:1]).slips == 1


def test_a_new_card_has_its_letter_so_nobody_gets_a_second_paper(session, world, unions, officer, people):
    confirm(session, world, officer, people[1])
    assert tell(session, world, unions, people, NoticeKind.CARD_ISSUED) == notices.Told(1, 0)


def test_the_dead_are_told_nothing(session, world, unions, people):
    session.execute(text("update person set deceased_on = '2026-11-01' where id = :id"), {"id": people[0]})
    assert tell(session, world, unions, people[:1], on_paper=True) == notices.Told()


# ---- sending ----


@pytest.fixture
def message(session, world, unions, officer, people):
    """One message that waits, to the first of the people."""
    confirm(session, world, officer, people[0])
    tell(session, world, unions, people[:1])
    return people[0]


def take(session, world, ways=SMS):
    return notices.take_next(session, world, ways)


def test_what_is_in_one_workers_hand_is_in_no_others_until_its_claim_is_over(session, world, clock, message):
    first = take(session, world)
    assert first.message.address == "19900000000" and take(session, world) is None
    clock.advance(timedelta(minutes=2))
    again = take(session, world)
    assert again.message.key == first.message.key, "the key a gateway knows it by"
    notices.note_outcome(session, world, first, RefusedForGood("late_answer"), SMS)
    assert rows(session) == [("sms", "waiting", None)], "only who has it in hand says that it failed"
    notices.note_outcome(session, world, first, Accepted("P-1"), SMS)
    notices.note_outcome(session, world, again, Later("http_500"), SMS)
    assert rows(session, "state, provider_id") == [("sent", "P-1")], "what was sent was sent, whoever says so"


def test_at_night_nothing_leaves(session, world, clock, message):
    clock.set(datetime.fromisoformat("2026-11-21T22:00+08:00"))
    assert take(session, world) is None
    clock.set(datetime.fromisoformat("2026-11-22T08:00+08:00"))
    assert take(session, world).message


def test_a_consent_withdrawn_over_night_is_respected(session, world, message):
    session.execute(text("update consent set withdrawn_at = now() where purpose = 'notices'"))
    assert take(session, world).message is None
    assert rows(session) == [("paper", "waiting", "no_consent")]


def test_a_gateway_that_refuses_for_good_leaves_paper(session, world, message):
    notices.note_outcome(session, world, take(session, world), RefusedForGood("blacklisted"), SMS)
    assert rows(session, "way, state, reason, error") == [("paper", "waiting", "refused", "blacklisted")]


def test_a_gateway_that_never_answers_is_given_up_after_six_tries(session, world, clock, message):
    tried = 0
    while taken := take(session, world):
        tried += 1
        notices.note_outcome(session, world, taken, Later("timeout"), SMS)
        clock.advance(timedelta(hours=6))
        if rules.is_quiet(world.now()):
            clock.advance(timedelta(hours=11))
    assert tried == rules.TRIES
    assert rows(session) == [("paper", "waiting", "gave_up")]


def test_without_a_gateway_everything_is_paper_even_at_night(session, world, clock, message):
    clock.set(datetime.fromisoformat("2026-11-21T23:00+08:00"))
    notices.close_ways(session, frozenset())
    assert rows(session) == [("paper", "waiting", "no_gateway")]


def test_a_bound_account_comes_first_and_a_message_when_it_refuses(session, world, unions, officer, people):
    confirm(session, world, officer, people[0])
    bound = [notices.BindAccount(people[0], "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"), notices.BindAccount(people[1], "o2")]
    assert notices.bind_accounts(session, world, bound) == 2
    assert notices.bind_accounts(session, world, bound) == 0
    tell(session, world, unions, people[:1])
    both = {Way.OFFICIAL_ACCOUNT, Way.SMS}
    taken = take(session, world, both)
    assert (taken.way, taken.message.address) == (Way.OFFICIAL_ACCOUNT, "o6_bmjrPTlm6_2sgVt7hMZOPfL2M")
    notices.note_outcome(session, world, taken, RefusedForGood("wechat_43004"), both)
    taken = take(session, world, both)
    assert (taken.way, taken.message.address) == (Way.SMS, "19900000000")


def test_what_was_done_meanwhile_is_not_asked_for_any_more(session, world, unions, officer, people):
    confirm(session, world, officer, people[0])
    recipients = [notices.Recipient(one, unions["B1"].id, one) for one in people[:2]]
    notices.tell(session, world, notices.Tell(REMINDER, recipients))
    notices.drop_notices(session, [REMINDER], people[:2])
    assert {state for _, state, _ in rows(session)} == {"dropped"} and take(session, world) is None


# ---- the desk ----


def test_slips_are_printed_once_and_handed_out(session, world, unions, officer, people):
    tell(session, world, unions, people)
    slips = notices.print_slips(session, world, notices.Slips(officer, officer.scope_path))
    assert len(slips) == 4 and {slip.union_name for slip in slips} == {unions["B1"].name}
    with pytest.raises(CardnetError, match="nothing_to_print"):
        notices.print_slips(session, world, notices.Slips(officer, officer.scope_path))
    assert len(notices.print_slips(session, world, notices.Slips(officer, officer.scope_path, again=True))) == 4
    first, *_ = notices.notice_lines(session, officer.scope_path, "to_hand_out")
    given = notices.HandOutSlips(officer, officer.scope_path, (first.notice_id,))
    assert notices.hand_out_slips(session, world, given) == 1
    assert notices.hand_out_slips(session, world, given) == 0, "twice tapped is once handed out"
    (counts,) = notices.notice_counts(session, "/C/")
    assert (counts.to_print, counts.to_hand_out, counts.handed_out) == (0, 3, 1)


def test_nobody_works_at_anothers_desk(session, world, unions, people):
    tell(session, world, unions, people)
    stranger = make_officer(session, world, unions["B9"])
    for act in (
        lambda: notices.print_slips(session, world, notices.Slips(stranger, unions["B1"].path)),
        lambda: notices.hand_out_slips(session, world, notices.HandOutSlips(stranger, unions["B1"].path)),
        lambda: confirm(session, world, stranger, people[0]),
        lambda: notices.set_union_phone(session, world, notices.SetUnionPhone(stranger, unions["B1"].id, "1")),
    ):
        with pytest.raises(CardnetError, match="out_of_scope"):
            act()


def test_a_number_is_verified_for_whoever_holds_it_now(session, world, unions, officer):
    old, new = make_membership.people(session, world, 2, phone="13800000001")
    confirm(session, world, officer, old)
    confirm(session, world, officer, new)
    verified = "select id from person where phone_verified_at is not null"
    assert session.scalars(text(verified)).all() == [new]
    with pytest.raises(CardnetError, match="phone_twice"):
        confirm(session, world, officer, old, new)


def test_a_slip_keeps_numbers_whole_and_marks_off_the_line_start():
    lines = wrapped("周桂林：您的会员服务卡还没有激活。咨询021-67812351，谢谢。", 11, 120)
    assert "".join(lines).startswith("周桂林：") and all(line[0] not in "，。：" for line in lines)
    assert any("67812351" in line for line in lines)
    sheet = slip_sheets([NoticeSlip("买买提·艾山", "恒启", "词" * 70, datetime(2026, 11, 21).date())] * 9)  # noqa: DTZ001
    assert sheet.startswith(b"%PDF") and sheet.count(b"/Type /Page\n") in (0, 2)


def test_a_phone_index_does_not_open_the_words(session, world, message):
    with pytest.raises(ValueError, match="does not verify"):
        vault_of(session).open("person.name", bytes(rows(session, "words")[0][0]))


def test_the_official_accounts_list_binds_who_is_a_member(app, session, world, people, tmp_path):
    file = tmp_path / "绑定.csv"
    file.write_text(f"证件号码,openid\n{make_membership.id_number(0)},o1\n319999199001010000,o2\n", "utf-8-sig")
    with app.app_context():
        said = CliRunner().invoke(cli.notices_group, ["bind", str(file), "--json"])
        again = CliRunner().invoke(cli.notices_group, ["bind", str(file)])
    assert json.loads(said.output) == {"bound": 1, "unchanged": 0, "unknown_rows": [3]}
    assert "1 人没有变化" in again.output
    assert notices.bind_accounts(session, world, [notices.BindAccount(people[0], "o1")]) == 0
    file.write_text("姓名\n周桂林\n", "utf-8")
    with app.app_context():
        assert isinstance(CliRunner().invoke(cli.notices_group, ["bind", str(file)]).exception, CardnetError)


def test_more_slips_than_one_file_takes_are_printed_in_turns(session, world, unions, officer, people, monkeypatch):
    monkeypatch.setattr(desk, "MOST_SLIPS", 3)
    tell(session, world, unions, people)
    command = notices.Slips(officer, officer.scope_path)
    assert [len(notices.print_slips(session, world, command)) for _ in range(2)] == [3, 1]
