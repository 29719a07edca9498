"""The merchant API's description in Chinese, for its page and for its document when nobody asks for English."""

from cardnet.http.api_words import ApiWords
from cardnet.merchant_api import example_answers as told
from cardnet.merchant_api.examples import MORE
from cardnet.merchant_api.members import MEMBERS
from cardnet.merchant_api.problem_words import GUIDE

_ETAG = "请把上次的 ETag 放在 If-None-Match 里；304 表示没有变化。"

_CALLS: dict[str, tuple[str, str]] = {
    "POST /quotes": (
        "试算：能享受什么，不能的为什么",
        "不保存，也不占用；不能享受是 `refused` 这一结果，不是错误。",
    ),
    "POST /redemptions": (
        "核销，或先预留",
        "不予享受也会记录，同一个键重发得到同样的回答；重新尝试请换新键。原因 `confirm_required`（实体卡）表示要填 `id_last4`，"
        "`limit_exceeded` 表示这张卡今天已经用过。",
    ),
    "POST /redemptions/{id}/capture": ("使用预留，全部或一部分", "没有用到的预留立即释放。"),
    "POST /redemptions/{id}/refunds": (
        "退回一部分或全部，任何时候都可以",
        "填 `benefit_fen` 或 `lines`（这些行享受的金额），都不填就退回剩下的全部。工会的钱立即可以再用；全部退完后，会员的次数也退回。",
    ),
    "POST /reversals": (
        "整笔撤销，如同没有发生过",
        "整笔，限当天且当天还没有日结；预留哪天都可以撤销。可以比原请求先到，原请求以后到达时一律回答 already_reversed。"
        "用 POST /advices 补传的离线销售可以用它的 merchant_ref 来撤销。",
    ),
    "GET /redemptions": ("某一天的明细，新的在前", ""),
    "GET /redemptions/{id}": ("一笔核销现在的情况", ""),
    "GET /redemptions/by-key/{key}": ("用 Idempotency-Key 查这次请求的结果", ""),
    "GET /redemptions/by-ref/{merchant_ref}": ("用商户自己的单号查仍然有效的核销", ""),
    "POST /advices": (
        "补传离线时做的核销",
        "每条记录单独回答，无论结果如何都会保存。每次最多 10 条，按 `terminal_seq` 的顺序，每次用自己的键；回答 `duplicate` 的以前已经收到。"
        "`busy` 之后整次都没有保存，请用同一个键重发。",
    ),
    "GET /events": (
        "您的核销发生的一切，按提交的先后",
        "旧的在前，每件事只出现一次：手里的游标之前不会再冒出新的。游标和筛选条件是一体的；没有事件的回答也有游标，过一会儿再用它来问。",
    ),
    "GET /settlements": ("您的结算单，新的在前", ""),
    "GET /settlements/{id}": (
        "一张结算单，办到了哪一步",
        "明细在结算单文件里：`/settlements/{id}.json`（带签名）或 `.csv`。",
    ),
    "GET /settlements/{id}.json": (
        "带签名的结算单",
        "`signature`（Ed25519）签的是 `statement` 的 RFC 8785 形式，密钥是信任包里编号为 `kid` 的 `settlement` 密钥。",
    ),
    "GET /settlements/{id}.csv": ("结算单明细，供表格软件使用", "UTF-8 带 BOM；金额有分和元两列。"),
    "GET /roots": (
        "终端配对时要固定下来的根公钥",
        "只问一次并保存，以后无论哪个回答给出别的都不要接受：用它们打不开的信任包不可使用。下一个根也在其中，换根时不必重新配对。",
    ),
    "GET /trust-pack": ("哪些密钥有效、动态码按什么规则判断，由根签名", _ETAG),
    "GET /offline-offers": (
        "本商户的终端离线时可以给什么、给多少",
        f"{_ETAG}由信任包里的 `offers` 密钥签名：`4` 有效至，`6` 有效自，-70010 商户编号，-70011 优惠（算法、最低消费、满额、服务、轨道），"
        "-70012 限额。",
    ),
    "GET /status-list": (
        "哪些卡已经停用，每张两位",
        f"{_ETAG}带 `since`（手里那份的 `seq`）时只给变化；合并后摘要对不上，请不带 `since` 再取一次。",
    ),
    "POST /terminals/enrol": (
        "用配对码换终端令牌",
        "配对码只能用一次，15 分钟内、最多试 5 次。令牌只显示这一次。可以带 Idempotency-Key：没有收到回答的设备用同一个配对码和同一个键再问，"
        "得到新的令牌，丢失的那个作废。",
    ),
    "POST /terminals/keys": (
        "登记终端的下一把签名密钥",
        "原来的密钥还有效七天，路上的签名不会作废；同时最多两把。",
    ),
    "GET /me": ("这个令牌是谁，接口的限度是多少", ""),
    "GET /openapi.json": ("本文件", "默认中文；`Accept-Language: en` 得到英文。"),
}

