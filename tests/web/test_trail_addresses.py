"""Where an act came from stands in the trail, whether it was done on a page, through the API, or by the system itself."""

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.kernel import audit
from cardnet.kernel.masking import name_for_list
from cardnet.membership.services import person_of_id
from tests.make.api import make_program
from tests.make.issuance import make_office, make_officer
from tests.make.web import enter, words_of


def looks_at(session, person):
    query = access.TrailQuery("/", subject_id=str(person), action="member.look")
    return [line.address for line in access.trail(session, query, 10)]


def test_who_opens_a_file_on_a_page_or_through_the_api_leaves_where_from(app, client, session, world):
    office = make_office(session, world)
    (card,) = office.issue(0)
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, office["U1"].account_id).token)
    browser.get(f"/console/members/{card.person_id}", environ_base={"REMOTE_ADDR": "10.1.2.3"})
    program = make_program(client, session, world, office["U1"])
    program.get(f"/members/{card.person_id}")
    assert looks_at(session, card.person_id) == ["127.0.0.1", "10.1.2.3"]


def test_the_trail_names_what_acts_were_about_as_people_call_it(app, session, world):
    office = make_office(session, world)
    (card,) = office.issue(0)
    officer = make_officer(session, world, office.unions["C"], "shenji", Role.AUDITOR)
    acts = (
        ("person", card.person_id),
        ("card", card.card_id),
        ("union", office.unions["C"].id),
        ("union", "B1"),
        ("elsewhere", card.card_id),
    )
    audit.record(session, world, *(audit.Act("member.look", kind, str(key), officer.account_id) for kind, key in acts))
    masked = name_for_list(person_of_id(session, card.person_id).name)
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, officer.account_id).token)
    page = browser.get("/console/audit?action=member.look").text
    told = masked, card.number, office.unions["C"].name, office.unions["B1"].name, f"{str(card.card_id)[:12]}…"
    assert [one for one in told if one not in words_of(page)] == []


def test_an_act_keeps_its_own_address_and_what_comes_after_the_call_has_none(session, world):
    officer = make_office(session, world)["U1"].account_id
    look = audit.Act("member.look", "person", "x", officer)
    with audit.coming_from("10.1.2.3"):
        audit.record(session, world, look, audit.Act("member.look", "person", "x", officer, address="10.9.9.9"))
    audit.record(session, world, look)
    assert looks_at(session, "x") == [None, "10.9.9.9", "10.1.2.3"]
