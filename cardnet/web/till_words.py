"""The sentences the till's scripts need, in the visitor's language; keys are those of `say()` in frontend/src/till."""

from flask_babel import gettext as _


def words() -> dict[str, str]:
    """All of them, by key."""
    return {**_sale(), **_services(), **_code(), **_alone(), **_undoing(), **_lists(), **_camera()}


def _sale() -> dict[str, str]:
    return {
        "pairing_code_wrong": _("配对码是 10 位字母和数字，请核对后再输一次。"),
        "pair_offline": _("没有连上网络，还没有配对。请检查网络后再点“开始使用”。"),
        "pair_stranded": _(
            "这台设备还有终端 {terminal} 的 {count} 笔核销、撤销或退款没有上传。请先用那个终端配对并联网上传，再换终端。"
        ),
        "pair_full": _(
            "这个终端已经配对了两台设备，这台没有配上，配对码没有用掉。请商户管理员在“终端”里打开它，吊销不用的终端令牌、"
            "停用不用的签名密钥，再点“开始使用”；几台都要用的，请另加一个终端。"
        ),
        "others_until": _(
            "已配对。终端 {terminal} 以前配对的设备到 {until} 就不能再断网核销；那台也要用的，请商户管理员另加一个终端。"
        ),
        "others_two": _(
            "已配对，但只能联网核销：终端 {terminal} 已有两台设备登记了签名密钥。请商户管理员在“终端”里打开它，停用不用的那个，"
            "这台会自动登记；几台都要用的，请另加一个终端。"
        ),
        "key_ends": _(
            "终端 {terminal} 配对了另一台设备：这台到 {until} 就不能再断网核销。这台也要用的，请商户管理员另加一个终端。"
        ),
        "amount_wrong": _("请输入原价，例如 380 或 12.50，一笔最多 100 万元。"),
        "not_a_code": _("这不是会员码。请会员打开“会员服务卡”，出示动态码。"),
        "seconds_left": _("还有 {seconds} 秒，请输入原价"),
        "seconds_left_service": _("还有 {seconds} 秒，请选择买的是什么"),
        "seconds_left_redeem": _("还有 {seconds} 秒，请点“核销”"),
        "asking_redemption": _("正在核销…"),
        "asking_reversal": _("正在撤销…"),
        "asking_refund": _("正在退款…"),
        "charge": _("收"),
        "yuan": _("元"),
        "was": _("原价 {amount} 元"),
        "by_union": _("{name}，工会承担 {amount} 元"),
        "by_merchant": _("{name}，商户承担 {amount} 元"),
        "by_both": _("{name}，商户承担 {merchant} 元、工会承担 {union} 元"),
        "member": _("会员 {name}"),
        "last4_wrong": _("请输入证件号码的最后四位，例如 1234 或 123X。"),
        "check_person": _("实体卡：请核对持卡人"),
        "receipt": _("小票号 {number}"),
        "refused": _("本次不能享受"),
        "not_done": _("没有核销"),
        "full_price": _("按原价收 {amount} 元"),
        "unknown_verb": _("还不知道结果"),
        "unknown_why": _("网络没有回应。请再问一次，不会重复核销；不想等就取消这笔，按原价收款。"),
        "postponed_verb": _("已记下"),
        "postponed_why": _("网络恢复后自动办理，不会重复。会员要享受优惠的，请出示新的动态码再扫。"),
        "disk_full": _("这台设备的存储满了，存不下。请清理存储，或换一台设备。"),
        "disk_forbidden": _(
            "这个浏览器不许保存数据（无痕窗口，或设置里禁止了）。请用普通窗口打开收银台，或换一台设备。"
        ),
        "disk_failed": _("这台设备的存储没有应答。请再试一次；还是不行，请关掉收银台重新打开。"),
        "disk_not_sent": _("这一笔没有发出去，可以放心再来。"),
        "disk_still_open": _("这一笔还没有取消，请再点一次。"),
        "pair_not_kept": _("还没有配对。"),
        "reference_used": _("这个小票号今天已经用过，请换一个，或留空由收银台编号。"),
        "server_trouble": _("服务暂时有问题，请稍后再试。"),
        "challenge_verb": _("请会员输入"),
        "challenge_why": _("会员手机的时间和这里对不上，输入这四个数字就能用。"),
        "challenge_wrong": _("输入的数字和这里的不一样，请会员看着屏幕再输一次。"),
        "challenge_how": _("请会员点会员码下面的“收银台要四位数字？”，输好后再扫新的动态码。"),
        "fresh_code": _("请会员出示新的动态码"),
        "fresh_code_how": _("再扫一次就好：金额和小票号都还在。"),
        "network_first": _("先联网，再扫一次"),
        "choose_scan_again": _("再扫一次"),
        "choose_scan": _("输好了，再扫一次"),
        "choose_no_benefit": _("不享受，按原价收 {amount} 元"),
    }


