"""What union and merchant do with terminals, in one place: set up, pair, print, suspend, revoke. Each edge adds its guard."""

import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.grouping import in_groups
from cardnet.merchants import services as merchants
from cardnet.merchants.partnership import hours_sentence
from cardnet.merchants.rules import PAIRING_LIFE, TerminalState
from cardnet.web.language import gettext
from cardnet.web.merchant_plaque import SIZES, Plaque, plaque
from cardnet.web.offline import help_phone
from cardnet.web.squares import qr_svg
from cardnet.wiring import current_world

TERMINAL_FIELDS = {
    "code_invalid": "code", "terminal_code_taken": "code", "name_invalid": "name", "store_unknown": "store",
    "store_closed": "store", "reason_missing": "reason",
}  # fmt: skip
_ONCE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_STATES = {"suspend": TerminalState.SUSPENDED, "resume": TerminalState.ACTIVE, "retire": TerminalState.RETIRED}


@dataclass(frozen=True)
class Back:
    """Where the pages of this edge are: the endpoint of its list and what that needs in its address."""

    endpoint: str
    values: Mapping[str, Any]

    @property
    def url(self) -> str:
        """The address of the list."""
        return url_for(self.endpoint, **self.values)


def add(session: Session, principal: Principal, merchant_id: uuid.UUID) -> uuid.UUID:
    """The terminal of the form, in a store of this merchant."""
    form = request.form
    stores = {str(store.id): store for store in merchants.stores_of(session, merchant_id)}
    store = stores.get(form.get("store", ""))
    if store is None:
        raise InvalidInput("store_unknown", gettext("请选择终端放在哪家门店。"))
    command = merchants.AddTerminal(store.id, form.get("code", "").strip(), form.get("name", ""), principal.account_id)
    return merchants.add_terminal(session, current_world(), command)


def act(
    session: Session, principal: Principal, line: merchants.FleetLine, verb: str, *, by_merchant: bool = False
) -> str:
    """Suspend, resume, retire or revoke; returns what to say. The union says why it stops a terminal.

    Raises InvalidInput("act_unknown", "reason_missing").
    """
    world, reason = current_world(), request.form.get("reason", "").strip()[:200]
    if not reason and not by_merchant and verb in ("suspend", "retire", "revoke"):
        raise InvalidInput("reason_missing", gettext("请写明原因，会记入操作记录。"))
    if verb == "revoke":
        merchants.revoke_terminal(
            session, world, merchants.RevokeTerminal(line.id, reason or gettext("由页面吊销"), principal.account_id)
        )
        return gettext("终端 %(code)s 的终端令牌和签名密钥已全部吊销，一分钟内失效；要再用请重新配对。", code=line.code)
    if verb not in _STATES:
        raise InvalidInput("act_unknown", gettext("请从终端页面选择要办理的事项。"))
    state = _STATES[verb]
    command = merchants.SetTerminalState(line.id, state, reason or str(state), principal.account_id, by_merchant)
    merchants.set_terminal_state(session, world, command)
    if state is TerminalState.RETIRED:
        merchants.revoke_terminal(
            session, world, merchants.RevokeTerminal(line.id, reason or str(state), principal.account_id)
        )
    said = {
        "suspend": gettext("终端 %(code)s 已停用，一分钟内停止核销。", code=line.code),
        "resume": gettext("终端 %(code)s 已恢复。", code=line.code),
        "retire": gettext("终端 %(code)s 已报废，不能再启用。", code=line.code),
    }
    return said[verb]


def pairing_page(line: merchants.FleetLine, code: str, back: Back) -> ResponseReturnValue:
    """The code, shown this once: on the page with its square, or as a slip to take to the till."""
    address = url_for("till.page", _external=True) + f"#pair={code}"
    until = current_world().now() + PAIRING_LIFE
    size = request.form.get("size", "")
    if size in SIZES:
        slip = Plaque(
            "终端配对单", line.merchant_name, f"{line.store_name} {line.code}", address,
            (
                "在收银的手机或电脑上扫这个码，或打开收银台页面",
                "核对配对码，点“开始使用”",
                "配对成功后请销毁这张纸",
            ),
            f"{local(until):%Y-%m-%d %H:%M} 前有效，只能用一次，输错五次作废",
            in_groups(code, 5),
        )  # fmt: skip
        return pdf(plaque(slip, size), f"{line.merchant_code}-{line.code}-配对单.pdf")
    page = render_template(
        "merchant/pairing.html",
        line=line,
        code=in_groups(code, 5),
        until=until,
        square=qr_svg(address, gettext("配对二维码")),
        till=url_for("till.page", _external=True),
        back=back,
    )
    return page, 200, _ONCE


def member_plaque(one: merchants.MerchantView, store: merchants.StoreView | None, size: str) -> ResponseReturnValue:
    """The plaque beside the till that tells members how to use their card here."""
    wallet = url_for("wallet.page", _external=True)
    what = Plaque(
        "工会会员服务卡 欢迎使用", one.name, store.name if store else "", wallet,
        (
            "扫码打开“会员服务卡”，第一次用请先激活",
            "付款前向收银员出示动态码；实体卡请报证件后四位",
            "按收银员报的数付款，优惠和补贴当场减",
        ),
        " · ".join(
            part
            for part in (
                f"营业时间 {hours_sentence(store.hours)}" if store and store.hours else "",
                f"有疑问请拨 {help_phone()}",
            )
            if part
        ),
    )  # fmt: skip
    size = size if size in SIZES else "a5"
    return pdf(plaque(what, size), f"{one.code}{'-' + store.code if store else ''}-台牌.pdf")


def pdf(content: bytes, name: str) -> ResponseReturnValue:
    """A PDF to keep; no cache holds it, as it may show a code."""
    answer = send_file(io.BytesIO(content), mimetype="application/pdf", as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
