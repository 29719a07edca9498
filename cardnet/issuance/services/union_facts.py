"""What one union has in hand: what a move or a merger carries along, and what must be finished before it can end."""

import uuid
from dataclasses import dataclass, fields

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.issuance import rules
from cardnet.issuance.rules.roster_jobs import UNFINISHED
from cardnet.kernel.errors import Conflict
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class UnionFacts:
    """Counts of one union itself, without those below it; `places_free` and `places_held` of years not yet closed.

    `below` are open unions directly below, `offers` places offered to people who wait, `arriving` and `leaving`
    transfers nobody answered, `accounts` those that may sign in or are invited.
    """

    below: int
    members: int
    in_review: int
    returned: int
    waiting: int
    offers: int
    approved: int
    places_free: int
    places_held: int
    raises: int
    entries: int
    handouts: int
    jobs: int
    arriving: int
    leaving: int
    accounts: int

    @property
    def applications(self) -> int:
        """Applications that are not over."""
        return self.in_review + self.returned + self.waiting + self.offers + self.approved


_FACTS = text("""
    select (select count(*) from union_node u where u.parent_id = :union and u."to" is null) as below,
           (select count(*) from membership m where m.union_id = :union and m."to" is null) as members,
           a.in_review, a.returned, a.waiting, a.offers, a.approved, q.places_free, q.places_held,
           (select count(*) from quota_raise r where r.union_id = :union and r.state = 'asked') as raises,
           (select count(*) from self_fill_entry e where e.union_id = :union and e.state = 'waiting') as entries,
           (select count(*) from handout h where h.union_id = :union and h.closed_at is null) as handouts,
           (select count(*) from roster_job j where j.union_id = :union and j.state = any(:unfinished)) as jobs,
           (select count(*) from transfer_proposal t where t.to_union_id = :union and t.state = 'proposed') as arriving,
           (select count(*) from transfer_proposal t where t.from_union_id = :union and t.state = 'proposed') as leaving,
           (select count(*) from account c where c.union_id = :union and c.state <> 'disabled') as accounts
      from (select count(*) filter (where state in ('submitted', 'in_review', 'draft')) as in_review,
                   count(*) filter (where state = 'returned') as returned,
                   count(*) filter (where state = 'waitlisted' and offer_until is null) as waiting,
                   count(*) filter (where state = 'waitlisted' and offer_until is not null) as offers,
                   count(*) filter (where state = 'approved') as approved
              from application where union_id = :union and state = any(:open)) a,
           (select coalesce(sum(received - passed_down - held - used), 0) as places_free,
                   coalesce(sum(held), 0) as places_held
              from quota_node where union_id = :union and not closed) q""")


def union_facts(session: Session, union_id: uuid.UUID) -> UnionFacts:
    """What the union has in hand now."""
    given = {
        "union": union_id,
        "open": sorted(map(str, rules.OPEN_APPLICATION)),
        "unfinished": sorted(map(str, UNFINISHED)),
    }
    row = session.execute(_FACTS, given).one()
    return UnionFacts(**{f.name: int(getattr(row, f.name)) for f in fields(UnionFacts)})


_MUST_END = {
    "below": "下级工会 {} 个（请先划转或撤销）",
    "raises": "待答复的追加申请 {} 份（请先办结或撤回）",
    "handouts": "没有收尾的发放活动 {} 个（请先结束）",
    "jobs": "正在处理的采集表 {} 份（请稍等或取消）",
}
"""What a merger does not carry along."""

_MUST_BE_GONE = {
    "members": "会员 {} 人（请先转出，或整体并入另一个工会）",
    **_MUST_END,
    "applications": "在办的申请 {} 份（请先办结或撤回）",
    "entries": "等核对的扫码自填 {} 人（请先提交或放在一边）",
    "places_free": "没有用的名额 {} 个（请先交回上级）",
    "arriving": "等着转入的会员 {} 人（请先撤回转接）",
}


def must_be_ready_to_merge(union: UnionNode, facts: UnionFacts) -> None:
    """Raises Conflict("union_busy"), saying all that is to be finished first."""
    _refuse("union_busy", f"{union.name}还不能并入", _MUST_END, facts)


def must_be_empty(union: UnionNode, facts: UnionFacts) -> None:
    """Raises Conflict("union_not_empty"), saying all that is still there."""
    _refuse("union_not_empty", f"{union.name}还不能撤销", _MUST_BE_GONE, facts)


def _refuse(code: str, said: str, words: dict[str, str], facts: UnionFacts) -> None:
    left = {name: count for name in words if (count := getattr(facts, name))}
    if left:
        raise Conflict(code, f"{said}，还有{'、'.join(words[name].format(n) for name, n in left.items())}。", left)
