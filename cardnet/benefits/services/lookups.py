"""Reading what happened: single redemptions, lists, settlement lines, programs' use."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import (
    Decision,
    MerchantReference,
    Program,
    Redemption,
    RedemptionBenefit,
    RuleVersion,
)
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
from cardnet.membership.services import people


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


def redemptions_of_merchant(
    session: Session,
    merchant_id: uuid.UUID,
    before: uuid.UUID | None = None,
    limit: int = 50,
    *,
    day: date | None = None,
    terminal_code: str | None = None,
) -> list[RedemptionRecord]:
    """A merchant's redemptions and refusals, newest first; `before` is the last id of the page before.

    `day` keeps one business day, `terminal_code` one terminal.
    """
    wanted: list[ColumnElement[bool]] = [Redemption.merchant_id == merchant_id]
    if before is not None:
        wanted.append(Redemption.id < before)
    if day is not None:
        wanted.append(Redemption.business_date == day)
    if terminal_code is not None:
        wanted.append(Redemption.terminal_code == terminal_code)
    return _records(session, wanted, limit=limit)


def redemptions_of_day(
    session: Session, day: date, merchant_id: uuid.UUID | None = None, limit: int = 500
) -> list[RedemptionRecord]:
    """What a business day holds, newest first, of one merchant or of all."""
    wanted: list[ColumnElement[bool]] = [Redemption.business_date == day]
    if merchant_id is not None:
        wanted.append(Redemption.merchant_id == merchant_id)
    return _records(session, wanted, limit=limit)


def redemptions_of_person(
    session: Session, person_id: uuid.UUID, limit: int = 100, *, refusals: bool = True
) -> list[RedemptionRecord]:
    """A member's own redemptions, newest first, with the reasons in full."""
    wanted: list[ColumnElement[bool]] = [Redemption.person_id == person_id]
    if not refusals:
        wanted.append(Redemption.state != RedemptionState.REFUSED.value)
    return _records(session, wanted, limit=limit, to_member=True)


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
    benefits: dict[uuid.UUID, list[BenefitRecord]] = {}
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
        benefits.setdefault(benefit.redemption_id, []).append(
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
    records = [
        _record(row, benefits.get(row.id, []), decisions.get(row.id), names, shown, to_member=to_member) for row in rows
    ]
    if not (groups := groups_of(session, ids)):
        return records
    plain: tuple[str | None, str] = (None, "member")
    told = ((record, groups.get(row.id, plain)) for row, record in zip(rows, records, strict=True))
    return [replace(record, group_ref=group_ref, payer=payer) for record, (group_ref, payer) in told]


def _candidate(decision: Decision | None, program: str) -> Mapping[str, Any]:
    candidates = decision.candidates if decision else []
    return next((one for one in candidates if one["program"] == program), {})


def _record(
    row: Redemption,
    benefits: Sequence[BenefitRecord],
    decision: Decision | None,
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
        benefits=tuple(benefits),
        not_applied=_not_applied(decision, names, to_member=to_member) if benefits else (),
        reasons=tuple(reasons if to_member else for_merchants(reasons)),
        member_display=shown.get(row.person_id) if row.person_id else None,
        assurance=row.assurance,
        event_at=row.event_at,
        accepted_at=row.accepted_at,
        business_date=row.business_date,
        held_until=row.hold_expires_at if held else None,
        person_id=row.person_id,
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


_FACTS = """
select r.id as redemption_id, r.merchant_id, r.merchant_ref, r.store_code, r.terminal_code, 'capture' as type,
       r.business_date, r.accepted_at, r.amount_fen, r.discount_fen, r.union_fen, r.captured_fen, null::uuid as original, r.id
from redemption r
where r.business_date between %(first)s and %(last)s and r.captured_fen > 0
  and (%(merchant_id)s::uuid is null or r.merchant_id = %(merchant_id)s::uuid)
union all
select f.id, f.merchant_id, r.merchant_ref, f.store_code, f.terminal_code, f.kind,
       f.business_date, f.accepted_at, r.amount_fen, f.discount_fen, f.union_fen, f.fen, r.id, f.id
from refund f join redemption r on r.id = f.redemption_id
where f.business_date between %(first)s and %(last)s and f.kind in ('reversal', 'refund')
  and (%(merchant_id)s::uuid is null or f.merchant_id = %(merchant_id)s::uuid)
order by 7, 8, 14"""


def settlement_facts(session: Session, merchant_id: uuid.UUID | None, first: date, last: date) -> list[SettlementFact]:
    """Every capture, reversal and refund of the business days `first` to `last`, both included, in time order.

    A reversal or refund is a line of its own: `redemption_id` is its own id, `original_redemption_id` what it undoes.
    """
    rows = session.connection().exec_driver_sql(_FACTS, {"first": first, "last": last, "merchant_id": merchant_id})
    return [SettlementFact(*row[:13]) for row in rows]


_USAGE = """
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
    and (%(path)s::text is null or starts_with(u.unit_path, %(path)s::text))) past
left join (redemption_benefit b join redemption r on r.id = b.redemption_id and r.captured_fen > 0
           and (%(first)s::date is null or r.business_date >= %(first)s::date)
           and (%(last)s::date is null or r.business_date <= %(last)s::date)
           and (%(path)s::text is null or r.unit_path like %(path)s::text || '%%')) on b.program_id = p.id
where %(codes)s::text[] is null or p.code = any(%(codes)s::text[])
group by p.id, past.people, past.uses, past.fen order by p.code"""


def usage_report(
    session: Session,
    programs: Iterable[str] | None = None,
    *,
    first: date | None = None,
    last: date | None = None,
    path: str | None = None,
) -> list[ProgramUsage]:
    """People served, uses and money per program, what was given back taken off; of all programs when none are named.

    Optionally of captures of some business days, and of members whose unit at that time lay under `path`; uses from
    before cardnet are those of these days, and of who was under `path` when they were taken in.
    """
    codes = None if programs is None else sorted(set(programs))
    rows = session.connection().exec_driver_sql(_USAGE, {"codes": codes, "first": first, "last": last, "path": path})
    return [ProgramUsage(code, name, ProgramKind(kind), *numbers) for code, name, kind, *numbers in rows]


def people_served(session: Session, path: str, first: date | None = None, last: date | None = None) -> int:
    """Distinct people under `path` with at least one live use, of whatever program."""
    found = session.connection().exec_driver_sql(
        "select count(distinct person_id) from redemption where captured_fen > refunded_fen "
        "and unit_path like %(path)s || '%%' and (%(first)s::date is null or business_date >= %(first)s::date) "
        "and (%(last)s::date is null or business_date <= %(last)s::date)",
        {"path": path, "first": first, "last": last},
    )
    count = found.scalar()
    return int(count or 0)


# One pass over the uses of the scope, whatever the number of unions: `depth` codes of the unit's path are its group.
_BY_UNION = """
select array_to_string((string_to_array(r.unit_path, '/'))[1:%(depth)s::int + 1], '/') || '/' as path,
       count(distinct r.person_id) filter (where r.captured_fen > r.refunded_fen) as people,
       count(*) filter (where b.benefit_fen > b.refunded_fen) as uses,
       coalesce(sum(b.union_fen - b.refunded_union_fen), 0)::bigint as union_fen
from redemption r left join redemption_benefit b on b.redemption_id = r.id
where r.captured_fen > 0 and starts_with(r.unit_path, %(path)s)
  and r.business_date >= %(first)s::date and r.business_date <= %(last)s::date
group by 1"""


def usage_below(session: Session, path: str, depth: int, first: date, last: date) -> dict[str, UnionUsage]:
    """What members under `path` have had on business days `first` to `last`, by the union `depth` codes below the top.

    `depth` counts the codes of the unions asked for: 2 for `/C/D1/`. Of one person who changed union both count.
    """
    rows = session.connection().exec_driver_sql(_BY_UNION, {"path": path, "depth": depth, "first": first, "last": last})
    return {row.path: UnionUsage(row.path, row.people, row.uses, row.union_fen) for row in rows}


def people_served_by_unit(session: Session, path: str, first: date, last: date) -> dict[str, int]:
    """Distinct people with at least one live use in these business days, by the path of their unit at that time."""
    found = session.connection().exec_driver_sql(
        "select unit_path, count(distinct person_id) from redemption where captured_fen > refunded_fen "
        "and unit_path like %(path)s || '%%' and business_date between %(first)s and %(last)s group by unit_path",
        {"path": path, "first": first, "last": last},
    )
    return {unit_path: int(people) for unit_path, people in found}
