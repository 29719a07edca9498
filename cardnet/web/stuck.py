"""Where work is stuck, for the chair's papers: what waits, in whose hands, since or until when."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import url_for
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.finance import services as finance
from cardnet.finance.rules import MOVER_OF, ExceptionState, Mover, SettlementState
from cardnet.issuance.services import CardCounts, desk
from cardnet.ledger import services as ledger
from cardnet.web.language import gettext


@dataclass(frozen=True)
class Stuck:
    """Work that waits, with whom, since or until when; `href` leads to the page where it stands."""

    what: str
    who: str
    count: int
    until: datetime | None = None
    href: str = ""


def stuck_in_review(session: Session, principal: Principal) -> list[Stuck]:
    """Applications, by the union whose turn it is."""
    waiting = desk.turns(session, principal)
    shown = [Stuck(gettext("办卡申请待审核"), union.name, rows, due) for union, rows, due in waiting[:4]]
    if rest := sum(rows for _, rows, _ in waiting[4:]):
        shown.append(Stuck(gettext("办卡申请待审核"), gettext("其他 %(n)s 家工会", n=len(waiting) - 4), rest))
    return shown


def stuck_cards(counts: CardCounts) -> list[Stuck]:
    """Cards on their way to people."""
    centre, units = gettext("职工援助服务中心"), gettext("各单位")
    found = (
        Stuck(gettext("审核通过待发卡"), centre, max(0, counts.approved - counts.issued)),
        Stuck(gettext("退回修改"), units, counts.returned),
        Stuck(gettext("会员卡待发放"), units, max(0, counts.issued - counts.handed_out)),
    )
    return [one for one in found if one.count]


def stuck_in_finance(session: Session, path: str, today: date) -> list[Stuck]:
    """Differences, denials, sales held back, statements and days that are not closed."""
    words = {
        Mover.MERCHANT: gettext("商户"),
        Mover.FINANCE: gettext("财务"),
        Mover.OPERATIONS: gettext("职工援助服务中心"),
    }
    waiting = dict.fromkeys(words, 0)
    for (code, state), count in finance.open_exceptions_by_code(session).items():
        # A conclusion that waits for its check is finance's move, whoever's it was until then.
        mover = Mover.FINANCE if state is ExceptionState.PROPOSED else MOVER_OF.get(code, Mover.FINANCE)
        if mover in waiting:
            waiting[mover] += count
    unconfirmed = [one for one in finance.settlements(session) if one.state is SettlementState.SEALED]
    found = (
        *(
            Stuck(gettext("对账差异"), words[mover], count, href=url_for("finance.reconciliations"))
            for mover, count in waiting.items()
        ),
        Stuck(
            gettext("会员反映“不是我”"),
            words[Mover.FINANCE],
            len(benefits.denials(session, path=path, only_open=True)),
            href=url_for("finance.denials"),
        ),
        Stuck(
            gettext("暂缓结算的核销"),
            words[Mover.FINANCE],
            finance.held_page(session, 0, 0)[1],
            href=url_for("finance.held"),
        ),
        Stuck(gettext("结算单待确认"), words[Mover.MERCHANT], len(unconfirmed), href=url_for("finance.settlements")),
        Stuck(
            gettext("业务日未日结"),
            words[Mover.FINANCE],
            len(ledger.days_not_closed(session, today - timedelta(days=1))),
            href=url_for("finance.finance"),
        ),
    )
    return [one for one in found if one.count]
