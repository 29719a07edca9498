"""How long a new card works where nobody names its last day: the district decides, for each kind of card."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import CardLife
from cardnet.issuance.rules import CardEnd, CardKind, Life
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership


@dataclass(frozen=True)
class SetCardLife:
    """Cards of this kind made from now on work so long; those there are keep their last day."""

    kind: CardKind
    years: int
    ends: CardEnd
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True, kw_only=True)
class CardLifeView(membership.Decided):
    """What holds now for one kind, since when and by whom."""

    kind: CardKind
    years: int
    ends: CardEnd


def card_lives(session: Session) -> tuple[CardLifeView, ...]:
    """What holds now, for each kind."""
    return tuple(_view(session, kind) for kind in CardKind)


def set_card_life(session: Session, world: World, command: SetCardLife) -> CardLifeView:
    """Decide. Raises InvalidInput("years_invalid", "reason_missing"), NotAllowed("role_missing")."""
    wrong = None
    if not 1 <= command.years <= rules.MOST_YEARS:
        wrong = InvalidInput("years_invalid", f"卡的有效期请写 1 到 {rules.MOST_YEARS} 年。")
    values = {"years": command.years, "ends": str(command.ends)}
    decision = membership.Decision(values, command.reason, command.officer, wrong)
    membership.decide(session, world, _setting(command.kind), decision)
    return _view(session, command.kind)


def card_life(session: Session, kind: CardKind) -> Life:
    """The life of a card of this kind that is made at this moment."""
    found = session.execute(select(CardLife.years, CardLife.ends).where(CardLife.kind == str(kind))).one_or_none()
    return Life(found.years, CardEnd(found.ends)) if found else rules.LIFE_BY_DEFAULT


def _view(session: Session, kind: CardKind) -> CardLifeView:
    values, by = membership.decided(session, _setting(kind))
    return CardLifeView(kind=kind, years=values["years"], ends=CardEnd(values["ends"]), **vars(by))


def _setting(kind: CardKind) -> membership.Setting:
    life = rules.LIFE_BY_DEFAULT
    return membership.Setting(
        CardLife, "card_life.set", f"card_life.{kind}", "会员卡的有效期由区总工会决定。",
        {"years": life.years, "ends": str(life.ends)}, {"kind": str(kind)},
    )  # fmt: skip