_SHAPES = {
    "AdviceRecord": "一笔离线核销。`terminal_seq` 是终端自己的序号，不能跳号。`signature` 是终端对整条记录的签名（见指南），登记过公钥的终端必填；"
    "`prev_hash` 是上一条记录的 SHA-256，除最早的一条外也必填。`list_issued_at` 是终端状态表的 `iat`，`synced_at` 是终端最后一次联网的时间，"
    "`clock_offset_seconds` 是那时设备的时钟比我们快多少，`occurred_at` 已经扣掉它；`sent_at` 看出来的差数要和它一致，相差超过 120 秒的由工会核对。带 `bound_nonce` 时，码就是为这一笔生成的（见指南），可以超过离线限额。",
    "AdviceResult": "一条记录的结果；`code` 说明为什么不是直接核销。记到以后某天时，`late_for` 是它本来的日期。`first_redemption_id` 是重复的那一笔；"
    "完全相同的记录再传时，`first` 说明第一次的结果，丢了回答也不会丢结果。",
    "AdvicesAnswer": "每条记录单独回答，顺序与发送时相同；全部保存。",
    "AdvicesRequest": "POST /advices 的正文。`sent_at` 是设备发送时自己的时间：我们据此知道它差多少。",
    "Benefit": "一项享受到的优惠。`kind` 为 `discount`（商户让利）或 `subsidy`（工会补贴）。",
    "Capture": "用掉的预留：用了 `captured_fen`，`released_fen` 已经释放。",
    "CaptureRequest": "POST /redemptions/{id}/capture 的正文。不填 `benefit_fen` 就用掉全部预留。",
    "CountingKey": "这台终端的一个有效密钥；被替换的，有效到 `ends_at`。",
    "EndingKey": "原来的密钥，和它有效到什么时候。",
    "EnrolRequest": "POST /terminals/enrol 的正文。带 `public_key` 的终端可以对请求和离线记录签名。",
    "EnrolledTerminal": "配对好的终端；令牌只显示这一次。`key_id` 是签名里的 `keyid`。`replaces` 是这台终端以前那台设备的密钥，有效到 `ends_at`。",
    "Event": "您的一笔核销发生的一件事；现在的情况请再查这笔。`seq` 只增不减，按提交的先后；退款和撤销带 `refund_id` 和 `benefit_fen`。",
    "EventList": "事件的一页，旧的在前。`next_cursor` 从不为 null：请保存，下次用它来问。`more` 表示下一页已经有了。",
    "FieldFinding": "一个字段的问题；`pointer` 是请求正文里的 JSON pointer。",
    "FirstResult": "同一条记录第一次到达时的结果。",
    "Limits": "接口接受的限度。",
    "LineShare": "小票的一行享受了多少。",
    "Me": "这个令牌是谁。`last_terminal_seq` 是我们收到的最大离线序号，请接着编，下一条记录的 `prev_hash` 写 `last_record_hash`。设备的密钥不在 `signing_keys` 里的，不要再签：这样的记录会被退回。`services` 是收银员要区分的项目：只有一项时不用选。",
    "MemberFace": "商户能知道的会员信息只有这些。",
    "MissingRecords": "我们没有收到的序号，前后的都收到了。",
    "Named": "编号，和人们用的名称。",
    "NewKey": "从现在起生效的密钥；`key_id` 是签名里的 `keyid`。",
    "NewKeyRequest": "POST /terminals/keys 的正文。",
    "NextSettlement": "商户下一次什么时候结算：周期（`daily`、`weekly`、`monthly`）的最后一天。",
    "NotApplied": "一项没有享受到的优惠，和原因。",
    "Problem": "错误（RFC 9457）。请按 `code` 判断，不要按文字；`retry` 说明能不能、怎样重发。",
    "PurchaseLineRequest": "小票的一行；`category` 是规则可以引用的品类代码。",
    "PurchaseRequest": "买了什么。`amount_fen` 是优惠前的价格；有 `lines` 时各行之和必须相等。`service_on` 是提供服务的日期，不是今天时填写。",
    "Quote": "现在能享受什么；不保存。`quote_token` 在 `quote_expires_at` 之前可以代替动态码。",
    "QuoteRequest": "POST /quotes 的正文。`challenge` 是本终端显示、会员输入的四位数。`bound_nonce` 是终端放进绑定购买二维码里的随机数：码只对这家商户、"
    "这台终端、这个金额有效。以前试算得到的 `quote_token` 可以代替 `code`：动态码只有十五秒，令牌有 120 秒。`id_last4` 是会员证件号码的最后四位，"
    "实体卡必填：不填会得到原因 `confirm_required`，一天错满五次（`detail.tries_left` 为 0）后只能用手机或到工会办理。试算时填错也计数。手机的码不看这一项。",
    "Reason": "为什么不能：`code` 是固定的，`message` 给人看。",
    "RedeemRequest": "POST /redemptions 的正文。`merchant_ref` 是商户自己的单号，只能用一次。`group_ref` 是集体体检的批次，"
    "`payer` 是优惠之外谁来付：`unit` 时会员在收银台不付钱，由单位与商户结算。",
    "Redemption": "一笔核销。`payable_fen` 是收银员应收的金额。以后再查，金额仍是当时的；`refunded_fen` 是此后退回的优惠合计，其中工会的部分是 `refunded_union_fen`。",
    "RedemptionList": "当天明细的一页，新的在前；最后一页的 `next_cursor` 为 null。",
    "RedemptionRow": "当天明细的一行。`union_fen` 是优惠里由工会承担的部分，其余由商户承担。金额是当时的；`refunded_fen` 是此后退回的优惠合计，其中工会的部分是 `refunded_union_fen`。",
    "Refund": "退回了多少。`remaining_fen` 还可以再退；全部退完时会员的次数退回（`use_returned`）。",
    "RefundRequest": "POST /redemptions/{id}/refunds 的正文：填 `benefit_fen`，或 `lines`（每行享受的金额），或都不填，退回剩下的全部。",
    "Refusal": "不予享受：已经记录，用同一个键再问得到同样的回答。",
    "RefusalReason": "为什么不予享受；是卡或码的问题时 `program` 为 null。",
    "ReturnedLine": "小票上退回的一行。",
    "Reversal": "`reversed` 已撤销，`tombstoned` 原请求还没有到（到了也会拒绝），`nothing_to_reverse` 没有可撤销的。`withdrawn`：离线记录正在等待核定，撤销后谁也不能再接受它。",
    "ReverseRequest": "POST /reversals 的正文：三项里填一项，指明原来的请求。`advice_merchant_ref` 是用 POST /advices 补传的离线销售的 `merchant_ref`：等待核定的记录还没有核销。",
    "Root": "一个根公钥，Ed25519；`kid` 和 `public` 为十六进制，起止时间为 1970 年以来的秒数。",
    "Roots": "验证方要固定的根：现在的和下一个。",
    "Service": "这里可以买、并且有项目给优惠的东西：一个 `service_code`，普通商品为 null。",
    "Settlement": "一张结算单，以及发生过的事，旧的在前。",
    "SettlementList": "结算单的一页，新的在前；最后一页的 `next_cursor` 为 null。",
    "SettlementRow": "一张结算单。`net_fen` 是工会应付的：核销减去撤销和退款；`sha256` 是结算单文件的散列值。",
    "SettlementStep": "结算单发生过的事；`words` 是商户的异议。",
    "TillDecision": "终端自己给了多少优惠。",
}

