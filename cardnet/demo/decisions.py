"""What the demonstration's programs and pools rest on: meetings, documents and their scanned originals.

云影影城 is still without: the page shows what is missing.
"""

from dataclasses import dataclass
from datetime import date

from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.benefits.services import SubjectKind
from cardnet.demo.papers import Paper, scanned
from cardnet.demo.partners import OFFERS, Offer
from cardnet.demo.stage import step
from cardnet.issuance import services as issuance
from cardnet.kernel.money import yuan

_BUDGET = "职工活动支出—会员普惠服务"


@dataclass(frozen=True)
class Decision:
    """A meeting's decision about one offer; `scanned` when its original is attached."""

    offer: str
    meeting: str
    decided_on: date
    scanned: bool = True


DECISIONS = (
    Decision("HC2026", "区总工会党组会", date(2026, 3, 17)),
    Decision("BH-100-20", "区总工会主席办公会", date(2026, 3, 20)),
    Decision("ZB-90", "区总工会主席办公会", date(2026, 3, 20), scanned=False),
    Decision("KN-95", "区总工会主席办公会", date(2026, 3, 20)),
)


def put_on_record() -> None:
    """The service centre registers each with its document; a pool rests on the one of its program."""
    offers = {offer.code: offer for offer in OFFERS}
    with step("2026-03-27 09:30", "decisions") as at:
        officer = principal_of_username(at.session, "zhongxin")
        for decision in DECISIONS:
            offer = offers[decision.offer]
            name = f"{offer.doc_ref}{offer.name}.pdf" if decision.scanned else None
            original = _scan(offer, decision) if decision.scanned else None
            new = issuance.NewAuthority(
                offer.doc_ref, decision.meeting, decision.decided_on, _BUDGET, name, original
            )  # fmt: skip
            authority = issuance.record_authority(at.session, at.world, officer, new)
            kinds = (SubjectKind.PROGRAM, SubjectKind.POOL) if offer.pool_fen else (SubjectKind.PROGRAM,)
            for kind in kinds:
                command = benefits.AttachAuthority(kind, offer.code, authority, officer)
                benefits.attach_authority(at.session, at.world, command)


def _scan(offer: Offer, decision: Decision) -> bytes:
    day = decision.decided_on
    money = (
        f"资金在“{_BUDGET}”科目列支，本年度不超过 {yuan(offer.pool_fen)} 元，用完为止，不得突破。"
        if offer.pool_fen
        else "优惠全部由商户承担，工会不列支资金。"
    )
    words = (
        f"经 {day.year} 年 {day.month} 月 {day.day} 日{decision.meeting}讨论决定，设立会员普惠项目“{offer.name}”。",
        "持有效会员服务卡的在职和退休会员均可享受，从 2026 年 4 月 1 日起执行；具体标准按经审批的执行标准办理。",
        money,
        "由职工援助服务中心组织实施，区总财务按结算单付款，经审办全程监督。",
    )
    title = f"关于设立“{offer.name}”的决定"
    return scanned(Paper(offer.doc_ref, title, words, ("云间区总工会（章）",), day, "云间区总工会文件"))
