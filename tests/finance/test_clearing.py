"""What finance does about a difference: noted, proposed, checked by another person, opened again; no money moves."""

import json
import re

import pytest
from flask import g
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.access.services import CreateAccount
from cardnet.cli import CardnetGroup
from cardnet.finance import services
from cardnet.finance.cli import COMMANDS
from cardnet.finance.rules import ClearingStep, ExceptionState, Resolution, after_clearing
from cardnet.finance.services import TakeStep
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, Conflict, InvalidInput, NotAllowed, NotFound
from tests.finance.test_days_and_settlements import NEXT, at
from tests.finance.test_reconciliation import again, exceptions, reconcile
from tests.make.finance import DAY, sales, statement_csv
from tests.make.web import enter, submit, words_of

WORDS = "小票写 6.01 元，商户同意更正"


@pytest.fixture
def people(shop):
    """A maker and a checker of finance, and an approver who may do neither."""
    with transaction() as session:
        made = {}
        for name, role in (
            ("jingban", Role.FINANCE_MAKER), ("fuhe", Role.FINANCE_CHECKER), ("shenpi", Role.FINANCE_APPROVER),
        ):  # fmt: skip
            command = CreateAccount(name, name, frozenset({role}), shop.world.new_id(), "/C/")
            access.create_account(session, shop.world, command)
            made[name] = access.principal_of_username(session, name)
    return made


@pytest.fixture
def found(shop, clock):
    """A run with one difference: the merchant has 0.01 yuan more."""
    refs = sales(shop, clock, [at(DAY, 9), at(DAY, 10)])
    clock.set(at(NEXT, 10))
    run, _ = reconcile(shop, statement_csv([(refs[0], DAY, "6.01"), (refs[1], DAY, "6.00")]))
    return run


def only(run):
    (one,) = exceptions(run)
    return one


def step(shop, run, who, what, words=WORDS, resolution=None):
    command = TakeStep(only(run).id, ClearingStep(what), words, who, resolution)
    shop.act(lambda session: services.take_step(session, shop.world, command))
    return only(run)


def money(shop):
    with transaction() as session:
        return session.execute(text("select count(*), coalesce(sum(abs(amount)), 0) from posting")).one()


def test_a_difference_is_closed_by_two_people_with_words_and_no_money_moves(shop, found, people):
    before = money(shop)
    assert step(shop, found, people["jingban"], "note", "已问商户").state == "open"
    proposed = step(shop, found, people["jingban"], "propose", resolution=Resolution.MERCHANT_CORRECTS)
    assert (proposed.state, proposed.evidence, proposed.maker_id) == ("proposed", WORDS, people["jingban"].account_id)
    assert step(shop, found, people["fuhe"], "return", "小票在哪里？").state == "rejected"
    step(shop, found, people["jingban"], "propose", resolution=Resolution.MERCHANT_CORRECTS)
    done = step(shop, found, people["fuhe"], "approve", "同意")
    assert (done.state, done.settled_by_people, done.checker_id) == ("closed", True, people["fuhe"].account_id)
    with transaction() as session:
        said = services.steps_of_differences(session, [done.id])[done.id]
        acts = session.scalars(
            text("select action from audit_event where subject_kind = 'difference' order by id")
        ).all()
        assert services.audit.run(session, shop.world) == []
    assert [str(one.step) for one in said] == ["note", "propose", "return", "propose", "approve"]
    assert acts == [f"difference.{one.step}" for one in said]
    assert said[0].words == "已问商户" and said[2].actor_id == people["fuhe"].account_id
    assert (said[0].resolution, said[-1].words, said[-1].resolution) == (None, "同意", Resolution.MERCHANT_CORRECTS)
    assert money(shop) == before


def test_what_people_closed_stays_closed_when_it_is_compared_again_and_opens_with_words(shop, found, people):
    step(shop, found, people["jingban"], "propose", resolution=Resolution.EXPLAINED)
    step(shop, found, people["fuhe"], "approve", "")
    fresh, _ = again(shop, found)
    assert only(fresh).state == "closed"
    opened = step(shop, fresh, people["fuhe"], "reopen", "商户又说没有更正")
    assert (opened.state, opened.resolution, opened.maker_id) == ("reopened", None, None)
    assert step(shop, fresh, people["jingban"], "propose", resolution=Resolution.DONE_ELSEWHERE).state == "proposed"


