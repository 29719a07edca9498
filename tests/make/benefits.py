"""Programs, members with a card in their phone, and purchases, made through the real services."""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.benefits import services
from cardnet.benefits.invariants import INVARIANTS
from cardnet.benefits.words import ProgramKind
from cardnet.credential.device import DeviceKey
from cardnet.credential.status import StatusAge
from cardnet.credential.verify import Accepted
from cardnet.issuance.services import Activation
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from cardnet.ledger import services as ledger
from cardnet.ledger.invariants import INVARIANTS as LEDGER_INVARIANTS
from cardnet.ledger.rules import PoolUnit
from cardnet.merchants.rules import Venue
from tests.make import issuance as make_issuance
from tests.make import membership as make_membership
from tests.make.issuance import Office, make_office
from tests.make.merchants import make_till
from tests.make.ready import ready

EVER = date(2020, 1, 1)
"""The day programs of tests come into force unless the test is about it."""


@dataclass(frozen=True)
class Member:
    """A person whose phone holds an active card."""

    person_id: UUID
    index: int
    phone: DeviceKey

    def code(self, world: World, **other: Any) -> Accepted:
        """What the verifier says of a fresh code of this phone."""
        proof_id = world.random_bytes(8)
        values: dict[str, Any] = {
            "index": self.index,
            "tier": 1,
            "group": None,
            "assurance": "device",
            "rid": proof_id * 2,
            "proof_id": proof_id,
            "proof_at": world.now(),
            "device_key": self.phone.public,
            "credential_expires_at": world.now(),
            "credential_issued_at": world.now(),
            "kid": b"\x01\x01",
            "audience": None,
            "status": StatusAge.UNCHECKED,
        }
        return Accepted(**(values | other))


@dataclass
class Shop:
    """A union with an office, one merchant's till, and however many members and programs a test asks for."""

    session: Session
    world: World
    office: Office
    venue: Venue

    def members(self, *serials: int) -> list[Member]:
        found = []
        for serial, card in zip(serials, self.office.issue(*serials), strict=True):
            phone = DeviceKey.make(self.world)
            last4 = make_membership.id_number(serial)[-4:]
            done = make_issuance.activate(self.session, self.world, card, last4, phone)
            assert isinstance(done, Activation), done
            found.append(Member(card.person_id, done.index, phone))
        return found

    def member(self, serial: int = 1) -> Member:
        return self.members(serial)[0]

    def till(self, code: str, category: str = "food") -> Venue:
        return make_till(self.session, self.world, code, category=category).venue

    def pool(self, code: str, granted: int, unit: PoolUnit = PoolUnit.FEN, slices: int = 64) -> ledger.PoolView:
        command = ledger.MakePool(code, code, unit, granted, "云工〔2026〕8号", slices=slices)
        return ledger.make_pool(self.session, self.world, command)

    def program(
        self,
        code: str,
        body: Mapping[str, Any],
        kind: ProgramKind = ProgramKind.DISCOUNT,
        since: date = EVER,
        until: date | None = None,
        **other: Any,
    ) -> services.RuleView:
        """A program with one approved version."""
        officer = self.office["C1"]
        command = services.CreateProgram(
            code, other.pop("name", code), kind, "云工〔2026〕8号", officer.union_id, officer, **other
        )
        services.create_program(self.session, self.world, command)
        return self.version(code, body, since, until)

    def version(
        self, program: str, body: Mapping[str, Any], since: date = EVER, until: date | None = None
    ) -> services.RuleView:
        """One more approved version: drafted by C1, approved by C2."""
        author, approver = self.office["C1"], self.office["C2"]
        command = services.DraftRule(program, body, since, author, until)
        draft = services.draft_rule(self.session, self.world, command)
        services.submit_rule(self.session, self.world, services.SubmitRule(draft.id, author))
        return services.approve_rule(self.session, self.world, services.ApproveRule(draft.id, approver))

    def redeem(self, member: Member, amount_fen: int, **other: Any) -> services.RedemptionRecord:
        return services.redeem(self.session, self.world, self.command(member, amount_fen, **other))

    def command(
        self,
        member: Member,
        amount_fen: int,
        *,
        venue: Venue | None = None,
        code: Any = None,
        service_code: str | None = None,
        lines: Sequence[int] = (),
        service_on: date | None = None,
        **other: Any,
    ) -> services.Redeem:
        purchase = services.Purchase(
            amount_fen,
            service_code,
            tuple(services.PurchaseLine(number, fen) for number, fen in enumerate(lines, 1)),
            service_on,
        )
        return services.Redeem(venue or self.venue, "CN1:TEST", code or member.code(self.world), purchase, **other)

    def reverse(self, redemption_id: UUID | None, reason: str = "收错了") -> Any:
        assert redemption_id
        return services.reverse(self.session, self.world, services.Reverse(self.venue, redemption_id, reason))

    def refund(self, redemption_id: UUID | None, benefit_fen: int | None = None) -> services.RefundRecord:
        assert redemption_id
        command = services.GiveBack(self.venue, redemption_id, "退货", benefit_fen)
        return services.refund(self.session, self.world, command)

    def capture(self, redemption_id: UUID | None, benefit_fen: int | None = None) -> services.RedemptionRecord:
        assert redemption_id
        command = services.Capture(self.venue, redemption_id, benefit_fen)
        return services.capture_hold(self.session, self.world, command)

    def usage(self, member: Member, program: str) -> dict[tuple[str, str], tuple[int, int]]:
        """Uses and fen by limit and period, held ones included."""
        rows = self.session.execute(
            text(
                "select limit_code, period, used_n + held_n, used_fen + held_fen from usage u join program p "
                "on p.id = u.program_id where person_id = :person and p.code = :program"
            ),
            {"person": member.person_id, "program": program},
        )
        return {(limit, period): (n, fen) for limit, period, n, fen in rows}

    def level(self, pool: str) -> tuple[int, int, int]:
        """Available, held, used."""
        (level,) = ledger.pool_levels(self.session, [pool])
        return level.available, level.held, level.used


