"""The back office's calls in Chinese, of accounts, partners, programs, money and notices: summary and notes by call."""

_ONCE = "这个码只在这一次的回答里出现。"
_SHOWN = "令牌只在这一次的回答里出现。"
_MASKED = "会员姓名已遮住，金额单位为分。"
_FOUNDED = "决策依据填在 `authority` 里，或先用 `POST /authorities` 连同原件登记，再填 `authority_id`；一份依据可以支撑多个项目和资金池。"
_MINUTE = "终端一分钟内生效。"

CALLS: dict[str, tuple[str, str]] = {
    # -- 账号
    "GET /accounts": ("您范围内的账号", ""),
    "POST /accounts": ("邀请一个人", f"一个用户名只能用一次。{_SHOWN}"),
    "GET /accounts/{id}": ("一个账号", ""),
    "POST /accounts/{id}/change": ("改姓名、角色或所属工会", ""),
    "POST /accounts/{id}/close": ("停用：登录和令牌立即失效", ""),
    "POST /accounts/{id}/open": ("恢复，密码不变", ""),
    "POST /accounts/{id}/unlock": ("解除锁定，可以再试密码", ""),
    "POST /accounts/{id}/invite": ("新的邀请链接，以前的作废", ""),
    "GET /sessions": ("您在哪里登录着，有哪些令牌", ""),
    "POST /sessions/{id}/end": ("结束其中一个，也可以是这个令牌", ""),
    # -- 离线补传
    "GET /advices": ("等待核定的离线记录", ""),
    "GET /advices/{id}": ("其中一条，和关于它的一切", ""),
    "GET /offline-evidence": (
        "一条离线记录的证据文件",
        "终端签名的记录、终端的证书和当时、现在的信任包，不含姓名。`cardnet evidence check` 只凭根公钥核对它。",
    ),
    "POST /advices/{id}/accept": ("提议接受，要由另一人同意", ""),
    "POST /advices/{id}/refuse": ("不接受：由商户承担", ""),
    "POST /advices/{id}/confirm": ("同意：按发生的时间入账", ""),
    "POST /advices/{id}/decline": ("不同意：继续等待", ""),
    "GET /offline-exceptions": ("未关闭的缺号、断链和超限额", ""),
    "POST /offline-exceptions/{id}/close": ("关闭一条：写明查到什么", ""),
    # -- 审计
    "GET /audit": ("您范围内的审计记录，新的在前", ""),
    "GET /audit.csv": ("同样的记录存为文件；取走它本身也有记录", ""),
    "GET /audit.xlsx": ("同样的记录存为表格", ""),
    # -- 日结
    "GET /days": ("没有日结的营业日", ""),
    "POST /days/close": (
        "日结，并封存到期的结算单",
        "已日结的再做一次不改变什么，只说明封存了什么。`day_closing`：当天还有业务在写入，请再问一次，会从停下的地方继续。",
    ),
    # -- 密钥
    "GET /keys": ("信任包、终端认得的密钥和所有警报，新的在前", "私钥不离开服务器：密钥的操作用 `cardnet keys …`。"),
    "POST /keys/alarms/{id}/close": ("有人查过了，写明是什么", ""),
    # -- 我
    "GET /me": ("这个令牌是谁，可以做什么", ""),
    "GET /unions": ("您范围内的工会，上级在前", ""),
    "GET /unions/{code}": ("您范围内的一个工会", ""),
    "GET /tasks": ("等您办的", ""),
    "GET /openapi.json": ("本文件", "默认中文；`Accept-Language: en` 得到英文。"),
    # -- 商户
    "GET /merchants": ("合作商户", ""),
    "POST /merchants": ("新商户，先是草稿", ""),
    "GET /merchants/{id}": ("一家商户的档案", ""),
    "POST /merchants/{id}/change": ("名称、类别、信用代码、结算周期", ""),
    "POST /merchants/{id}/state": (
        "开通、暂停、恢复或终止",
        f"{_MINUTE}草稿缺什么，`merchant_incomplete` 的 `missing` 会说明。",
    ),
    "POST /merchants/{id}/signatures": ("它的终端是否每个请求都要签名", _MINUTE),
    "POST /merchants/{id}/agreements": ("签了合作协议", ""),
    "POST /agreements/{id}/file": ("签署的扫描件：PDF、JPEG 或 PNG，最多 8 MB", ""),
    "GET /agreements/{id}/file": ("最新的扫描件", ""),
    "POST /merchants/{id}/stores": ("一家门店", ""),
    "POST /stores/{id}/change": ("门店改成这样", ""),
    "POST /merchants/{id}/contacts": ("今后找谁", ""),
    "GET /payee-accounts": ("等待审批的收款账户，最早的在前", ""),
    "POST /merchants/{id}/payee-accounts": ("商户希望收款的账户", "财务另一人批准之前，不会付款到这个账户。"),
    "POST /payee-accounts/{id}/decide": ("批准或驳回别人提出的账户", "以后封存的结算单用它，以前封存的不变。"),
    "POST /payee-accounts/{id}/withdraw": ("提出的人撤回", ""),
    "GET /merchants/{id}/people": ("谁代表它登录", ""),
    "POST /merchants/{id}/people": ("邀请管理员或收银员", _SHOWN),
    "GET /merchant-blacklist": ("工会不再合作的信用代码", ""),
    "POST /merchant-blacklist": ("列入一个信用代码；它名下的商户随即暂停", ""),
    "POST /merchant-blacklist/{id}/lift": ("原因已经消除，移出", ""),
    # -- 通知
    "GET /notices": ("发给您范围内会员的通知，新的在前", ""),
    "GET /notices/reach": ("会员各用什么方式通知得到，各多少人", ""),
    "GET /notices/reach/people": ("本单位的人各用什么方式通知得到", "名单只在本单位内可见，上级看到的是人数。"),
    "POST /notices/slips": ("收不到消息的人用的纸条（PDF）", "印过的不再印，除非写明 `again`。"),
    "POST /notices/slips/hand-out": ("这些纸条已交给本人", ""),
    "POST /notices/phones/confirm": ("这些人的号码已与本人核对", ""),
    "POST /notices/union-phone": ("本工会会员可以拨打的咨询电话", ""),
    # -- 一页看全年
    "GET /overview": ("本工会和下级今年的进度", ""),
    "GET /overview/notice-board": (
        "工会为会员做了什么，供公示",
        "不足 3 人的不显示人数（null）：小单位里一个数字就是一个名字。",
    ),
    "GET /overview/untouched": ("今年没有一个会员享受过任何项目的单位", ""),
    # -- 项目
    "GET /authorities": ("项目和资金池依据什么", "本工会和下级的项目在前，资金池在后，各附决策依据，新的在前。"),
    "POST /authorities": (
        "登记一份决策依据和扫描的原件",
        "正文就是文件：按内容认 PDF、PNG 或 JPEG，不看文件名。永久保存；名额申请要依据您登记的，项目或资金池也可以依据您看得到的。",
    ),
    "GET /authorities/{id}/original": ("一份决策依据所附的文件", ""),
    "POST /programs/{code}/authorities": ("登记一个项目的决策依据", _FOUNDED),
    "POST /pools/{code}/authorities": ("登记一个资金池的决策依据", _FOUNDED),
    "GET /schemas/rule/1": ("执行标准文件的 JSON Schema", ""),
    "GET /programs": ("惠员项目", ""),
    "GET /programs/{code}/versions": ("一个项目执行标准的各版", ""),
    "GET /rules": (
        "执行标准的各版，新的在前",
        "本工会和下级的项目。`may_*` 说明您现在可以对它做什么；自己起草的不能自己批准。",
    ),
    "GET /rules/{id}": ("一版执行标准和它的内容", ""),
    "POST /programs/{code}/rules": (
        "起草下一版执行标准",
        "`body` 是 `/schemas/rule/1` 的文件；每一处错误都会指出位置。",
    ),
    "POST /rules/{id}/submit": ("把草稿送审", ""),
    "POST /rules/{id}/approve": ("批准别人起草的", "从它的日期起执行；离线的终端随下一份附录得知。"),
    "POST /rules/{id}/return": ("退回起草人，写明原因", ""),
    "POST /rules/{id}/retire": ("已批准的从某天起不再执行", ""),
    "POST /rule-parameters": ("执行标准引用的数字，从某天起", ""),
    # -- 对账
    "GET /reconciliations": ("对账，新的在前", ""),
    "POST /reconciliations": (
        "导入商户的流水并比对",
        "正文就是文件本身。同一个文件再传是 `file_already_imported`，并说明在哪次对账里。看起来是别家或别天的、又会取代有效对账的文件是 "
        "`file_doubtful`，什么也不改变；`confirm=true` 仍然导入。",
    ),
    "GET /reconciliations/{id}": ("一次对账：双方合计和各类差异", ""),
    "GET /reconciliations/{id}/differences": ("它的差异，我方与对方并列", ""),
    "POST /differences/{id}/steps": (
        "记下、提出结论、复核、退回或重新打开一条差异",
        "哪一步都不动账。经办写明 `resolution` 和情况；由另一个人复核通过（就办结）或写明原因退回。办结的可以写明原因重新打开。",
    ),
    "POST /reconciliations/{id}/again": ("同样的文件与现在的记录再比一次", ""),
    "POST /reconciliations/{id}/set-aside": ("撤销一次不该算数的对账", "它取代过的重新有效；它未办的差异关闭。"),
    # -- 核销
    "GET /denials": ("会员说不是本人的，未答复的在前", _MASKED),
    "POST /denials": ("替会员记下：某次使用不是本人", ""),
    "POST /denials/{id}/hold": ("这笔不进结算", ""),
    "POST /denials/{id}/settle": ("写明查到什么，会员会看到", ""),
    "GET /held": ("没有进结算的核销，等得最久的在前", "net_fen 带正负号。"),
    "POST /held": ("一笔核销暂缓结算，商户看得到原因", ""),
    "POST /held/{id}/release": ("放进下一张结算单", ""),
    "GET /redemptions": ("一家商户的核销，新的在前", ""),
    "GET /redemptions/{id}": ("一笔核销", ""),
    "GET /late-transfers": ("会员离开后、补录之前，原工会给过的", _MASKED),
    # -- 结算
    "GET /settlements": ("结算单，新的在前", ""),
    "GET /settlements/{id}": ("一份结算单", ""),
    "GET /settlements/{id}/lines": ("它的明细", ""),
    "GET /settlements/{id}/statement.json": ("签名的结算文件", ""),
    "GET /settlements/{id}/statement.csv": ("同样的明细，供表格使用", ""),
    # -- 终端
    "GET /terminals": ("所有商户或一家商户的终端，和最后同步的时间", ""),
    "POST /merchants/{id}/terminals": ("在商户的门店里加一台终端", ""),
    "POST /terminals/{id}/pairing-code": ("给设备配对的码", f"{_ONCE}这台终端以前的配对码作废。"),
    "POST /terminals/{id}/revoke": ("它的令牌、密钥和未用的配对码作废", "一分钟内停用。终端可以重新配对。"),
    "POST /terminals/{id}/suspend": ("一分钟内停用", ""),
    "POST /terminals/{id}/resume": ("恢复使用", ""),
    "POST /terminals/{id}/retire": ("永久撤除，连同令牌和密钥", ""),
    "GET /offline-limits": ("终端离线时可以做什么", ""),
    "POST /offline-limits": ("提议别的限额", "财务另一人批准之前，终端照旧。"),
    "POST /offline-limits/{id}/decide": ("批准或驳回别人提议的限额", ""),
    "POST /offline-limits/{id}/withdraw": ("提议的人撤回", ""),
    # -- 回调
    "GET /webhooks": ("每个回调地址和它的情况", ""),
    "POST /webhooks": ("商户的一个新回调地址", "密钥只在这一次的回答里出现。"),
    "GET /webhooks/{id}/deliveries": ("发往一个地址的消息，新的在前", ""),
    "POST /webhooks/{id}/disable": ("不再发往这里；等待的丢弃", ""),
    "POST /webhooks/{id}/enable": ("从现在起恢复发送", ""),
    "POST /webhook-deliveries/{id}/replay": ("把一条消息再发一次", ""),
}
