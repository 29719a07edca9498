"""The words of offline records and of what they raise, so that they can be translated."""

from flask_babel import lazy_gettext

from cardnet.benefits import reasons

HELD = {
    "clock_error": lazy_gettext("终端时钟不准"),
    "late_submission": lazy_gettext("超过 72 小时才上传"),
    "revoked_key": lazy_gettext("签发密钥后来停用"),
    "evidence_missing": lazy_gettext("卡后来停用，记录没有时间凭据"),
}

WHY = {
    "gap": lazy_gettext("缺少这些序号的记录"),
    "fork": lazy_gettext("同一序号有两条不同的记录"),
    "chain": lazy_gettext("与前一条记录接不上"),
    "unlinked": lazy_gettext("没有写明前一条记录"),
    "clock_error": lazy_gettext("终端时钟不准"),
    "online_required": lazy_gettext("超过终端可单独办理的限额"),
    "limit_exceeded": lazy_gettext("这张卡当天离线次数超限"),
    "confirm_required": lazy_gettext("实体卡没有核对证件后四位"),
    "limit_count": lazy_gettext("次数已经用完"),
    "limit_amount": lazy_gettext("金额已经用完"),
    "pool_exhausted": lazy_gettext("资金池已经用完"),
    "revoked": lazy_gettext("卡已停用而终端不知道"),
    "invalid_fields": lazy_gettext("所写的购买内容不能成立，例如服务日期晚于办理当天"),
    "limit_trimmed": lazy_gettext("终端多给了优惠"),
}

CODE = {
    "malformed": lazy_gettext("不是会员服务卡的码"),
    "unknown_key": lazy_gettext("认不出签发密钥"),
    "revoked_key": lazy_gettext("签发密钥当时已停用"),
    "bad_signature": lazy_gettext("不是工会签发的码"),
    "key_out_of_period": lazy_gettext("签发时间不在密钥有效期内"),
    "proof_missing": lazy_gettext("是截下来的码"),
    "clock_error": lazy_gettext("凭证当时还没有签发"),
    "expired_credential": lazy_gettext("手机上的凭证当时已过期"),
    "stale_proof": lazy_gettext("码在这之前早已签出，当时已失效"),
    "future_proof": lazy_gettext("码在这之后才签出"),
    "wrong_audience": lazy_gettext("码是给别的商户的"),
    "wrong_challenge": lazy_gettext("验证数字不符"),
    "not_issued": lazy_gettext("没有签发过这个码"),
    "replayed": lazy_gettext("这个码已经用过"),
}

ALARMS = {
    "clone_suspected": lazy_gettext("手机上的卡疑似被复制"),
    "not_issued": lazy_gettext("出现没有签发过的码"),
    "forged_code": lazy_gettext("伪造的码"),
    "harvest_suspected": lazy_gettext("一分钟内收了同一手机的两个码"),
    "velocity_suspected": lazy_gettext("同一张卡用得太快，或两处相隔太短"),
}

BEARERS = {
    "program": lazy_gettext("由项目资金承担"),
    "union": lazy_gettext("由工会承担（离线损失）"),
    "merchant": lazy_gettext("由商户承担"),
}

REVIEWS = {
    ("accept", "proposed"): ("wait", lazy_gettext("待复核")),
    ("accept", "done"): ("good", lazy_gettext("已接受")),
    ("accept", "declined"): ("bad", lazy_gettext("复核退回")),
    ("refuse", "done"): ("calm", lazy_gettext("已退回商户")),
    ("withdraw", "done"): ("calm", lazy_gettext("收银台已撤销")),
}


def why(code: str) -> str:
    """Why an exception was opened, in a few words."""
    return str(WHY.get(code) or CODE.get(code) or reasons.words(code))
