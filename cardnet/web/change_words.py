"""The words of what acts changed: the names of fields, and the codes they hold.

A key stands alone, or with the noun or the act before it where it means something else there: `kind`, `handout.kind`,
`member.answer_own.card`. `tests/web/test_changes.py` asks that every key the source records stands here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import lazy_gettext

from cardnet.web import advice_words, finance_words, merchant_words, words

FIELDS = {
    # who and where
    "roles": lazy_gettext("角色"),
    "union_id": lazy_gettext("所属工会"),
    "union": lazy_gettext("工会"),
    "scope_path": lazy_gettext("管理范围"),
    "path": lazy_gettext("工会范围"),
    "parent": lazy_gettext("上级工会"),
    "township_id": lazy_gettext("所在镇、街道"),
    "person": lazy_gettext("会员"),
    "with": lazy_gettext("另一份档案"),
    "kept": lazy_gettext("保留的档案"),
    "kin": lazy_gettext("家属记录"),
    "relation": lazy_gettext("关系"),
    "giver": lazy_gettext("委托人"),
    "deputy": lazy_gettext("受托人"),
    "merchants": lazy_gettext("涉及的商户"),
    "endpoint": lazy_gettext("推送地址编号"),
    "terminal": lazy_gettext("终端"),
    "to": lazy_gettext("给"),
    "from": lazy_gettext("从"),
    "at": lazy_gettext("审核单位"),
    "application.escalate.to": lazy_gettext("提醒到"),
    "delegation.from": lazy_gettext("开始"),
    "delegation.to": lazy_gettext("结束"),
    "review.from": lazy_gettext("开始"),
    "review.to": lazy_gettext("结束"),
    "member.to": lazy_gettext("到（含）"),
    "member_transfer.from": lazy_gettext("原单位"),
    "member_transfer.to": lazy_gettext("新单位"),
    "quota.to": lazy_gettext("给哪个工会"),
    # states and what decided them
    "state": lazy_gettext("状态"),
    "kind": lazy_gettext("类别"),
    "member.kind": lazy_gettext("会籍"),
    "member.tag.kind": lazy_gettext("身份"),
    "member.end_tag.kind": lazy_gettext("身份"),
    "unit_approval.kind": lazy_gettext("确认方式"),
    "ending": lazy_gettext("会籍结束的原因"),
    "outcome": lazy_gettext("结论"),
    "resolution": lazy_gettext("结论"),
    "answer": lazy_gettext("答复"),
    "method": lazy_gettext("登记方式"),
    "purpose": lazy_gettext("同意的事项"),
    "channel": lazy_gettext("办理途径"),
    "reason": lazy_gettext("原因"),
    "reasons": lazy_gettext("原因"),
    "why": lazy_gettext("原因"),
    "words": lazy_gettext("说明"),
    "message": lazy_gettext("说明"),
    "document": lazy_gettext("文号"),
    "evidence": lazy_gettext("核对了什么"),
    "basis": lazy_gettext("下达依据"),
    "priority": lazy_gettext("次序"),
    "round": lazy_gettext("第几次"),
    "other_document": lazy_gettext("换了证件"),
    "verified": lazy_gettext("已验证"),
    "taken_over": lazy_gettext("从别人名下转来"),
    "sent": lazy_gettext("短信已发"),
    "replaces": lazy_gettext("取代的确认单"),
    "requires_signature": lazy_gettext("必须签名"),
    "honour_holds_on_loss": lazy_gettext("挂失以前的预留还能用"),
    # names and numbers
    "name": lazy_gettext("名称"),
    "code": lazy_gettext("编号"),
    "advice_exception.code": lazy_gettext("疑点"),
    "difference.code": lazy_gettext("差异"),
    "number": lazy_gettext("编号"),
    "no": lazy_gettext("版本"),
    "edition": lazy_gettext("第几次发出"),
    "phone": lazy_gettext("电话"),
    "address": lazy_gettext("地址"),
    "category": lazy_gettext("类别"),
    "credit_code": lazy_gettext("统一社会信用代码"),
    "settlement_cycle": lazy_gettext("结算周期"),
    "hours": lazy_gettext("营业时间"),
    "url": lazy_gettext("网址"),
    "id_type": lazy_gettext("证件类型"),
    "grade": lazy_gettext("级别"),
    "addressees": lazy_gettext("发给"),
    "merchant_ref": lazy_gettext("商户单号"),
    "terminal_seq": lazy_gettext("终端序号"),
    "row": lazy_gettext("行号"),
    "index": lazy_gettext("卡码序号"),
    "before": lazy_gettext("原来的卡"),
    "card.renew_by_proof.before": lazy_gettext("原来的卡码序号"),
    "value": lazy_gettext("数值"),
    "use": lazy_gettext("用途"),
    # what it is tied to
    "card": lazy_gettext("会员卡"),
    "new_card": lazy_gettext("新卡"),
    "batch": lazy_gettext("批次"),
    "application": lazy_gettext("申请"),
    "authority": lazy_gettext("决策依据"),
    "agreement": lazy_gettext("合作协议"),
    "account": lazy_gettext("收款账户"),
    "tag": lazy_gettext("身份记录"),
    "transfer": lazy_gettext("转接记录"),
    "denial": lazy_gettext("“不是我”记录"),
    "difference": lazy_gettext("差异"),
    "redemption": lazy_gettext("核销记录"),
    "advice": lazy_gettext("离线记录"),
    "delivery": lazy_gettext("推送记录"),
    "run": lazy_gettext("打印批次"),
    "runs": lazy_gettext("作废的对账"),
    "counts_again": lazy_gettext("重新计入的对账"),
    "kid": lazy_gettext("密钥编号"),
    "kids": lazy_gettext("密钥编号"),
    "key_id": lazy_gettext("密钥编号"),
    "sha256": lazy_gettext("文件指纹"),
    "result_sha256": lazy_gettext("结果指纹"),
    "hash": lazy_gettext("内容指纹"),
    "size": lazy_gettext("文件大小（字节）"),
    # days
    "on": lazy_gettext("生效日期"),
    "until": lazy_gettext("收口期限"),
    "after": lazy_gettext("收回日期"),
    "recall_after": lazy_gettext("收回日期"),
    "signed_on": lazy_gettext("签订日期"),
    "from_on": lazy_gettext("开始日期"),
    "until_on": lazy_gettext("截止日期"),
    "closed_on": lazy_gettext("停业日期"),
    "valid_from": lazy_gettext("启用日期"),
    "valid_to": lazy_gettext("有效期至"),
    "year": lazy_gettext("年度"),
    "into": lazy_gettext("结转到"),
    "union.into": lazy_gettext("并入哪个工会"),
    "years": lazy_gettext("有效几年"),
    "ends": lazy_gettext("到哪天为止"),
    "working_days": lazy_gettext("工作日"),
    "days": lazy_gettext("期限（天）"),
    "review.days": lazy_gettext("工作日安排"),
    # how many
    "rows": lazy_gettext("人数"),
    "stored": lazy_gettext("存入"),
    "known": lazy_gettext("以前已有"),
    "invalid": lazy_gettext("需要改正"),
    "elsewhere": lazy_gettext("会籍在其他工会"),
    "tied": lazy_gettext("新绑定"),
    "added": lazy_gettext("新增"),
    "unchanged": lazy_gettext("没有变化"),
    "submitted": lazy_gettext("新申请"),
    "resubmitted": lazy_gettext("重新提交"),
    "waitlisted": lazy_gettext("候补"),
    "transfers": lazy_gettext("会籍转接"),
    "deadlines": lazy_gettext("顺延的期限"),
    "entries": lazy_gettext("人数"),
    "members": lazy_gettext("人数"),
    "people": lazy_gettext("人数"),
    "signed": lazy_gettext("已签领"),
    "slips": lazy_gettext("通知单张数"),
    "cards": lazy_gettext("卡数"),
    "skipped": lazy_gettext("跳过"),
    "reprinted": lazy_gettext("其中重印"),
    "codes": lazy_gettext("码数"),
    "keys": lazy_gettext("密钥数"),
    "lines": lazy_gettext("行数"),
    "unreadable": lazy_gettext("无法识别的行"),
    "count": lazy_gettext("名额"),
    "counts": lazy_gettext("差异"),
    "unions": lazy_gettext("工会数"),
    "nodes": lazy_gettext("工会数"),
    "answered": lazy_gettext("答复的人数"),
    "moved_up": lazy_gettext("递补的人数"),
    "ended": lazy_gettext("停用的凭据数"),
    "accounts_closed": lazy_gettext("停用的账号数"),
    "received": lazy_gettext("上级下达"),
    "passed_down": lazy_gettext("已下达"),
    "held": lazy_gettext("办理中占用"),
    "used": lazy_gettext("已用"),
    "carried": lazy_gettext("转入下年"),
    "requeued": lazy_gettext("转为候补"),
    "waiting": lazy_gettext("仍在候补"),
    "unused": lazy_gettext("没有用"),
    "phones": lazy_gettext("手机数"),
    "net_fen": lazy_gettext("净额"),
    "stopped": lazy_gettext("停用的手机数"),
    # the limits of tills without a network
    "floor_fen": lazy_gettext("动态码单笔原价"),
    "card_uses": lazy_gettext("一张卡在一台终端每天几次"),
    "printed_floor_fen": lazy_gettext("实体卡单笔原价"),
    "printed_card_uses": lazy_gettext("实体卡在一台终端每天几次"),
    "uses": lazy_gettext("每台终端两次同步之间几笔"),
    "given_fen": lazy_gettext("每台终端两次同步之间优惠合计"),
    "sync_hours": lazy_gettext("最长几小时不同步"),
    "rotation_seconds": lazy_gettext("几秒换一次码"),
    "online_past_seconds": lazy_gettext("联网时认几秒前的码"),
    "online_ahead_seconds": lazy_gettext("联网时认几秒后的码"),
    "offline_past_seconds": lazy_gettext("断网时认几秒前的码"),
    "offline_ahead_seconds": lazy_gettext("断网时认几秒后的码"),
    "challenge_seconds": lazy_gettext("输了四位数字，前后认几秒"),
    "as_printed_seconds": lazy_gettext("断网时，时间差多少秒内的码不输数字、按实体卡限额放行"),
    "device_days": lazy_gettext("手机上的卡几天不联网就停"),
    "printed_months": lazy_gettext("印的码用几个月"),
    "rush_uses": lazy_gettext("一张卡短时间内用几次就报警"),
    "rush_minutes": lazy_gettext("多少分钟算短时间"),
    "travel_seconds": lazy_gettext("几秒内在另一家门店使用就报警"),
    # what was asked of the trail when it was taken away
    "first": lazy_gettext("从"),
    "last": lazy_gettext("到（含）"),
    "first_on": lazy_gettext("从"),
    "last_on": lazy_gettext("到（含）"),
    "user": lazy_gettext("操作人用户名"),
    "username": lazy_gettext("操作人用户名"),
    "action": lazy_gettext("事项"),
    "subject": lazy_gettext("对象"),
    **{f"member.answer_own.{purpose}": word for purpose, word in words.PURPOSES.items()},
}

_Words = Mapping[Any, Any]


def _plain(badges: Mapping[str, tuple[str, object]]) -> _Words:
    return {code: word for code, (_, word) in badges.items()}


ACCOUNT_STATES: _Words = {
    "invited": lazy_gettext("已邀请"),
    "active": lazy_gettext("使用中"),
    "disabled": lazy_gettext("已停用"),
}
BATCH_ORIGINS: _Words = {
    "file": lazy_gettext("采集表"),
    "self_filled": lazy_gettext("扫码自填"),
    "replacement": lazy_gettext("补卡"),
    "renewal": lazy_gettext("换卡"),
}
REPLACEMENT_REASONS: _Words = {
    "lost": lazy_gettext("遗失或被盗"),
    "damaged": lazy_gettext("损坏、印错或信息变更"),
}
ALLOCATION_BASES: _Words = {
    "members": lazy_gettext("按会员人数"),
    "last_year": lazy_gettext("按上年发卡数"),
    "hand": lazy_gettext("手工填写"),
}
CARD_ENDS: _Words = {
    "year_end": lazy_gettext("最后一年的 12 月 31 日"),
    "same_day": lazy_gettext("满年的前一天"),
}
YEAR_STATES: _Words = {
    "open": lazy_gettext("进行中"),
    "closing": lazy_gettext("收口中"),
    "closed": lazy_gettext("已结转"),
}
KEY_USES: _Words = {
    "card": lazy_gettext("发卡"),
    "print": lazy_gettext("印卡"),
    "status": lazy_gettext("状态表"),
    "settlement": lazy_gettext("结算单"),
    "offers": lazy_gettext("离线优惠"),
    "terminal-ca": lazy_gettext("终端认证"),
    "receipt": lazy_gettext("回执"),
    "root": lazy_gettext("根密钥"),
}
DENIAL_OUTCOMES: _Words = {
    "confirmed": lazy_gettext("不是本人使用"),
    "explained": lazy_gettext("是本人使用，会员想起来了"),
}
APPROVAL_KINDS: _Words = {"link": lazy_gettext("主席凭链接确认"), "summary": lazy_gettext("盖章的汇总表")}
CHANNELS: _Words = {
    **words.CARD_CHANNELS,
    "office": lazy_gettext("工会办理"),
    "policy": lazy_gettext("按手机数量设置"),
    "notice": lazy_gettext("消息"),
    "slip": lazy_gettext("纸质提醒单"),
    "call": lazy_gettext("电话"),
}
WHY: _Words = {
    **advice_words.CODE,
    **advice_words.WHY,
    **advice_words.HELD,
    **finance_words.HOLDS,
    **REPLACEMENT_REASONS,
    "blacklist": lazy_gettext("列入商户黑名单"),
    "union_closed": lazy_gettext("所属工会已撤销"),
}

VALUES: Mapping[str, _Words] = {
    "roles": {**words.ROLE_WORDS},
    "reason": WHY,
    "reasons": {**words.REASONS},
    "why": WHY,
    "channel": CHANNELS,
    "method": {**words.CONSENT_METHODS},
    "purpose": {**words.PURPOSES},
    "relation": {**words.RELATIONS},
    "id_type": {**words.ID_TYPES},
    "ending": {**words.ENDINGS},
    "category": {**merchant_words.CATEGORIES},
    "settlement_cycle": {**merchant_words.CYCLES},
    "basis": ALLOCATION_BASES,
    "ends": CARD_ENDS,
    "use": KEY_USES,
    "outcome": DENIAL_OUTCOMES,
    "answer": {**words.GIVEN, **_plain(words.CONFIRMED)},
    "account.state": ACCOUNT_STATES,
    "advice_exception.code": {**finance_words.TITLES},
    "difference.code": {**finance_words.TITLES},
    "difference.state": _plain(finance_words.EXCEPTION_STATES),
    "resolution": {**finance_words.RESOLUTIONS},
    "card.state": _plain(words.CARD_STATES),
    "card.kind": BATCH_ORIGINS,
    "handout.kind": {**words.HANDOUTS},
    "member.kind": {**words.MEMBERSHIP_KINDS, **words.TAG_KINDS},
    **{
        f"member.answer_own.{purpose}": {True: words.GIVEN["given"], False: words.GIVEN["declined"]}
        for purpose in words.PURPOSES
    },
    "member_transfer.state": _plain(words.TRANSFER_STATES),
    "merchant.state": _plain(merchant_words.STATES),
    "merchant.kind": {**merchant_words.CONTACTS},
    "quota_year.state": YEAR_STATES,
    "review.days": {True: lazy_gettext("上班"), False: lazy_gettext("放假")},
    "settlement.state": _plain(finance_words.SETTLEMENT_STATES),
    "terminal.state": _plain(merchant_words.TERMINAL_STATES),
    "unit_approval.kind": APPROVAL_KINDS,
}

INNER: Mapping[str, _Words] = {"counts": {**finance_words.TITLES}}
"""The keys inside of a field."""

REFERENCES = {
    "union_id": "union",
    "union": "union",
    "scope_path": "union",
    "path": "union",
    "parent": "union",
    "into": "union",
    "township_id": "union",
    "at": "union",
    "to": "union",
    "from": "union",
    "person": "person",
    "with": "person",
    "kept": "person",
    "giver": "account",
    "deputy": "account",
    "card": "card",
    "new_card": "card",
    "before": "card",
    "batch": "batch",
}
"""Fields that name something else by its id, and what kind of thing that is."""

DAYS = frozenset({"after", "first", "from", "last", "on", "recall_after", "to", "until", "valid_from", "valid_to"})
"""Fields that hold a day or a moment, beside those that end in `_on` and `_at`. What people write stands in none."""


def names_of(action: str, field: str) -> Iterator[str]:
    """Under which names a field of an act may stand in a table, the narrowest first."""
    yield f"{action}.{field}"
    yield f"{action.partition('.')[0]}.{field}"
    yield field