def _services() -> dict[str, str]:
    """Ordinary goods, and by `service_of_` and code the services rules name most; others have their programs' names."""
    return {
        "service_wanted": _("请选择买的是什么。"),
        "service_ordinary": _("普通消费"),
        "service_of_health_check": _("健康体检"),
        "service_of_movie_ticket": _("电影票"),
    }


def _code() -> dict[str, str]:
    return {
        "code_malformed": _("这不是会员服务卡的动态码，请让会员打开会员服务卡页面重新出示。"),
        "code_unsupported_version": _("动态码版本较新，请联网刷新收银台后再扫。"),
        "code_revoked_key": _("签发密钥已停用，请会员联网打开卡页更新后再试。"),
        "code_bad_signature": _("这个码不是工会签发的，是伪造的：请不要受理，并致电下面的电话报告。"),
        "code_key_out_of_period": _("动态码的签发时间不对，请不要受理，并致电下面的电话报告。"),
        "code_proof_missing": _("这是截下来的码，请会员出示会自动变化的动态码。"),
        "code_expired_credential": _("手机上的卡太久没有更新，请会员联网打开卡页后再试。"),
        "code_stale_proof": _("动态码已过期，请会员出示现在的动态码。"),
        "code_future_proof": _("会员手机的时间偏快，请联网打开卡页后再试。"),
        "code_wrong_audience": _("这个码是给别的商户用的，请会员重新出示。"),
        "code_wrong_challenge": _("输入的数字和这里的不一样，请会员看着屏幕再输一次。"),
        "code_revoked": _("这个码已经停用：卡换新了、转到了别的手机，或已注销。请会员出示现在用的卡，或联网打开卡页。"),
        "code_suspended": _("这张卡已挂失或停用，请会员致电职工援助服务中心。"),
        "code_stale_by": _("这是 {span}前的动态码，已过期，请会员出示现在的动态码。"),
        "code_future_by": _("会员手机的时间快了 {span}，请联网打开卡页后再试。"),
        "span_minutes": _("{count} 分钟"),
        "span_hours": _("{count} 小时"),
        "code_replayed_at": _("这个动态码 {time} 已经在这里用过，请会员出示新的动态码。"),
        "code_confirm_required": _("请核对持卡人，并请会员报出证件后四位。"),
    }


def _alone() -> dict[str, str]:
    return {
        "offline_ready": _("没有网络，可以照常扫码：小额优惠由收银台自己核销，{until} 前联网即可。"),
        "offline_waiting": _("没有网络，可以照常扫码。已有 {count} 笔待上传，请在 {until} 前联网。"),
        "offline_not_ready": _("没有网络，这台收银台暂时不能核销。网络恢复后会自动继续。"),
        "offline_key_over": _("没有网络，这台收银台不能断网核销：它的签名密钥已停用。网络恢复后会自动继续。"),
        "offline_no_offers": _("没有网络，本店的优惠要联网才能核销。网络恢复后会自动继续。"),
        "offline_verb": _("没有网络"),
        "offline_retry": _("不是会员不能享受，请联网后再试。"),
        "offline_kept": _("断网核销，联网后自动上传"),
        "offline_maybe_more": _("断网时只能办理一部分优惠，联网后可能还有别的，请联网后再试。"),
        "offline_full_price": _("这笔优惠要联网才能核销，不是会员不能享受。"),
        "refused_badge": _("没有办成 {count}"),
        "waiting_badge": _("待上传 {count}"),
        "waiting_by": _("{by} 前"),
        "waiting_until": _("还有 {count} 笔断网核销没有上传，请在 {until} 前联网，会自动上传。"),
        "alone_until": _("断网时可以核销小额优惠，到 {until}。"),
        "alone_no_offers": _("断网时能核对会员码，到 {until}；本店没有断网可用的优惠。"),
        "alone_not": _("断网时还不能核销：请先联网打开本页一次。"),
        "moment": _("{month}月{day}日 {weekday} {time}"),
        "choose_bind": _("请会员用手机确认金额"),
        "bound_verb": _("请会员扫这个码"),
        "bound_how": _("会员扫它，确认 {amount} 元，再出示新的动态码。"),
        "bound_where": _("用手机相机扫；或在会员码下面点“收银台要四位数字？”再扫。"),
        "choose_bound_scan": _("会员已确认，扫动态码"),
        "choose_full_price": _("按原价收 {amount} 元"),
        "choose_wait": _("等网络恢复，这笔先留着"),
        "online_not_ready": _("这台收银台还没有准备好断网核销，联网打开一次就好。"),
        "online_no_key": _(
            "这台设备没有登记好签名密钥，不能断网核销。请联网打开一次；仍不行，请商户管理员在“终端”里停用一个旧的签名密钥。"
        ),
        "online_key_over": _(
            "这台设备的签名密钥已停用，只能联网核销。断网也要用的，请商户管理员生成新的配对码，重新配对；几台都要用的，请另加一个终端。"
        ),
        "online_clock": _("这台设备的时间不对，请校准时间，或联网一次。"),
        "online_sync": _("超过 72 小时没有联网，请先联网。"),
        "online_list_expired": _("停用名单太旧了，请先联网更新。"),
        "online_floor": _("断网时每笔原价不能超过 {limit} 元。"),
        "online_terminal_full": _("断网核销的笔数或金额已满，请先联网上传。"),
        "online_card_full": _("这张卡今天在这里断网核销的次数已满。"),
        "online_confirm_required": _("没有核对证件后四位的实体卡，断网时不能享受。"),
        "online_unknown_key": _("暂时认不出这张卡的签发密钥，请会员和收银台联网后再试。"),
        "none_provider_not_in_program": _("这里不能离线核销：本店的优惠要联网才能办。"),
        "none_service_not_covered": _("这项服务不在项目范围内。"),
        "none_below_min_spend": _("消费金额还没有达到起用金额。"),
        "none_limit_count": _("这张卡本期的次数已经在这里用完。"),
        "none_limit_amount": _("这张卡本期的金额已经在这里用完。"),
        "none_no_effect": _("按这笔金额算下来没有优惠。"),
    }


