"""Officers, quota, rosters and cards for tests of any package, made through the real services."""

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.credential import store
from cardnet.credential.device import DeviceKey
from cardnet.credential.verify import Accepted, Rejected, VerifyContext, verify
from cardnet.issuance import services
from cardnet.issuance.invariants import INVARIANTS
from cardnet.issuance.rules import ApplicationState, PhoneChoice, RosterMode, Verdict
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.membership.rules import Tier, UnionNode
from tests.make import membership as make_membership
from tests.make.ready import ready

ROLE = {
    Tier.UNIT: Role.UNIT_OFFICER,
    Tier.TOWNSHIP: Role.TOWNSHIP_OFFICER,
    Tier.DISTRICT: Role.DISTRICT_OFFICER,
}


def make_officer(session: Session, world: World, union: UnionNode, name: str = "", *roles: Role) -> Principal:
    """An officer of one union, with the role of its tier."""
    username = (name or f"o-{union.code}").lower()
    access.create_account(
        session,
        world,
        access.CreateAccount(
            username, f"{name or union.code}同志", frozenset(roles or (ROLE[union.tier],)), union.id, union.path
        ),
    )
    return access.principal_of_username(session, username)


@dataclass
class Office:
    """The small tree of the scenarios with officers: `U1` sends in for B1, `A1` reviews there, `D1u` at D1, `C1` at C."""

    session: Session
    world: World
    unions: dict[str, UnionNode]
    officers: dict[str, Principal] = field(default_factory=dict)

    @property
    def year(self) -> int:
        return day_of(self.world.now()).year

    def __getitem__(self, name: str) -> Principal:
        return self.officers[name]

    def grant(self, count: int, document: str = "云工〔2026〕1号") -> services.QuotaLine:
        return services.grant_quota(self.session, self.world, services.GrantQuota(self.year, count, document))

    def allocate(self, giver: str, taker: str, count: int) -> services.QuotaLine:
        return services.allocate_quota(self.session, self.world, services.MoveQuota(self.year, giver, taker, count))

    def give_unit(self, code: str, count: int) -> None:
        """Grant and hand down `count` places to one unit."""
        above = [union.code for union in self.unions.values() if self.unions[code].path.startswith(union.path)]
        route = sorted(above, key=lambda c: len(self.unions[c].path))
        self.grant(count)
        for giver, taker in itertools.pairwise(route):
            self.allocate(giver, taker, count)

    def quota(self, code: str) -> services.QuotaLine:
        lines = {line.union.code: line for line in services.quota_tree(self.session, self.year)}
        return lines[code]

    def roster(self, *serials: int, unit: str = "B1", **cells: object) -> bytes:
        """A roster of valid people; `serial` tells them apart."""
        lines = [make_membership.roster_line(serial, unit=unit, **cells) for serial in serials]
        return make_membership.csv_file(make_membership.roster_cells(lines))

    def submit(
        self, content: bytes, unit: str = "B1", officer: str = "U1", mode: RosterMode = RosterMode.VALID_ROWS_ONLY
    ) -> services.RosterReceipt:
        command = services.SubmitRoster(content, "名单.csv", unit, self[officer], mode)
        return services.submit_roster(self.session, self.world, command)

    def review(
        self, batch_id: object, officer: str, verdict: Verdict = Verdict.APPROVE, rows: tuple[int, ...] | None = None,
        reasons: tuple[str, ...] = (),
    ) -> services.ReviewReceipt:  # fmt: skip
        command = services.Review(batch_id, self[officer], verdict, rows, reasons)  # type: ignore[arg-type]
        return services.review(self.session, self.world, command)

    def accept(self, officer: str, *applications: uuid.UUID) -> services.Answered:
        """The people with an offer take their places; without `applications` all in the officer's scope."""
        command = services.AnswerOffers(self[officer], applications or None)
        return services.accept_offers(self.session, self.world, command)

    def decline(self, officer: str, *applications: uuid.UUID) -> services.Answered:
        """They do not; the places go on."""
        command = services.AnswerOffers(self[officer], applications or None)
        return services.decline_offers(self.session, self.world, command)

    def approve_all_the_way(self, batch_id: object) -> None:
        for officer in ("A1", "D1u", "C1"):
            self.review(batch_id, officer)

    def issue(self, *serials: int) -> tuple[services.IssuedCard, ...]:
        """Cards for new people of B1, by the whole path; places are granted for them."""
        self.give_unit("B1", len(serials))
        receipt = self.submit(self.roster(*serials))
        self.approve_all_the_way(receipt.batch_id)
        return services.issue_cards(self.session, self.world, services.IssueCards(receipt.batch_id, self["C1"]))

    def breaches(self) -> dict[str, list[object]]:
        return breaches(self.session)


