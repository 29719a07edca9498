"""Hand-outs against signatures: who is on the list, a scan that signs, "all have signed except …", taking one back.

A hand-out is opened for a unit (or a whole district) with everybody it is meant for; a row of it becomes a receipt by
a guarded UPDATE, so that two officers scanning one person at two tables record one signature.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.credential import store
from cardnet.credential.verify import Accepted, Outcome, VerifyContext, Window, verify
from cardnet.issuance import rules
from cardnet.issuance.models import Handout
from cardnet.issuance.rules import BindingState, CardAction, CardState, HandoutKind, Receipt, ScanOutcome
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.cards import must_be_officer
from cardnet.issuance.services.handing import deliver
from cardnet.issuance.services.printing import note_printed_use
from cardnet.issuance.services.standing import standing_of
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class OpenHandout:
    """What is handed out and to whom: all members under `path` (the officer's own union when None).

    Of kind `card` the list is the cards not yet signed for, of one batch when named. `tags` narrows to people who
    have one of these standings (`special_post`, `front_line`, …). `document` is the 决策依据 of goods.
    """

    officer: Principal
    kind: HandoutKind
    title: str
    path: str | None = None
    document: str = ""
    batch_id: uuid.UUID | None = None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scan:
    """What an officer's phone read: a member's code, a printed card's, an activation slip's address, or a number."""

    officer: Principal
    handout_id: uuid.UUID
    read: str


@dataclass(frozen=True)
class SignAllExcept:
    """The paper list came back: everybody has signed but these people."""

    officer: Principal
    handout_id: uuid.UUID
    except_person_ids: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True)
class OnePerson:
    """One person of a hand-out: to be signed by hand, or taken back with a reason."""

    officer: Principal
    handout_id: uuid.UUID
    person_id: uuid.UUID
    reason: str = ""


@dataclass(frozen=True)
class HandoutView:
    """One hand-out and how far it is."""

    id: uuid.UUID
    kind: HandoutKind
    title: str
    document: str
    union: UnionNode
    batch_id: uuid.UUID | None
    opened_at: datetime
    closed_at: datetime | None
    people: int
    signed: int


@dataclass(frozen=True)
class Scanned:
    """What a scan came to, for the officer who holds the phone: the name stands open, the person stands before them."""

    outcome: ScanOutcome
    name: str
    union_name: str
    signed_at: datetime | None
    signed: int
    people: int

    @property
    def words(self) -> str:
        return rules.SCAN_WORDS[self.outcome]


def open_handout(session: Session, world: World, command: OpenHandout) -> HandoutView:
    """Write the list down as it is now.

    Raises NotAllowed("role_missing"), NotFound("unit_unknown", "batch_unknown"), InvalidInput("title_missing", "document_missing"),
    Conflict("nobody_to_hand_out").
    """
    officer = command.officer
    must_be_officer(officer)
    title = command.title.strip()
    if not title:
        raise InvalidInput("title_missing", "请写明发放什么，例如“2026 年高温慰问饮品”。")
    if command.kind is not HandoutKind.CARD and not command.document.strip():
        raise InvalidInput("document_missing", "请写明决策依据文号，例如“云工〔2026〕21号”。")
    union = _union_at(session, officer, command.path)
    if command.batch_id is not None:
        batch_of(session, command.batch_id)
    if command.kind is HandoutKind.CARD:
        people = _cards_to_sign(session, command, union)
    else:
        people = _members(session, world, command, union)
    if not people:
        raise Conflict("nobody_to_hand_out", "名单是空的：没有待签领的卡，或者没有符合条件的会员。")
    handout = Handout(
        id=world.new_id(),
        kind=str(command.kind),
        title=title,
        document=command.document.strip() or None,
        union_id=union.id,
        path=union.path,
        batch_id=command.batch_id if command.kind is HandoutKind.CARD else None,
        opened_by=officer.account_id,
        opened_at=world.now(),
        closed_at=None,
    )
    session.add(handout)
    session.flush()
    columns = {"handout_id": "uuid", "person_id": "uuid", "union_id": "uuid", "card_id": "uuid"}
    copy_rows(session, "handout_line", columns, ((handout.id, *person) for person in people))
    after = {"kind": handout.kind, "people": len(people), "document": handout.document}
    act = audit.Act("handout.open", "handout", str(handout.id), officer.account_id, after=after)
    audit.record(session, world, act)
    return handout_of(session, officer, handout.id)


def sign_by_scan(session: Session, world: World, command: Scan) -> Scanned:
    """Whoever showed the code has signed. Every "no" is a value, for the officer goes on to the next in the queue.

    Raises NotFound("handout_unknown"), Conflict("handout_closed").
    """
    handout = _open_one(session, command.officer, command.handout_id)
    who = _who(session, world, command.read)
    if who.person_id is None:
        return _scanned(session, handout, who.outcome, None)
    if _sign(session, world, command.officer, handout, who.channel, [who.person_id]):
        if handout.kind != HandoutKind.CARD and who.printed_index is not None:
            # Goods given for a printed card are its first use.
            note_printed_use(session, world, who.printed_index)
        return _scanned(session, handout, ScanOutcome.SIGNED, who.person_id)
    line = _line(session, handout.id, who.person_id)
    if line is None:
        return _scanned(session, handout, ScanOutcome.NOT_LISTED, who.person_id)
    outcome = ScanOutcome.SIGNED_BEFORE if line.signed_at else ScanOutcome.NOT_VALID
    return _scanned(session, handout, outcome, who.person_id)


def sign_by_hand(session: Session, world: World, command: OnePerson) -> bool:
    """The officer ticks one person of the list off; says whether this changed anything."""
    handout = _open_one(session, command.officer, command.handout_id)
    return bool(_sign(session, world, command.officer, handout, Receipt.TYPED, [command.person_id]))


def sign_all_except(session: Session, world: World, command: SignAllExcept) -> int:
    """Everybody who has not signed yet has, but these; returns how many that were.

    Raises NotFound("handout_unknown"), Conflict("handout_closed"), InvalidInput("person_not_listed") when an exception
    is not on the list: a slip there would sign for somebody who did not come.
    """
    handout = _open_one(session, command.officer, command.handout_id)
    lines = session.execute(_UNSIGNED, {"handout": handout.id}).scalars().all()
    listed = set(session.scalars(_LISTED, {"handout": handout.id, "people": list(command.except_person_ids)}))
    if listed != command.except_person_ids:
        raise InvalidInput("person_not_listed", "有“未签领”的人不在这次发放的名单里，请刷新后重新勾选。")
    people = [person_id for person_id in lines if person_id not in command.except_person_ids]
    return len(_sign(session, world, command.officer, handout, Receipt.SIGNED_LIST, people))


def take_back(session: Session, world: World, command: OnePerson) -> None:
    """A receipt of goods was a mistake; the reason goes into the audit trail. A card's receipt stands.

    Raises InvalidInput("reason_missing"), Conflict("receipt_stands", "not_signed").
    """
    handout = _open_one(session, command.officer, command.handout_id)
    if not command.reason.strip():
        raise InvalidInput("reason_missing", "请写明为什么撤回这次签领。")
    if handout.kind == HandoutKind.CARD:
        raise Conflict("receipt_stands", "卡的签领不能撤回：卡不在本人手里请办挂失。")
    back = text("""
        update handout_line set signed_at = null, channel = null, actor_id = null
         where handout_id = :handout and person_id = :person and signed_at is not null returning person_id""")
    if session.scalar(back, {"handout": handout.id, "person": command.person_id}) is None:
        raise Conflict("not_signed", "这个人没有签领记录，不用撤回。")
    after = {"person": str(command.person_id), "reason": command.reason.strip()}
    act = audit.Act("handout.take_back", "handout", str(handout.id), command.officer.account_id, after=after)
    audit.record(session, world, act)


def close_handout(session: Session, world: World, officer: Principal, handout_id: uuid.UUID) -> HandoutView:
    """The table is folded up: nothing more is signed. Raises Conflict("handout_closed")."""
    handout = _open_one(session, officer, handout_id, closing=True)
    handout.closed_at = world.now()
    session.flush()
    view = handout_of(session, officer, handout_id)
    after = {"people": view.people, "signed": view.signed}
    act = audit.Act("handout.close", "handout", str(handout.id), officer.account_id, after=after)
    audit.record(session, world, act)
    return view


def handout_of(session: Session, officer: Principal, handout_id: uuid.UUID) -> HandoutView:
    """One hand-out. Raises NotFound("handout_unknown"), also when it is not the officer's to see."""
    found = _views(session, officer, handout_id)
    if not found:
        raise _unknown()
    return found[0]


def handouts(session: Session, officer: Principal) -> tuple[HandoutView, ...]:
    """Hand-outs of the officer's scope, open ones first, then the newest; two hundred of them."""
    return _views(session, officer, None)


# ---- pieces ----

_SLIP = re.compile(r"#(?:.*&)?n=([0-9 \-]{13,20})(?:&|$)")
_VIEWS = text("""
    select h.*, l.people, l.signed from handout h
      cross join lateral (select count(*) as people, count(signed_at) as signed
                            from handout_line where handout_id = h.id) l
     where starts_with(h.path, :scope) and (cast(:handout as uuid) is null or h.id = :handout)
     order by h.closed_at is not null, h.opened_at desc, h.id limit 200""")
_CARDS = text("""
    select distinct on (c.person_id) c.person_id, c.union_id, c.id
      from card c left join application a on a.id = c.application_id
     where c.union_id = any(:unions) and c.delivered_at is null and c.state = any(:states)
       and (cast(:batch as uuid) is null or a.batch_id = :batch)
     order by c.person_id, c.valid_from""")
_FOLLOW = text("""
    update handout_line l
       set card_id = (select n.id from card n
                       where n.person_id = l.person_id and n.state = any(:states) order by n.valid_from limit 1)
      from card c
     where l.handout_id = :handout and l.person_id = any(:people) and l.signed_at is null and c.id = l.card_id
       and c.state = 'replaced'
       and exists (select from card n where n.person_id = l.person_id and n.state = any(:states))""")
_HANDABLE = text("""
    select c.person_id from card c
      join handout_line l on l.card_id = c.id and l.handout_id = :handout and l.signed_at is null
     where l.person_id = any(:people) and c.state = any(:states)
     order by c.id for no key update of c""")
_SIGN = text("""
    with mine as (
        select person_id from handout_line
         where handout_id = :handout and person_id = any(:people) and signed_at is null
         order by person_id for no key update
    )
    update handout_line l set signed_at = :at, channel = :channel, actor_id = :actor
      from mine where l.handout_id = :handout and l.person_id = mine.person_id
    returning l.person_id, l.card_id""")
_UNSIGNED = text(
    "select person_id from handout_line where handout_id = :handout and signed_at is null order by person_id"
)
_LISTED = text("select person_id from handout_line where handout_id = :handout and person_id = any(:people)")
_LINE = text("select * from handout_line where handout_id = :handout and person_id = :person")


def _union_at(session: Session, officer: Principal, path: str | None) -> UnionNode:
    wanted = path or officer.scope_path
    found = [union for union in membership.unions_under(session, officer.scope_path) if union.path == wanted]
    if not found:
        raise NotFound("unit_unknown", "您的管理范围内没有这个工会，请重新选择。")
    return found[0]


def _cards_to_sign(session: Session, command: OpenHandout, union: UnionNode) -> Sequence[Any]:
    states = sorted({*rules.card_states_before(CardAction.DELIVER), CardState.ACTIVE})
    unions = [one.id for one in membership.unions_under(session, union.path)]
    given = {"unions": unions, "states": states, "batch": command.batch_id}
    return session.execute(_CARDS, given).all()


def _members(session: Session, world: World, command: OpenHandout, union: UnionNode) -> Sequence[Any]:
    today = day_of(world.now())
    members = membership.members_under(session, union.path, today)
    if command.tags:
        tagged = membership.people_with_tags(session, command.tags, today)
        members = [member for member in members if member.person_id in tagged]
    return [(member.person_id, member.union_id, None) for member in members]


@dataclass(frozen=True)
class _Who:
    """Whom a scan is about: nobody, with the reason, or a person who may sign."""

    outcome: ScanOutcome
    person_id: uuid.UUID | None = None
    channel: Receipt = Receipt.SCAN
    printed_index: int | None = None


def _who(session: Session, world: World, read: str) -> _Who:
    slip = _SLIP.search(read.strip())
    number = rules.typed_number(slip[1] if slip else read)
    if rules.is_card_number(number):
        return _whose_number(session, number, Receipt.SCAN if slip else Receipt.TYPED)
    at = world.now()
    judged = verify(read, store.trust_pack(session, at), None, at, VerifyContext(window=Window.ONLINE))
    if not isinstance(judged, Accepted):
        late = judged.outcome in (Outcome.STALE_PROOF, Outcome.FUTURE_PROOF, Outcome.EXPIRED_CREDENTIAL)
        return _Who(ScanOutcome.STALE if late else ScanOutcome.NOT_A_CODE)
    standing = standing_of(session, judged.index)
    if standing is None or standing.binding_key != judged.device_key:
        return _Who(ScanOutcome.NOT_A_CODE)
    if standing.binding_state is not BindingState.LIVE or not standing.valid_from <= day_of(at) <= standing.valid_to:
        return _Who(ScanOutcome.NOT_VALID)
    printed = judged.index if judged.device_key is None else None
    return _Who(ScanOutcome.SIGNED, standing.person_id, Receipt.SCAN, printed)


def _whose_number(session: Session, number: str, channel: Receipt) -> _Who:
    row = session.execute(text("select person_id, state from card where number = :n"), {"n": number}).one_or_none()
    if row is None:
        return _Who(ScanOutcome.NOT_A_CODE)
    # The slip of a card that was replaced may still lie in somebody's drawer.
    if CardState(row.state) not in rules.USABLE_CARD - {CardState.SUSPENDED}:
        return _Who(ScanOutcome.NOT_VALID)
    return _Who(ScanOutcome.SIGNED, row.person_id, channel)


def _sign(
    session: Session,
    world: World,
    officer: Principal,
    handout: Handout,
    channel: Receipt,
    people: Sequence[uuid.UUID],
) -> Sequence[Row[Any]]:
    if handout.kind == HandoutKind.CARD:
        people = _who_can_be_handed_a_card(session, handout, people)
    given = {
        "handout": handout.id,
        "people": list(people),
        "at": world.now(),
        "channel": str(channel),
        "actor": officer.account_id,
    }
    signed = session.execute(_SIGN, given).all()
    cards = [row.card_id for row in signed if row.card_id is not None]
    if cards:
        unions = [union.id for union in membership.unions_under(session, handout.path)]
        deliver(session, world, officer, unions, channel, cards=cards)
    if signed:
        after = {"people": len(signed), "channel": str(channel)}
        audit.record(
            session, world, audit.Act("handout.sign", "handout", str(handout.id), officer.account_id, after=after)
        )
    return signed


def _who_can_be_handed_a_card(session: Session, handout: Handout, people: Sequence[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Those of `people` whose card is not lost or over, under the cards' locks; a replaced one has its successor."""
    states = sorted({*rules.card_states_before(CardAction.DELIVER), CardState.DELIVERED, CardState.ACTIVE})
    given = {"handout": handout.id, "people": list(people), "states": states}
    session.execute(_FOLLOW, given)
    return session.scalars(_HANDABLE, given).all()


def _scanned(session: Session, handout: Handout, outcome: ScanOutcome, person_id: uuid.UUID | None) -> Scanned:
    counted = session.execute(
        text("select count(*) as people, count(signed_at) as signed from handout_line where handout_id = :handout"),
        {"handout": handout.id},
    ).one()
    name, union_name, signed_at = "", "", None
    if person_id is not None:
        person = membership.people(session, [person_id])[person_id]
        name, union_name = person.name, person.unit.name if person.unit else ""
        line = _line(session, handout.id, person_id)
        signed_at = line.signed_at if line else None
    return Scanned(outcome, name, union_name, signed_at, counted.signed, counted.people)


def _line(session: Session, handout_id: uuid.UUID, person_id: uuid.UUID) -> Row[Any] | None:
    return session.execute(_LINE, {"handout": handout_id, "person": person_id}).one_or_none()


def _open_one(session: Session, officer: Principal, handout_id: uuid.UUID, *, closing: bool = False) -> Handout:
    must_be_officer(officer)
    query = select(Handout).where(Handout.id == handout_id).execution_options(populate_existing=True)
    # Shared by all tables scanning at once; who closes it waits for them.
    handout = session.scalar(query.with_for_update(read=not closing))
    if handout is None or not in_scope(officer.scope_path, handout.path):
        raise _unknown()
    if handout.closed_at is not None:
        raise Conflict("handout_closed", "这次发放已经结束，不能再登记。需要补发请另开一次。")
    return handout


def _views(session: Session, officer: Principal, handout_id: uuid.UUID | None) -> tuple[HandoutView, ...]:
    rows = session.execute(_VIEWS, {"scope": officer.scope_path, "handout": handout_id}).mappings().all()
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    return tuple(
        HandoutView(
            row["id"],
            HandoutKind(row["kind"]),
            row["title"],
            row["document"] or "",
            unions[row["union_id"]],
            row["batch_id"],
            row["opened_at"],
            row["closed_at"],
            row["people"],
            row["signed"],
        )
        for row in rows
    )


def _unknown() -> NotFound:
    return NotFound("handout_unknown", "没有这次发放，或者不在您的管理范围内。")
