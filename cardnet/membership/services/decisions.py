"""Settings the district decides for everybody: who may, the reason, who and when, what held before, and the trail.

Each setting is a row of a table of its own, with `reason`, `set_by` and `set_at`: no row while nobody has decided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.kernel import audit
from cardnet.kernel.errors import InvalidInput, NotAllowed
from cardnet.kernel.world import World
from cardnet.membership.rules import Tier
from cardnet.membership.services.mistakes import Mistakes
from cardnet.membership.services.unions import union_of_id

MOST_WORDS = 200


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Why a setting is as it is, who decided and when; `set_at` is None while nobody has."""

    reason: str = ""
    set_by: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True)
class Setting:
    """Where a setting is kept and what it is called on the trail: `action`, `subject`, and the words of who may not.

    `defaults` hold while nobody has decided; `key` tells the rows of one table apart.
    """

    table: type[DeclarativeBase]
    action: str
    subject: str
    refusal: str
    defaults: Mapping[str, Any]
    key: Mapping[str, Any] = field(default_factory=lambda: {"id": 1})


@dataclass(frozen=True)
class Decision:
    """What shall hold from now on, and why. `officer` is None at the server's own console.

    `wrong` is what cannot be decided about the values: told together with a missing reason.
    """

    values: Mapping[str, Any]
    reason: str
    officer: Principal | None = None
    wrong: InvalidInput | None = None


def must_be_district(session: Session, officer: Principal | None, refusal: str) -> None:
    """Raises NotAllowed("role_missing") with these words; None is the server's own console."""
    if officer is None:
        return
    if not officer.has(Role.DISTRICT_OFFICER) or union_of_id(session, officer.union_id).tier is not Tier.DISTRICT:
        raise NotAllowed("role_missing", refusal)


def why(reason: str, ask: str = "请写明为什么修改，例如会议纪要的文号。") -> str:
    """The reason as it is kept. Raises InvalidInput("reason_missing") with the words that ask for it."""
    if not reason.strip():
        raise InvalidInput("reason_missing", ask)
    return reason.strip()[:MOST_WORDS]


def decided(session: Session, setting: Setting) -> tuple[Mapping[str, Any], Decided]:
    """What holds now, and whose decision it is."""
    row = _row(session, setting)
    if row is None:
        return setting.defaults, Decided()
    names = access.display_names(session, [row.set_by] if row.set_by else [])
    by = names.get(row.set_by, "") if row.set_by else ""
    return _values(setting, row), Decided(reason=row.reason, set_by=by, set_at=row.set_at)


def decide(
    session: Session, world: World, setting: Setting, decision: Decision,
    follow: Callable[[], Mapping[str, Any]] = dict,
) -> None:  # fmt: skip
    """Let it hold, on the trail with what held before; `follow` does what comes of it and says what the trail adds.

    Raises NotAllowed("role_missing"), what is wrong with the values, InvalidInput("reason_missing").
    """
    must_be_district(session, decision.officer, setting.refusal)
    mistakes = Mistakes()
    with mistakes.about("value"):
        if decision.wrong:
            raise decision.wrong
    with mistakes.about("reason"):
        reason = why(decision.reason)
    mistakes.tell()
    _one_at_a_time(session, setting)
    before = _row(session, setting)
    actor = decision.officer.account_id if decision.officer else None
    values = {**decision.values, "reason": reason, "set_by": actor, "set_at": world.now()}
    session.execute(
        insert(setting.table)
        .values(**setting.key, **values)
        .on_conflict_do_update(index_elements=list(setting.key), set_=values)
    )
    act = audit.Act(
        setting.action, "setting", setting.subject, actor,
        before=dict(setting.defaults if before is None else _values(setting, before)),
        after={**decision.values, "reason": reason, **follow()},
    )  # fmt: skip
    audit.record(session, world, act)


def _one_at_a_time(session: Session, setting: Setting) -> None:
    """Of two who decide at once the second follows the first: the first decision of all has no row to be locked."""
    name = f"{setting.table.__tablename__}:{sorted(setting.key.items())}"
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.setting'), hashtext(:name))"), {"name": name})


def _row(session: Session, setting: Setting) -> Row[Any] | None:
    return session.execute(select(setting.table.__table__).filter_by(**setting.key)).one_or_none()


def _values(setting: Setting, row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in setting.defaults}
