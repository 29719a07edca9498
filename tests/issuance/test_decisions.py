"""What the district decides for everybody: how long cards work, how long an old union may take; who, why, on the trail."""

import json
import re
import sys
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cardnet.cli import CardnetGroup
from cardnet.issuance import rules, services
from cardnet.issuance.cli import COMMANDS
from cardnet.issuance.rules import CardEnd, CardKind, Life
from cardnet.kernel.calendar import working_deadline
from cardnet.kernel.errors import InvalidInput, NotAllowed
from cardnet.membership import services as membership
from tests.make.access import make_session
from tests.make.issuance import make_office
from tests.make.web import enter, submit


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def decide_life(office, years, ends=CardEnd.YEAR_END, kind=CardKind.OWN, by="C1", reason="云工〔2026〕20号"):
    command = services.SetCardLife(kind, years, ends, reason, office[by] if by else None)
    return services.set_card_life(office.session, office.world, command)


def decide_term(office, days, by="C1", reason="云工〔2026〕19号"):
    command = membership.SetTransferTerm(days, reason, office[by] if by else None)
    return membership.set_transfer_term(office.session, office.world, command)


def acts(session, action):
    query = text("select before, after from audit_event where action = :action order by at, id")
    return [(row.before, row.after) for row in session.execute(query, {"action": action})]


@pytest.mark.parametrize(
    ("first", "life", "last"),
    [
        (date(2026, 11, 24), Life(5, CardEnd.YEAR_END), date(2030, 12, 31)),
        (date(2026, 1, 1), Life(1, CardEnd.YEAR_END), date(2026, 12, 31)),
        (date(2026, 11, 24), Life(5, CardEnd.SAME_DAY), date(2031, 11, 23)),
        (date(2026, 1, 1), Life(1, CardEnd.SAME_DAY), date(2026, 12, 31)),
        (date(2024, 2, 29), Life(1, CardEnd.SAME_DAY), date(2025, 2, 27)),
        (date(2024, 2, 29), Life(4, CardEnd.SAME_DAY), date(2028, 2, 28)),
        (date(2024, 3, 1), Life(1, CardEnd.SAME_DAY), date(2025, 2, 28)),
    ],
)
def test_the_last_day_of_a_card(first, life, last):
    assert rules.last_day_of_card(first, life) == last


def test_new_cards_work_as_long_as_the_district_decided_and_old_ones_keep_their_day(office, session):
    (before,) = office.issue(0)
    assert before.valid_to == date(2030, 12, 31)
    assert services.card_lives(session)[0].set_at is None
    view = decide_life(office, 2)
    assert (view.years, view.ends, view.reason, view.set_by) == (
        2,
        "year_end",
        "云工〔2026〕20号",
        office["C1"].display_name,
    )
    (after,) = office.issue(1)
    assert after.valid_to == date(2027, 12, 31)
    assert services.card_of_number(session, before.number).valid_to == date(2030, 12, 31)
    decide_life(office, 3, CardEnd.SAME_DAY)
    own, external = services.card_lives(session)
    assert (own.years, own.ends, external.years, external.ends) == (3, "same_day", 5, "year_end")
    assert acts(session, "card_life.set") == [
        ({"years": 5, "ends": "year_end"}, {"years": 2, "ends": "year_end", "reason": "云工〔2026〕20号"}),
        ({"years": 2, "ends": "year_end"}, {"years": 3, "ends": "same_day", "reason": "云工〔2026〕20号"}),
    ]


def test_an_old_union_has_the_days_the_district_decided(office, session, world):
    (card,) = office.issue(0)
    assert membership.transfer_term(session).working_days == 5
    decide_term(office, 10)
    target = membership.union_of_code(session, "B9")
    membership.start_transfer(session, world, membership.StartTransfer(card.person_id, target.id, office["D1u"]))
    due = session.scalar(text("select due_at from transfer_proposal"))
    assert due == working_deadline(world.now(), 10)
    decide_term(office, 3)
    assert session.scalar(text("select due_at from transfer_proposal")) == due
    assert [after["working_days"] for _, after in acts(session, "transfer_term.set")] == [10, 3]


@pytest.mark.parametrize("decide", [lambda o, by: decide_life(o, 2, by=by), lambda o, by: decide_term(o, 7, by=by)])
def test_only_the_district_decides_or_the_server_itself(office, decide):
    for somebody in ("U1", "D1u"):
        with pytest.raises(NotAllowed, match="由区总工会决定"):
            decide(office, somebody)
    decide(office, None)


def test_what_cannot_be_decided(office):
    for years in (0, 21):
        with pytest.raises(InvalidInput, match="1 到 20 年"):
            decide_life(office, years)
    for days in (0, 61):
        with pytest.raises(InvalidInput, match="1 到 60 个工作日"):
            decide_term(office, days)
    for silent in (lambda: decide_life(office, 2, reason=" "), lambda: decide_term(office, 2, reason="")):
        with pytest.raises(InvalidInput, match="请写明为什么修改"):
            silent()


