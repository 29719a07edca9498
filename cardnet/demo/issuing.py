"""Spring 2026: registers, rosters, three reviews, cards handed out, phones bound. The same files and services as real ones."""

import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import xlsxwriter
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.access.services import principal_of_username
from cardnet.credential.device import DeviceKey
from cardnet.demo.people import UNITS, Member, Unit
from cardnet.demo.stage import Step, step
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import Verdict
from cardnet.membership import services as membership

YEAR = 2026
_ORGANISATIONS = (
    ("YJ", "云间区总工会", "district", ""),
    ("YJ-01", "永泽街道总工会", "township", "YJ"),
    ("YJ-10", "新桥港镇总工会", "township", "YJ"),
    ("YJ-19", "区教育局工会", "township", "YJ"),
)
_PLACES = {"YJ-01-101": 40, "YJ-01-102": 82, "YJ-10-101": 16, "YJ-19-101": 62}
_USERS = {"YJ-01-101": "songjia", "YJ-01-102": "hengqi", "YJ-10-101": "huoyun", "YJ-19-101": "erzhong"}
_TOWNSHIP_USERS = {"YJ-01": "yongze", "YJ-10": "xinqiao", "YJ-19": "jiaoyu"}
_RETURNED = {
    "YJ-01-102": (
        ((12,), "R01", "姓名与身份证复印件不一致，请核对后重新填报。"),
        ((57,), "R10", "此人登记在另一单位，请先确认。"),
    ),
    "YJ-10-101": (((9,), "R04", "手机号码已停用，请更新。"),),
}
_NOT_HANDED_OUT = {"YJ-01-102": 3}
_ACTIVATED = {"YJ-01-101": 29, "YJ-01-102": 45, "YJ-10-101": 6, "YJ-19-101": 40}
"""Phones bound. 周桂林's printed card makes it 121."""


@dataclass(frozen=True)
class Holder:
    """A member with a card in the story; the phone when it is bound, the printed card where there is one."""

    member: Member
    person_id: uuid.UUID
    number: str
    activation_code: str
    state: str
    phone: DeviceKey | None = None
    printed: issuance.PrintedCard | None = None


def found_the_union(at: Step) -> None:
    """The district, three townships and four units."""
    rows = [*_ORGANISATIONS, *((unit.code, unit.name, "unit", unit.township) for unit in UNITS)]
    text = "工会编码,工会名称,层级,上级编码,统一社会信用代码\n" + "".join(",".join((*row, "")) + "\n" for row in rows)
    membership.import_organisations(at.session, at.world, membership.ImportOrganisations(text.encode(), "组织机构.csv"))


def share_the_quota(at: Step) -> None:
    """200 places by the decision of the year, down to the four units."""
    officer = principal_of_username(at.session, "zhongxin")
    issuance.grant_quota(at.session, at.world, issuance.GrantQuota(YEAR, 200, "云工〔2026〕3号", officer))
    for unit in UNITS:
        count = _PLACES[unit.code]
        for source, target in (("YJ", unit.township), (unit.township, unit.code)):
            issuance.allocate_quota(at.session, at.world, issuance.MoveQuota(YEAR, source, target, count, officer))


def register(at: Step, unit: Unit, people: Sequence[Member]) -> None:
    """The unit's 会员名册: everyone, card or not."""
    content = _sheet(
        "会员名册",
        ("姓名", "证件类型", "证件号码", "性别", "手机号码", "部门", "用工形式", "入会日期"),
        (
            (p.name, "居民身份证", p.id_number, p.sex, p.phone, p.department, unit.employment, p.joined_on)
            for p in people
        ),
    )
    membership.import_register(
        at.session, at.world, membership.ImportRegister(content, f"{unit.name}会员名册.xlsx", unit.code)
    )


