"""The words of pages for codes: roles, states, findings, reasons.

Each state also has a kind (good, wait, bad, calm) that picks its colour and icon. The words are those of the
glossary and of the packages' own tables; they stand here once more so that they can be translated, and a test
compares the two.
"""

from collections.abc import Iterable, Mapping

from flask import Flask
from flask_babel import lazy_gettext
from markupsafe import Markup

from cardnet.web.act_words import act_word, actor_word
from cardnet.web.language import gettext

ROLE_WORDS = {
    "unit_officer": lazy_gettext("基层工会干部"),
    "township_officer": lazy_gettext("镇、街道、委局工会干部"),
    "district_officer": lazy_gettext("区总工会干部"),
    "finance_maker": lazy_gettext("财务经办"),
    "finance_checker": lazy_gettext("财务复核"),
    "finance_approver": lazy_gettext("财务审批"),
    "cashier": lazy_gettext("出纳"),
    "auditor": lazy_gettext("经审"),
    "chair": lazy_gettext("主席"),
    "admin": lazy_gettext("系统管理员"),
    "merchant_manager": lazy_gettext("商户管理员"),
    "merchant_cashier": lazy_gettext("商户收银员"),
}

APPLICATION_STATES = {
    "draft": ("calm", lazy_gettext("草稿")),
    "submitted": ("wait", lazy_gettext("待审核")),
    "in_review": ("wait", lazy_gettext("审核中")),
    "returned": ("bad", lazy_gettext("退回修改")),
    "waitlisted": ("wait", lazy_gettext("候补")),
    "approved": ("good", lazy_gettext("审核通过")),
    "issued": ("good", lazy_gettext("已发卡")),
    "rejected": ("bad", lazy_gettext("不予通过")),
    "withdrawn": ("calm", lazy_gettext("已撤回")),
    "lapsed": ("calm", lazy_gettext("已失效")),
}

CARD_STATES = {
    "ordered": ("wait", lazy_gettext("待制卡")),
    "produced": ("wait", lazy_gettext("待发放")),
    "delivered": ("wait", lazy_gettext("待激活")),
    "active": ("good", lazy_gettext("使用中")),
    "suspended": ("bad", lazy_gettext("已挂失")),
    "replaced": ("calm", lazy_gettext("已补换")),
    "cancelled": ("calm", lazy_gettext("已注销")),
}

NOTICE_KINDS = {
    "activation_reminder": lazy_gettext("提醒激活"),
    "card_issued": lazy_gettext("会员卡已办好"),
    "card_suspended": lazy_gettext("会员卡已挂失"),
    "place_offered": lazy_gettext("候补有名额"),
    "application_returned": lazy_gettext("申请退回补正"),
    "card_renewed": lazy_gettext("会员卡已换发"),
    "code_stopped": lazy_gettext("卡码已停用"),
    "phone_added": lazy_gettext("另一部手机已启用"),
    "card_used": lazy_gettext("用卡提醒"),
}

APPLICATION_KINDS = {
    "new": lazy_gettext("办卡申请"),
    "replacement": lazy_gettext("补卡申请"),
    "renewal": lazy_gettext("换卡申请"),
}

NOTICE_WAYS = {
    "official_account": lazy_gettext("公众号"),
    "sms": lazy_gettext("短信"),
    "paper": lazy_gettext("通知单"),
}

NOTICE_REASONS = {
    "chosen": lazy_gettext("干部选择用纸"),
    "no_consent": lazy_gettext("没有同意接收通知"),
    "no_phone": lazy_gettext("没有登记手机号码"),
    "phone_unverified": lazy_gettext("手机号码没有核对过"),
    "no_gateway": lazy_gettext("没有开通发送渠道"),
    "refused": lazy_gettext("运营商拒收"),
    "gave_up": lazy_gettext("多次没有发通"),
    "deceased": lazy_gettext("本人已故"),
}

CHECK_STATES = {
    "valid": ("good", lazy_gettext("可以提交")),
    "warning": ("wait", lazy_gettext("可以提交，有提醒")),
    "declined": ("calm", lazy_gettext("本人暂不办")),
    "invalid": ("bad", lazy_gettext("需要改正")),
    "running": ("calm", lazy_gettext("已在办理")),
}

