"""Reading what happened: single redemptions, lists, settlement lines, programs' use."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import Decision, MerchantReference, Redemption, RedemptionBenefit
from cardnet.benefits.models_program import Program, RuleVersion
from cardnet.benefits.reasons import Reason, for_merchants, reason_from_json
from cardnet.benefits.services.changes import Locked
from cardnet.benefits.services.groups import groups_of
from cardnet.benefits.services.records import (
    BenefitLine,
    BenefitRecord,
    DecisionView,
    NotApplied,
    ProgramUsage,
    RedemptionRecord,
    SettlementFact,
    UnionUsage,
)
from cardnet.benefits.words import ProgramKind, RedemptionState
from cardnet.kernel.errors import NotFound
from cardnet.kernel.masking import name_for_merchant
from cardnet.membership.services import ids_of_person, people, places, stored_under


def redemption(session: Session, redemption_id: uuid.UUID, merchant_id: uuid.UUID | None) -> RedemptionRecord:
    """One redemption of a merchant (of any when None: for officers). Raises NotFound("not_found")."""
    wanted = [Redemption.id == redemption_id]
    if merchant_id is not None:
        wanted.append(Redemption.merchant_id == merchant_id)
    return _only(_records(session, wanted))


def redemption_of_reference(session: Session, merchant_id: uuid.UUID, merchant_ref: str) -> RedemptionRecord:
    """The live redemption under a merchant's own number, else the newest one. Raises NotFound("not_found")."""
    live = session.get(MerchantReference, (merchant_id, merchant_ref))
    if live is not None:
        return redemption(session, live.redemption_id, merchant_id)
    wanted = [Redemption.merchant_id == merchant_id, Redemption.merchant_ref == merchant_ref]
    return _only(_records(session, wanted, limit=1))


def references_of(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str | None]:
    """The merchants' own numbers of some redemptions."""
    rows = session.execute(select(Redemption.id, Redemption.merchant_ref).where(Redemption.id == func.any(list(ids))))
    return {row.id: row.merchant_ref for row in rows}


def redemptions_of_merchant(
    session: Session,
    merchant_id: uuid.UUID,
    before: uuid.UUID | None = None,
    limit: int = 50,
    *,
    day: date | None = None,
    terminal_code: str | None = None,
    days: tuple[date, date] | None = None,
    words: str = "",
    state: RedemptionState | None = None,
) -> list[RedemptionRecord]:
    """A merchant's redemptions and refusals, newest first; `before` is the last id of the page before.

    `day` keeps one business day, `days` those from the first to the last, `terminal_code` one terminal, `words` those
    whose own number, store or terminal begins so, `state` one state.
    """
    wanted: list[ColumnElement[bool]] = [Redemption.merchant_id == merchant_id]
    if before is not None:
        wanted.append(Redemption.id < before)
    if day is not None:
        wanted.append(Redemption.business_date == day)
    if terminal_code is not None:
        wanted.append(Redemption.terminal_code == terminal_code)
    if days is not None:
        wanted.append(Redemption.business_date.between(*days))
    if words:
        columns = (Redemption.merchant_ref, Redemption.store_code, Redemption.terminal_code)
        wanted.append(or_(*(column.istartswith(words, autoescape=True) for column in columns)))
    if state is not None:
        wanted.append(Redemption.state == state.value)
    return _records(session, wanted, limit=limit)


def redemptions_of_person(
    session: Session, person_id: uuid.UUID, limit: int = 100, *, refusals: bool = True
) -> list[RedemptionRecord]:
    """A member's own redemptions, newest first, with the reasons in full; those of merged files too."""
    wanted: list[ColumnElement[bool]] = [Redemption.person_id.in_(ids_of_person(session, person_id))]
    if not refusals:
        wanted.append(Redemption.state != RedemptionState.REFUSED.value)
    return _records(session, wanted, limit=limit, to_member=True)