def apply_for_cards(unit: Unit, people: Sequence[Member], day: date) -> list[issuance.IssuedCard]:
    """From the roster file to cards in members' hands; returns the cards in roster order."""
    asked = [person for person in people if person.answer]
    user = _USERS[unit.code]
    with step(f"{day} 10:00", unit.code) as at:
        command = issuance.SubmitRoster(
            _roster(unit, asked), f"{unit.name}办卡信息采集表.xlsx", unit.code, _officer(at.session, user)
        )
        batch_id = issuance.submit_roster(at.session, at.world, command).batch_id
    with step(f"{day + timedelta(days=2)} 15:30", unit.code) as at:
        _review(at, batch_id, f"{user}-zx", Verdict.APPROVE)
    with step(f"{day + timedelta(days=6)} 09:40", unit.code) as at:
        for rows, reason, words in _RETURNED.get(unit.code, ()):
            _review(at, batch_id, _TOWNSHIP_USERS[unit.township], Verdict.RETURN, rows, reason, words)
        _review(at, batch_id, _TOWNSHIP_USERS[unit.township], Verdict.APPROVE)
    with step(f"{day + timedelta(days=9)} 14:10", unit.code) as at:
        _review(at, batch_id, "zhongxin", Verdict.APPROVE)
    with step(f"{day + timedelta(days=13)} 09:00", unit.code) as at:
        cards = list(
            issuance.issue_cards(
                at.session,
                at.world,
                issuance.IssueCards(batch_id, _officer(at.session, "zhongxin"), date(2031, 12, 31)),
            )
        )
    with step(f"{day + timedelta(days=20)} 16:00", unit.code) as at:
        kept_back = tuple(card.number for card in cards[len(cards) - _NOT_HANDED_OUT.get(unit.code, 0) :])
        issuance.hand_out_cards(
            at.session,
            at.world,
            issuance.HandOutCards(_officer(at.session, user), batch_id, except_numbers=kept_back),
        )
    return cards


def holders_of(unit: Unit, people: Sequence[Member], cards: Iterable[issuance.IssuedCard]) -> list[Holder]:
    """Cards laid beside the members they belong to."""
    asked = [person for person in people if person.answer]
    cards = list(cards)
    last_handed_out = len(cards) - _NOT_HANDED_OUT.get(unit.code, 0)
    return [
        Holder(
            asked[(card.row or 0) - 1],
            card.person_id,
            card.number,
            card.activation_code,
            "delivered" if place < last_handed_out else "ordered",
        )
        for place, card in enumerate(cards)
    ]


def bind_phones(unit: Unit, holders: list[Holder], first_day: date) -> list[Holder]:
    """The unit's members who activated, a few each day; 周桂林, the first of 松嘉, keeps to her printed card."""
    bound = []
    skip = 1 if unit.code == "YJ-01-101" else 0
    chosen = range(skip, skip + _ACTIVATED[unit.code])
    for place, holder in enumerate(holders):
        if place not in chosen:
            bound.append(holder)
            continue
        day = first_day + timedelta(days=(place - skip) * 3 // 2)
        with step(f"{day} {8 + place % 12:02d}:{place * 7 % 60:02d}", holder.number) as at:
            bound.append(_bind(at, holder))
    return bound


def print_card(at: Step, holder: Holder) -> Holder:
    """The service centre prints the card of a member without a smartphone."""
    command = issuance.PrintCards(_officer(at.session, "zhongxin"), numbers=(holder.number,))
    (printed,) = issuance.print_cards(at.session, at.world, command)
    return replace(holder, printed=printed)


def _bind(at: Step, holder: Holder) -> Holder:
    phone = DeviceKey.make(at.world)
    issuance.activate_card(
        at.session,
        at.world,
        issuance.ActivateCard(
            holder.number,
            holder.activation_code,
            holder.member.id_number[-4:],
            phone.public,
            phone.activation_proof(holder.number, holder.activation_code),
        ),
    )
    return replace(holder, state="active", phone=phone)


def _review(
    at: Step,
    batch_id: uuid.UUID,
    username: str,
    verdict: Verdict,
    rows: tuple[int, ...] | None = None,
    reason: str = "",
    words: str = "",
) -> None:
    reasons = (reason,) if reason else ()
    command = issuance.Review(batch_id, _officer(at.session, username), verdict, rows, reasons, words)
    issuance.review(at.session, at.world, command)


def _officer(session: Session, username: str) -> Principal:
    return principal_of_username(session, username)


def _roster(unit: Unit, people: Sequence[Member]) -> bytes:
    return _sheet(
        "云间区工会会员服务卡信息采集表",
        (
            "序号",
            "姓名",
            "证件类型",
            "证件号码",
            "性别",
            "手机号码",
            "所属工会编码",
            "部门",
            "用工形式",
            "入会日期",
            "本人同意",
            "同意日期",
        ),
        (
            (
                n,
                p.name,
                "居民身份证",
                p.id_number,
                p.sex,
                p.phone,
                unit.code,
                p.department,
                unit.employment,
                p.joined_on,
                p.answer,
                "2026-03-06",
            )
            for n, p in enumerate(people, 1)
        ),
    )


def _sheet(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A workbook as an office sends it: a title row, the header, the rows."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        # The file's own date is part of its bytes, and a roster is known by its bytes.
        book.set_properties({"created": date(2026, 3, 9)})
        sheet = book.add_worksheet("Sheet1")
        sheet.write(0, 0, title)
        sheet.write_row(1, 0, header)
        for number, row in enumerate(rows, 2):
            sheet.write_row(number, 0, [str(cell) if isinstance(cell, date) else cell for cell in row])
    return buffer.getvalue()
