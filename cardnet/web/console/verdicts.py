"""What the verdict box of a review page sends: which rows, which verdict, why."""

import re
from dataclasses import dataclass
from typing import Any

from flask import request

from cardnet.issuance.rules import Verdict
from cardnet.web.language import gettext

_CHOSEN = re.compile(r"(\d{1,8}|[0-9a-f-]{36})(?::(\d{1,6}))?", re.ASCII)


@dataclass(frozen=True)
class Given:
    """`chosen` is row or application → the round that was seen (0: not said). Reasons are about a return only."""

    verdict: Verdict
    chosen: dict[str, int]
    reasons: tuple[str, ...]
    words: str


def given() -> Given:
    """The form, once `incomplete` found nothing missing."""
    verdict = Verdict(request.form["verdict"])
    no = verdict is not Verdict.APPROVE
    return Given(
        verdict,
        chosen(),
        tuple(request.form.getlist("reason")) if no else (),
        request.form.get("words", "").strip()[:500] if no else "",
    )


def chosen() -> dict[str, int]:
    """What is ticked; what makes no sense is left out."""
    found = (_CHOSEN.fullmatch(value) for value in request.form.getlist("row"))
    return {one[1]: int(one[2] or 0) for one in found if one}


def incomplete() -> dict[str, str]:
    """What is missing before the service is even asked."""
    form = request.form
    if form.get("verdict") not in Verdict.__members__.values():
        return {"verdict": gettext("请选择通过、退回修改或不予通过。")}
    if form.get("choose") != "all" and not form.getlist("row"):
        return {"row": gettext("请先勾选要办理的人员，或选择“全部等我审核的人员”。")}
    if form["verdict"] != Verdict.APPROVE and not form.getlist("reason"):
        return {"reason": gettext("退回或不予通过时，请至少选一个原因，让对方知道怎样改。")}
    return {}


def kept() -> dict[str, Any]:
    """What the box shows again after a refusal."""
    return {
        "chosen": set(chosen()),
        "choose": request.form.get("choose", "selected"),
        "chosen_reasons": request.form.getlist("reason"),
        "words": request.form.get("words", ""),
    }


def outcome(verdict: Verdict, count: int, after: str, left: int) -> str:
    """What was done, in a sentence."""
    if verdict is Verdict.APPROVE and after:
        done = gettext("已通过 %(count)d 人，转由%(after)s审核。", count=count, after=after)
    elif verdict is Verdict.APPROVE:
        done = gettext("已通过 %(count)d 人，审核全部完成，可以发卡。", count=count)
    elif verdict is Verdict.RETURN:
        done = gettext("已退回 %(count)d 人，提交人会看到原因。名额保留 10 天。", count=count)
    else:
        done = gettext("%(count)d 人不予通过，名额已释放。", count=count)
    return done + (gettext("另有 %(left)d 人您已经办过，须由另一位审核。", left=left) if left else "")
