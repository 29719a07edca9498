"""Whether a hold made before its card was lost may still be used: the district decides, and by default it may (S18)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.issuance.models import LossPolicy
from cardnet.kernel import audit
from cardnet.kernel.errors import InvalidInput, NotAllowed
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier

HONOURED_BY_DEFAULT = True


@dataclass(frozen=True)
class SetLossPolicy:
    """From now on what was held before a loss may be used, or may not. `officer` is None at the server's own console."""

    honour_holds_on_loss: bool
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True)
class LossPolicyView:
    """What holds now, since when and by whom; `set_at` is None while nobody has decided."""

    honour_holds_on_loss: bool
    reason: str
    set_by: str
    set_at: datetime | None


def loss_policy(session: Session) -> LossPolicyView:
    """What holds now."""
    row = session.get(LossPolicy, 1, populate_existing=True)
    if row is None:
        return LossPolicyView(HONOURED_BY_DEFAULT, "", "", None)
    names = access.display_names(session, [row.set_by] if row.set_by else [])
    by = names.get(row.set_by, "") if row.set_by else ""
    return LossPolicyView(row.honour_holds_on_loss, row.reason, by, row.set_at)


def set_loss_policy(session: Session, world: World, command: SetLossPolicy) -> LossPolicyView:
    """Decide. Holds that are open now are judged by it, too. Raises InvalidInput("reason_missing"), NotAllowed("role_missing")."""
    officer = command.officer
    if officer is not None:
        tier = membership.union_of_id(session, officer.union_id).tier
        if not officer.has(Role.DISTRICT_OFFICER) or tier is not Tier.DISTRICT:
            raise NotAllowed("role_missing", "挂失以前的预留还能不能用，由区总工会决定。")
    if not command.reason.strip():
        raise InvalidInput("reason_missing", "请写明为什么修改，例如会议纪要的文号。")
    before = session.scalar(select(LossPolicy.honour_holds_on_loss).with_for_update())
    values = {
        "honour_holds_on_loss": command.honour_holds_on_loss, "reason": command.reason.strip()[:200],
        "set_by": officer.account_id if officer else None, "set_at": world.now(),
    }  # fmt: skip
    session.execute(
        insert(LossPolicy).values(id=1, **values).on_conflict_do_update(index_elements=[LossPolicy.id], set_=values)
    )
    act = audit.Act(
        "loss_policy.set", "setting", "holds_on_loss", officer.account_id if officer else None,
        before={"honour_holds_on_loss": HONOURED_BY_DEFAULT if before is None else before},
        after={"honour_holds_on_loss": command.honour_holds_on_loss, "reason": values["reason"]},
    )  # fmt: skip
    audit.record(session, world, act)
    return loss_policy(session)


# The card of a code and those that renewed it: a renewed card is the same card, and its loss a loss of what was held.
_STOPPED = text("""
    with recursive line as (
        select c.id, c.state from binding b join card c on c.id = b.card_id
         where b.card_index = :index and b.recycled_at is null
        union all
        select n.id, n.state from line join card n on n.replaces_id = line.id
    )
    select exists (select from line where state in ('suspended', 'replaced', 'cancelled'))""")


def hold_stands(session: Session, card_index: int | None) -> bool:
    """Whether what was held by the code of this index may still be used: always, or while its card has not been stopped.

    A card is stopped by a loss, a cancellation or a replacement. Another phone, another print or a renewal changes the
    code and stops nothing.
    """
    honoured = session.scalar(select(LossPolicy.honour_holds_on_loss))
    if card_index is None or (HONOURED_BY_DEFAULT if honoured is None else honoured):
        return True
    return not session.scalar(_STOPPED, {"index": card_index})
