"""今年工会为我: what one member has had in a year, by program and month."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.benefits.words import ProgramKind
from cardnet.membership import services as membership


@dataclass(frozen=True, slots=True)
class YearPart:
    """One program of the year: uses, and what they were worth to the member in fen."""

    program: str
    name: str
    kind: ProgramKind
    times: int
    fen: int


@dataclass(frozen=True, slots=True)
class YearMonth:
    """One month (1–12) with a use in it."""

    month: int
    times: int
    fen: int


@dataclass(frozen=True, slots=True)
class OwnYear:
    """A member's year; what was given back is taken off, uses from before cardnet are in it."""

    year: int
    times: int
    fen: int
    union_fen: int
    parts: tuple[YearPart, ...]
    months: tuple[YearMonth, ...]


# One row a program and use; two benefits of one redemption are one use.
_USES = text("""
    select r.id, p.code, p.name, p.kind, r.business_date as day, 1 as times, b.benefit_fen - b.refunded_fen as fen,
           b.union_fen - b.refunded_union_fen as union_fen
      from redemption r join redemption_benefit b on b.redemption_id = r.id join program p on p.id = b.program_id
     where r.person_id = any(:people) and r.captured_fen > 0 and b.benefit_fen > b.refunded_fen
       and r.business_date between :first and :last
    union all
    select u.id, p.code, p.name, p.kind, u.used_on, u.times, u.fen, 0 from past_use u
      join past_use_import i on i.id = u.import_id and i.taken_back_at is null join program p on p.id = u.program_id
     where u.person_id = any(:people) and u.used_on between :first and :last""")


def own_year(session: Session, person_id: uuid.UUID, year: int) -> OwnYear:
    """What the union's programs were worth to one person in a calendar year, under whichever file, the largest part first."""
    asked = {
        "people": list(membership.ids_of_person(session, person_id)),
        "first": date(year, 1, 1),
        "last": date(year, 12, 31),
    }
    uses: dict[uuid.UUID, tuple[int, int]] = {}
    parts: dict[str, YearPart] = {}
    months: dict[int, tuple[set[uuid.UUID], int]] = {}
    union_fen = 0
    for key, code, name, kind, day, times, fen, borne in session.execute(_USES, asked):
        uses[key] = (day.month, times)
        union_fen += borne
        before = parts.get(code)
        parts[code] = YearPart(
            code, name, ProgramKind(kind), times + (before.times if before else 0), fen + (before.fen if before else 0)
        )
        known, sum_fen = months.get(day.month, (set(), 0))
        months[day.month] = (known | {key}, sum_fen + fen)
    return OwnYear(
        year,
        sum(times for _, times in uses.values()),
        sum(part.fen for part in parts.values()),
        union_fen,
        tuple(sorted(parts.values(), key=lambda part: (-part.fen, part.program))),
        tuple(
            YearMonth(month, sum(uses[key][1] for key in keys), fen) for month, (keys, fen) in sorted(months.items())
        ),
    )
