"""The header of a merchant's file: what each column means by its title, and which amount is compared. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cardnet.finance.cells import Cell
from cardnet.kernel.errors import InvalidInput

_ALIASES: Mapping[str, str] = {
    word: field
    for field, words in {
        "redemption_id": "redemptionid cardnetid 核销编号 核销单号 核销号 核销id 核销记录号 核销流水号 核销记录编号 核销记录 "
        "工会核销编号 平台单号 平台订单号 平台流水号",
        "merchant_ref": "merchantref merchantreference merchantorderno merchantorder ref reference refno orderno orderid "
        "ordernumber order outtradeno receiptno receipt ticketno transactionid transactionno tradeno 商户单号 商户订单号 "
        "商户流水号 商户参考号 商户编码单号 订单号 订单编号 流水号 交易流水号 交易单号 交易号 交易编号 单号 小票号 小票单号 "
        "小票编号 收银单号 收银流水号 销售单号 参考号 凭证号 票号",
        "type": "type transactiontype txntype tradetype kind 类型 交易类型 业务类型 操作类型 记录类型 收支类型",
        "date": "businessdate date transactiondate bookingdate tradedate 业务日期 交易日期 日期 记账日期 营业日期 核销日期 "
        "消费日期 账期 入账日期",
        "time": "occurredat time datetime transactiontime tradetime timestamp eventat 交易时间 时间 核销时间 消费时间 发生时间 "
        "完成时间 支付时间 销售时间 日期时间",
        "store": "store storecode storename shop 门店 门店编号 门店代码 门店名称 店铺 店名 分店",
        "terminal": "terminal terminalid terminalcode terminalno pos posid posno till 终端 终端号 终端编号 终端代码 收银台 "
        "收银机 机号 pos机号 设备号 设备编号",
        "union": "union unionshare unionamount subsidy subsidyamount benefit benefitamount 工会补贴 工会补贴金额 补贴金额 补贴 "
        "工会承担 工会承担金额 工会负担 工会应付 工会金额 优惠补贴",
        "net": "net netamount settlement settlementamount 净额 结算金额 应结金额 应结算金额 结算净额 应收工会款 应收工会",
        "amount": "amount money sum fee 金额 交易金额 发生额 发生金额 核销金额",
        "gross": "gross grossamount orderamount salesamount totalamount 订单金额 订单总额 消费金额 消费总额 应收金额 原价 总价 "
        "销售金额 原金额 商品金额",
        "payable": "payable payableamount paid paidamount 实收 实收金额 实付 实付金额 顾客实付 收款金额 个人支付",
        "discount": "discount discountamount 优惠金额 让利金额 商户让利 折扣金额 优惠",
    }.items()
    for word in words.split()
}

_AMOUNTS = {"union": "union_fen", "net": "union_fen", "amount": None, "gross": "gross_fen", "payable": "payable_fen"}
"""Which amount a column means, the one to compare first."""

_FEN = re.compile(r"\(分\)|\[分\]|/分|（分）|fen$|单位分")
_UNIT = re.compile(
    r"[(（\[](分|元|人民币|rmb|cny|yuan|fen|元/分)[)）\]]|/(分|元)$|单位[:：]?(分|元)|(fen|yuan|rmb|cny)$"
)


@dataclass(frozen=True)
class Header:
    """Where the header stands, and the place and the title of every column that means something."""

    row: int
    places: Mapping[str, int]
    titles: Mapping[str, str]
    amount: int
    amount_twin: int | None
    """The same amount in the other unit, when the file has both."""
    fen: bool
    basis: str | None
    title: str


def find_header(rows: Sequence[Sequence[Cell]]) -> Header:
    """The first row that is one. Raises InvalidInput("statement_header_unknown")."""
    for index, row in enumerate(rows[:40]):
        if header := as_header(index, row):
            return header
    raise InvalidInput(
        "statement_header_unknown",
        "没有找到表头：请在第一行写明列名，至少要有“金额”（或“金额（分）”）和“商户单号”或“核销编号”；"
        "没有单号的，要有“终端”和“交易时间”。",
    )


def as_header(index: int, row: Sequence[Cell]) -> Header | None:
    """A row read as a header; None when it names no amount, or nothing to find a line by."""
    places: dict[str, int] = {}
    titles: dict[str, str] = {}
    amounts: dict[tuple[str, bool], int] = {}
    for place, cell in enumerate(row):
        if not isinstance(cell, str) or not cell.strip():
            continue
        field, fen = _field(cell)
        if field in _AMOUNTS:
            amounts.setdefault((field, fen), place)
        elif field is not None:
            places.setdefault(field, place)
            titles.setdefault(field, cell.strip())
    named = next((name for name in _AMOUNTS if (name, True) in amounts or (name, False) in amounts), None)
    findable = {"redemption_id", "merchant_ref"} & places.keys() or (
        "terminal" in places and {"time", "date"} & places.keys()
    )
    if named is None or not findable:
        return None
    fen = (named, True) in amounts
    place = amounts[named, fen]
    twin = amounts.get((named, False)) if fen else None
    return Header(index, places, titles, place, twin, fen, _AMOUNTS[named], str(row[place]).strip())


def _field(title: str) -> tuple[str | None, bool]:
    """What a column title means, and whether it counts in fen."""
    text = re.sub(r"[\s_\-*.#]+", "", unicodedata.normalize("NFKC", title).lower())
    fen = _FEN.search(text) is not None
    return _ALIASES.get(text) or _ALIASES.get(_UNIT.sub("", text)), fen
