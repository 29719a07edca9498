"""Every use of a card is told to its member, once, with “不是我” in it and nothing of what it was for.

The order of events is one of commits: these tests commit.
"""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits import services as benefits
from cardnet.benefits.services import telling
from cardnet.benefits.words import ProgramKind
from cardnet.kernel.vault import vault_of
from cardnet.membership.services import notices
from tests.make.benefits import all_at_once, committed, health_check, make_shop

CHECK = {"service_code": "health_check"}


@pytest.fixture
def shop(committing_app, world):
    with committed(committing_app) as session:
        made = make_shop(session, world)
        made.pool("HC2026", 10_000_000)
        made.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY, name="困难职工体检")
        made.people = made.members(1, 2, 3, 4)
        reachable = tuple(one.person_id for one in made.people[:3])
        notices.confirm_phones(session, world, notices.ConfirmPhones(made.office["U1"], reachable))
    with committed(committing_app) as session:
        # The first look begins with what comes after it.
        assert benefits.tell_uses(session, world).looked_at == 0
    return made


@pytest.fixture
def use(committing_app, shop):
    def redeem(member, back=False):
        with committed(committing_app) as session:
            shop.session = session
            used = shop.redeem(member, 38_000, **CHECK)
            if back:
                shop.refund(used.id)
            return used

    return redeem


@pytest.fixture
def look(committing_app, world):
    def tell():
        with committed(committing_app) as session:
            return benefits.tell_uses(session, world)

    return tell


def told(app):
    with committed(app) as session:
        vault = vault_of(session)
        rows = session.execute(text("select * from notice where kind = 'card_used' order by id")).all()
        return [(vault.open("notice.words", row.words), row) for row in rows]


def test_a_use_is_told_once_and_says_when_where_how_much_and_not_me(committing_app, shop, use, look, world, clock):
    member, silent = shop.people[0], shop.people[3]
    used = use(member)
    use(member)  # refused: once a year
    use(shop.people[1], back=True)
    use(silent)
    looks = all_at_once(committing_app, [lambda session: benefits.tell_uses(session, world)] * 2)
    assert sorted(one.messages for one in looks) == [0, 1], "who agreed to no messages has the use in the wallet's list"
    assert look().messages == 0
    ((words, row),) = told(committing_app)
    assert (row.way, row.state, row.subject_id, row.person_id) == ("sms", "waiting", used.id, member.person_id)
    assert words.partition("：")[2] == "21日10:00在云间工人疗养…用卡省100.00元。非本人请在会员卡点“不是我”。咨询12351"
    with committed(committing_app) as session:
        assert notices.notice_lines(session, "/") == (), "where somebody was is for no officer to read"
        assert notices.notice_counts(session, "/") == ()
    clock.advance(timedelta(hours=12, minutes=30))
    use(shop.people[2])
    assert look().messages == 1
    at_night = told(committing_app)[1][1]
    assert at_night.next_try_at - world.now() == timedelta(hours=9, minutes=30), "nobody's phone rings at night"


def test_what_is_told_again_is_not_told_twice_and_without_the_fence_it_would_be(
    committing_app, shop, use, look, monkeypatch, clock
):
    monkeypatch.setattr(telling, "_MOST", 2)
    for member in shop.people[:3]:
        use(member)
    looks = [look() for _ in range(3)]
    assert sum(one.messages for one in looks) == 3
    assert looks[0].more and not looks[2].more, "a full look goes on where it stopped"

    def from_the_start(*before):
        with committed(committing_app) as session:
            for statement in ("update uses_told set seq = 0", *before):
                session.execute(text(statement))
        more = True
        while more:
            more = look().more
        return len(told(committing_app))

    assert from_the_start() == 3
    assert from_the_start("update notice set subject_id = null") == 6, (
        "the planted fault is seen: nothing to know it by"
    )
    clock.advance(timedelta(days=3, seconds=1))
    assert from_the_start() == 6, "old news helps nobody"
