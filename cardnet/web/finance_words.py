"""The words of finance's pages for codes: states, groups, classes of differences and what is to be done about each.

They are those of `finance.rules`; they stand here once more so that they can be translated, and a test compares them.
"""

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext

from cardnet.finance.difference import explain, is_unread
from cardnet.finance.rules import LESS, MORE
from cardnet.finance.services import ExceptionView
from cardnet.web.formats import iso_day

HOLDS = {
    "fraud_flag": lazy_gettext("疑似套取"),
    "member_denies": lazy_gettext("会员反映不是本人"),
    "disputed": lazy_gettext("有争议"),
    "evidence_missing": lazy_gettext("缺少凭证"),
}
"""Why a movement is kept out of settlement (`HoldReason`)."""

GROUPS = {
    "ours_only": lazy_gettext("我有他无"),
    "theirs_only": lazy_gettext("他有我无"),
    "amount": lazy_gettext("金额不符"),
    "other": lazy_gettext("其他"),
}

TITLES = {
    "E01": lazy_gettext("我方有、商户没有"),
    "E02": lazy_gettext("商户有、我方没有"),
    "E03": lazy_gettext("商户重复记录"),
    "E04": lazy_gettext("我方重复记录"),
    "E05": lazy_gettext("无法识别的行"),
    "E06": lazy_gettext("金额不一致"),
    "E07": lazy_gettext("类型或正负不一致"),
    "E08": lazy_gettext("记在不同的日子"),
    "E09": lazy_gettext("已撤销的一笔商户仍计入"),
    "E10": lazy_gettext("商户或终端不一致"),
    "E11": lazy_gettext("离线补传没有核销"),
    "E12": lazy_gettext("终端还有没上传的离线记录"),
    "E14": lazy_gettext("有不止一笔可以对应"),
    "E17": lazy_gettext("文件合计不符"),
}

SENTENCES = {
    "E01": lazy_gettext(
        "我方在 %(our_day)s 记有这一笔 %(our_amount)s 元，商户文件里没有。请商户确认是否漏记；确认没有发生的，由我方冲回。"
    ),
    "E02": lazy_gettext(
        "商户文件第 %(line)s 行有这一笔 %(their_amount)s 元，我方没有记录。先查有没有未上传的离线补传；有凭据才付款。"
    ),
    "E03": lazy_gettext(
        "商户文件第 %(line)s 行 %(their_amount)s 元与另一行是同一笔，多记了一次。请商户删去重复的一行。"
    ),
    "E04": lazy_gettext("我方同一笔记了两次，金额 %(our_amount)s 元。已停止结算这一行，请服务中心查明。"),
    "E05": lazy_gettext("商户文件第 %(line)s 行“%(column)s”写的是“%(text)s”：%(problem)s"),
    "E06": lazy_gettext(
        "同一笔，我方记 %(our_amount)s 元，商户记 %(their_amount)s 元，商户%(more_or_less)s %(difference)s 元。请财务核对小票后调整。"
    ),
    "E07": lazy_gettext(
        "同一笔，我方记为%(our_type)s %(our_amount)s 元，商户记为%(their_type)s %(their_amount)s 元。请财务核对。"
    ),
    "E08": lazy_gettext(
        "同一笔 %(our_amount)s 元，我方记在 %(our_day)s，商户记在 %(their_day)s：跨日记账，金额一致，次日自动消除。"
    ),
    "E09": lazy_gettext("这一笔 %(our_amount)s 元我方已%(our_type)s，商户文件里还算着原来的核销。请商户把它去掉。"),
    "E10": lazy_gettext("商户文件第 %(line)s 行这一笔不属于这家商户或这台终端。请服务中心查明在哪里核销的。"),
    "E11": lazy_gettext(
        "商户文件第 %(line)s 行 %(their_amount)s 元是终端 %(offline_terminal)s 断网时办理的，补传后没有核销（%(offline_why)s）。请财务按承担规则处理：没有核定的先核定。"
    ),
    "E12": lazy_gettext(
        "商户文件第 %(line)s 行 %(their_amount)s 元在终端 %(offline_terminal)s 缺少的离线记录（序号 %(offline_first)s 至 %(offline_last)s）那段时间。请商户让终端联网补传。"
    ),
    "E14": lazy_gettext("我方 %(of_ours)s 笔与商户 %(of_theirs)s 笔都可能对应，系统不替人选择。请财务写明理由后指定。"),
    "E17": lazy_gettext("商户文件写明合计%(declared)s，逐行相加是%(counted)s。文件不予采用，请商户核对后重新发送。"),
}

UNREAD = lazy_gettext(
    "我方在 %(our_day)s 记有这一笔 %(our_amount)s 元；商户文件第 %(unread_line)s 行写着这个单号，但那一行无法识别。请商户改好那一行重新发送，这一笔会随之核对。"
)