def make_office(session: Session, world: World) -> Office:
    """The tree and its officers, and the issuer's keys; nobody and no quota yet."""
    return ready(session, world, "office") or open_office(session, world)


def open_office(session: Session, world: World) -> Office:
    """The same, by the services."""
    unions = make_membership.tree(session, world)
    office = Office(session, world, unions)
    for name, code in (
        ("U1", "B1"), ("A1", "B1"), ("U2", "B2"), ("U9", "B9"), ("D1u", "D1"), ("D2u", "D1"), ("D9u", "D2"),
        ("C1", "C"), ("C2", "C"),
    ):  # fmt: skip
        office.officers[name] = make_officer(session, world, unions[code], name)
    store.ensure_keys(session, world)
    return office


@dataclass(frozen=True)
class Line:
    """Where one application of a batch stands; `place` is its place in line while it waits without an offer."""

    application_id: uuid.UUID
    row: int
    person_id: uuid.UUID
    union_id: uuid.UUID
    path: str
    state: ApplicationState
    review_path: str | None
    round: int
    due_at: datetime | None
    hold_until: datetime | None
    place: int | None


_LINES = text("""
    select a.id, a.row, a.person_id, a.union_id, a.path, a.state, a.review_path, a.round, a.due_at, a.hold_until,
           case when a.state = 'waitlisted' and a.offer_until is null then
               (select count(*) from application w
                 where w.union_id = a.union_id and w.quota_year = a.quota_year and w.state = 'waitlisted'
                   and w.offer_until is null
                   and (w.priority, w.queued_at, w.row, w.id) <= (a.priority, a.queued_at, a.row, a.id)) end as place
      from application a where a.batch_id = :batch order by a.row""")


def lines_of(session: Session, batch_id: uuid.UUID) -> tuple[Line, ...]:
    """The applications of a batch as the database has them, in the order of the roster."""
    rows = session.execute(_LINES, {"batch": batch_id})
    return tuple(Line(*row[:5], ApplicationState(row.state), *row[6:]) for row in rows)


def breaches(session: Session) -> dict[str, list[object]]:
    """The invariants that do not hold, with the rows that show it."""
    session.flush()
    found = {code: list(session.execute(text(sql))) for code, (_, sql) in INVARIANTS.items()}
    return {code: rows for code, rows in found.items() if rows}


def activate(
    session: Session, world: World, card: services.IssuedCard, id_last4: str, phone: DeviceKey | None = None,
    choice: PhoneChoice | None = None,
) -> services.Activation | services.ActivationRefused:  # fmt: skip
    """A phone activates a card."""
    phone = phone or DeviceKey.make(world)
    return services.activate_card(
        session,
        world,
        services.ActivateCard(
            card.number, card.activation_code, id_last4, phone.public, phone.activation_proof(card.number, card.activation_code),
            choice=choice,
        ),
    )  # fmt: skip


def print_cards(office: Office, *numbers: str, officer: str = "C1") -> tuple[services.PrintedCard, ...]:
    """Printed codes of these cards."""
    command = services.PrintCards(office[officer], numbers=numbers)
    return services.print_cards(office.session, office.world, command)


def judge(session: Session, world: World, code_text: str) -> Accepted | Rejected:
    """What the server's verifier says of a code now."""
    return verify(code_text, store.trust_pack(session, world.now()), None, world.now(), VerifyContext())