_ANSWERS = {
    "POST /quotes": {"可以享受": told.QUOTE},
    "POST /redemptions": {"已核销": told.REDEMPTION},
    "POST /redemptions/{id}/capture": {"用掉一部分": told.CAPTURE},
    "POST /redemptions/{id}/refunds": {"退回一部分": told.REFUND},
    "POST /reversals": {"原请求还没有到": told.REVERSAL},
    "GET /redemptions": {"当天一笔": told.REDEMPTIONS},
    "GET /redemptions/{id}": {"退回过一部分": told.FOUND, "集体体检": told.OF_A_GROUP},
    "GET /redemptions/by-key/{key}": {"退回过一部分": told.FOUND},
    "GET /redemptions/by-ref/{merchant_ref}": {"退回过一部分": told.FOUND},
    "POST /advices": {"三条记录": told.ADVICES},
    "GET /events": {"核销，后来退款": told.EVENTS},
    "GET /settlements": {"一个月": told.SETTLEMENTS},
    "GET /settlements/{id}": {"待确认": told.SETTLEMENT},
    "GET /roots": {"一个根": told.ROOTS},
    "POST /terminals/enrol": {"换了设备": told.ENROLLED},
    "POST /terminals/keys": {"换了密钥": told.NEW_KEY},
    "GET /me": {"一台终端": told.ME},
}

WORDS = ApiWords(
    title="cardnet 商户接口",
    description="金额为整数分，时间为带时区的 RFC 3339，编号为 UUIDv7。字段只增加、不改变：不认识的请忽略。请求带 `Accept-Signature`（标签 `cardnet-receipt-v1`）时，回答由信任包里的回执密钥签名（见指南）。",
    tags={
        "redeem": "试算、核销、预留",
        "undo": "撤销、退款",
        "look up": "查询",
        "settle": "结算",
        "offline": "离线",
        "terminals": "终端",
    },
    calls=_CALLS,
    shapes=_SHAPES,
    problems={code: words.happened for code, words in GUIDE.items()},
    members=MEMBERS,
    bodies=MORE,
    answers=_ANSWERS,
)