def _undoing() -> dict[str, str]:
    return {
        "undone": _("已撤销"),
        "not_undone": _("没有撤销"),
        "undone_why": _("这笔优惠已退回，会员下次还能用。"),
        "undone_nothing": _("这笔没有核销过，不需要退。"),
        "undone_later": _("联网后自动撤销这笔，会员下次还能用。"),
        "undo_question": _("原价 {amount} 元的这一笔会整笔撤销，请按原价重新收款。只有当天能撤销。"),
        "refunded": _("已退款"),
        "not_refunded": _("没有退款"),
        "give_back": _("退给会员"),
        "refunded_why": _("优惠退回 {amount} 元。"),
        "use_returned": _("这次的名额还给会员，下次还能用。"),
        "refund_of": _("原价 {amount} 元，当时优惠 {off} 元。"),
        "refund_before": _("其中 {off} 元已经退回。"),
        "refund_whole": _("整笔退"),
        "refund_rest": _("剩下的全部退"),
        "refund_back": _("要退给会员 {amount} 元"),
        "refund_line": _("第 {number} 行，优惠 {off} 元"),
        "refund_amount_wrong": _("请输入退回商品的原价，不超过 {most} 元。"),
        "refund_amount_nothing": _("这些商品没有分到优惠：直接退给会员 {amount} 元，不用在这里办。"),
        "refund_amount_beyond": _(
            "这些商品的优惠是 {asked} 元，这笔只剩 {left} 元没有退回。请核对金额，或选“剩下的全部退”。"
        ),
    }


def _lists() -> dict[str, str]:
    return {
        "row_amounts": _("原价 {amount}，优惠 {off}"),
        "row_refused": _("原价 {amount}，没有优惠"),
        "row_charge": _("收 {amount}"),
        "row_back": _("已退回优惠 {amount}"),
        "returned_earlier": _("另外今天退了以前的 {count} 笔，退给会员 {amount} 元。"),
        "payable_estimated": _("实收是估算的：有部分退款不是这台收银台按商品价格退的，以实际退给会员的钱为准。"),
        "today_none": _("今天还没有核销。扫第一个会员码，就会记在这里。"),
        "today_offline": _("没有网络：只有这台设备知道的记录，联网后补全。"),
        "settle_daily": _("每天结算：下次 {month}月{day}日 {weekday}"),
        "settle_weekly": _("每周结算：下次 {month}月{day}日 {weekday}"),
        "settle_monthly": _("每月结算：下次 {month}月{day}日 {weekday}"),
        "find_empty": _("请输入小票号。"),
        "find_none": _("没有这个小票号的核销，请核对。"),
        "find_offline": _("没有网络，联网后再查。"),
        "record_waiting": _("待上传"),
        "record_undoing": _("待撤销"),
        "record_undone": _("已撤销"),
        "record_not_undone": _("没有撤销"),
        "record_stuck": _("没有收下，请联系工会"),
        "record_captured": _("已核销"),
        "record_captured_with_exception": _("已核销，由工会承担"),
        "record_refused_advice": _("工会不承担"),
        "record_duplicate": _("已上传过"),
        "record_replayed": _("这个码已经用过"),
        "record_held_for_review": _("等待工会核对"),
    }


def _camera() -> dict[str, str]:
    return {
        "needs_network": _("没有网络，联网后再换语言。"),
        "camera_aim": _("把会员码放进画面里"),
        "camera_other": _("这不是会员码，请会员打开动态码"),
        "camera_none": _("没有找到摄像头。可以用扫码枪，或粘贴动态码。"),
        "camera_denied": _("没有摄像头权限。请在浏览器设置里允许本页使用摄像头。"),
        "camera_busy": _("摄像头被别的程序占用，请关掉它再试。"),
    }