ACTIONS = {
    "submit": lazy_gettext("提交"),
    "queue": lazy_gettext("候补"),
    "offer": lazy_gettext("通知递补"),
    "take_place": lazy_gettext("递补"),
    "decline": lazy_gettext("放弃递补"),
    "lapse": lazy_gettext("作废"),
    "carry_over": lazy_gettext("转入下年"),
    "reassign": lazy_gettext("随单位划转"),
    "requeue": lazy_gettext("转为候补"),
    "pass_on": lazy_gettext("审核通过"),
    "approve": lazy_gettext("审核通过"),
    "return": lazy_gettext("退回"),
    "reject": lazy_gettext("不予通过"),
    "resubmit": lazy_gettext("重新提交"),
    "withdraw": lazy_gettext("撤回"),
    "confirm": lazy_gettext("单位确认"),
    "escalate": lazy_gettext("超期提醒"),
    "issue": lazy_gettext("发卡"),
}

CARD_ACTIONS = {
    "import": lazy_gettext("导入已发的卡"),
    "issue": lazy_gettext("生成卡号"),
    "produce": lazy_gettext("制卡"),
    "print": lazy_gettext("打印实体卡"),
    "deliver": lazy_gettext("发放"),
    "activate": lazy_gettext("激活"),
    "suspend": lazy_gettext("挂失"),
    "resume": lazy_gettext("解挂"),
    "replace": lazy_gettext("补换"),
    "cancel": lazy_gettext("注销"),
    "renew": lazy_gettext("换发新卡"),
    "start": lazy_gettext("提前启用"),
    "rebind": lazy_gettext("换绑手机"),
    "add_phone": lazy_gettext("绑定第二部手机"),
    "stop_phone": lazy_gettext("停用一部手机"),
    "stop_copied": lazy_gettext("卡码疑被复制，停用"),
    "reprint_code": lazy_gettext("补打激活单"),
    "void_print": lazy_gettext("作废实体卡"),
    "move": lazy_gettext("随会籍转移"),
}

CARD_CHANNELS = {
    "self": lazy_gettext("会员本人"),
    "office": lazy_gettext("系统"),
    "officers_code": lazy_gettext("会员本人，凭重绑码"),
    "phone_code": lazy_gettext("会员本人，凭短信验证码"),
    "rolled_over": lazy_gettext("手机自动换用新卡"),
    "printed_first_use": lazy_gettext("首次使用实体卡"),
    "scan": lazy_gettext("扫码签领"),
    "signed_list": lazy_gettext("纸质签领表"),
    "typed": lazy_gettext("当面登记"),
}

RECEIPTS = {
    "scan": lazy_gettext("扫码签领"),
    "signed_list": lazy_gettext("纸质签领"),
    "typed": lazy_gettext("当面登记"),
}

HANDOUTS = {
    "card": lazy_gettext("会员服务卡"),
    "gift": lazy_gettext("慰问品"),
    "heat": lazy_gettext("高温慰问"),
}

REASONS = {
    "R01": lazy_gettext("姓名与证件不符"),
    "R02": lazy_gettext("证件号校验错误"),
    "R03": lazy_gettext("证件过期"),
    "R04": lazy_gettext("手机号占用或格式"),
    "R05": lazy_gettext("已持有有效卡"),
    "R06": lazy_gettext("会籍在其他工会"),
    "R07": lazy_gettext("非在册会员"),
    "R08": lazy_gettext("已退休"),
    "R09": lazy_gettext("缺本人同意"),
    "R10": lazy_gettext("单位信息不符"),
    "R11": lazy_gettext("公章或附件缺失"),
    "R12": lazy_gettext("名额不足"),
    "R13": lazy_gettext("制卡失败"),
}

CARD_KINDS = {
    "own": lazy_gettext("会员服务卡"),
    "external": lazy_gettext("绑定已有工会卡"),
}

TIERS = {
    "district": lazy_gettext("区总工会"),
    "township": lazy_gettext("镇、街道、委局工会"),
    "unit": lazy_gettext("基层工会"),
}

OWN_PEOPLE = {
    "district": lazy_gettext("本级（机关）"),
    "township": lazy_gettext("本级（机关）"),
    "unit": lazy_gettext("本级（单位本部）"),
}

UNION_ACTS = {
    "rename": lazy_gettext("更名"),
    "move": lazy_gettext("划转"),
    "merge": lazy_gettext("并入"),
    "close": lazy_gettext("撤销"),
}

MODES = {
    "valid_rows_only": lazy_gettext("先提交合格的人员"),
    "all_or_nothing": lazy_gettext("全部合格才提交"),
}

MEMBERSHIP_KINDS = {
    "active": lazy_gettext("在册"),
    "retained": lazy_gettext("保留会籍"),
    "retired": lazy_gettext("退休"),
    "transferred": lazy_gettext("转出"),
    "withdrawn": lazy_gettext("退会"),
    "deceased": lazy_gettext("身故"),
}

