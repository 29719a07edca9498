"""A union that stands elsewhere keeps what it has used of limits per unit, and what is given back frees it there.

What was used, answered, printed and told counts where the union, or its successor, stands now.
"""

from dataclasses import replace
from datetime import date

import pytest

from cardnet.access import services as access
from cardnet.benefits import services
from cardnet.benefits.words import Feeling, ProgramKind
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import NotAllowed, NotFound
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import PoolUnit
from cardnet.membership import services as membership
from cardnet.membership.services import MoveUnion
from tests.make import membership as make_membership
from tests.make.benefits import breaches, fixed, make_shop, rule

THREE = {"id": "u", "scope": "org_unit", "window": "calendar_year", "max_n": 3, "on_exceed": "refuse"}


@pytest.fixture
def shop(session, world):
    shop = make_shop(session, world)
    shop.program("outing", rule(fixed(500), limits=[THREE]), ProgramKind.DISCOUNT, since=date(2026, 6, 1))
    return shop


def move(shop, code, parent):
    command = MoveUnion(code, parent, "云工〔2026〕18号", shop.office["C1"])
    return services.move_union(shop.session, shop.world, command)


def test_a_units_limit_stays_used_where_the_unit_goes_and_back_again(shop):
    one, two, three, four = shop.members(1, 2, 3, 4)
    uses = [shop.redeem(member, 5_000).id for member in (one, two)]
    move(shop, "B1", "D2")
    assert breaches(shop.session) == {}
    assert not shop.redeem(three, 5_000).refused
    full = {reason.code for reason in shop.redeem(four, 5_000).reasons}
    assert "limit_count" in full
    shop.refund(uses[0])
    assert breaches(shop.session) == {}
    assert not shop.redeem(four, 5_000).refused
    move(shop, "B1", "D1")
    assert breaches(shop.session) == {}
    assert shop.redeem(one, 5_000).refused
    shop.refund(uses[1])
    assert not shop.redeem(one, 5_000).refused
    assert breaches(shop.session) == {}


def merge(shop, code, into):
    command = issuance.MergeUnion(code, into, "云工〔2026〕18号", shop.office["C1"])
    return issuance.merge_union(shop.session, shop.world, command)


def again(shop, name):
    """The officer as the next request finds them."""
    return access.principal_of_username(shop.session, shop.office[name].username)


def test_a_successor_begins_with_its_own_uses_of_a_limit_per_unit(shop):
    one, two, three, four = shop.members(1, 2, 3, 4)
    for member in (one, two, three):
        shop.redeem(member, 5_000)
    merge(shop, "B1", "B9")
    assert [shop.redeem(member, 5_000).refused for member in (one, two, four)] == [False, False, False]
    assert shop.redeem(three, 5_000).refused
    assert breaches(shop.session) == {}


def test_a_pool_and_a_program_of_a_merged_union_are_its_successors_to_answer_for(shop, session, world):
    d1, d2 = shop.office["D1u"], shop.office["D9u"]
    b1 = shop.office.unions["B1"]
    places = ledger.MakePool("places", "疗休养人数", PoolUnit.PERSONS, 20, "云工〔2026〕9号", b1.id)
    ledger.make_pool(session, world, places)
    mine = services.CreateProgram("picnic", "春游", ProgramKind.DISCOUNT, "云工〔2026〕9号", b1.id, d1)
    services.create_program(session, world, mine)

    def readers():
        return [
            {one.code for one in services.all_founded(session, officer) if one.code in ("places", "picnic")}
            for officer in (d1, d2)
        ]

    assert readers() == [{"places", "picnic"}, set()]
    merge(shop, "B1", "B9")
    assert readers() == [set(), {"places", "picnic"}]
    assert services.founded(session, d2, services.SubjectKind.POOL, "places").union.code == "B9"
    body = rule(fixed(100))
    draft = services.DraftRule("picnic", body, date(2027, 1, 1), d1)
    with pytest.raises(NotAllowed):
        services.draft_rule(session, world, draft)
    services.draft_rule(session, world, replace(draft, officer=d2))


# ---- figures of what was used ----


def figures(shop, top="/C/"):
    """By union of the bulletin: members, people who used something; and what the leadership's pages count."""
    session, year = shop.session, shop.office.year
    first, last = date(year, 1, 1), date(year, 12, 31)
    issue = services.issue_of(session, shop.world, top, year, every_level=True)
    lines = {line.union.path: line for level in issue.levels for line in level.lines if not line.own}
    told = {path: (one.figures.answers.members, one.figures.used) for path, one in lines.items()}
    by_unit = services.people_served_by_unit(session, top, first, last)
    for path in ("/C/D1/", "/C/D2/"):
        served = services.people_served(session, path, first, last)
        below = services.usage_below(session, "/C/", 2, first, last)
        assert served == (below[path].people if path in below else 0) == told[path][1]
        (outing,) = services.usage_report(session, ["outing"], first=first, last=last, path=path)
        assert outing.people == served
        assert sum(people for unit, people in by_unit.items() if unit.startswith(path)) == served
    return told


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ([("merge", "B1", "B9")], {"/C/D1/": (0, 0), "/C/D2/": (3, 2), "/C/D2/B9/": (3, 2)}),
        ([("move", "B1", "D2")], {"/C/D1/": (0, 0), "/C/D2/": (3, 2), "/C/D2/B1/": (3, 2)}),
        ([("move", "B1", "D2"), ("move", "B1", "D1")], {"/C/D1/": (3, 2), "/C/D2/": (0, 0), "/C/D1/B1/": (3, 2)}),
        ([("move", "B1", "D2"), ("merge", "B1", "B9")], {"/C/D1/": (0, 0), "/C/D2/": (3, 2), "/C/D2/B9/": (3, 2)}),
        (
            [("merge", "B1", "B9"), ("move", "B9", "D1"), ("merge", "B9", "B2")],
            {"/C/D1/": (3, 2), "/C/D2/": (0, 0), "/C/D1/B2/": (3, 2)},
        ),
    ],
)
def test_what_was_used_counts_where_the_union_or_its_successor_is_now(shop, how, found):
    members = shop.members(1, 2, 3)
    for member in members[:2]:
        assert not shop.redeem(member, 5_000).refused
    assert figures(shop)["/C/D1/B1/"] == (3, 2)
    for verb, code, other in how:
        {"move": move, "merge": merge}[verb](shop, code, other)
    told = figures(shop)
    assert {path: told[path] for path in found} == found


