"""Unions are renamed, moved, merged and closed: nobody and nothing of what is in hand gets lost."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, text

from cardnet.access import services as access
from cardnet.issuance import services
from cardnet.issuance.rules import HandoutKind, Verdict
from cardnet.issuance.rules.unit_approval import ApprovalKind, fingerprint
from cardnet.issuance.services import desk, self_filled
from cardnet.issuance.services.answers import answers_by_union
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.membership import services as membership
from cardnet.membership.invariants import INVARIANTS as OF_MEMBERSHIP
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office, make_officer

PAPER = "云工〔2026〕18号"


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def rename(office, code, name, on=None, paper=PAPER, officer="C1"):
    command = membership.RenameUnion(code, name, paper, office[officer], on)
    return membership.rename_union(office.session, office.world, command)


def move(office, code, parent, paper=PAPER, officer="C1"):
    return services.move_union(office.session, office.world, membership.MoveUnion(code, parent, paper, office[officer]))


def merge(office, code, into, paper=PAPER, officer="C1"):
    return services.merge_union(office.session, office.world, services.MergeUnion(code, into, paper, office[officer]))


def close(office, code, paper=PAPER, officer="C1"):
    return services.close_union(office.session, office.world, membership.CloseUnion(code, paper, office[officer]))


def union(office, code):
    return membership.union_of_code(office.session, code)


def again(office, name):
    """The officer as the next request finds them."""
    office.officers[name] = access.principal_of_username(office.session, office[name].username)
    return office[name]


def sound(office):
    assert office.breaches() == {}
    broken = {code for code, (_, sql) in OF_MEMBERSHIP.items() if office.session.execute(text(sql)).all()}
    assert broken == set()


# ---- a name ----


def test_a_new_name_is_shown_from_its_day_on_and_the_old_one_before(office, world):
    before = union(office, "B1")
    rename(office, "B1", " 恒启  智能装备有限公司工会委员会 ", date(2026, 3, 1))
    now = union(office, "B1")
    assert (now.name, now.path, now.id) == ("恒启 智能装备有限公司工会委员会", before.path, before.id)
    rename(office, "B1", "恒启集团工会委员会", date(2026, 9, 1))
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 8, 31), date(2026, 9, 1), date(2026, 11, 20)]
    told = membership.names_on(office.session, [(union(office, "B1"), day) for day in days])
    assert [told[now.id, day] for day in days] == [before.name, now.name, now.name, *["恒启集团工会委员会"] * 2]
    history = membership.changes_of(office.session, now.id)
    assert [(line.kind, line.name, line.document, line.actor) for line in history] == [
        ("rename", now.name, PAPER, "C1同志"), ("rename", before.name, PAPER, "C1同志"),
    ]  # fmt: skip


def test_two_open_unions_do_not_share_a_name_and_a_move_says_from_where(office):
    with pytest.raises(Conflict, match="name_taken"):
        rename(office, "B1", union(office, "B2").name, None)
    command = membership.MoveUnion("B1", "D2", PAPER, office["C1"])
    services.move_union(office.session, office.world, command)
    (line,) = membership.changes_of(office.session, union(office, "B1").id)
    assert (line.came_from.code, line.other.code) == ("D1", "D2")


def test_the_file_is_imported_again_after_a_renaming_and_lists_may_say_either_name(office, session, world):
    old = union(office, "B1").name
    rename(office, "B1", "恒启集团工会委员会")
    make_membership.tree(session, world)
    assert union(office, "B1").name == "恒启集团工会委员会"
    assert len(membership.unions_under(session, "/")) == 6
    for named in (old, "恒启集团工会委员会"):
        lines = [make_membership.roster_line(3, unit=named)]
        content = make_membership.csv_file(make_membership.roster_cells(lines))
        checked = services.check_roster(session, world, services.CheckRoster(content, "x.csv", "B1", office["U1"]))
        assert [row.person.unit_code for row in checked.rows if row.person] == ["B1"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": ""}, "name_invalid"),
        ({"name": "工"}, "name_invalid"),
        ({"name": "会" * 201}, "name_invalid"),
        ({"name": "新\x07名"}, "name_invalid"),
        ({"name": "恒启精密机械有限公司工会委员会"}, "name_unchanged"),
        ({"paper": "  "}, "document_missing"),
        ({"on": date(2030, 1, 1)}, "effective_in_future"),
        ({"code": "none"}, "unit_unknown"),
        ({"officer": "D1u"}, "role_missing"),
        ({"officer": "U1"}, "role_missing"),
    ],
)
def test_a_renaming_that_cannot_be_says_what_is_wrong(office, given, code):
    fields = {"code": "B1", "name": "恒启集团工会委员会"} | given
    with pytest.raises((InvalidInput, Conflict, NotFound, NotAllowed), match=code):
        rename(office, **fields)


def test_no_name_begins_before_the_one_it_replaces(office):
    rename(office, "B1", "恒启集团工会委员会", date(2026, 9, 1))
    with pytest.raises(InvalidInput, match="effective_before_change"):
        rename(office, "B1", "恒启控股工会委员会", date(2026, 8, 31))


def test_papers_go_on_saying_what_the_union_was_called_then(office, session, world, clock):
    office.issue(0)
    office.give_unit("B2", 1)
    batch = office.submit(office.roster(1, unit="B2"), "B2", "U2").batch_id
    ask = services.AskApproval(batch, "B2", ApprovalKind.SUMMARY, "王建国", office["U2"])
    asked = services.ask_approval(session, world, ask)
    gifts = services.open_handout(
        session, world, services.OpenHandout(office["U1"], HandoutKind.GIFT, "慰问品", document=PAPER)
    )
    old = {code: union(office, code).name for code in ("B1", "B2")}
    clock.advance(timedelta(days=1))
    rename(office, "B1", "恒启集团工会委员会")
    rename(office, "B2", "松嘉集团工会委员会")
    assert services.approval_list(session, world, office["U2"], asked.approval_id).line.union.name == old["B2"]
    today = services.ask_approval(session, world, ask)
    assert (
        services.approval_list(session, world, office["U2"], today.approval_id).line.union.name == "松嘉集团工会委员会"
    )
    assert [line.union.name for line in desk.receipt_lines(session, gifts).items] == [old["B1"]]


# ---- another place in the tree ----


def test_a_moved_unit_takes_its_people_places_files_and_officers_along(office, session, world):
    office.issue(0)
    office.give_unit("B1", 4)
    batch = office.submit(office.roster(1, 2, 3, 4, 5)).batch_id
    office.review(batch, "A1", rows=(1, 2))
    before = {line.union.code: line for line in services.quota_tree(session, office.year)}
    done = move(office, "B1", "D2")
    assert (done.union.path, done.applications, done.changed_desk, done.places) == ("/C/D2/B1/", 5, 2, 5)
    assert (again(office, "U1").scope_path, again(office, "A1").scope_path) == ("/C/D2/B1/", "/C/D2/B1/")
    lines = lines_of(session, batch)
    assert {line.path for line in lines} == {"/C/D2/B1/"}
    assert [line.review_path for line in lines] == ["/C/D2/", "/C/D2/", "/C/D2/B1/", "/C/D2/B1/", None]
    after = {line.union.code: line for line in services.quota_tree(session, office.year)}
    assert (after["D1"].received, after["D1"].passed_down) == (before["D1"].received - 5, before["D1"].passed_down - 5)
    assert (after["D2"].received, after["D2"].passed_down, after["C"].free) == (5, 5, before["C"].free)
    assert (after["B1"].received, after["B1"].held, after["B1"].used) == (5, 4, 1)
    assert desk.batch_of(session, office["U1"], batch).rows == 5
    with pytest.raises(NotFound, match="batch_unknown"):
        desk.batch_of(session, office["D1u"], batch)
    sound(office)
    office.review(batch, "D9u")
    office.review(batch, "C1")
    services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    totals = {line.union.code: line.total.has_card for line in answers_by_union(session, world, "/C/")}
    assert (totals["D1"], totals["D2"], totals["B1"], totals["C"]) == (0, 3, 3, 3)
    sound(office)


def test_a_branch_moves_down_and_up_again_with_all_below_it(office, session, world):
    office.unions = make_membership.tree(
        session, world, (*make_membership.TREE, ("W1", "一车间工会", "unit", "B1"), ("W2", "二车间工会", "unit", "W1"))
    )
    office.give_unit("W2", 3)
    office.officers["UW"] = make_officer(session, world, office.unions["W2"], "UW")
    office.submit(office.roster(0, 1, unit="W2"), "W2", "UW")
    for parent, path, places in (
        ("B2", "/C/D1/B2/B1/W1/W2/", 3), ("C", "/C/B1/W1/W2/", 3), ("D2", "/C/D2/B1/W1/W2/", 3), ("D1", "/C/D1/B1/W1/W2/", 3),
    ):  # fmt: skip
        assert move(office, "B1", parent).places == places
        assert (union(office, "W2").path, again(office, "UW").scope_path) == (path, path)
        sound(office)
    tree = {line.union.code: (line.received, line.passed_down) for line in services.quota_tree(session, office.year)}
    assert (tree["D1"], tree["D2"], tree["B2"], tree["B1"]) == ((3, 3), (0, 0), (0, 0), (3, 3))
    services.return_quota(session, world, services.ReturnQuota(office.year, "W2", 1))
    sound(office)


def test_places_of_a_closed_year_stay_as_they_were_handed_down(office, session):
    office.issue(0)
    session.execute(text("update quota_node set closed = true"))
    move(office, "B1", "D2")
    tree = {line.union.code: line.received for line in services.quota_tree(session, office.year)}
    assert (tree["D1"], tree.get("D2", 0), tree["B1"]) == (1, 0, 1)
    sound(office)


@pytest.mark.parametrize(
    ("code", "parent", "refused"),
    [
        ("D1", "B1", "below_itself"), ("D1", "D1", "below_itself"), ("C", "D1", "root_stays"), ("B1", "D1", "already_there"),
        ("D2", "B1", "tier_wrong"), ("B1", "nowhere", "unit_unknown"), ("", "D1", "unit_unknown"),
    ],
)  # fmt: skip
def test_a_move_that_cannot_be_says_what_is_wrong(office, code, parent, refused):
    with pytest.raises((InvalidInput, Conflict, NotFound), match=refused):
        move(office, code, parent)
    with pytest.raises(NotAllowed, match="role_missing"):
        move(office, "B1", "D2", officer="D1u")
    with pytest.raises(InvalidInput, match="document_missing"):
        move(office, "B1", "D2", paper="")


# ---- one goes into another ----


def test_a_merged_unions_people_cards_and_work_go_on_in_the_other(office, session, world):
    cards = office.issue(0, 1)
    office.give_unit("B1", 3)
    batch = office.submit(office.roster(2, 3, 4, 5, 6)).batch_id
    office.review(batch, "A1", rows=(1,))
    office.review(batch, "D1u", rows=(1,))
    office.review(batch, "A1", Verdict.RETURN, (2,), ("R02",))
    office.give_unit("B9", 1)
    poster = self_filled.open_poster(session, world, self_filled.OpenPoster(office["U1"], "B1", date(2026, 12, 20)))
    done = merge(office, "B1", "B9")
    assert (done.members, done.cards, done.applications, done.places) == (7, 2, 5, 3)
    assert done.moved_up == 1, "a free place of B9 is offered to who waited at B1"
    assert done.accounts == 2
    assert union(office, "B1").closed_on == world.now().date()
    for name in ("U1", "A1"):
        with pytest.raises(NotFound, match="account_unknown"):
            again(office, name)
    lines = lines_of(session, batch)
    assert {(line.union_id, line.path) for line in lines} == {(office.unions["B9"].id, "/C/D2/B9/")}
    assert [line.review_path for line in lines] == ["/C/", None, "/C/D2/B9/", None, None]
    tree = {line.union.code: line for line in services.quota_tree(session, office.year)}
    assert (tree["B1"].received, tree["B1"].used, tree["B1"].held) == (2, 2, 0)
    assert (tree["B9"].received, tree["B9"].held, tree["B9"].waiting, tree["B9"].offered) == (4, 4, 1, 1)
    totals = {line.union.code: line.total for line in answers_by_union(session, world, "/C/")}
    assert (totals["B9"].members, totals["B9"].has_card) == (7, 2)
    assert "B1" not in totals or totals["B1"].members == 0
    assert session.scalars(text("select distinct union_id from card")).all() == [office.unions["B9"].id]
    with pytest.raises(NotFound, match="poster_closed"):
        self_filled.poster_of_token(session, world, poster.token)
    sound(office)
    office.review(batch, "C1", rows=(1,))
    services.issue_cards(session, world, services.IssueCards(batch, office["C1"]))
    assert office.quota("B9").used == 1
    assert cards
    sound(office)


def test_whoever_was_about_to_come_comes_to_the_union_that_takes_over(office, session, world):
    people = make_membership.people(session, world, 2, "B2")
    for person_id in people:
        command = membership.StartTransfer(person_id, office.unions["B1"].id, office["U1"])
        assert services.transfer_member(session, world, command) is None
    merge(office, "B1", "B9")
    coming = membership.transfers_of(session, office.unions["B9"].id)
    assert [(line.from_union.code, line.to_union.code) for line in coming] == [("B2", "B9")] * 2
    merge(office, "B2", "B9")
    assert membership.transfers_of(session, office.unions["B9"].id) == ()
    assert len(membership.members_under(session, "/C/D2/B9/")) == 2
    sound(office)


def test_entries_of_the_merged_union_wait_at_the_other_once(office, session, world):
    typed = {"name": "周桂林", "id_type": "居民身份证", "phone": "19900000060", "employment": "合同", "consent": "是"}
    for code, officer, serials in (("B1", "U1", (0, 1)), ("B2", "U2", (1, 2))):
        poster = self_filled.open_poster(
            session, world, self_filled.OpenPoster(office[officer], code, date(2026, 12, 20))
        )
        for serial in serials:
            fields = typed | {"id_number": make_membership.id_number(serial)}
            self_filled.fill_in(session, world, self_filled.FillIn(poster.token, fields, "10.0.0.1"))
    merge(office, "B1", "B2")
    assert len(self_filled.entries_of(session, world, office["U2"], union(office, "B2"))) == 3
    assert self_filled.waiting_entries(session, office.unions["B1"].id) == 0


def test_a_unit_goes_into_its_own_bureau_and_its_places_come_back(office, session, world):
    office.give_unit("B1", 5)
    office.submit(office.roster(0, 1))
    merge(office, "B1", "D1")
    tree = {line.union.code: line for line in services.quota_tree(session, office.year)}
    assert (tree["D1"].received, tree["D1"].passed_down, tree["D1"].held, tree["D1"].free) == (5, 0, 2, 3)
    assert (tree["B1"].received, tree["B1"].held) == (0, 0)
    sound(office)


def test_a_list_that_still_names_the_merged_union_means_the_other(office, session, world):
    old = union(office, "B1").name
    merge(office, "B1", "B2")
    merge(office, "B2", "B9")
    for named in ("B1", "b1", old):
        lines = [make_membership.roster_line(3, unit=named)]
        content = make_membership.csv_file(make_membership.roster_cells(lines))
        checked = services.check_roster(session, world, services.CheckRoster(content, "x.csv", "D2", office["D9u"]))
        assert [row.person.unit_code for row in checked.rows if row.person] == ["B9"]


@pytest.mark.parametrize(
    ("code", "into", "refused"),
    [
        ("B1", "B1", "same_union"), ("D1", "B1", "tier_wrong"), ("D1", "D2", "union_busy"), ("B1", "C", "root_stays"),
        ("C", "D1", "root_stays"), ("B1", "nowhere", "unit_unknown"),
    ],
)  # fmt: skip
def test_a_merger_that_cannot_be_says_what_is_wrong(office, code, into, refused):
    with pytest.raises((InvalidInput, Conflict, NotFound), match=refused):
        merge(office, code, into)


def test_what_a_merger_does_not_carry_is_named(office, session, world):
    office.give_unit("B1", 1)
    services.ask_for_more(session, world, services.AskForMore(office.year, "B1", 5, "新入职", office["U1"]))
    with pytest.raises(Conflict, match="union_busy") as raised:
        merge(office, "B1", "B2")
    assert "追加申请 1 份" in raised.value.message
    assert union(office, "B1").closed_on is None


# ---- an end ----


def test_a_union_is_closed_only_when_nobody_and_nothing_is_left(office, session, world):
    office.give_unit("B9", 2)
    office.submit(office.roster(0, unit="B9"), "B9", "U9")
    with pytest.raises(Conflict, match="union_not_empty") as raised:
        close(office, "B9")
    assert raised.value.detail == {"members": 1, "applications": 1, "places_free": 1}
    merge(office, "B9", "B2")
    with pytest.raises(Conflict, match="union_closed"):
        close(office, "B9")
    empty = make_membership.tree(session, world, (("B7", "空壳工会", "unit", "D2"),))["B7"]
    make_officer(session, world, empty, "U7")
    assert close(office, "B7") == 1
    with pytest.raises(Conflict, match="union_not_empty"):
        close(office, "D1")
    assert close(office, "D2") == 1, "all that was below it is closed"
    assert [one.code for one in membership.open_unions_under(session, "/C/D2/")] == []
    sound(office)


def test_a_closed_union_takes_nobody_in(office, session, world):
    merge(office, "B1", "B2")
    content = office.roster(9)
    with pytest.raises(Conflict, match="union_closed"):
        office.submit(content, "B1", "C1")
    person = make_membership.people(session, world, 1, "B9")[0]
    with pytest.raises(Conflict, match="union_closed"):
        services.transfer_member(session, world, membership.StartTransfer(person, office.unions["B1"].id, office["C1"]))
    with pytest.raises(Conflict, match="union_closed"):
        membership.import_register(session, world, membership.ImportRegister(content, "x.csv", "B1"))
    office.give_unit("B2", 1)
    with pytest.raises(Conflict, match="union_closed"):
        office.allocate("D1", "B1", 1)
    for act in (lambda: rename(office, "B1", "新的名字"), lambda: move(office, "B1", "D2"), lambda: merge(office, "B9", "B1"), lambda: move(office, "B9", "B1")):  # fmt: skip
        with pytest.raises(Conflict, match="union_closed"):
            act()
    with pytest.raises(InvalidInput, match="organisations_invalid"):
        make_membership.tree(session, world, (("X1", "新的车间", "unit", "B1"),))
    make_membership.tree(session, world)
    assert union(office, "B1").closed_on is not None


# ---- papers, accounts, locks ----


def asked_chair(office, batch, unit="B2", officer="U2"):
    command = services.AskApproval(batch, unit, ApprovalKind.SUMMARY, "王建国", office[officer])
    return services.ask_approval(office.session, office.world, command).approval_id


def state_of(office, name, approval_id):
    return services.approval_list(office.session, office.world, office[name], approval_id).line.state


def test_a_moved_unions_paper_is_still_about_its_list_and_a_merged_ones_is_not(office, session):
    office.give_unit("B2", 2)
    batch = office.submit(office.roster(1, 2, unit="B2"), "B2", "U2").batch_id
    asked = asked_chair(office, batch)
    move(office, "B2", "D2")
    again(office, "U2")
    assert state_of(office, "U2", asked) == "open"
    merge(office, "B2", "B9")
    assert state_of(office, "U9", asked) == "outdated", "another chair, another union"


def test_a_paper_made_when_lists_were_named_by_path_is_still_good(office, session):
    office.give_unit("B2", 1)
    batch = office.submit(office.roster(1, unit="B2"), "B2", "U2").batch_id
    asked = asked_chair(office, batch)
    rows = session.execute(text("select id, round, person_id from application where batch_id = :b"), {"b": batch})
    old = fingerprint(batch, "/C/D1/B2/", [tuple(row) for row in rows])
    session.execute(text("update unit_approval set fingerprint = :f where id = :id"), {"f": old, "id": asked})
    session.expire_all()
    assert state_of(office, "U2", asked) == "open"


def test_an_account_of_a_union_that_is_no_more_works_again_only_in_another(office, session, world):
    merge(office, "B1", "B9")
    admin = make_officer(session, world, union(office, "C"), "ADM")
    closed, into = union(office, "B1"), union(office, "B9")
    account = office["U1"].account_id
    switch = access.SwitchAccount(account, admin)
    with pytest.raises(Conflict, match="union_closed"):
        membership.open_account(session, world, switch)
    with pytest.raises(Conflict, match="union_closed"):
        membership.refuse_foreign_roles(closed, office["U1"].roles)
    membership.refuse_foreign_roles(into, office["U1"].roles)
    change = access.ChangeAccount(account, "沈洁", frozenset(office["U1"].roles), into.id, into.path, admin)
    access.change_account(session, world, change)
    membership.open_account(session, world, switch)
    assert again(office, "U1").scope_path == into.path


def test_nobody_stays_behind_whose_membership_begins_later(office, session, world):
    first, _ = make_membership.people(session, world, 2, "B1")
    session.execute(text("update membership set \"from\" = date '2027-01-01' where person_id = :p"), {"p": first})
    with pytest.raises(Conflict, match="union_busy") as refused:
        merge(office, "B1", "B9")
    assert refused.value.detail == {"beginning": 1}


def test_a_roster_holds_its_own_union_and_those_of_its_rows_in_one_order(office, session, world):
    """A move of the township locks both in the order of their ids: a roster that took them by turns waited for ever."""
    office.give_unit("B1", 1)
    held = []

    def note(_connection, _cursor, statement, parameters, *_):
        if "order by id for share" in statement:
            held.append(set(parameters["ids"]))

    event.listen(session.connection(), "before_cursor_execute", note)
    office.submit(office.roster(1), "D1", "D1u")
    assert held[0] == {union(office, "D1").id, union(office, "B1").id}
    assert all(later <= held[0] for later in held)
