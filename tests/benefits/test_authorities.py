"""决策依据 of programs and pools: stated with meeting, day, number, budget item and original, and never taken away."""

import hashlib
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.benefits import services
from cardnet.benefits.services import AttachAuthority, SubjectKind
from cardnet.benefits.words import ProgramKind
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import CardnetError, Conflict, InvalidInput, NotAllowed, NotFound
from tests.make.benefits import make_shop, percent, rule
from tests.make.issuance import make_officer

SCAN = b"%PDF-1.7 decision"
DECISION = issuance.NewAuthority("云工〔2026〕18号", "第三次常委会", date(2026, 3, 2), "职工服务支出", "决定.pdf", SCAN)
PROGRAM, POOL = SubjectKind.PROGRAM, SubjectKind.POOL


@pytest.fixture
def shop(session, world):
    shop = make_shop(session, world)
    shop.pool("check-2026", 1_000_000)
    shop.program("tea", rule(percent(1_000)), ProgramKind.DISCOUNT, name="茶饮九折")
    return shop


@pytest.fixture
def attach(session, world, shop):
    def attach(kind, code, authority=DECISION, officer=None):
        command = AttachAuthority(kind, code, authority, officer or shop.office["C1"])
        return services.attach_authority(session, world, command)

    return attach


def test_a_program_names_its_decision_and_the_original_is_kept(session, shop, attach):
    found = attach(PROGRAM, "tea")
    (decision,) = found.decisions
    assert (found.name, found.doc_ref, found.originals) == ("茶饮九折", "云工〔2026〕8号", 1)
    assert (decision.authority.meeting, decision.authority.decided_on, decision.authority.budget_item) == (
        "第三次常委会", date(2026, 3, 2), "职工服务支出",
    )  # fmt: skip
    assert decision.authority.sha256 == hashlib.sha256(SCAN).hexdigest()
    assert decision.attached_by == "C1同志"
    assert issuance.original_of(session, decision.authority.id).content == SCAN


def test_one_meeting_decides_the_program_and_its_pool_and_the_original_is_sent_once(session, shop, attach):
    (stated,) = attach(PROGRAM, "tea").decisions
    pool = services.founded(session, shop.office["C2"], POOL, "check-2026")
    (offered,) = services.decisions_to_reuse(session, shop.office["C2"], pool)
    assert offered.id == stated.authority.id
    found = attach(POOL, "check-2026", offered.id, shop.office["C2"])
    assert [one.authority.id for one in found.decisions] == [stated.authority.id]
    assert services.decisions_to_reuse(session, shop.office["C2"], found) == ()
    with pytest.raises(Conflict, match="authority_attached"):
        attach(POOL, "check-2026", offered.id)
    assert session.scalar(text("select count(*) from authority")) == 1


def test_a_later_decision_stands_beside_the_first_and_on_top(session, shop, attach, clock):
    attach(PROGRAM, "tea")
    clock.advance(timedelta(days=1))
    attach(PROGRAM, "tea", issuance.NewAuthority("云工〔2026〕30号", "主席办公会", date(2026, 9, 1), "职工服务支出"))
    found = services.founded(session, shop.office["C1"], PROGRAM, "tea")
    assert [(one.authority.document, bool(one.authority.sha256)) for one in found.decisions] == [
        ("云工〔2026〕30号", False), ("云工〔2026〕18号", True),
    ]  # fmt: skip
    assert [(one.code, len(one.decisions)) for one in services.all_founded(session, shop.office["C1"])] == [
        ("tea", 2), ("check-2026", 0),
    ]  # fmt: skip


def test_what_is_on_record_stays(session, shop, attach):
    attach(PROGRAM, "tea")
    for statement in ("delete from attached_authority", "update attached_authority set at = now()"):
        with pytest.raises(DBAPIError, match=r"permission denied|append"), session.begin_nested():
            session.execute(text(statement))


@pytest.mark.parametrize(
    ("kind", "code", "authority", "who", "error", "why"),
    [
        (PROGRAM, "none", DECISION, "C1", NotFound, "program_unknown"),
        (POOL, "tea", DECISION, "C1", NotFound, "pool_unknown"),
        (PROGRAM, "tea", DECISION, "U1", NotAllowed, "scope_denied"),
        # The district's program is not a township's to found.
        (PROGRAM, "tea", DECISION, "D1u", NotAllowed, "scope_denied"),
        (PROGRAM, "tea", issuance.NewAuthority("", "会", date(2026, 3, 2), "项"), "C1", InvalidInput, "incomplete"),
        (PROGRAM, "tea", issuance.NewAuthority("号", "会", date(2026, 3, 2), "项", "a.exe", b"MZ"), "C1", InvalidInput,
         "original_unknown_type"),
    ],
)  # fmt: skip
def test_who_and_what_is_turned_away(session, shop, attach, kind, code, authority, who, error: type[CardnetError], why):
    with pytest.raises(error, match=why):
        attach(kind, code, authority, shop.office[who])
    assert session.scalar(text("select count(*) from attached_authority")) == 0


def test_a_township_reads_neither_the_districts_decision_nor_its_original(session, world, shop, attach):
    (stated,) = attach(PROGRAM, "tea").decisions
    auditor = make_officer(session, world, shop.office.unions["C"], "aud", "auditor")
    assert services.may_see_authority(session, auditor, stated.authority.id)
    for who in ("D1u", "U1"):
        assert not services.may_see_authority(session, shop.office[who], stated.authority.id)
        with pytest.raises(NotFound, match="program_unknown"):
            services.founded(session, shop.office[who], PROGRAM, "tea")
        assert services.all_founded(session, shop.office[who]) == ()
    create = services.CreateProgram(
        "d1-tea", "镇茶饮", ProgramKind.DISCOUNT, "镇工〔2026〕2号", shop.office["D1u"].union_id, shop.office["D1u"]
    )
    services.create_program(session, world, create)
    with pytest.raises(NotFound, match="authority_unknown"):
        attach(PROGRAM, "d1-tea", stated.authority.id, shop.office["D1u"])
    assert attach(PROGRAM, "d1-tea", DECISION, shop.office["D1u"]).originals == 1