def test_a_unit_that_left_a_moved_branch_and_the_branch_are_told_apart(shop, session, world):
    """Places are undone one move after the other: the unit's first path is nowhere written down."""
    tree = (*make_membership.TREE, ("E1", "一镇园区联合工会", "unit", "D1"), ("E2", "园区甲厂工会", "unit", "E1"))
    make_membership.tree(session, world, tree)
    move(shop, "E1", "D2")
    move(shop, "E2", "D1")
    placed = membership.places(session)
    assert {path: placed.now(path) for path in ("/C/D1/E1/", "/C/D1/E1/E2/", "/C/D2/E1/E2/", "/C/D1/B1/")} == {
        "/C/D1/E1/": "/C/D2/E1/", "/C/D1/E1/E2/": "/C/D1/E2/", "/C/D2/E1/E2/": "/C/D1/E2/", "/C/D1/B1/": "/C/D1/B1/",
    }  # fmt: skip
    assert sorted(placed.stored("/C/D1/E2/")) == ["/C/D1/E1/E2/", "/C/D1/E2/", "/C/D2/E1/E2/"]
    assert membership.union_of_code(session, "E2").path == "/C/D1/E2/"


def test_answers_and_denials_of_a_moved_unit_are_read_by_who_stands_above_it_now(shop, session, world):
    members = shop.members(*range(1, 11))
    for member in members:
        services.answer_year(session, world, services.AnswerYear(member.person_id, shop.office.year, Feeling.SATISFIED))
    use = shop.redeem(members[0], 5_000)
    services.deny_redemption(session, world, services.DenyRedemption(members[0].person_id, use.id))
    for how, path in ((lambda: None, "/C/D1/"), (lambda: move(shop, "B1", "D2"), "/C/D2/"), (lambda: merge(shop, "B1", "B2"), "/C/D1/")):  # fmt: skip
        how()
        other = {"/C/D1/": "/C/D2/", "/C/D2/": "/C/D1/"}[path]
        assert [services.contentment(session, one, shop.office.year).answers for one in (path, other)] == [10, 0]
        assert [len(services.denials(session, path=one)) for one in (path, other)] == [1, 0]
        assert [services.denials_page(session, one, 10, 0)[1] for one in (path, other, "/C/")] == [1, 0, 1]


# ---- papers and lists ----


def test_a_moved_union_reads_what_was_sent_to_it_and_what_it_sent_and_corrects_that(shop, session, world):
    office = shop.office
    shop.members(1)
    make_membership.people(session, world, 1, "B2")
    make_membership.tree(session, world, (*make_membership.TREE, ("D3", "三镇总工会", "township", "C")))
    to_unit = services.publish_bulletin(session, world, services.PublishBulletin(office["D1u"])).line.id
    move(shop, "B1", "D2")
    assert services.kept_issue(session, again(shop, "U1"), to_unit)
    assert services.bulletin_issues(session, again(shop, "U9"))[1] == 0
    move(shop, "D1", "D3")
    sender = again(shop, "D1u")
    kept = services.kept_issue(session, sender, to_unit).line
    assert services.issue_sent(session, sender.scope_path, kept.year, kept.number) == to_unit
    mended = services.PublishBulletin(sender, corrects=to_unit, reason="数字有误", unchanged_too=True)
    assert services.publish_bulletin(session, world, mended).line.edition == 2
    with pytest.raises(NotFound, match="issue_unknown"):
        services.kept_issue(session, again(shop, "U9"), to_unit)


@pytest.mark.parametrize(("how", "reader"), [(move, "U1"), (merge, "U9")])
def test_prints_go_with_their_union_and_are_voided_there_alone(shop, session, world, how, reader):
    shop.members(1)
    issuance.print_cards(session, world, issuance.PrintCards(shop.office["U1"], path="/C/D1/B1/"))
    how(shop, "B1", "D2" if how is move else "B9")
    assert issuance.print_runs(session, again(shop, "D1u")) == ()
    officer = again(shop, reader)
    (run,) = issuance.print_runs(session, officer)
    assert run.union.path == officer.scope_path
    with pytest.raises(NotFound, match="print_run_unknown"):
        issuance.void_prints(session, world, issuance.VoidPrints(again(shop, "D1u"), "卡纸", run_id=run.id))
    assert issuance.void_prints(session, world, issuance.VoidPrints(officer, "卡纸", run_id=run.id)) == 1