def newest_of_person(session: Session, person_id: uuid.UUID) -> tuple[uuid.UUID, datetime] | None:
    """The id of a member's newest redemption or refusal and when it was decided: one row of an index."""
    mine = Redemption.person_id.in_(ids_of_person(session, person_id))
    wanted = select(Redemption.id, Redemption.accepted_at).where(mine).order_by(Redemption.id.desc()).limit(1)
    row = session.execute(wanted).one_or_none()
    return (row.id, row.accepted_at) if row is not None else None


def record_of(session: Session, target: Locked) -> RedemptionRecord:
    """The record of a redemption this transaction has changed."""
    return _as_records(session, [target.row], to_member=False)[0]


def decision_of(session: Session, redemption_id: uuid.UUID) -> DecisionView:
    """The stored decision behind a redemption or refusal. Raises NotFound("not_found")."""
    row = session.scalar(select(Decision).where(Decision.redemption_id == redemption_id))
    if row is None:
        raise NotFound("not_found", "没有找到这笔核销的判定记录。")
    return DecisionView(row.id, row.redemption_id, row.inputs, tuple(row.candidates), tuple(row.chosen))


def _only(found: Sequence[RedemptionRecord]) -> RedemptionRecord:
    if not found:
        raise NotFound("not_found", "没有找到这笔核销记录，请核对编号。")
    return found[0]