def test_the_pages_tell_every_mistake_at_once_and_what_holds(office, client, session, world):
    enter(client, make_session(session, world, office["C1"]))
    wrong = submit(
        client, "/console/cards/settings/life", {"kind": "own", "years": "viele", "ends": "year_end", "life_reason": ""}
    )
    assert wrong.status_code == 422
    for sentence in ("请写 1 到 20 年", "请写明为什么修改"):
        assert sentence in wrong.text
    given = {"kind": "external", "years": "99", "ends": "same_day", "life_reason": "云工〔2026〕20号"}
    assert "请选择哪一天到期" in submit(client, "/console/cards/settings/life", {**given, "ends": ""}).text
    assert "1 到 20 年" in submit(client, "/console/cards/settings/life", given).text
    done = submit(client, "/console/cards/settings/life", {**given, "years": "2"}, follow_redirects=True)
    assert "从发卡那天起满 2 年" in done.text and "用到第 5 年的 12 月 31 日" in done.text
    own, other = (client.get(f"/console/cards/settings?kind={kind}").text for kind in ("", "external"))
    assert 'value="5"' in own and re.search('value="year_end" checked', own), "the form begins with what holds"
    assert 'name="kind" value="external"' in other and 'value="2"' in other
    assert re.search('value="same_day" checked', other), "of the kind it is about"
    wrong = submit(client, "/console/review-settings/transfers", {"transfer_days": "", "transfer_reason": ""})
    assert wrong.status_code == 422 and "请写 1 到 60 个工作日" in wrong.text and "请写明为什么修改" in wrong.text
    given = {"transfer_days": "7", "transfer_reason": "云工〔2026〕19号"}
    done = submit(client, "/console/review-settings/transfers", given, follow_redirects=True)
    assert "7 个工作日" in done.text and "云工〔2026〕19号" in done.text
    enter(client, make_session(session, world, office["U1"]))
    assert "云工〔2026〕19号" in client.get("/console/review-settings").text
    assert submit(client, "/console/review-settings/transfers", given).status_code == 403


def test_the_commands_say_and_set(app, office, monkeypatch):
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def ask(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["cardnet", *words, "--json"])
        with app.app_context():
            result = CliRunner().invoke(group, [*words, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if code < 2 else None

    assert ask("cards", "life")["own"]["years"] == 5
    set_life = ("cards", "life", "--kind", "own", "--years", "3", "--reason", "云工〔2026〕20号")
    assert ask(*set_life)["own"] == {"years": 3, "ends": "year_end", "reason": "云工〔2026〕20号", "set_by": ""}
    ask("cards", "life", "--years", "3", code=2)
    assert ask("transfers", "term", "--set", "0", "--reason", "x", code=1)["error"]["code"] == "term_invalid"
    assert ask("transfers", "term", "--set", "8", "--reason", "云工〔2026〕19号")["working_days"] == 8
    assert ask("transfers", "term")["reason"] == "云工〔2026〕19号"


def test_a_recorded_holiday_gives_the_old_union_its_days(office, session, world, clock):
    """No table knows the Spring Festival of a year before its notice: silence in it must not count as a release."""
    first, second = office.issue(0, 1)
    target = membership.union_of_code(session, "B9")

    def due():
        return dict(session.execute(text("select person_id, due_at from transfer_proposal")).tuples().all())

    def record(*days, works=False):
        command = services.RecordDays(dict.fromkeys(days, works), "国办发明电〔2026〕9号", office["C1"])
        services.record_days(session, world, command)
        session.expire_all()

    clock.set(datetime(2027, 2, 1, 2, tzinfo=UTC))
    membership.start_transfer(session, world, membership.StartTransfer(first.person_id, target.id, office["D1u"]))
    assert due()[first.person_id] == datetime(2027, 2, 8, 2, tzinfo=UTC)
    record(date(2027, 2, 5), date(2027, 2, 8))
    assert due()[first.person_id] == datetime(2027, 2, 10, 2, tzinfo=UTC)
    # A day of work more takes nothing from whoever was told already; proposed now, it counts.
    record(date(2027, 2, 6), works=True)
    membership.start_transfer(session, world, membership.StartTransfer(second.person_id, target.id, office["D1u"]))
    told = {
        first.person_id: datetime(2027, 2, 10, 2, tzinfo=UTC),
        second.person_id: datetime(2027, 2, 9, 2, tzinfo=UTC),
    }
    assert due() == told
    # What is past stays past, and the day more it worked on is paid for by the one it has less.
    clock.set(datetime(2027, 2, 9, 3, tzinfo=UTC))
    record(date(2027, 2, 9))
    assert due() == told
    assert [after["transfers"] for _, after in acts(session, "review.calendar")] == [1, 0, 0]


def test_no_recorded_day_brings_a_release_nearer(office, session, world, clock):
    """The term was promised: it neither shrinks by a day that is far away nor ends before the old union has had it."""
    (card,) = office.issue(0)
    target = membership.union_of_code(session, "B9")

    def recorded(day, works=False):
        command = services.RecordDays({day: works}, "国办发明电〔2026〕9号", office["C1"])
        services.record_days(session, world, command)
        return session.scalar(text("select due_at from transfer_proposal"))

    clock.set(datetime(2027, 2, 1, 2, tzinfo=UTC))
    membership.start_transfer(session, world, membership.StartTransfer(card.person_id, target.id, office["D1u"]))
    # As it was proposed before holidays held for transfers: the last day is one that was recorded as free.
    recorded(date(2027, 2, 8))
    promised = datetime(2027, 2, 8, 2, tzinfo=UTC)
    session.execute(text("update transfer_proposal set due_at = :due"), {"due": promised})
    assert recorded(date(2027, 12, 31)) == promised
    later = datetime(2027, 2, 10, 2, tzinfo=UTC)
    assert recorded(date(2027, 2, 5)) == later
    # Not free after all, said when the term without the holidays is over: no release without a minute to answer.
    clock.set(datetime(2027, 2, 8, 3, tzinfo=UTC))
    assert recorded(date(2027, 2, 8), works=True) == later
    assert recorded(date(2027, 2, 8)) == later
