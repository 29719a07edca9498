"""待办 as its page shows it: each thing that waits is a line with its sentence, its page and how urgent it is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.web.formats import cn_date, cn_datetime, cn_day, number
from cardnet.web.language import gettext


@dataclass(frozen=True)
class TaskLine:
    """One line of 待办: what is to be done, where, something more about it, and its badge (kind of colour, word)."""

    task: desk.Task
    title: str
    href: str
    more: tuple[str, ...]
    badge: tuple[str, str]


# kind: what is to be done, its page, the badge while nothing is late.
_KINDS = {
    "review": (lazy_gettext("审核%(name)s的 %(n)s 份申请"), "batch", lazy_gettext("待审核")),
    "overdue": (lazy_gettext("%(name)s有 %(n)s 份申请超期没有审核"), "batch", lazy_gettext("待审核")),
    "mend": (lazy_gettext("修改%(name)s退回的 %(n)s 份申请"), "batch", lazy_gettext("等待修改")),
    "offer": (lazy_gettext("答复%(name)s %(n)s 人的递补名额"), "waiting", lazy_gettext("待答复")),
    "chair": (lazy_gettext("请主席确认%(name)s的 %(n)s 份申请"), "unit_approval", lazy_gettext("待确认")),
    "chair_asked": (lazy_gettext("等主席确认%(name)s的 %(n)s 份申请"), "unit_approval", lazy_gettext("已请确认")),
    "issue": (lazy_gettext("为%(name)s发 %(n)s 张卡"), "batch", lazy_gettext("待发卡")),
    "hand_out": (lazy_gettext("把 %(n)s 张卡交到%(name)s会员手里"), "batch_cards", lazy_gettext("待发放")),
    "transfer": (lazy_gettext("答复 %(n)s 人的转出"), "transfers", lazy_gettext("待答复")),
    "raise": (lazy_gettext("审批 %(n)s 份追加名额的申请"), "raises", lazy_gettext("待审批")),
    "self_filled": (lazy_gettext("核对 %(n)s 人的扫码自填"), "self_fill", lazy_gettext("待核对")),
    "sign": (lazy_gettext("“%(title)s”还有 %(n)s 人没有签领"), "handout", lazy_gettext("签领中")),
    "slips": (lazy_gettext("打印并发放 %(n)s 份通知单"), "notices", lazy_gettext("待发放")),
    "renew": (lazy_gettext("换发 %(n)s 张快到期的会员卡"), "cards", lazy_gettext("快到期")),
    "confirm": (lazy_gettext("确认 %(n)s 名会员的会籍"), "confirmation", lazy_gettext("待确认")),
    "confirm_below": (lazy_gettext("%(n)s 家工会的年度会籍确认还没有做完"), "confirmation", lazy_gettext("待确认")),
    "duplicates": (lazy_gettext("核对 %(n)s 对可能重复的档案"), "duplicates", lazy_gettext("待核对")),
    "rules": (lazy_gettext("审批 %(n)s 个执行标准"), "rules", lazy_gettext("待审批")),
    "agreements": (lazy_gettext("续签或终止 %(n)s 家商户的合作协议"), "merchants_list", lazy_gettext("快到期")),
}
_QUOTA_KINDS = {"new_card": lazy_gettext("新办卡"), "recuperation": lazy_gettext("疗休养")}
_OVER = frozenset({"renew", "agreements"})
"""Here what is late has ended."""
_SHOW = {"review": "mine", "overdue": "waiting", "mend": "returned", "issue": "approved"}


def everything_waiting(session: Session, world: World, officer: Principal) -> tuple[desk.Task, ...]:
    """What waits for this officer in rosters, members, cards, rules and merchants, the most urgent first."""
    tasks = [*desk.tasks_of(session, world, officer), *desk.duties_of(session, world, officer)]
    at, own = world.now(), membership.union_of_id(session, officer.union_id)
    if rules := benefits.rules_to_approve(session, officer):
        tasks.append(desk.Task("rules", None, "", own, rules.count, rules.since, None, overdue=False))
    if officer.has(Role.DISTRICT_OFFICER):
        ending = merchants.ending_agreements(session, world)
        if ending.soon + ending.over:
            part = {"soon": str(ending.soon), "over": str(ending.over)}
            count = ending.soon + ending.over
            tasks.append(desk.Task("agreements", None, "", own, count, at, None, ending.over > 0, part=part))
    return desk.in_order(tasks)


def href_of(task: desk.Task) -> str:
    """The page on which a task is done, filtered to it."""
    endpoint = f"console.{_KINDS[task.kind][1]}"
    if task.kind in _SHOW:
        return url_for(endpoint, batch_id=task.batch_id, show=_SHOW[task.kind], behalf=task.on_behalf_of)
    if task.batch_id is not None and task.kind != "offer":
        return url_for(endpoint, batch_id=task.batch_id)
    if task.kind == "renew":
        return url_for(endpoint, list="ending")
    if task.kind == "agreements":
        return url_for(endpoint, state="ends_soon")
    part: dict[str, Any] = dict(task.part)
    return url_for(endpoint, **part)


def sentence_of(task: desk.Task) -> str:
    """What is to be done, in one line."""
    title = str(_KINDS[task.kind][0])
    return title % {"name": task.union.name, "n": number(task.count), "title": task.filename}


def task_lines(tasks: Iterable[desk.Task]) -> list[TaskLine]:
    """Each with the words its page says."""
    return [_line(task) for task in tasks]


def _line(task: desk.Task) -> TaskLine:
    return TaskLine(task, sentence_of(task), href_of(task), tuple(filter(None, _more(task))), _badge(task))


def _more(task: desk.Task) -> list[str]:
    return _MORE.get(task.kind, _of_roster)(task)


def _of_roster(task: desk.Task) -> list[str]:
    named = gettext("以“%(name)s”的名义", name=task.in_the_name_of) if task.in_the_name_of else ""
    return [named, task.filename if task.batch_id else "", _since(task)]


def _overdue(task: desk.Task) -> list[str]:
    return [task.filename, gettext("期限是%(at)s，请督促办理", at=cn_datetime(task.due_at))]


def _asked(task: desk.Task) -> list[str]:
    return [task.filename, gettext("已经发出，%(day)s前有效", day=cn_date(task.due_at))]


def _raise(task: desk.Task) -> list[str]:
    year = gettext("%(year)s 年", year=task.part["year"])
    return [year, str(_QUOTA_KINDS[task.part["kind"]]), _since(task)]


def _renew(task: desk.Task) -> list[str]:
    return [gettext("最早的用到%(day)s", day=cn_day(_last_day(task)))]


def _confirm(task: desk.Task) -> list[str]:
    return [gettext("%(year)s 年度，%(day)s前完成", year=_last_day(task).year, day=cn_day(_last_day(task)))]


def _duplicates(task: desk.Task) -> list[str]:  # noqa: ARG001 - as its siblings
    return [gettext("同名、同手机号或同出生日期")]


def _agreements(task: desk.Task) -> list[str]:
    over, soon = int(task.part["over"]), int(task.part["soon"])
    return [
        gettext("%(n)s 家已经到期", n=number(over)) if over else "",
        gettext("%(n)s 家 30 天内到期", n=number(soon)) if soon else "",
    ]


_MORE: dict[str, Callable[[desk.Task], list[str]]] = {
    "overdue": _overdue,
    "chair_asked": _asked,
    "raise": _raise,
    "renew": _renew,
    "confirm": _confirm,
    "confirm_below": _confirm,
    "duplicates": _duplicates,
    "agreements": _agreements,
}


def _since(task: desk.Task) -> str:
    return gettext("%(day)s起等待", day=cn_date(task.since))


def _last_day(task: desk.Task) -> date:
    assert task.due_at is not None
    return day_of(task.due_at - timedelta(seconds=1))


def _badge(task: desk.Task) -> tuple[str, str]:
    if task.overdue:
        return "bad", gettext("已到期") if task.kind in _OVER else gettext("已超期")
    if task.kind == "mend" and task.due_at:
        return "wait", gettext("名额保留到%(day)s", day=cn_date(task.due_at))
    if task.due_at and task.kind not in desk.ROUTINE:
        return "wait", gettext("%(day)s前", day=cn_date(task.due_at))
    return "wait" if task.kind == "agreements" else "calm", str(_KINDS[task.kind][2])
