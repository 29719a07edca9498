"""Programs and merchants as redemptions meet them.

Plain: HC2026 of the acceptance scenarios, a health-check subsidy out of one pool. Rich: a head-count pool beside it, and
a discount of the merchant's own on top.
"""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.benefits.services import (
    ApproveRule,
    CreateProgram,
    DraftRule,
    SubmitRule,
    approve_rule,
    create_program,
    draft_rule,
    submit_rule,
)
from cardnet.benefits.words import ProgramKind
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.ledger.rules import PoolUnit
from cardnet.ledger.services import MakePool, make_pool
from cardnet.membership.services import union_of_code
from tests.make.access import make_officer
from tests.make.merchants import Till, make_till

_DOCUMENT = "云工〔2026〕8号"


def health_check(*pools: str) -> dict[str, Any]:
    """100 yuan a person and calendar year, not above the price, out of these pools."""
    return {
        "schema": "cardnet.rule/1",
        "basis": "event_date",
        "when": {
            "op": "all",
            "of": [
                {"op": "card_state_in", "values": ["active"]},
                {"op": "membership_kind_in", "values": ["active", "retired"]},
                {"op": "service_code_in", "codes": ["health_check"]},
            ],
        },
        "calc": {"op": "subsidy_fixed", "fen": 10_000, "not_above_price": True},
        "limits": [
            {"id": "once_per_year", "scope": "person", "window": "calendar_year", "max_n": 1, "on_exceed": "refuse"},
            *({"id": f"pool_{pool}", "pool": pool, "on_exceed": "refuse"} for pool in pools),
        ],
        "stack": {"lane": 20, "not_with": []},
        "late_submission_days": 30,
        "doc_ref": _DOCUMENT,
        "funding": [{"from": "union", "bp": 10_000}],
    }


def five_percent() -> dict[str, Any]:
    """5 % off, at most 50 yuan a month, borne by the merchant."""
    return {
        "schema": "cardnet.rule/1",
        "basis": "event_date",
        "when": {"op": "all", "of": [{"op": "card_state_in", "values": ["active"]}]},
        "calc": {"op": "percent_off", "bp": 500},
        "limits": [
            {"id": "monthly", "scope": "person", "window": "month", "max_fen": 5_000, "on_exceed": "trim"},
        ],
        "stack": {"lane": 10, "not_with": []},
        "late_submission_days": 30,
        "doc_ref": _DOCUMENT,
        "funding": [{"from": "merchant", "bp": 10_000}],
    }


def make_offers(session: Session, world: World, merchants: int, *, rich: bool = False) -> list[Till]:
    """The programs, good everywhere, and a till at each of `merchants` merchants."""
    officers = _officers(session, world)
    make_pool(session, world, MakePool("HC-FEN", "体检资金", PoolUnit.FEN, 10**12, _DOCUMENT))
    make_pool(session, world, MakePool("HC-HEADS", "体检人数", PoolUnit.PERSONS, 10**7, _DOCUMENT))
    pools = ("HC-FEN", "HC-HEADS") if rich else ("HC-FEN",)
    _in_force(session, world, officers, "HC2026", "健康体检补贴", ProgramKind.SUBSIDY, health_check(*pools))
    if rich:
        _in_force(session, world, officers, "D-5", "会员九五折", ProgramKind.DISCOUNT, five_percent())
    return _tills(session, world, merchants)


def make_own_offers(session: Session, world: World, merchants: int, *, each: int = 1) -> list[Till]:
    """`each` health checks of every merchant's own, out of a pool of its own, and its till."""
    officers = _officers(session, world)
    tills = _tills(session, world, merchants)
    for till in tills:
        merchant = till.venue.merchant_code
        make_pool(session, world, MakePool(f"P-{merchant}", "体检资金", PoolUnit.FEN, 10**12, _DOCUMENT))
        for number in range(each):
            body = health_check(f"P-{merchant}")
            body["when"]["of"].append({"op": "merchant_in", "codes": [merchant]})
            _in_force(session, world, officers, f"H{number}-{merchant}", "健康体检补贴", ProgramKind.SUBSIDY, body)
    return tills


def _tills(session: Session, world: World, merchants: int) -> list[Till]:
    return [make_till(session, world, f"M{1001 + n}", name=f"商户{n + 1}") for n in range(merchants)]


def _officers(session: Session, world: World) -> tuple[Principal, Principal]:
    """Who drafts a rule, and who approves it."""
    district = union_of_code(session, "C")
    author, approver = (
        make_officer(
            session,
            world,
            f"bench_{name}",
            Role.DISTRICT_OFFICER,
            Role.CHAIR,
            union_id=district.id,
            scope_path=district.path,
        )
        for name in ("author", "approver")
    )
    return author, approver


def _in_force(
    session: Session,
    world: World,
    officers: tuple[Principal, Principal],
    code: str,
    name: str,
    kind: ProgramKind,
    body: dict[str, Any],
) -> None:
    author, approver = officers
    create_program(session, world, CreateProgram(code, name, kind, _DOCUMENT, author.union_id, author))
    first = date(day_of(world.now()).year, 1, 1)
    draft = draft_rule(session, world, DraftRule(code, body, first, author))
    submit_rule(session, world, SubmitRule(draft.id, author))
    approve_rule(session, world, ApproveRule(draft.id, approver))
