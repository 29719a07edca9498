"""A shop in business, for tests over HTTP: members with phones, two merchants, the health check in force."""

import itertools
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from cardnet.access.rules import Role
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
from cardnet.credential.device import DeviceKey
from cardnet.issuance.services import Activation
from cardnet.kernel.world import World
from cardnet.ledger.rules import PoolUnit
from cardnet.ledger.services import MakePool, make_pool
from tests.make.issuance import Office, activate, make_office, make_officer
from tests.make.membership import id_number
from tests.make.merchants import Till, make_till, second_till
from tests.make.ready import ready

BASE = "/merchant/v1"
_DOCUMENT = "云工〔2026〕8号"
_keys = itertools.count(1)


def new_key() -> str:
    """An Idempotency-Key nobody used yet."""
    return f"key-{next(_keys):012d}"


@dataclass
class Phone:
    """A member's phone with an active card."""

    key: DeviceKey
    credential: bytes
    index: int

    def code(self, world: World, audience: str | None = None, nonce: bytes | None = None) -> str:
        return self.key.code(self.credential, world, audience, nonce)


@dataclass
class Shop:
    """`T01` and `T02` stand at M1001, `other` at M2002; `phones` belong to U900001, U900002, …"""

    session: Session
    world: World
    office: Office
    tills: dict[str, Till] = field(default_factory=dict)
    phones: list[Phone] = field(default_factory=list)

    def request(self, phone: Phone, ref: str = "R-0001", amount_fen: int = 38_000, **more: Any) -> dict[str, Any]:
        """Body R1 of the scenarios, with a fresh code."""
        return {
            "code": phone.code(self.world),
            "purchase": {"amount_fen": amount_fen, "service_code": "health_check"},
            "merchant_ref": ref,
            "capture": True,
        } | more

    def post(
        self, client: FlaskClient, path: str, body: Any, key: str | None = None, till: str = "T01"
    ) -> TestResponse:
        headers = self.tills[till].headers | {"Idempotency-Key": key or new_key()}
        return client.post(BASE + path, json=body, headers=headers)

    def get(self, client: FlaskClient, path: str, till: str = "T01") -> TestResponse:
        return client.get(BASE + path, headers=self.tills[till].headers)

    def count(self, table: str) -> int:
        found: int = self.session.execute(text(f"select count(*) from {table}")).scalar_one()
        return found

    def pool_left(self, code: str = "B1") -> int:
        query = "select sum(s.available)::bigint from pool_slice s join pool p on p.id = s.pool_id where p.code = :code"
        left: int = self.session.execute(text(query), {"code": code}).scalar_one()
        return left


def health_check(pool: str = "B1", max_n: int = 1, floor_fen: int | None = None) -> dict[str, Any]:
    """HC2026: 100 yuan a person and calendar year, not above the price, out of one pool."""
    return ({"offline": {"floor_fen": floor_fen}} if floor_fen else {}) | {
        "schema": "cardnet.rule/1",
        "basis": "event_date",
        "when": {
            "op": "all",
            "of": [
                {"op": "card_state_in", "values": ["active"]},
                {"op": "service_code_in", "codes": ["health_check"]},
            ],
        },
        "calc": {"op": "subsidy_fixed", "fen": 10_000, "not_above_price": True},
        "limits": [
            {
                "id": "once_per_year",
                "scope": "person",
                "window": "calendar_year",
                "max_n": max_n,
                "on_exceed": "refuse",
            },
            {"id": "year_pool", "pool": pool, "on_exceed": "refuse"},
        ],
        "stack": {"lane": 20, "not_with": []},
        "late_submission_days": 30,
        "doc_ref": _DOCUMENT,
        "funding": [{"from": "union", "bp": 10_000}],
    }


def make_shop(
    session: Session,
    world: World,
    people: int = 3,
    pool_fen: int = 50_000_000,
    max_n: int = 1,
    floor_fen: int | None = None,
) -> Shop:
    """Everything a redemption needs, through the real services."""
    usual = (pool_fen, max_n, floor_fen) == (50_000_000, 1, None)
    return (usual and ready(session, world, f"shop of {people}")) or open_shop(
        session, world, people, pool_fen, max_n, floor_fen
    )


def open_shop(
    session: Session,
    world: World,
    people: int,
    pool_fen: int = 50_000_000,
    max_n: int = 1,
    floor_fen: int | None = None,
) -> Shop:
    """The same, by the services."""
    office = make_office(session, world)
    shop = Shop(session, world, office)
    for serial, card in enumerate(office.issue(*range(people))):
        phone = DeviceKey.make(world)
        active = activate(session, world, card, id_number(serial)[-4:], phone)
        assert isinstance(active, Activation)
        shop.phones.append(Phone(phone, active.credential, active.index))
    shop.tills["T01"] = make_till(session, world, "M1001")
    shop.tills["T02"] = second_till(session, world, "M1001", "T02")
    shop.tills["other"] = make_till(session, world, "M2002", name="区中心医院体检部")
    make_pool(session, world, MakePool("B1", "体检资金", PoolUnit.FEN, pool_fen, _DOCUMENT))
    author, approver = (
        make_officer(session, world, office.unions["C"], name, Role.DISTRICT_OFFICER, Role.CHAIR)
        for name in ("author", "approver")
    )
    kind = ProgramKind.SUBSIDY
    create_program(session, world, CreateProgram("HC2026", "健康体检补贴", kind, _DOCUMENT, author.union_id, author))
    draft = draft_rule(
        session, world, DraftRule("HC2026", health_check(max_n=max_n, floor_fen=floor_fen), date(2026, 1, 1), author)
    )
    submit_rule(session, world, SubmitRule(draft.id, author))
    approve_rule(session, world, ApproveRule(draft.id, approver))
    session.flush()
    return shop