@pytest.mark.parametrize(
    ("who", "what", "words", "error", "code"),
    [
        ("jingban", "propose", WORDS, InvalidInput, "resolution_missing"),
        ("jingban", "note", "  ", InvalidInput, "words_missing"),
        ("jingban", "note", "长" * 201, InvalidInput, "words_missing"),
        ("jingban", "approve", WORDS, NotAllowed, "role_missing"),
        ("fuhe", "propose", WORDS, NotAllowed, "role_missing"),
        ("shenpi", "note", WORDS, NotAllowed, "role_missing"),
        ("fuhe", "approve", "", Conflict, "illegal_transition"),
        ("fuhe", "reopen", WORDS, Conflict, "illegal_transition"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(shop, found, people, who, what, words, error, code):
    with pytest.raises(error) as refused:
        step(shop, found, people[who], what, words)
    assert refused.value.code == code
    assert re.search("[\u4e00-\u9fff]", refused.value.message)
    assert only(found).state == "open"


def test_nobody_checks_their_own_proposal_and_what_closed_by_itself_is_not_opened_by_hand(shop, found, people, clock):
    both = people["jingban"].__class__(
        **{**vars(people["jingban"]), "roles": frozenset({Role.FINANCE_MAKER, Role.FINANCE_CHECKER})}
    )
    step(shop, found, both, "propose", resolution=Resolution.EXPLAINED)
    with pytest.raises(NotAllowed) as refused:
        step(shop, found, both, "approve", "")
    assert refused.value.code == "sod_violation"
    with pytest.raises(NotFound):
        command = TakeStep(shop.world.new_id(), ClearingStep.NOTE, WORDS, both)
        shop.act(lambda session: services.take_step(session, shop.world, command))


def test_what_closed_by_itself_is_not_opened_by_hand(shop, found, people):
    command = services.SetAside(found.id, "传错了", people["jingban"].account_id)
    shop.act(lambda session: services.set_aside(session, shop.world, command))
    with pytest.raises(Conflict) as refused:
        step(shop, found, people["fuhe"], "reopen")
    assert "自动消除" in refused.value.message


def propose(shop, run, people, resolution=Resolution.MERCHANT_CORRECTS):
    step(shop, run, people["jingban"], "propose", resolution=resolution)
    return said_of(only(run))[-1].id


def said_of(one):
    with transaction() as session:
        return services.steps_of_differences(session, [one.id])[one.id]


def test_a_checker_answers_the_proposal_that_was_read_and_no_later_one(shop, found, people):
    read = propose(shop, found, people)
    step(shop, found, people["fuhe"], "return", "小票在哪里？")
    later = propose(shop, found, people, Resolution.EXPLAINED)
    for what in ("approve", "return"):
        command = TakeStep(only(found).id, ClearingStep(what), WORDS, people["fuhe"], proposal=read)
        with pytest.raises(Conflict) as refused:
            shop.act(lambda session, command=command: services.take_step(session, shop.world, command))
        assert refused.value.code == "proposal_changed"
    assert only(found).state == "proposed"
    command = TakeStep(only(found).id, ClearingStep.APPROVE, "", people["fuhe"], proposal=later)
    shop.act(lambda session: services.take_step(session, shop.world, command))
    assert only(found).closing_words == "explained"


@pytest.mark.parametrize("returned", [False, True])
def test_what_a_checker_sent_back_closes_and_opens_by_itself_like_any_other(shop, found, people, returned):
    propose(shop, found, people)
    if returned:
        step(shop, found, people["fuhe"], "return", "小票在哪里？")
    command = services.SetAside(found.id, "传错了", people["jingban"].account_id)
    shop.act(lambda session: services.set_aside(session, shop.world, command))
    closed = only(found)
    assert (closed.state, closed.settled_by_people, closed.resolution, closed.maker_id) == ("closed", False, None, None)
    fresh, _ = again(shop, found)
    assert (only(fresh).state, only(fresh).resolution, only(fresh).checker_id) == ("open", None, None)
    step(shop, fresh, people["fuhe"], "note", "看过了")
    assert said_of(only(fresh))[-1].resolution is None


def test_what_is_noted_still_clears_with_its_day(shop, found, people):
    step(shop, found, people["jingban"], "note", "等第二天")
    with transaction() as session:
        session.execute(text("update reconciliation_exception set clears_on = :day"), {"day": NEXT})
        services.clear_timing_differences(session, shop.world, NEXT)
    assert (only(found).state, only(found).closing_words) == ("closed", "timing")


def test_every_step_from_every_state_leads_somewhere_or_is_refused():
    closing = {now for now in ExceptionState if _leads(now, ClearingStep.APPROVE) is ExceptionState.CLOSED}
    assert closing == {ExceptionState.PROPOSED}
    assert {now for now in ExceptionState if _leads(now, ClearingStep.REOPEN)} == {ExceptionState.CLOSED}
    assert {now for now in ExceptionState if _leads(now, ClearingStep.PROPOSE)} == {
        ExceptionState.OPEN, ExceptionState.ASSIGNED, ExceptionState.REJECTED, ExceptionState.REOPENED,
    }  # fmt: skip
    assert _leads(ExceptionState.PROPOSED, ClearingStep.NOTE) is ExceptionState.PROPOSED


def _leads(now, what):
    try:
        return after_clearing(now, what)
    except CardnetError:
        return None


@pytest.fixture
def browser(shop_app, shop, people):
    """What each of them sees and sends; a request forgets who made the one before."""

    def signed_in(who):
        client = shop_app.test_client()
        with transaction() as session:
            enter(client, access.open_staff_session(session, shop.world, people[who].account_id).token)

        def ask(path, data=None):
            g.pop("principal", None)
            return client.get(path) if data is None else submit(client, path, data)

        return ask

    return signed_in


def test_the_page_takes_each_step_where_the_difference_stands(shop_app, found, people, browser):
    page, one = f"/finance/reconciliation/{found.id}", only(found)
    there = f"/finance/reconciliation/differences/{one.id}"
    maker, checker, reader = browser("jingban"), browser("fuhe"), browser("shenpi")
    assert "记下查到的情况，或提出结论" in maker(page).text
    assert there not in reader(page).text
    wrong = maker(there, {"step": "propose", "words": WORDS})
    assert (wrong.status_code, "请选择结论。" in wrong.text, WORDS in wrong.text) == (422, True, True)
    assert maker(there, {"step": "dance"}).status_code == 422
    done = maker(there, {"step": "propose", "words": WORDS, "resolution": "merchant_corrects"})
    assert (done.status_code, done.location) == (303, f"{page}#do-{one.id}")
    assert maker(there, {"step": "approve"}).status_code == 403
    assert reader(there, {"step": "note", "words": WORDS}).status_code == 403
    assert page in checker("/finance").text and "等您复核" in checker("/finance").text
    assert "等您复核" not in maker("/finance").text
    asked = words_of(checker(page).text)
    assert "复核这条结论" in asked and "提出结论：商户更正自己的记录" in asked and WORDS in asked
    assert checker(there, {"step": "return"}).status_code == 422
    (read,) = re.findall(r'name="proposal" value="([^"]+)"', checker(page).text)
    assert checker(there, {"step": "approve", "proposal": str(one.id)}).status_code == 409
    assert checker(there, {"step": "approve", "proposal": "x"}).status_code == 404
    assert checker(there, {"step": "approve", "words": "同意", "proposal": read}).status_code == 303
    assert "等您复核" not in checker("/finance").text
    shown = words_of(reader(page).text)
    assert "已处理" in shown and "复核同意 同意 fuhe" in shown and "下一步" not in shown
    assert maker(there, {"step": "reopen", "words": "再看一次"}).status_code == 303
    assert "重新打开" in words_of(reader(page).text)
    assert maker(f"{there[:-4]}0000", {"step": "note", "words": "x"}).status_code == 404
    assert maker("/finance/reconciliation/differences/nothing", {"step": "note", "words": "x"}).status_code == 404


def test_the_command_lists_and_takes_steps(shop_app, shop, found, people):
    group, run = CardnetGroup(commands={one.name: one for one in COMMANDS}), shop_app.test_cli_runner()

    def told(*words):
        answer = run.invoke(group, ["reconciliations", *words, "--json"])
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.output)

    (one,) = told("differences", str(found.id))["differences"]
    assert (one["code"], one["state"], one["difference_fen"], one["steps"]) == ("E06", "open", -1, [])
    words = "--words", WORDS
    said = told("step", one["id"], "propose", "--resolution", "merchant_corrects", *words, "--as", "jingban")
    assert (said["state"], said["resolution"], said["steps"][0]["words"]) == ("proposed", "merchant_corrects", WORDS)
    assert told("step", one["id"], "approve", "--as", "fuhe")["state"] == "closed"
    shown = run.invoke(group, ["reconciliations", "differences", str(found.id)]).output
    assert "已消除" in shown and WORDS in shown