ID_TYPES = {
    "resident_id": lazy_gettext("居民身份证"),
    "hk_mo_permit": lazy_gettext("港澳居民来往内地通行证"),
    "tw_permit": lazy_gettext("台湾居民来往大陆通行证"),
    "passport": lazy_gettext("护照"),
    "foreign_resident": lazy_gettext("外国人永久居留身份证"),
    "hk_mo_tw_residence": lazy_gettext("港澳台居民居住证"),
}

TAG_KINDS = {
    "model_worker": lazy_gettext("劳模"),
    "hardship": lazy_gettext("困难职工"),
    "front_line": lazy_gettext("一线职工"),
    "special_post": lazy_gettext("特殊岗位"),
}

ENDINGS = {
    "transferred": lazy_gettext("转出"),
    "left": lazy_gettext("离职"),
    "withdrawn": lazy_gettext("退会"),
    "deceased": lazy_gettext("身故"),
    "merged": lazy_gettext("并入另一份档案"),
}

MOVES = {**ENDINGS, "joined": lazy_gettext("入会"), "transferred": lazy_gettext("转接"), "": lazy_gettext("会籍结束")}

RELATIONS = {
    "spouse": lazy_gettext("配偶"),
    "child": lazy_gettext("子女"),
    "parent": lazy_gettext("父母"),
    "other": lazy_gettext("其他亲属"),
}

PURPOSES = {
    "card": lazy_gettext("办理会员卡"),
    "cover_operator": lazy_gettext("把资料交给保障经办机构"),
    "notices": lazy_gettext("接收通知"),
}

GIVEN = {"given": lazy_gettext("同意"), "declined": lazy_gettext("不同意")}

CONSENT_METHODS = {
    "signed_form": lazy_gettext("签字的同意书"),
    "self_service": lazy_gettext("本人扫码填写"),
    "activation": lazy_gettext("激活时确认"),
    "in_person": lazy_gettext("当面答复"),
}

CONFIRMED = {
    "stays": ("good", lazy_gettext("在册")),
    "left": ("calm", lazy_gettext("离职")),
    "retired": ("calm", lazy_gettext("退休")),
    "deceased": ("calm", lazy_gettext("身故")),
}

TRANSFER_STATES = {
    "proposed": ("wait", lazy_gettext("等原单位答复")),
    "released": ("good", lazy_gettext("已转出")),
    "objected": ("bad", lazy_gettext("原单位有异议")),
    "withdrawn": ("calm", lazy_gettext("已撤回")),
    "lapsed": ("calm", lazy_gettext("已失效")),
}

FINDINGS = {
    "name_missing": lazy_gettext("姓名没有填写"),
    "name_invalid": lazy_gettext("姓名不规范"),
    "id_type_unknown": lazy_gettext("证件类型不能用"),
    "id_format": lazy_gettext("证件号码格式不对"),
    "id_checksum": lazy_gettext("证件号码校验位不对"),
    "id_birth_date": lazy_gettext("证件号码出生日期不对"),
    "id_precision_lost": lazy_gettext("证件号码末位丢失"),
    "sex_mismatch": lazy_gettext("性别与证件不符"),
    "phone_format": lazy_gettext("手机号码不对"),
    "unit_unknown": lazy_gettext("没有这个工会编码"),
    "unit_out_of_scope": lazy_gettext("不在管理范围内"),
    "employment_not_eligible": lazy_gettext("用工形式不符合"),
    "consent_missing": lazy_gettext("缺本人同意"),
    "duplicate_in_file": lazy_gettext("表内重复"),
    "already_has_card": lazy_gettext("已有卡"),
    "application_open": lazy_gettext("已在办理"),
    "member_deceased": lazy_gettext("登记为身故"),
    "phone_shared": lazy_gettext("手机号码与他人相同"),
    "member_elsewhere": lazy_gettext("会籍在其他工会"),
    "quota_short": lazy_gettext("名额不够"),
    "id_expired": lazy_gettext("证件过期"),
    "date_invalid": lazy_gettext("日期不能用"),
    "id_address_unknown": lazy_gettext("证件地址码不在表内"),
    "consent_declined": lazy_gettext("本人暂不办"),
    "value_unknown": lazy_gettext("选填项看不懂"),
}

ANSWERS = {
    "has_card": ("good", lazy_gettext("已办卡")),
    "in_progress": ("wait", lazy_gettext("办理中")),
    "no_answer": ("bad", lazy_gettext("未答复")),
    "declined": ("calm", lazy_gettext("本人暂不办")),
}

