"""Reason codes: stable, one Chinese sentence each that says what is so and what helps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cardnet.benefits.reasons_english import words_in_english
from cardnet.benefits.spans import span
from cardnet.kernel.money import yuan


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something does not apply. `program` is a program's code, None when it concerns the card or the code shown."""

    program: str | None
    code: str
    detail: Mapping[str, Any] | None = None

    @property
    def message(self) -> str:
        """The sentence for the cashier and the member."""
        return words(self.code, self.detail)

    @property
    def english(self) -> str:
        """The same sentence in English."""
        return words_in_english(self.code, self.detail)

    def for_merchant(self) -> "Reason":
        """The same as a merchant may know it: nothing about who the member is or lives."""
        return Reason(self.program, NOT_ELIGIBLE, None) if self.code in PERSONAL else self

    def as_json(self) -> dict[str, Any]:
        """For storing and sending."""
        return {"program": self.program, "code": self.code, "message": self.message, "detail": dict(self.detail or {})}


def of_clock(code: str, delta_seconds: int | None) -> Reason:
    """A refusal of a code, with its Δ where it was of another time: seconds it was old, below nought ahead of us."""
    return Reason(None, code, None if delta_seconds is None else {"delta_seconds": delta_seconds})


NOT_ELIGIBLE = "not_eligible_member"

PERSONAL = frozenset(
    {"membership_kind", "not_a_member", "member_too_new", "tag_missing", "age_out_of_range", "sex_not_covered"}
)
"""Codes that would tell a shop something about the member; it hears `not_eligible_member`."""

WORDS: Mapping[str, str] = {
    # The code shown, and the card behind it (CN1 outcomes and what the server knows beyond them).
    "malformed": "这不是会员服务卡的动态码，请让会员打开会员服务卡页面重新出示。",
    "unsupported_version": "动态码版本较新，请更新收银程序后再扫。",
    "unknown_key": "暂时认不出这张卡的签发密钥，请会员联网打开卡页后再试。",
    "revoked_key": "签发密钥已停用，请会员联网打开卡页更新后再试。",
    "bad_signature": "动态码不是工会签发的，不能使用。",
    "key_out_of_period": "动态码的签发时间不对，不能使用。",
    "proof_missing": "这是截下来的码，请会员出示会自动变化的动态码。",
    "clock_error": "收银设备的时间不对，请校准时间后再扫。",
    "expired_credential": "手机上的卡太久没有更新，请会员联网打开卡页后再试。",
    "stale_proof": "动态码已过期，请会员出示现在的动态码。",
    "future_proof": "会员手机的时间偏快，请联网打开卡页后再试。",
    "wrong_audience": "这个码是给别的商户用的，请会员重新出示。",
    "wrong_challenge": "验证数字不对，请重新输入屏幕上的四位数字。",
    "replayed": "这个动态码已经用过，请会员出示新的动态码。",
    "revoked": "这个码已经停用：卡换新了、转到了别的手机，或已注销。请会员出示现在用的卡，或联网打开卡页。",
    "suspended": "这张卡已挂失，请会员致电职工援助服务中心。",
    "not_issued": "没有签发过这个码，不能使用，请报告职工援助服务中心。",
    "card_unknown": "没有找到这张卡。",
    "card_not_active": "这张卡还没有激活，请会员先在手机上激活。",
    "card_expired": "这张卡已过有效期，请会员办理续卡。",
    "card_not_yet_valid": "这张卡还没到启用日期。",
    # What paper needs besides.
    "confirm_required": "请输入会员证件后四位。",
    "limit_exceeded": "实体卡每天限用一次，今天已经用过；请会员改用手机上的动态码，或明天再来。",
    # Conditions of a program.
    NOT_ELIGIBLE: "该会员不在本项目范围内，会员可在自己的卡页查看原因。",
    "not_a_member": "目前没有在册会籍。",
    "membership_kind": "会籍类别不在本项目范围内。",
    "member_too_new": "入会时间还不够。",
    "org_scope": "所在工会不在本项目范围内。",
    "tag_missing": "不在本项目的名单内。",
    "age_out_of_range": "年龄不在本项目范围内。",
    "sex_not_covered": "性别不在本项目范围内。",
    "provider_not_in_program": "本商户没有这个项目。",
    "category_not_covered": "本商户类别不在本项目范围内。",
    "service_not_covered": "这项服务不在本项目范围内。",
    "below_min_spend": "消费金额还没有达到起用金额。",
    "outside_dates": "今天不在本项目的使用日期内。",
    "outside_hours": "现在不在本项目的使用时段内。",
    "no_rule_version": "这一天没有生效的执行标准。",
    "late_submission": "提交太晚，超过了本项目规定的天数。",
    # Limits and pools.
    "limit_count": "本期可享受的次数已经用完。",
    "limit_amount": "本期可享受的金额已经用完。",
    "limit_trimmed": "按限额减少。",
    "pool_exhausted": "本项目的资金池或名额已经用完。",
    "pool_trimmed": "按资金池余额减少。",
    "not_best_combination": "另一个组合对会员更优惠。",
    "no_effect": "按这笔金额算下来没有优惠。",
}


