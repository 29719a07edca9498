"""The back-office API's description in Chinese, for its page and for its document when nobody asks for English."""

from cardnet.http.api_words import ApiWords, Meaning
from cardnet.web.api.words import issuance_calls, issuance_shapes, office_calls, office_shapes

_TAGS = {
    "unions": "工会", "accounts": "账号", "activation": "激活", "advices": "离线补传", "applications": "补换卡与续期申请", "audit": "审计记录",
    "batches": "批次", "bulletin": "通报", "cards": "会员卡", "confirmation": "年度会籍确认", "days": "日结",
    "duplicates": "疑似重复的档案", "hand-outs": "发放", "imports": "导入", "keys": "密钥", "me": "我", "members": "会员",
    "merchants": "商户", "notices": "通知", "overview": "一页看全年", "programs": "项目", "quota": "名额",
    "reconciliation": "对账", "redemptions": "核销", "register": "会员名册", "review": "审核", "rosters": "名单",
    "self-filling": "会员自填", "settlements": "结算", "terminals": "终端", "transfers": "转移", "unit approval": "单位确认",
    "webhooks": "回调",
}  # fmt: skip

_PROBLEMS = {
    "malformed_request": "请求正文不是 JSON 对象，或文件是空的",
    "idempotency_key_invalid": "不是 16–64 位字母、数字、_ 或 -",
    "token_invalid": "没有令牌，或令牌无效、过期、已结束，或账号已停用",
    "role_missing": "这个账号的角色不能办理",
    "out_of_scope": "不在这个账号的范围内；别的代码说明还有什么不允许",
    "not_found": "没有，或不是您的：`…_unknown` 说明找的是什么",
    "conflict": "现在的状态不允许；`code` 说明是什么，例如 `illegal_transition`",
    "answer_shown_once": "这个键的请求已经办好，回答里有密码一类的内容，没有保存",
    "payload_too_large": "JSON 超过 1 MiB，或文件超过 20 MiB",
    "unsupported_media_type": "不是这个调用接受的类型",
    "invalid_fields": "errors[] 逐个指出字段",
    "unprocessable": "看懂了，但不能办；`code` 说明原因，例如 `quota_short`",
    "idempotency_key_reused": "这个键属于另一个请求",
    "internal": "系统出了差错",
    "file_doubtful": "文件看起来是别家或别天的；`confirm=true` 仍然导入",
    "day_closing": "当天还有业务在写入；再问一次，会从停下的地方继续",
    "maintenance": "暂时不能写入，可以查询；等 Retry-After 之后同样重发",
    "outcome_unknown": "可能已经办好；同一个键再问一次就知道",
}

_UNION = Meaning("A union's code within your scope.", "您范围内一个工会的编号。")

_MEMBERS = {
    **dict.fromkeys(
        (
            "unit",
            "under",
            "below",
            "taker",
            "UseRequest.giver",
            "RecallDateRequest.giver",
            "RecallRequest.giver",
            "ReturnRequest.giver",
            "PlanRequest.giver",
            "MoveRequest.giver",
            "MoveUnionRequest.parent",
            "MergeUnionRequest.into",
        ),
        _UNION,
    ),
    **dict.fromkeys(
        ("TagRequest.sha256", "DocumentRequest.sha256"),
        Meaning(
            "SHA-256 of the scan, in hex; the scan itself stays with you.",
            "扫描件的 SHA-256，十六进制；扫描件由您保存。",
        ),
    ),
    "limit": Meaning("How many a page, 1 to 200.", "每页多少，1 到 200。"),
    "cursor": Meaning(
        "The `next_cursor` of the page before, with the same filter.", "上一页的 `next_cursor`，筛选条件不要改。"
    ),
    "next_cursor": Meaning("Where the next page begins; null on the last one.", "下一页从哪里开始；最后一页为 null。"),
    "total": Meaning("How many there are in all.", "一共多少。"),
    "items": Meaning("What the page shows.", "这一页的内容。"),
    "id": Meaning("The id, a UUIDv7.", "编号，UUIDv7。"),
    "on_behalf_of": Meaning("The id of whom you stand in for.", "您代谁办理，填编号。"),
    "reason": Meaning("Why, in your own words.", "原因，您自己的话。"),
    "Idempotency-Key": Meaning(
        "16–64 of [A-Za-z0-9_-]: a new one for every new act, the same one for every retry of it.",
        "16–64 位字母、数字、_ 或 -：每件新事一个新键，重试时带同一个。",
    ),
    "title": Meaning("A sentence for people.", "给人看的一句话。"),
    "Problem.code": Meaning("A stable code: branch on it.", "固定的代码，请按它判断。"),
    "retry": Meaning(
        "`never`, `same_key`, `new_key` or `after`: whether and how to send it again.",
        "`never` 不要重发，`same_key` 同一个键重发，`new_key` 换新键再试，`after` 等 Retry-After 之后再发。",
    ),
    "request_id": Meaning("Finds the request in our logs.", "用它可以在日志里找到这次请求。"),
    "pointer": Meaning("A JSON pointer into the body.", "请求正文里的 JSON pointer。"),
}

WORDS = ApiWords(
    title="cardnet 管理端接口",
    description="管理和财务页面能做的，经同样的服务、按同样的角色和范围。令牌由 `cardnet token 账号` 取得。金额为整数分，时间为带时区的 RFC 3339，"
    "日期为 ISO 8601。证件号码和手机号码已遮住。字段只增加、不改变：不认识的请忽略。文件检查的结果默认中文，`Accept-Language` 要求时为英文；"
    "请按代码判断，不要按文字。范围以外的单位或记录，与页面一样，看起来不存在（404）或被拒绝（403）。",
    tags=_TAGS,
    calls=issuance_calls.CALLS | office_calls.CALLS,
    shapes=issuance_shapes.SHAPES | office_shapes.SHAPES,
    problems=_PROBLEMS,
    members=_MEMBERS,
)
