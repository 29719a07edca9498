"""Handing out: what is handed out, how a receipt was given, and what a scan at the table answers."""

import enum
from collections.abc import Mapping


class HandoutKind(enum.StrEnum):
    """What people sign for: their card, a gift, or goods against the heat."""

    CARD = "card"
    GIFT = "gift"
    HEAT = "heat"


HANDOUT_WORDS: Mapping[HandoutKind, str] = {
    HandoutKind.CARD: "会员服务卡",
    HandoutKind.GIFT: "慰问品",
    HandoutKind.HEAT: "高温慰问",
}


class Receipt(enum.StrEnum):
    """How somebody signed: by a scan, on the paper list, or by number at the table."""

    SCAN = "scan"
    SIGNED_LIST = "signed_list"
    TYPED = "typed"


class ScanOutcome(enum.StrEnum):
    """What a scan came to. Only `signed` changed anything; each of the others is a "no" with its reason."""

    SIGNED = "signed"
    SIGNED_BEFORE = "signed_before"
    NOT_LISTED = "not_listed"
    NOT_A_CODE = "not_a_code"
    STALE = "stale"
    NOT_VALID = "not_valid"


SCAN_WORDS: Mapping[ScanOutcome, str] = {
    ScanOutcome.SIGNED: "已签领",
    ScanOutcome.SIGNED_BEFORE: "此前已经签领，没有重复登记",
    ScanOutcome.NOT_LISTED: "不在这次发放的名单里",
    ScanOutcome.NOT_A_CODE: "这不是会员码、实体卡码或激活单上的码",
    ScanOutcome.STALE: "码已过时，请会员亮出正在跳动的码再扫",
    ScanOutcome.NOT_VALID: "这张卡已挂失、注销、补换或过期，不能凭它签领",
}