def words(code: str, detail: Mapping[str, Any] | None = None) -> str:
    """The sentence of a code, with its figures where it has any."""
    with_figures = _WITH_FIGURES.get(code)
    return with_figures(detail) if with_figures and detail else WORDS.get(code, "本次不能享受。")


def _confirm(detail: Mapping[str, Any]) -> str:
    if detail["tries_left"] > 0:
        return f"证件后四位不对，请会员核对后再输，今天还可以试 {detail['tries_left']} 次。"
    return "证件后四位今天试错次数已满，请会员改用手机上的动态码，或到所在工会办理。"


def _period(detail: Mapping[str, Any]) -> str:
    period = str(detail.get("period") or "")
    parts = period.split("-")
    if period and len(parts) <= 3 and all(part.isdecimal() for part in parts):
        return "".join(f"{int(part)}{unit}" for part, unit in zip(parts, "年月日", strict=False))
    return "本项目"


_UNITS = "秒", "分钟", "小时", "天"


def _span(seconds: int) -> str:
    number, unit = span(seconds, _UNITS)
    return f"{number} {unit}"


def _replayed(detail: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(detail.get("used_at") or detail["shown_at"])
    when = f"{at.month}月{at.day}日 {at:%H:%M}"
    if "shown_at" in detail:
        return f"这个动态码 {when} 已经在别的收银台出示过，请会员出示新的动态码。"
    own = "terminal" in detail
    where = f"在本商户门店 {detail['store']} 的收银台 {detail['terminal']} " if own else "在别的商户"
    return f"这个动态码 {when} 已经{where}用过，请会员出示新的动态码。"


_WITH_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "stale_proof": lambda d: f"这是 {_span(d['delta_seconds'])}前的动态码，已过期，请会员出示现在的动态码。",
    "future_proof": lambda d: f"会员手机的时间快了 {_span(d['delta_seconds'])}，请联网打开卡页后再试。",
    "replayed": _replayed,
    "confirm_required": _confirm,
    "limit_count": lambda d: f"{_period(d)}已享受 {d['used']} 次，限 {d['max']} 次。",
    "limit_amount": lambda d: f"{_period(d)}已享受 {yuan(d['used_fen'])} 元，限 {yuan(d['max_fen'])} 元。",
    "below_min_spend": lambda d: f"满 {yuan(d['min_fen'])} 元才能享受，本单 {yuan(d['amount_fen'])} 元。",
    "late_submission": lambda d: f"应在服务后 {d['max_days']} 天内提交，已过 {d['days']} 天。",
}


def for_merchants(reasons: Iterable[Reason]) -> list[Reason]:
    """Reasons as a merchant may know them, each program's code once."""
    return list({(reason.program, reason.code): reason for reason in (one.for_merchant() for one in reasons)}.values())


def reason_from_json(stored: Mapping[str, Any]) -> Reason:
    """A reason as `as_json` wrote it."""
    return Reason(stored["program"], stored["code"], stored["detail"] or None)
