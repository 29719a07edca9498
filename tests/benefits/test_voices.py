"""今年工会为我, how content members are with it, and “不是我”."""

import uuid

import pytest
from sqlalchemy import text

from cardnet.benefits import services as benefits
from cardnet.benefits.services import AnswerYear, DenyRedemption, SettleDenial
from cardnet.benefits.words import DenialOutcome, Feeling, ProgramKind
from cardnet.kernel.errors import CardnetError
from tests.make.benefits import health_check, make_shop, percent, rule


@pytest.fixture
def shop(session, world):
    made = make_shop(session, world)
    made.pool("HC2026", 1_000_000)
    made.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY)
    made.program("D-10", rule(percent(1_000)))
    return made


def test_a_year_adds_up_by_program_and_month_and_takes_off_what_was_given_back(shop, session, clock):
    member = shop.member()
    shop.redeem(member, 38_000, service_code="health_check")
    clock.set(clock.at.replace(month=12, day=3))
    kept = shop.redeem(member, 5_000)
    shop.refund(shop.redeem(member, 9_000).id)
    shop.refund(kept.id, 100)
    year = benefits.own_year(session, member.person_id, 2026)
    # The health check came with ten per cent of what it left: 38,000 − 10,000 of lane 20 on what lane 10 leaves.
    assert [(part.program, part.times, part.fen) for part in year.parts] == [("HC2026", 1, 10_000), ("D-10", 2, 4_200)]
    assert [(month.month, month.times, month.fen) for month in year.months] == [(11, 1, 13_800), (12, 1, 400)]
    assert (year.times, year.fen, year.union_fen) == (2, 14_200, 10_000)
    assert benefits.own_year(session, member.person_id, 2025).parts == ()


def test_one_answer_a_year_may_be_changed_and_its_content_stands_in_no_trail(shop, session, world):
    person = shop.member().person_id
    for feeling in (Feeling.DISSATISFIED, Feeling.SATISFIED):
        benefits.answer_year(session, world, AnswerYear(person, 2026, feeling))
    assert benefits.feeling_of(session, person, 2026) is Feeling.SATISFIED
    assert session.scalar(text("select count(*) from satisfaction")) == 1
    said = session.scalar(
        text("select string_agg(after::text, '') from audit_event where action = 'satisfaction.answer'")
    )
    assert "satisfied" not in said
    with pytest.raises(CardnetError) as wrong:
        benefits.answer_year(session, world, AnswerYear(person, 2024, Feeling.SATISFIED))
    assert wrong.value.code == "year_not_asked"


@pytest.mark.parametrize(
    ("satisfied", "others", "percent"), [(9, 0, None), (10, 0, 95), (6, 4, 60), (0, 12, 5), (11, 1, 92)]
)
def test_a_union_hears_numbers_only_and_none_of_a_few(shop, session, world, satisfied, others, percent):
    rows = [
        {"p": uuid.UUID(int=n), "f": "satisfied" if n < satisfied else "so_so", "u": "/C/D1/U1/", "at": world.now()}
        for n in range(satisfied + others)
    ]
    session.execute(
        text(
            "insert into satisfaction (person_id, year, feeling, unit_path, answered_at) values (:p, 2026, :f, :u, :at)"
        ),
        rows,
    )
    found = benefits.contentment(session, "/C/D1/", 2026)
    assert (found.enough, found.percent) == (percent is not None, percent)
    assert found.answers == (satisfied + others if percent is not None else 0)
    assert not benefits.contentment(session, "/C/D2/", 2026).enough


def deny(shop, member, redemption, **more):
    return benefits.deny_redemption(shop.session, shop.world, DenyRedemption(member.person_id, redemption.id, **more))


def test_not_me_is_said_once_taken_back_said_again_and_answered_once(shop, session, world):
    member, officer = shop.member(), shop.office["C1"].account_id
    used = shop.redeem(member, 5_000)
    first = deny(shop, member, used, words="那天我在上班")
    assert deny(shop, member, used) == first
    benefits.take_back_denial(session, world, member.person_id, used.id)
    second = deny(shop, member, used)
    (open_one,) = benefits.denials(session, path="/", only_open=True)
    assert (open_one.id, open_one.amount_fen, open_one.outcome) == (second, 5_000, None)
    answered = benefits.settle_denial(
        session, world, SettleDenial(second, DenialOutcome.CONFIRMED, "不是您，已追回。", officer)
    )
    assert answered.answer == "不是您，已追回。"
    for again in (
        lambda: deny(shop, member, used),
        lambda: benefits.take_back_denial(session, world, member.person_id, used.id),
        lambda: benefits.settle_denial(session, world, SettleDenial(second, DenialOutcome.EXPLAINED, "错了", officer)),
    ):
        with pytest.raises(CardnetError) as settled:
            again()
        assert settled.value.code == "denial_settled"


def test_nobody_denies_what_is_not_theirs_or_what_gave_nothing(shop, session):
    member, other = shop.members(1, 2)
    used, refused = shop.redeem(member, 5_000), shop.redeem(other, 10)
    for who, which, code in ((other, used, "not_found"), (other, refused, "nothing_used")):
        if which is refused and not refused.refused:
            continue
        with pytest.raises(CardnetError) as wrong:
            deny(shop, who, which)
        assert wrong.value.code == code
    assert benefits.denials(session, path="/") == ()


def test_who_has_waited_longest_stands_first_and_every_page_is_there(shop, session, world, clock):
    said, member = [], shop.member()
    for day in (1, 2, 3, 4):
        clock.set(clock.at.replace(month=12, day=day))
        sale = shop.redeem(member, 5_000)
        said.append(benefits.deny_redemption(session, world, DenyRedemption(member.person_id, sale.id, "")))
    for one in (said[0], said[2]):
        answer = SettleDenial(one, DenialOutcome.EXPLAINED, "本人到过", shop.office["C1"].account_id)
        benefits.settle_denial(session, world, answer)
    pages = [benefits.denials_page(session, "/", 3, offset) for offset in (0, 3, 6)]
    assert [([one.id for one in found], total) for found, total in pages] == [
        ([said[1], said[3], said[2]], 4),
        ([said[0]], 4),
        ([], 4),
    ]
