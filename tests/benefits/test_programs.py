"""Programs and versions: four eyes, dated, immutable, and what happened before is decided as before."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.access.rules import Role
from cardnet.benefits import services
from cardnet.benefits.words import ProgramKind, RuleState, VersionBasis
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make.benefits import EVER, breaches, fixed, health_check, make_shop, percent, rule
from tests.make.issuance import make_officer


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


def draft(shop, body=None, since=EVER, until=None, program="D", officer="C1"):
    command = services.DraftRule(program, body or rule(percent(1_000)), since, shop.office[officer], until)
    return services.draft_rule(shop.session, shop.world, command)


def submit(shop, version, officer="C1"):
    return services.submit_rule(shop.session, shop.world, services.SubmitRule(version.id, shop.office[officer]))


def approve(shop, version, officer="C2"):
    return services.approve_rule(shop.session, shop.world, services.ApproveRule(version.id, shop.office[officer]))


def saved(shop, member, **other):
    return shop.redeem(member, 10_000, **other).discount_fen


def test_the_author_cannot_approve(shop):
    shop.program("D", rule(percent(500)), since=date(2026, 1, 1), until=date(2026, 6, 1))
    version = submit(shop, draft(shop, since=date(2026, 6, 1)))
    with pytest.raises(NotAllowed, match="sod_violation"):
        approve(shop, version, "C1")
    assert approve(shop, version).status is RuleState.APPROVED


def test_the_database_refuses_one_person_in_two_roles(shop, session):
    shop.program("D", rule(percent(500)))
    with pytest.raises(DBAPIError, match="four_eyes"), session.begin_nested():
        session.execute(
            text(
                "insert into rule_version select gen_random_uuid(), program_id, 99, '1990-01-01', '1990-02-01', body, "
                "schema_version, content_hash, status, doc_ref, author_id, author_id, created_at from rule_version"
            )
        )


@pytest.mark.parametrize(
    "change",
    [
        "body = '{}'",
        "effective_from = '1999-01-01'",
        "content_hash = 'x'",
        "status = 'draft'",
        "approver_id = author_id",
    ],
)
def test_an_approved_version_never_changes(shop, session, change):
    shop.program("D", rule(percent(500)), until=date(2027, 1, 1))
    for statement in (f"update rule_version set {change}", "delete from rule_version"):
        with pytest.raises(DBAPIError, match=r"immutable|kept for ever"), session.begin_nested():
            session.execute(text(statement))
    with pytest.raises(DBAPIError, match="immutable"), session.begin_nested():
        session.execute(text("update rule_version set effective_to = null"))


def test_a_draft_can_be_returned_and_is_not_in_force_before_approval(shop):
    shop.program("D", rule(percent(500)), until=date(2026, 6, 1))
    version = submit(shop, draft(shop, since=date(2026, 6, 1)))
    member = shop.member()
    assert shop.redeem(member, 10_000).reasons[0].code == "no_rule_version"
    command = services.ReturnRule(version.id, shop.office["C2"], "请写明文号")
    assert services.return_rule(shop.session, shop.world, command).status is RuleState.DRAFT
    with pytest.raises(Conflict, match="illegal_transition"):
        approve(shop, version)
    submit(shop, version)
    approve(shop, version)
    assert saved(shop, member) == 1_000


def test_two_approved_versions_never_cover_the_same_day(shop):
    shop.program("D", rule(percent(500)), since=date(2026, 1, 1), until=date(2027, 1, 1))
    version = submit(shop, draft(shop, since=date(2026, 12, 31)))
    with pytest.raises(Conflict, match="rule_period_taken"):
        approve(shop, version)
    assert [one.status for one in services.rule_versions(shop.session, "D")] == [
        RuleState.IN_REVIEW,
        RuleState.APPROVED,
    ]


def test_b10_a_version_from_a_day_changes_no_decision_of_an_earlier_day(shop, session, clock):
    shop.program("D", rule(percent(500), late_submission_days=30))
    member = shop.member()
    before = shop.redeem(member, 10_000)
    shop.version("D", rule(percent(2_000), late_submission_days=30), since=date(2026, 12, 1))
    versions = services.rule_versions(session, "D")
    assert [(one.no, one.effective_from, one.effective_to) for one in versions] == [
        (2, date(2026, 12, 1), None),
        (1, EVER, date(2026, 12, 1)),
    ]
    assert saved(shop, member) == 500
    clock.set(datetime(2026, 11, 30, 16, 0, tzinfo=UTC))
    assert saved(shop, member) == 2_000
    assert saved(shop, member, service_on=date(2026, 11, 30)) == 500
    assert services.replay(session, before.id)


def test_a_program_may_go_by_the_day_of_submission(shop, clock):
    body = rule(percent(500), basis="submission_date", late_submission_days=60)
    shop.program("D", body, until=date(2026, 11, 21), version_basis=VersionBasis.SUBMISSION_DATE)
    shop.version("D", body | {"calc": percent(2_000)}, since=date(2026, 11, 21))
    assert saved(shop, shop.member(), service_on=date(2026, 11, 1)) == 2_000
    with pytest.raises(InvalidInput, match="rule_invalid"):
        draft(shop, rule(percent(500)))


def test_a_version_ends_on_a_day_that_is_not_past(shop, session, clock):
    version = shop.program("D", rule(percent(500)))
    member = shop.member()

    def retire(on):
        command = services.RetireRule(version.id, shop.office["C2"], on)
        return services.retire_rule(session, shop.world, command)

    with pytest.raises(InvalidInput, match="rule_period"):
        retire(date(2026, 11, 20))
    retire(date(2026, 11, 22))
    assert saved(shop, member) == 500
    clock.advance(timedelta(days=1))
    assert shop.redeem(member, 10_000).reasons[0].code == "no_rule_version"


def test_pools_and_parameters_must_be_there(shop, session):
    shop.pool("P", 1_000_000)
    body = health_check("NOWHERE")
    services.create_program(
        session,
        shop.world,
        services.CreateProgram(
            "HC", "体检", ProgramKind.SUBSIDY, "云工〔2026〕8号", shop.office["C1"].union_id, shop.office["C1"]
        ),
    )
    with pytest.raises(InvalidInput) as error:
        submit(shop, draft(shop, body, program="HC"))
    assert [found.pointer for found in error.value.errors] == ["/limits/1/pool"]

    body = health_check("P") | {"calc": {"op": "subsidy_fixed", "fen": {"param": "hc_fen"}}}
    version = submit(shop, draft(shop, body, program="HC", since=date(2026, 1, 1)))
    with pytest.raises(InvalidInput, match="rule_invalid"):
        approve(shop, version)
    set_parameter(shop, date(2026, 1, 1), 8_000)
    assert approve(shop, version).status is RuleState.APPROVED
    member = shop.member()
    record = shop.redeem(member, 20_000, service_code="health_check")
    assert record.subsidy_fen == 8_000
    set_parameter(shop, date(2027, 1, 1), 12_000)
    assert services.replay(session, record.id)
    with pytest.raises(Conflict, match="parameter_taken"):
        set_parameter(shop, date(2027, 1, 1), 1)
    with pytest.raises(InvalidInput, match="parameter_invalid"):
        set_parameter(shop, date(2025, 1, 1), 1)


def set_parameter(shop, since, value):
    command = services.SetParameter("hc_fen", since, value, "云工〔2026〕1号", shop.office["C2"])
    services.set_parameter(shop.session, shop.world, command)


def test_a_rule_set_above_the_bound_is_refused_at_approval(shop):
    for number in range(8):
        shop.program(f"P{number}", rule(percent(100 + number)))
    for number in range(8):
        shop.program(f"Q{number}", rule(percent(100), {"op": "merchant_in", "codes": ["M1001"]}, lane=20))
    shop.program("ELSEWHERE", rule(percent(100), {"op": "merchant_in", "codes": ["M2002"]}, lane=20))
    with pytest.raises(InvalidInput, match="rule_bound"):
        shop.program("P8", rule(percent(100)))
    with pytest.raises(InvalidInput, match="rule_bound"):
        shop.program("Q8", rule(percent(100), {"op": "provider_in", "codes": ["M1001"]}, lane=20))


def test_officers_of_a_unit_make_no_programs(shop, session, world):
    officer = make_officer(session, world, shop.office.unions["B2"], "unit-only", Role.UNIT_OFFICER)
    command = services.CreateProgram("D", "折扣", ProgramKind.DISCOUNT, "文号", officer.union_id, officer)
    with pytest.raises(NotAllowed, match="scope_denied"):
        services.create_program(session, world, command)
    township = make_officer(session, world, shop.office.unions["D1"], "town", Role.TOWNSHIP_OFFICER)
    above = services.CreateProgram("D", "折扣", ProgramKind.DISCOUNT, "文号", shop.office["C1"].union_id, township)
    with pytest.raises(NotAllowed, match="scope_denied"):
        services.create_program(session, world, above)


def test_codes_are_taken_once_and_unknown_ones_say_so(shop, session, world):
    shop.program("D", rule(fixed(1)))
    with pytest.raises(InvalidInput, match="program_code_taken"):
        shop.program("D", rule(fixed(1)))
    with pytest.raises(NotFound, match="program_unknown"):
        services.program_of_code(session, "NO")
    with pytest.raises(NotFound, match="rule_unknown"):
        services.submit_rule(session, world, services.SubmitRule(world.new_id(), shop.office["C1"]))
    assert breaches(session) == {}
