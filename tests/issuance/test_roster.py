"""Rosters: checked against what is known, sent in once, placed by quota (S21)."""

import json

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import RosterMode
from cardnet.kernel.errors import InvalidInput, NotAllowed, NotFound
from tests.conftest import ACCEPTANCE
from tests.make import membership as make_membership
from tests.make.issuance import lines_of, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


S21 = [
    make_membership.roster_line(0),
    make_membership.roster_line(1, id_number="110105194912310021"),
    make_membership.roster_line(0),
    make_membership.roster_line(3, unit="YJ-99-999"),
    make_membership.roster_line(4),
]


def s21_file(form):
    cells = make_membership.roster_cells(S21)
    if form == "xlsx":
        return make_membership.xlsx_file(cells)
    return make_membership.csv_file(cells, form)


def counts(session):
    tables = (
        "batch",
        "application",
        "application_event",
        "person",
        "membership",
        "consent",
        "quota_entry",
        "roster_row",
    )
    return {table: session.scalar(text(f"select count(*) from {table}")) for table in tables}


@pytest.mark.parametrize("form", ["gb18030", "utf-8", "utf-8-sig", "xlsx"])
def test_s21_bulk_import(office, session, world, form):
    office.give_unit("B1", 1)
    content = s21_file(form)
    before = counts(session)
    check = services.check_roster(session, world, services.CheckRoster(content, "名单", "B1", office["U1"]))
    errors = [(found.line, found.code) for found in check.findings if found.severity == "error"]
    assert errors == [(3, "id_checksum"), (4, "duplicate_in_file"), (5, "unit_unknown")]
    assert "第 2 行" in next(found.message for found in check.findings if found.code == "duplicate_in_file")
    assert (check.quota_needed, check.quota_free) == (2, 1)
    with pytest.raises(InvalidInput, match="roster_has_errors"):
        office.submit(content, mode=RosterMode.ALL_OR_NOTHING)
    assert counts(session) == before
    receipt = office.submit(content)
    assert (receipt.submitted, receipt.waitlisted, receipt.invalid, receipt.resumed) == (1, 1, 3, False)
    lines = lines_of(session, receipt.batch_id)
    assert [(line.row, line.state, line.place) for line in lines] == [(1, "submitted", None), (5, "waitlisted", 1)]
    original = services.original_rows(session, receipt.batch_id)
    assert [row.state for row in original] == ["valid", "invalid", "invalid", "invalid", "warning"]
    assert original[1].cells[3] == "110105194912310021"
    assert original[1].findings[0].code == "id_checksum"
    after = counts(session)
    again = office.submit(content)
    assert (again.batch_id, again.resumed, again.submitted, again.waitlisted) == (receipt.batch_id, True, 1, 1)
    assert counts(session) == after
    assert office.breaches() == {}


def test_the_same_bytes_from_somebody_else_of_the_unit_are_the_same_batch(office):
    content = office.roster(0)
    assert office.submit(content, officer="A1").batch_id == office.submit(content, officer="U1").batch_id


def test_a_person_has_one_open_application_and_one_card(office, session, world):
    office.issue(0)
    office.give_unit("B1", 5)
    office.submit(office.roster(1))
    command = services.CheckRoster(office.roster(0, 1, 2), "x.csv", "B1", office["U1"])
    check = services.check_roster(session, world, command)
    assert [row.codes for row in check.rows] == [("already_has_card",), ("application_open",), ()]


def test_a_mended_roster_sent_whole_again_is_stopped_by_nobody_in_process(office, session):
    office.give_unit("B1", 5)
    office.submit(office.roster(0, 1))
    receipt = office.submit(office.roster(0, 1, 2), mode=RosterMode.ALL_OR_NOTHING)
    assert (receipt.submitted, receipt.invalid) == (1, 2)
    assert [row.state for row in services.original_rows(session, receipt.batch_id)] == ["invalid", "invalid", "valid"]
    with pytest.raises(InvalidInput, match="2 行已在办理，不用再提交。"):
        office.submit(office.roster(0, 1, department="二车间"))
    assert office.breaches() == {}


def test_who_declines_is_recorded_and_gets_no_application(office, session, world):
    office.give_unit("B1", 5)
    receipt = office.submit(office.roster(0, 1, consent="否"))
    assert (receipt.declined, receipt.submitted) == (2, 0)
    assert lines_of(session, receipt.batch_id) == ()
    assert services.card_counts(session, world, "/C/D1/B1/", office.year)[0].own.declined == 2