ROSTER_STAGES = {
    "waiting": lazy_gettext("排队等待"),
    "read": lazy_gettext("读取文件"),
    "check": lazy_gettext("逐行检查"),
    "report": lazy_gettext("整理检查结果"),
    "people": lazy_gettext("登记人员"),
    "rows": lazy_gettext("保存原表"),
    "applications": lazy_gettext("生成申请"),
    "write": lazy_gettext("写入"),
}
FILE_KINDS = {
    "register": lazy_gettext("会员名册"),
    "cards_before": lazy_gettext("已发的卡"),
    "past_uses": lazy_gettext("以往使用"),
}
FILE_COUNTS = {
    "register.rows": lazy_gettext("表内人数"),
    "register.added": lazy_gettext("新入册"),
    "register.known": lazy_gettext("已在册"),
    "register.elsewhere": lazy_gettext("会籍在其他工会"),
    "register.invalid": lazy_gettext("需要改正"),
    "cards_before.rows": lazy_gettext("表内行数"),
    "cards_before.tied": lazy_gettext("新绑定"),
    "cards_before.known": lazy_gettext("以前已绑定"),
    "cards_before.invalid": lazy_gettext("需要改正"),
    "past_uses.rows": lazy_gettext("表内行数"),
    "past_uses.stored": lazy_gettext("计入限额"),
    "past_uses.known": lazy_gettext("以前已计入"),
    "past_uses.invalid": lazy_gettext("需要改正"),
}

_BADGES: Mapping[str, Mapping[str, tuple[str, object]]] = {
    "application": APPLICATION_STATES,
    "card": CARD_STATES,
    "check": CHECK_STATES,
    "answer": ANSWERS,
    "confirmed": CONFIRMED,
    "transfer": TRANSFER_STATES,
}
_WORDS: Mapping[str, Mapping[str, object]] = {
    "action": ACTIONS,
    "finding": FINDINGS,
    "roster_stage": ROSTER_STAGES,
    "file_kind": FILE_KINDS,
    "file_count": FILE_COUNTS,
    "card_action": CARD_ACTIONS,
    "card_channel": CARD_CHANNELS,
    "receipt": RECEIPTS,
    "handout": HANDOUTS,
    "application_kind": APPLICATION_KINDS,
    "notice_kind": NOTICE_KINDS,
    "notice_way": NOTICE_WAYS,
    "notice_reason": NOTICE_REASONS,
    "reason": REASONS,
    "card_kind": CARD_KINDS,
    "tier": TIERS,
    "own_people": OWN_PEOPLE,
    "union_act": UNION_ACTS,
    "mode": MODES,
    "membership": MEMBERSHIP_KINDS,
    "id_type": ID_TYPES,
    "tag": TAG_KINDS,
    "ending": ENDINGS,
    "move": MOVES,
    "relation": RELATIONS,
    "purpose": PURPOSES,
    "given": GIVEN,
    "consent_method": CONSENT_METHODS,
    "confirmed": {code: text for code, (_, text) in CONFIRMED.items()},
    "role": ROLE_WORDS,
}


def install(app: Flask) -> None:
    """Give templates the filters `role_words`, `state_badge(of)`, `word(of)`, `act_word` and `actor_word(after)`."""
    app.jinja_env.filters.update(
        role_words=role_words, state_badge=state_badge, word=word, act_word=act_word, actor_word=actor_word
    )


def role_words(roles: Iterable[str]) -> str:
    """What a person is, in the order of the table: 财务经办、出纳."""
    held = set(roles)
    return gettext("、").join(str(text) for role, text in ROLE_WORDS.items() if role in held)


def state_badge(state: str, of: str) -> Markup:
    """The badge of a state: `{{ row.state|state_badge('application') }}`."""
    kind, text = _BADGES[of][str(state)]
    return Markup('<span class="badge badge--{kind}">{icon}{text}</span>').format(
        kind=kind, icon=_ICONS[kind], text=str(text)
    )


def word(code: str, of: str) -> str:
    """The word of a code; a code without one stands for itself."""
    return str(_WORDS[of].get(str(code), code))


def _icon(path: str) -> Markup:
    return (
        Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">')
        + Markup(path)  # noqa: S704 - drawn by us, below
        + Markup("</svg>")
    )


_ICONS = {
    "good": _icon('<path d="m5 13 4 4L19 7"/>'),
    "wait": _icon('<circle cx="12" cy="12" r="9"/><path d="M12 7v5.300l3.200 2"/>'),
    "bad": _icon('<path d="M6 6l12 12M18 6 6 18"/>'),
    "calm": _icon('<circle cx="12" cy="12" r="4"/>'),
}
