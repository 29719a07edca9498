"""What each problem of the merchant API means and what to do about it, in Chinese and in English: `/problems/<code>`."""

from typing import NamedTuple


class ProblemWords(NamedTuple):
    """What happened and what to do, for the person who looks a code up."""

    happened: str
    to_do: str
    happened_en: str
    to_do_en: str


GUIDE: dict[str, ProblemWords] = {
    "malformed_request": ProblemWords(
        "请求正文不是一个 UTF-8 的 JSON 对象，或同一个成员写了两次。",
        "检查序列化代码和 Content-Type；原样重发不会成功。",
        "The body is not one UTF-8 JSON object, or names a member twice.",
        "Check how you serialise it and the Content-Type. Sending the same again will not help.",
    ),
    "invalid_fields": ProblemWords(
        "有字段缺失、类型不对或超出范围；errors[] 逐个指出位置。",
        "按 errors[].pointer 修改后，用同一个或新的 Idempotency-Key 发送。金额是整数分，不带引号和小数点。",
        "A field is missing, of the wrong type or out of range; errors[] points at each.",
        "Mend what errors[].pointer names and send it again, with the same key or a new one. Amounts are whole fen.",
    ),
    "idempotency_key_required": ProblemWords(
        "改变状态的请求没有带 Idempotency-Key。",
        "为每个新业务生成一个新键（如 UUID），重试时带同一个键。",
        "A request that changes something came without an Idempotency-Key.",
        "Make a new key (a UUID will do) for every new sale and send the same one with every retry of it.",
    ),
    "idempotency_key_invalid": ProblemWords(
        "Idempotency-Key 不是 16–64 位字母、数字、_ 或 -。",
        "换一个符合格式的键。",
        "The Idempotency-Key is not 16–64 letters, digits, _ or -.",
        "Use a key of that form.",
    ),
    "idempotency_key_reused": ProblemWords(
        "这个键已经用于另一个请求：方法、地址或正文不同。",
        "先用 GET /redemptions/by-key/{key} 查原来那笔；这是新业务就换一个新键。",
        "This key was used for another request: method, address or body differ.",
        "Look up the first one by GET /redemptions/by-key/{key}; if this is a new sale, use a new key.",
    ),
    "request_in_progress": ProblemWords(
        "同一个键的第一个请求还在处理，等了两秒没有结束。",
        "按 Retry-After 等待，再用同一个键重发同一请求。",
        "The first request with this key is still at work after two seconds.",
        "Wait as Retry-After says, then send the same request with the same key.",
    ),
    "outcome_unknown": ProblemWords(
        "与数据库的连接断了，无法确定这笔是否成功。",
        "用同一个 Idempotency-Key 重发同一请求，回答就是事实。不要换新键。",
        "The line to the database broke: the sale may or may not have happened.",
        "Send the same request with the same Idempotency-Key; its answer is the truth. Do not use a new key.",
    ),
    "busy": ProblemWords(
        "同时使用的人太多，这次没有办成，也没有留下任何记录。",
        "一秒后用同一个键重发。",
        "Too many at once; nothing was done and nothing is left of it.",
        "Send the same request with the same key after a second.",
    ),
    "day_closing": ProblemWords(
        "业务日正在日结，几秒钟内不能记账。",
        "稍等几秒，用同一个键重发。",
        "The business day is being closed, which takes seconds.",
        "Wait a few seconds and send the same request with the same key.",
    ),
    "maintenance": ProblemWords(
        "系统正在维护，暂不写入任何记录；查询照常。",
        "按 Retry-After 等待，再用同一个键重发；维护较久时按离线规则收银，稍后补传。",
        "The system is under maintenance and writes nothing; reads go on.",
        "Wait as Retry-After says, then send the same request with the same key; sell offline meanwhile if it lasts.",
    ),
    "internal": ProblemWords(
        "系统出了差错，已经记录。",
        "用同一个键重发；仍不行请带 request_id 联系我们。",
        "A fault of ours; it has been recorded.",
        "Send it again with the same key; if that fails too, write to us with the request_id.",
    ),
    "token_invalid": ProblemWords(
        "没有带终端令牌，或令牌不存在、已过期、已停用。",
        "检查 Authorization: Bearer cnt_…；令牌丢失请商户管理员重新生成配对码。",
        "There is no terminal token, or it is unknown, expired or revoked.",
        "Check Authorization: Bearer cnt_…. If the token is lost, ask the merchant's manager for a new pairing code.",
    ),
    "signature_invalid": ProblemWords(
        "签名缺失、没有覆盖应覆盖的内容、与正文或密钥不符，或 nonce 用过。",
        "按 RFC 9421 覆盖 @method、@path、content-digest、idempotency-key，tag 为 cardnet-v1，每次换 nonce，改动正文后重新签名。",
        "The signature is missing, covers too little, does not match body or key, or its nonce came before.",
        "Sign by RFC 9421 over @method, @path, content-digest and idempotency-key, tag cardnet-v1, a new nonce each time.",
    ),
    "clock_skew": ProblemWords(
        "终端时间与服务器相差超过 300 秒。server_time 是服务器时间。",
        "校准终端时间后重新签名发送。",
        "Your clock and ours differ by more than 300 seconds; server_time says ours.",
        "Set the clock, sign anew and send it again.",
    ),
    "key_revoked": ProblemWords(
        "这个签名密钥已停用，或更换后的七天过渡期已过。",
        "使用新密钥；设备失窃请不要恢复旧密钥。",
        "This signing key was revoked, or the seven days after its replacement are over.",
        "Sign with the terminal's newest key.",
    ),
    "pairing_code_invalid": ProblemWords(
        "配对码不正确、已用过、已过期，或试错满五次。",
        "请商户管理员生成新的配对码，15 分钟内使用。",
        "The pairing code is wrong, used, expired, or was tried five times.",
        "Ask the merchant's manager for a new one and use it within 15 minutes.",
    ),
    "merchant_suspended": ProblemWords(
        "商户的合作已暂停或终止。",
        "请商户联系区总工会职工援助服务中心；在此之前按原价收款。",
        "The union has suspended or ended the work with this merchant.",
        "The merchant asks the union's service centre; until then charge the full price.",
    ),
    "terminal_suspended": ProblemWords(
        "这台终端已停用。",
        "请商户管理员启用，或换一台终端配对。",
        "This terminal is suspended or retired.",
        "The merchant's manager resumes it or pairs another one.",
    ),
    "store_closed": ProblemWords(
        "这台终端所在的门店已登记停业。",
        "恢复营业请联系区总工会职工援助服务中心；还有没上传的离线记录的，先恢复营业，上传后再停业。",
        "The store of this terminal is registered as closed.",
        "Ask the union's service centre to open it again; do so as well to send offline records that still wait.",
    ),
    "scope_denied": ProblemWords(
        "令牌没有这个调用的权限，detail.scope 写明缺哪一项。",
        "请商户管理员签发带该权限的令牌。",
        "The token may not make this call; detail.scope says what is missing.",
        "Ask the merchant's manager for a token with that scope.",
    ),
    "not_found": ProblemWords(
        "没有这条记录，或它不属于您的商户。",
        "核对编号；别的商户的记录一律显示为不存在。",
        "There is no such thing, or it is not yours.",
        "Check the id; other merchants' objects always look absent.",
    ),
    "duplicate_merchant_reference": ProblemWords(
        "这个商户单号已有一笔有效核销，detail.redemption_id 是它的编号。",
        "先查询原记录：多半是同一笔销售换了键重发。新的销售请用新的单号。",
        "This merchant_ref already names a live redemption; detail.redemption_id is its id.",
        "Look that one up: most often the same sale was sent under a new key. A new sale needs a new number.",
    ),
    "invalid_state": ProblemWords(
        "记录现在的状态不允许这样做，detail.state 是它的状态。",
        "查询记录后再决定：已退款的继续退款，未核销的不能退款。",
        "The redemption's state forbids it; detail.state says what it is.",
        "Read it first, then decide.",
    ),
    "hold_expired": ProblemWords(
        "预留已过期，所占金额已经释放。",
        "请会员重新出示动态码，重新核销。",
        "The hold has run out and what it held is free again.",
        "Ask the member for a fresh code and redeem anew.",
    ),
    "revoked": ProblemWords(
        "会员卡在预留以后挂失或停用了，工会规定这样的预留不能再核销。",
        "按原价收款，或请会员用新卡重新核销；预留到期自动释放，也可以撤销。",
        "The card was lost or stopped after the hold, and this union does not honour such holds.",
        "Charge the full price, or redeem anew with the member's new card. The hold is released when it runs out; it can be reversed.",
    ),
    "already_reversed": ProblemWords(
        "这笔交易在到达之前或之后已被撤销。",
        "需要重新核销请换新的键和新的动态码。",
        "It was reversed, perhaps before it arrived.",
        "To redeem anew use a new key and a fresh code.",
    ),
    "day_closed": ProblemWords(
        "业务日已结束，不能撤销；detail.business_date 是那一天。",
        "改用退款 POST /redemptions/{id}/refunds。",
        "The business day is over, so it cannot be reversed; detail.business_date says which.",
        "Use a refund: POST /redemptions/{id}/refunds.",
    ),
    "refused": ProblemWords(
        "会员本次不能享受优惠；reasons[] 写明原因，记录已保存。",
        "把 reasons[].message 告诉会员，按原价收款；换了码或金额再试请用新的键。",
        "The member gets no benefit this time; reasons[] says why, and it is recorded.",
        "Tell the member reasons[].message and charge the full price. A new attempt takes a new key.",
    ),
    "capture_exceeds_held": ProblemWords(
        "核销金额超过预留金额，detail.held_fen 是预留的金额。",
        "按不超过 held_fen 的金额核销。",
        "More than is held; detail.held_fen says how much is.",
        "Capture at most held_fen.",
    ),
    "refund_exceeds_captured": ProblemWords(
        "退款合计超过核销金额，detail.remaining_fen 是还能退的金额。",
        "按不超过 remaining_fen 的金额退款；同一行只能退一次。",
        "More than is left to give back; detail.remaining_fen says how much is.",
        "Refund at most remaining_fen; a line can be given back once.",
    ),
    "too_many_tokens": ProblemWords(
        "这台终端已有两个有效令牌。",
        "请商户管理员先停用旧的一个。",
        "The terminal has two active tokens already.",
        "The merchant's manager revokes the old one first.",
    ),
    "too_many_keys": ProblemWords(
        "这台终端已有两个有效签名密钥。",
        "等旧密钥七天到期，或请商户管理员停用它。",
        "The terminal has two signing keys already.",
        "Wait until the old one ends after seven days, or have it revoked.",
    ),
    "key_taken": ProblemWords(
        "这个公钥登记过。",
        "在设备上生成新的密钥对。",
        "This public key was registered before.",
        "Make a new key pair on the device.",
    ),
    "payload_too_large": ProblemWords(
        "请求正文超过 1 MiB。",
        "分批发送：离线补传每次至多 10 条。",
        "The body is over 1 MiB.",
        "Send less at a time: at most 10 advices.",
    ),
    "unsupported_media_type": ProblemWords(
        "Content-Type 不是 application/json。",
        "加上 Content-Type: application/json。",
        "The Content-Type is not application/json.",
        "Send Content-Type: application/json.",
    ),
    "rate_limited": ProblemWords(
        "请求太频繁，或终端连续扫到无效的码。",
        "按 Retry-After 的秒数等待，再用同一个键发送。撤销和离线补传另有额度，不受影响。",
        "Too many calls, or too many bad codes in a minute.",
        "Wait the seconds of Retry-After, then send the same request with the same key.",
    ),
    "method_not_allowed": ProblemWords(
        "这个地址不支持这种请求方式，Allow 写明支持哪些。",
        "核对接口说明中的方法。",
        "This address does not take that method; Allow says which it takes.",
        "Check the method in the description.",
    ),
}