DOUBTS = {
    "period": lazy_gettext(
        "文件的日期是 %(first)s 至 %(last)s，与所选期间不符：没有一行在这段日期内。请核对日期，或确认仍按这段日期核对。"
    ),
    "strange": lazy_gettext(
        "文件里这段日期的 %(lines)s 行，只有 %(known)s 行与我方对得上：可能选错了商户，或者是别的日期的文件。请核对，或确认仍要核对。"
    ),
    "worse": lazy_gettext(
        "这段日期已经核对过，那一次有 %(before)s 行与我方对得上，这个文件只有 %(known)s 行：用它会取代原来的结果。请核对商户和日期，或确认仍要核对。"
    ),
}

TYPES = {
    "capture": lazy_gettext("核销"),
    "reversal": lazy_gettext("撤销"),
    "refund": lazy_gettext("退款"),
    "back": lazy_gettext("撤销或退款"),
}

SETTLEMENT_STATES = {
    "sealed": ("wait", lazy_gettext("待商户确认")),
    "confirmed": ("good", lazy_gettext("商户已确认")),
    "invoiced": ("good", lazy_gettext("已开票")),
    "approved": ("good", lazy_gettext("已审批")),
    "paying": ("wait", lazy_gettext("付款中")),
    "payout_failed": ("bad", lazy_gettext("付款失败")),
    "paid": ("good", lazy_gettext("已付款")),
    "returned": ("bad", lazy_gettext("银行退回")),
    "filed": ("good", lazy_gettext("已归档")),
}

EXCEPTION_STATES = {
    "open": ("wait", lazy_gettext("待处理")),
    "assigned": ("wait", lazy_gettext("处理中")),
    "proposed": ("wait", lazy_gettext("待复核")),
    "approved": ("good", lazy_gettext("已复核")),
    "rejected": ("bad", lazy_gettext("复核退回")),
    "posted": ("good", lazy_gettext("已入账")),
    "closed": ("good", lazy_gettext("已消除")),
    "reopened": ("bad", lazy_gettext("重新打开")),
}

RESOLUTIONS = {
    "merchant_corrects": lazy_gettext("商户更正自己的记录"),
    "done_elsewhere": lazy_gettext("已另行办理（撤销、退款、核定离线记录或暂缓结算）"),
    "explained": lazy_gettext("已查明，双方都不用改"),
}
"""How a difference is settled (`Resolution`)."""

CLEARING_STEPS = {
    "note": lazy_gettext("记下"),
    "propose": lazy_gettext("提出结论"),
    "approve": lazy_gettext("复核同意"),
    "return": lazy_gettext("复核退回"),
    "reopen": lazy_gettext("重新打开"),
}

DAY_STATES = {
    "open": ("wait", lazy_gettext("未日结")),
    "closing": ("wait", lazy_gettext("日结中")),
    "closed": ("good", lazy_gettext("已日结")),
}

MOVERS = {
    "merchant": lazy_gettext("商户"),
    "finance": lazy_gettext("财务"),
    "operations": lazy_gettext("服务中心"),
    "nobody": lazy_gettext("无需处理"),
}

CARRIED = {
    "cycle_not_over": lazy_gettext("结算周期还没有结束"),
    "below_minimum": lazy_gettext("不足 100 元，并入下期"),
    "negative": lazy_gettext("净额为负，转入下期抵扣"),
}

BASES = {
    "union_fen": lazy_gettext("工会承担的金额"),
    "benefit_fen": lazy_gettext("会员少付的金额"),
    "gross_fen": lazy_gettext("订单金额"),
    "payable_fen": lazy_gettext("顾客实付金额"),
}

STATEMENT_FAULTS = {
    "unreadable": lazy_gettext("文件无法读取"),
    "hash_differs": lazy_gettext("内容与文件指纹不符"),
    "key_unknown": lazy_gettext("签名密钥不在册或已停用"),
    "signature_wrong": lazy_gettext("签名不符"),
    "totals_differ": lazy_gettext("合计与明细不符"),
}

_COMPARED = {MORE: lazy_gettext("多"), LESS: lazy_gettext("少")}


def fault_words(faults: Iterable[str]) -> str:
    """What is wrong with a statement, in the reader's language."""
    return "、".join(str(STATEMENT_FAULTS[fault]) for fault in faults)


def explained(one: ExceptionView) -> str:
    """Why a difference is one, and what to do, in the reader's language."""
    words: dict[str, Any] = dict(one.detail["words"])
    for name, lines in (("our_type", one.ours), ("their_type", one.theirs)):
        if lines and lines[0]["type"]:
            words[name] = TYPES[lines[0]["type"]]
    words |= {name: iso_day(words[name]) for name in ("our_day", "their_day") if words.get(name)}
    if "more_or_less" in words:
        words["more_or_less"] = _COMPARED[words["more_or_less"]]
    return explain(one.code, words, str(UNREAD if is_unread(words) else SENTENCES[one.code.value]))


def exception_state(one: ExceptionView) -> tuple[str, Any]:
    """The badge of a difference: one that closed because its reconciliation was taken back is not cleared."""
    if one.closing_words == "set_aside":
        return "calm", lazy_gettext("随对账作废")
    if one.settled_by_people:
        return "good", lazy_gettext("已处理")
    return EXCEPTION_STATES[one.state.value]
