"""Five partners and what the union agreed with them, each under its document."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.benefits.words import ProgramKind
from cardnet.demo.stage import Step, step
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import PoolUnit
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.merchants.services import NewTerminal, Venue


@dataclass(frozen=True)
class Partner:
    """A merchant with one store and one till."""

    code: str
    name: str
    category: str
    store: str


SANATORIUM = Partner("M1001", "云间工人疗养院体检中心", "health", "体检中心")
BAIHE = Partner("M1002", "百禾超市", "supermarket", "永泽店")
NOODLES = Partner("M1003", "醉白面馆", "restaurant", "醉白总店")
PHARMACY = Partner("M1004", "康宁药房", "pharmacy", "方塔店")
CINEMA = Partner("M1005", "云影影城", "cinema", "云间广场店")
PARTNERS = (SANATORIUM, BAIHE, NOODLES, PHARMACY, CINEMA)


@dataclass(frozen=True)
class Offer:
    """A program with its first rules, and the money set aside for it (fen; 0 when the merchant bears everything)."""

    code: str
    name: str
    kind: ProgramKind
    doc_ref: str
    pool_fen: int
    body: dict[str, Any]


def _rule(doc_ref: str, when: list[dict[str, Any]], calc: dict[str, Any], lane: int, **more: Any) -> dict[str, Any]:
    conditions = [
        {"op": "card_state_in", "values": ["active"]},
        {"op": "membership_kind_in", "values": ["active", "retired"]},
        *when,
    ]
    document = {
        "schema": "cardnet.rule/1",
        "basis": "event_date",
        "when": {"op": "all", "of": conditions},
        "calc": calc,
        "limits": [],
        "stack": {"lane": lane, "not_with": []},
        "doc_ref": doc_ref,
        "funding": [{"from": "merchant", "bp": 10_000}],
    }
    return document | more


def _at(partner: Partner) -> dict[str, Any]:
    return {"op": "merchant_in", "codes": [partner.code]}


OFFERS = (
    Offer(
        "HC2026",
        "健康体检补贴",
        ProgramKind.SUBSIDY,
        "云工〔2026〕8号",
        2_000_000,
        _rule(
            "云工〔2026〕8号",
            [
                {"op": "provider_in", "codes": [SANATORIUM.code]},
                {"op": "service_code_in", "codes": ["health_check"]},
            ],
            {"op": "subsidy_fixed", "fen": 10_000, "not_above_price": True},
            20,
            limits=[
                {
                    "id": "once_per_year",
                    "scope": "person",
                    "window": "calendar_year",
                    "max_n": 1,
                    "on_exceed": "refuse",
                },
                {"id": "year_pool", "pool": "HC2026", "on_exceed": "refuse"},
            ],
            late_submission_days=30,
            funding=[{"from": "union", "bp": 10_000}],
        ),
    ),
    Offer(
        "BH-100-20",
        "百禾超市满100减20",
        ProgramKind.DISCOUNT,
        "云工〔2026〕15号",
        1_000_000,
        _rule(
            "云工〔2026〕15号",
            [_at(BAIHE)],
            {"op": "tiers", "tiers": [{"from_fen": 10_000, "fen": 2_000}]},
            10,
            limits=[
                {"id": "once_a_day", "scope": "person", "window": "day", "max_n": 1, "on_exceed": "refuse"},
                {"id": "year_pool", "pool": "BH-100-20", "on_exceed": "refuse"},
            ],
            funding=[{"from": "merchant", "fen": 1_400}, {"from": "union", "fen": 600}],
        ),
    ),
    Offer(
        "ZB-90",
        "醉白面馆九折",
        ProgramKind.DISCOUNT,
        "云工〔2026〕16号",
        0,
        _rule(
            "云工〔2026〕16号",
            [_at(NOODLES)],
            {"op": "percent_off", "bp": 1_000},
            10,
            limits=[{"id": "month", "scope": "person", "window": "month", "max_fen": 5_000, "on_exceed": "trim"}],
        ),
    ),
    Offer(
        "KN-95",
        "康宁药房九五折",
        ProgramKind.DISCOUNT,
        "云工〔2026〕17号",
        0,
        _rule("云工〔2026〕17号", [_at(PHARMACY)], {"op": "percent_off", "bp": 500}, 10),
    ),
    Offer(
        "YY-10",
        "云影影城10元观影",
        ProgramKind.DISCOUNT,
        "云工〔2026〕19号",
        600_000,
        _rule(
            "云工〔2026〕19号",
            [_at(CINEMA), {"op": "service_code_in", "codes": ["movie_ticket"]}, {"op": "min_spend", "fen": 4_500}],
            {"op": "fixed_off", "fen": 3_500},
            10,
            limits=[
                {"id": "twice_a_month", "scope": "person", "window": "month", "max_n": 2, "on_exceed": "refuse"},
                {"id": "year_pool", "pool": "YY-10", "on_exceed": "refuse"},
            ],
            funding=[{"from": "merchant", "fen": 2_000}, {"from": "union", "fen": 1_500}],
        ),
    ),
)


def decide_offers() -> None:
    """Each offer is drafted by the service centre and approved by the vice-chair, its money set aside first."""
    with step("2026-03-24 10:00") as at:
        union = membership.union_of_code(at.session, "YJ")
        author = principal_of_username(at.session, "zhongxin")
        drafts = []
        for offer in OFFERS:
            if offer.pool_fen:
                pool = ledger.MakePool(offer.code, offer.name, PoolUnit.FEN, offer.pool_fen, offer.doc_ref, union.id)
                ledger.make_pool(at.session, at.world, pool)
            program = benefits.CreateProgram(offer.code, offer.name, offer.kind, offer.doc_ref, union.id, author)
            benefits.create_program(at.session, at.world, program)
            draft = benefits.draft_rule(
                at.session, at.world, benefits.DraftRule(offer.code, offer.body, date(2026, 4, 1), author)
            )
            drafts.append(benefits.submit_rule(at.session, at.world, benefits.SubmitRule(draft.id, author)))
    with step("2026-03-26 15:00") as at:
        approver = principal_of_username(at.session, "shenpi")
        for draft in drafts:
            benefits.approve_rule(at.session, at.world, benefits.ApproveRule(draft.id, approver))


def venue(at: Step, till: NewTerminal) -> Venue:
    """The till as a redemption sees it."""
    return merchants.venue_of_token(at.session, at.world, till.token)