def test_a_file_without_a_single_row_to_take_is_not_a_batch(office, session):
    with pytest.raises(InvalidInput, match="roster_nothing_valid"):
        office.submit(office.roster(0, name=""))
    assert counts(session)["batch"] == 0


def test_a_township_officer_sends_in_for_units_below_and_each_row_takes_its_own_units_quota(office, session):
    office.give_unit("B1", 1)
    office.give_unit("B2", 1)
    lines = [make_membership.roster_line(n, unit=unit) for n, unit in enumerate(("B1", "B2", "B2", "B9"))]
    content = make_membership.csv_file(make_membership.roster_cells(lines))
    receipt = office.submit(content, "D1", "D1u")
    assert (receipt.submitted, receipt.waitlisted, receipt.invalid) == (2, 1, 1)
    assert receipt.check.rows[3].codes == ("unit_out_of_scope",)
    paths = [(line.path, line.state) for line in lines_of(session, receipt.batch_id)]
    assert paths == [("/C/D1/B1/", "submitted"), ("/C/D1/B2/", "submitted"), ("/C/D1/B2/", "waitlisted")]
    office.review(receipt.batch_id, "A1")
    with pytest.raises(NotAllowed, match="sod_violation"):
        office.review(receipt.batch_id, "D1u")
    assert office.review(receipt.batch_id, "D2u").rows == 1


def test_scope_unit_and_role_are_checked(office, session, world):
    content = office.roster(0)
    with pytest.raises(NotAllowed, match="out_of_scope"):
        office.submit(content, "B2", "U1")
    with pytest.raises(NotFound, match="unit_unknown"):
        office.submit(content, "B77", "C1")
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.check_roster(session, world, services.CheckRoster(content, "x.csv", "B9", office["U1"]))


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"PK\x03\x04 not a zip", "姓名,证件号码\n".encode()])
def test_a_file_that_is_no_roster_is_told_so_and_nothing_is_stored(office, session, content):
    with pytest.raises(InvalidInput):
        office.submit(content)
    assert counts(session)["batch"] == 0


def test_what_was_typed_is_not_in_the_clear_anywhere(office, session):
    office.give_unit("B1", 5)
    lines = [make_membership.roster_line(n, name="欧阳无痕") for n in range(3)]
    lines.append(make_membership.roster_line(7, phone="139xx"))
    receipt = office.submit(make_membership.csv_file(make_membership.roster_cells(lines)))
    secrets = ["欧阳无痕", make_membership.id_number(0), make_membership.id_number(2), "19900000001", "139xx"]
    for table in ("roster_row", "application", "application_event", "batch", "audit_event", "person"):
        for row in session.execute(text(f"select {table}::text from {table}")).scalars():
            assert not [secret for secret in secrets if secret in row]
            assert not [secret for secret in secrets if secret.encode().hex() in row]
    assert services.original_rows(session, receipt.batch_id)[0].cells[1] == "欧阳无痕"


@pytest.mark.parametrize("name", ["roster-messy.xlsx", "roster-messy.gb18030.csv", "roster-messy.utf8.csv"])
def test_the_messy_roster_gets_exactly_what_is_expected_also_from_the_database(session, world, name):
    from cardnet.membership import services as membership

    organisations = (ACCEPTANCE / "organisations.csv").read_bytes()
    membership.import_organisations(session, world, membership.ImportOrganisations(organisations, "organisations.csv"))
    command = services.CheckRoster((ACCEPTANCE / name).read_bytes(), name, "YJ-01-001")
    check = services.check_roster(session, world, command)
    expected = json.loads((ACCEPTANCE / "roster-messy.expected.json").read_text())
    assert (check.valid, check.declined, check.invalid) == (17, 1, 14)
    for row, wanted in zip(check.rows, expected["rows"], strict=True):
        assert (row.row, str(row.status), list(row.codes)) == (wanted["row"], wanted["status"], wanted["codes"])


def test_a_file_name_no_column_can_hold_is_kept_without_what_makes_it_so(office, session, world):
    office.give_unit("B1", 1)
    command = services.SubmitRoster(office.roster(0), "名\0单\ud800.csv", "B1", office["U1"])
    receipt = services.submit_roster(session, world, command)
    assert services.batch_of(session, receipt.batch_id).filename == "名单.csv"