def _records(
    session: Session, wanted: Iterable[ColumnElement[bool]], limit: int = 1, *, to_member: bool = False
) -> list[RedemptionRecord]:
    rows = session.scalars(
        select(Redemption)
        .where(*wanted)
        .order_by(Redemption.id.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()
    return _as_records(session, rows, to_member=to_member)


def _as_records(session: Session, rows: Sequence[Redemption], *, to_member: bool) -> list[RedemptionRecord]:
    ids = [row.id for row in rows]
    benefits: dict[uuid.UUID, list[BenefitRecord]] = defaultdict(list)
    back: dict[uuid.UUID, int] = defaultdict(int)
    decisions = {
        decision.redemption_id: decision
        for decision in session.scalars(select(Decision).where(Decision.redemption_id.in_(ids)))
    }
    names = {program.code: program.name for program in session.scalars(select(Program))} if rows else {}
    found = session.execute(
        select(RedemptionBenefit, Program.code, Program.name, Program.kind, RuleVersion.no, RuleVersion.content_hash)
        .join(Program, Program.id == RedemptionBenefit.program_id)
        .join(RuleVersion, RuleVersion.id == RedemptionBenefit.rule_version_id)
        .where(RedemptionBenefit.redemption_id.in_(ids))
        .order_by(Program.code)
        .execution_options(populate_existing=True)
    )
    for benefit, code, name, kind, number, content_hash in found:
        candidate = _candidate(decisions.get(benefit.redemption_id), code)
        back[benefit.redemption_id] += benefit.refunded_union_fen
        benefits[benefit.redemption_id].append(
            BenefitRecord(
                code,
                name,
                ProgramKind(kind),
                benefit.benefit_fen,
                benefit.union_fen,
                benefit.merchant_fen,
                number,
                content_hash,
                tuple(candidate.get("notes", ())),
                tuple(BenefitLine(line_no, fen) for line_no, fen in benefit.lines if fen),
            )
        )
    views = people(session, {row.person_id for row in rows if row.person_id})
    shown = {person_id: name_for_merchant(view.name) for person_id, view in views.items()}
    groups = groups_of(session, ids)
    alone: tuple[str | None, str] = (None, "member")
    return [
        _record(
            row,
            _Beside(benefits[row.id], back[row.id], decisions.get(row.id), *groups.get(row.id, alone)),
            names,
            shown,
            to_member=to_member,
        )
        for row in rows
    ]


class _Beside(NamedTuple):
    """What other tables than its own say of a redemption."""

    benefits: Sequence[BenefitRecord]
    refunded_union_fen: int
    decision: Decision | None
    group_ref: str | None
    payer: str


def _candidate(decision: Decision | None, program: str) -> Mapping[str, Any]:
    candidates = decision.candidates if decision else []
    return next((one for one in candidates if one["program"] == program), {})


def _record(
    row: Redemption,
    beside: _Beside,
    names: Mapping[str, str],
    shown: Mapping[uuid.UUID, str],
    *,
    to_member: bool,
) -> RedemptionRecord:
    reasons = [reason_from_json(stored) for stored in row.reasons or ()]
    held = row.state in (RedemptionState.HELD, RedemptionState.EXPIRED)
    return RedemptionRecord(
        id=row.id,
        outcome=row.state,
        merchant_id=row.merchant_id,
        merchant_code=row.merchant_code,
        store_code=row.store_code,
        terminal_code=row.terminal_code,
        merchant_ref=row.merchant_ref,
        service_code=row.service_code,
        service_on=row.service_on,
        amount_fen=row.amount_fen,
        discount_fen=row.discount_fen,
        subsidy_fen=row.subsidy_fen,
        union_fen=row.union_fen,
        captured_fen=row.captured_fen,
        refunded_fen=row.refunded_fen,
        benefits=tuple(beside.benefits),
        not_applied=_not_applied(beside.decision, names, to_member=to_member) if beside.benefits else (),
        reasons=tuple(reasons if to_member else for_merchants(reasons)),
        member_display=shown.get(row.person_id) if row.person_id else None,
        assurance=row.assurance,
        event_at=row.event_at,
        accepted_at=row.accepted_at,
        business_date=row.business_date,
        held_until=row.hold_expires_at if held else None,
        person_id=row.person_id,
        group_ref=beside.group_ref,
        payer=beside.payer,
        refunded_union_fen=beside.refunded_union_fen,
    )


def _not_applied(decision: Decision | None, names: Mapping[str, str], *, to_member: bool) -> tuple[NotApplied, ...]:
    found = []
    for candidate in decision.candidates if decision else ():
        program = candidate["program"]
        reasons = [Reason(program, fault["code"], fault.get("detail")) for fault in candidate["faults"]]
        if reasons:
            known = {reason.code: reason for reason in reasons}
            shown = list(known.values()) if to_member else for_merchants(reasons)
            found.append(NotApplied(program, names.get(program, program), tuple(shown)))
    return tuple(found)


def _facts(whose: str) -> str:
    """Captures, reversals and refunds of business days; `whose` is a condition on `{row}`, as each table is called."""
    return f"""
select r.id as redemption_id, r.merchant_id, r.merchant_ref, r.store_code, r.terminal_code, 'capture' as type,
       r.business_date, r.accepted_at, r.amount_fen, r.discount_fen, r.union_fen, r.captured_fen, null::uuid as original, r.id
from redemption r
where r.business_date between %(first)s and %(last)s and r.captured_fen > 0 and {whose.format(row="r")}
union all
select f.id, f.merchant_id, r.merchant_ref, f.store_code, f.terminal_code, f.kind,
       f.business_date, f.accepted_at, r.amount_fen, f.discount_fen, f.union_fen, f.fen, r.id, f.id
from refund f join redemption r on r.id = f.redemption_id
where f.business_date between %(first)s and %(last)s and f.kind in ('reversal', 'refund') and {whose.format(row="f")}
order by 7, 8, 14"""  # noqa: S608 - the pieces put in are ours


_FACTS = _facts("(%(merchant_id)s::uuid is null or {row}.merchant_id = %(merchant_id)s::uuid)")
_SINCE = """
with since as materialized (
  select * from unnest(%(merchants)s::uuid[], %(firsts)s::date[]) as t (merchant_id, first))"""
_FACTS_SINCE = _SINCE + _facts(
    "exists (select from since s where s.merchant_id = {row}.merchant_id and s.first <= {row}.business_date)"
)
_FIRST_SALES = """
select m.id, (select r.business_date from redemption r where r.merchant_id = m.id order by r.id limit 1)
from unnest(%(merchants)s::uuid[]) as m (id)"""


def settlement_facts(session: Session, merchant_id: uuid.UUID | None, first: date, last: date) -> list[SettlementFact]:
    """Every capture, reversal and refund of the business days `first` to `last`, both included, in time order.

    A reversal or refund is a line of its own: `redemption_id` is its own id, `original_redemption_id` what it undoes.
    """
    rows = session.connection().exec_driver_sql(_FACTS, {"first": first, "last": last, "merchant_id": merchant_id})
    return [SettlementFact(*row[:13]) for row in rows]


def settlement_facts_since(session: Session, since: Mapping[uuid.UUID, date], last: date) -> list[SettlementFact]:
    """The same of several merchants, of each from a day of its own to `last`."""
    if not since:
        return []
    given = {"merchants": list(since), "firsts": list(since.values()), "first": min(since.values()), "last": last}
    return [SettlementFact(*row[:13]) for row in session.connection().exec_driver_sql(_FACTS_SINCE, given)]


def first_sales(session: Session, merchants: Iterable[uuid.UUID]) -> dict[uuid.UUID, date]:
    """The business day of each of these merchants' first attempt to redeem; nothing of those who never tried."""
    rows = session.connection().exec_driver_sql(_FIRST_SALES, {"merchants": list(merchants)})
    return {row[0]: row[1] for row in rows if row[1] is not None}


_OWED = f"""
select coalesce(sum(case type when 'capture' then union_fen else -union_fen end), 0)::bigint, min(business_date)
from ({_FACTS}) fact"""  # noqa: S608 - the piece put in is ours


def owed_of_merchant(session: Session, merchant_id: uuid.UUID, first: date, last: date) -> tuple[int, date | None]:
    """What the union owes for the business days `first` to `last`, in fen, and the first of them with a line."""
    asked = {"first": first, "last": last, "merchant_id": merchant_id}
    fen, since = session.connection().exec_driver_sql(_OWED, asked).one()
    return int(fen), since


def refusals_of_merchant(session: Session, merchant_id: uuid.UUID, day: date) -> int:
    """How many were refused on a business day."""
    refused = select(func.count()).where(
        Redemption.merchant_id == merchant_id,
        Redemption.business_date == day,
        Redemption.state == RedemptionState.REFUSED.value,
    )
    return session.scalar(refused) or 0


def given_of_lines(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What members did not pay, in fen and without sign, by the id of the capture, reversal or refund (`_FACTS`)."""
    rows = session.connection().exec_driver_sql(
        "select id, captured_fen from redemption where id = any(%(ids)s) "
        "union all select id, fen from refund where id = any(%(ids)s)",
        {"ids": list(ids)},
    )
    return {row[0]: abs(int(row[1])) for row in rows}


def captured_in_all(session: Session, ids: Select[uuid.UUID]) -> int:
    """What members did not pay at the redemptions a query names, in fen."""
    found = select(func.coalesce(func.sum(Redemption.captured_fen), 0)).where(Redemption.id.in_(ids))
    return int(session.scalar(found) or 0)


_USAGE = f"""
select p.code, p.name, p.kind,
       count(distinct r.person_id) filter (where b.benefit_fen > b.refunded_fen),
       count(*) filter (where b.benefit_fen > b.refunded_fen),
       coalesce(sum(b.benefit_fen - b.refunded_fen) filter (where r.captured_fen > 0), 0)::bigint,
       coalesce(sum(b.union_fen - b.refunded_union_fen) filter (where r.captured_fen > 0), 0)::bigint,
       past.people, past.uses, past.fen
from program p
cross join lateral (
  select count(distinct u.person_id) as people, coalesce(sum(u.times), 0)::bigint as uses, coalesce(sum(u.fen), 0)::bigint as fen
  from past_use u join past_use_import i on i.id = u.import_id and i.taken_back_at is null
  where u.program_id = p.id and (%(first)s::date is null or u.used_on >= %(first)s::date)
    and (%(last)s::date is null or u.used_on <= %(last)s::date)
    and {stored_under("u.unit_path")}) past
left join (redemption_benefit b join redemption r on r.id = b.redemption_id and r.captured_fen > 0
           and (%(first)s::date is null or r.business_date >= %(first)s::date)
           and (%(last)s::date is null or r.business_date <= %(last)s::date)
           and {stored_under("r.unit_path")}) on b.program_id = p.id
where %(codes)s::text[] is null or p.code = any(%(codes)s::text[])
group by p.id, past.people, past.uses, past.fen order by p.code"""  # noqa: S608 - the piece put in is ours


def usage_report(
    session: Session,
    programs: Iterable[str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    path: str | None = None,
) -> list[ProgramUsage]:
    """People served, uses and money per program, what was given back taken off; of all programs when none are named.

    Optionally of captures of some business days, and of members whose unit at that time is under `path` now; uses from
    before cardnet are those of these days, and of who was of such a unit when they were taken in.
    """
    codes = None if programs is None else sorted(set(programs))
    asked = {"codes": codes, "first": first, "last": last} | places(session).under(path)
    rows = session.connection().exec_driver_sql(_USAGE, asked)
    return [ProgramUsage(code, name, ProgramKind(kind), *numbers) for code, name, kind, *numbers in rows]


_SERVED = f"""
select count(distinct person_id) from redemption
where captured_fen > refunded_fen and {stored_under("unit_path")}
  and (%(first)s::date is null or business_date >= %(first)s::date)
  and (%(last)s::date is null or business_date <= %(last)s::date)"""  # noqa: S608 - the piece put in is ours


def people_served(session: Session, path: str, first: date | None = None, last: date | None = None) -> int:
    """Distinct people of units that are under `path` now with at least one live use, of whatever program."""
    asked = {"first": first, "last": last} | places(session).under(path)
    count = session.connection().exec_driver_sql(_SERVED, asked).scalar()
    return int(count or 0)


# A moved or merged unit counts where it, or its successor, is now.
_PLACED = "left join unnest(%(was)s::text[], %(now)s::text[]) moved(was, now) on moved.was = r.unit_path"

# One pass over the uses of the scope, whatever the number of unions: `depth` codes of the unit's path are its group.
_BY_UNION = f"""
select array_to_string((string_to_array(coalesce(moved.now, r.unit_path), '/'))[1:%(depth)s::int + 1], '/') || '/' as path,
       count(distinct r.person_id) filter (where r.captured_fen > r.refunded_fen) as people,
       count(*) filter (where b.benefit_fen > b.refunded_fen) as uses,
       coalesce(sum(b.union_fen - b.refunded_union_fen), 0)::bigint as union_fen
from redemption r {_PLACED} left join redemption_benefit b on b.redemption_id = r.id
where r.captured_fen > 0 and {stored_under("r.unit_path")}
  and r.business_date >= %(first)s::date and r.business_date <= %(last)s::date
group by 1"""  # noqa: S608 - the pieces put in are ours


def usage_below(session: Session, path: str, depth: int, first: date, last: date) -> dict[str, UnionUsage]:
    """What members under `path` have had on business days `first` to `last`, by the union `depth` codes below the top.

    `depth` counts the codes of the unions asked for: 2 for `/C/D1/`. Of one person who changed union both count.
    """
    placed = places(session)
    asked = {"depth": depth, "first": first, "last": last} | placed.under(path) | placed.pairs()
    rows = session.connection().exec_driver_sql(_BY_UNION, asked)
    return {row.path: UnionUsage(row.path, row.people, row.uses, row.union_fen) for row in rows}


_SERVED_BY_UNIT = f"""
select coalesce(moved.now, r.unit_path) as path, count(distinct r.person_id) as people from redemption r {_PLACED}
where r.captured_fen > r.refunded_fen and {stored_under("r.unit_path")}
  and r.business_date between %(first)s and %(last)s group by 1"""  # noqa: S608 - the pieces put in are ours


def people_served_by_unit(session: Session, path: str, first: date, last: date) -> dict[str, int]:
    """Distinct people with a live use in these business days, by where their unit at that time, or its successor, is now."""
    placed = places(session)
    asked = {"first": first, "last": last} | placed.under(path) | placed.pairs()
    rows = session.connection().exec_driver_sql(_SERVED_BY_UNIT, asked)
    return {row.path: int(row.people) for row in rows}
