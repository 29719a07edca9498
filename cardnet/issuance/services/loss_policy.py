"""Whether a hold made before its card was lost may still be used: the district decides, and by default it may (S18)."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import LossPolicy
from cardnet.kernel.world import World
from cardnet.membership import services as membership

HONOURED_BY_DEFAULT = True

_SETTING = membership.Setting(
    LossPolicy, "loss_policy.set", "holds_on_loss", "挂失以前的预留还能不能用，由区总工会决定。",
    {"honour_holds_on_loss": HONOURED_BY_DEFAULT},
)  # fmt: skip


@dataclass(frozen=True)
class SetLossPolicy:
    """From now on what was held before a loss may be used, or may not. `officer` is None at the server's own console."""

    honour_holds_on_loss: bool
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True, kw_only=True)
class LossPolicyView(membership.Decided):
    """What holds now, since when and by whom."""

    honour_holds_on_loss: bool


def loss_policy(session: Session) -> LossPolicyView:
    """What holds now."""
    values, by = membership.decided(session, _SETTING)
    return LossPolicyView(honour_holds_on_loss=values["honour_holds_on_loss"], **vars(by))


def set_loss_policy(session: Session, world: World, command: SetLossPolicy) -> LossPolicyView:
    """Decide. Holds that are open now are judged by it, too. Raises InvalidInput("reason_missing"), NotAllowed("role_missing")."""
    values = {"honour_holds_on_loss": command.honour_holds_on_loss}
    membership.decide(session, world, _SETTING, membership.Decision(values, command.reason, command.officer))
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