def make_shop(session: Session, world: World) -> Shop:
    """An office and one till, at M1001; neither members nor programs yet."""
    return ready(session, world, "benefits") or open_shop(session, world)


def open_shop(session: Session, world: World) -> Shop:
    """The same, by the services."""
    office = make_office(session, world)
    return Shop(session, world, office, make_till(session, world, "M1001", category="health").venue)


def rule(calc: Mapping[str, Any], *when: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    """A rule document: lane 10, borne by the merchant, no limits, unless given."""
    conditions = when or ({"op": "card_state_in", "values": ["active"]},)
    return {
        "schema": "cardnet.rule/1",
        "when": {"op": "all", "of": list(conditions)},
        "calc": dict(calc),
        "limits": [],
        "stack": {"lane": other.pop("lane", 10)},
        "doc_ref": "云工〔2026〕8号",
        "funding": [{"from": "merchant", "bp": 10_000}],
        **other,
    }


def percent(bp: int, **other: Any) -> dict[str, Any]:
    return {"op": "percent_off", "bp": bp, **other}


def fixed(fen: int) -> dict[str, Any]:
    return {"op": "fixed_off", "fen": fen}


UNION = [{"from": "union", "bp": 10_000}]
ONCE_A_YEAR = {"id": "once", "scope": "person", "window": "calendar_year", "max_n": 1, "on_exceed": "refuse"}


def health_check(pool: str, fen: int = 10_000, **other: Any) -> dict[str, Any]:
    """The 100-yuan subsidy, once a person and calendar year, from a pool."""
    limits = [ONCE_A_YEAR, {"id": "pool", "pool": pool, "on_exceed": "refuse"}]
    return rule(
        {"op": "subsidy_fixed", "fen": fen, "not_above_price": True},
        {"op": "card_state_in", "values": ["active"]},
        {"op": "service_code_in", "codes": ["health_check"]},
        **{"lane": 20, "limits": limits, "funding": UNION, "late_submission_days": 30, **other},
    )


def breaches(session: Session) -> dict[str, list[Any]]:
    """The invariants of ledger and benefits that do not hold, with the rows that show it."""
    session.flush()
    every = {**LEDGER_INVARIANTS, **INVARIANTS}
    found = {code: list(session.execute(text(sql.replace(":", r"\:")))) for code, (_, sql) in every.items()}
    return {code: rows for code, rows in found.items() if rows}


@contextmanager
def committed(app: Flask) -> Iterator[Session]:
    """A transaction of the app that really commits."""
    with app.app_context(), transaction() as session:
        yield session


def all_at_once(app: Flask, acts: Sequence[Callable[[Session], Any]]) -> list[Any]:
    """Run every act in a transaction and thread of its own, all let go by one barrier; an error is a result."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[Session], Any]) -> Any:
        barrier.wait(60)
        try:
            with committed(app) as session:
                return act(session)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def serials(start: int = 1) -> Iterator[int]:
    """Numbers that tell people apart."""
    return itertools.count(start)
