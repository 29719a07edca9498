"""Staff sign in and out here; pages of staff say with `@staff_page(...)` who may open them.

@blueprint.get("/quota")
@staff_page(Role.DISTRICT_OFFICER, Role.TOWNSHIP_OFFICER)
def quota(principal: Principal) -> ResponseReturnValue: ...
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, Principal, Role, SessionKind, SignInRefusal
from cardnet.kernel import audit
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotAllowed
from cardnet.web.formats import clock
from cardnet.web.forms import safe_return, whole_id
from cardnet.web.language import gettext
from cardnet.wiring import current_world

blueprint = Blueprint("auth", __name__)

_TOKEN = "staff"  # noqa: S105 - a key of the session, not a secret
_Rest = ParamSpec("_Rest")

OFFICERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
FINANCE = (Role.FINANCE_MAKER, Role.FINANCE_CHECKER, Role.FINANCE_APPROVER, Role.CASHIER, Role.AUDITOR)

_HOMES = (
    (OFFICERS, "/console", "console"),
    (FINANCE, "/finance", "finance"),
    ((Role.CHAIR,), "/overview", "overview"),
    ((Role.ADMIN,), "/console/accounts", "console"),
    (MERCHANT_ROLES, "/merchant", "merchant"),
)


def staff_page(
    *roles: Role,
) -> Callable[[Callable[Concatenate[Principal, _Rest], ResponseReturnValue]], Callable[_Rest, ResponseReturnValue]]:
    """Let in who holds one of `roles` (any staff when none is named) and give the view its Principal first.

    Who is not signed in goes to the sign-in page and comes back afterwards; who holds none of the roles gets 403.
    """

    def guard(
        view: Callable[Concatenate[Principal, _Rest], ResponseReturnValue],
    ) -> Callable[_Rest, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: _Rest.args, **kwargs: _Rest.kwargs) -> ResponseReturnValue:
            principal = signed_in()
            if principal is None:
                return to_sign_in()
            if roles and not principal.has(*roles):
                raise NotAllowed(
                    "role_missing", gettext("您的账号没有办理这项事务的权限。如需办理，请联系本单位管理员。")
                )
            with audit.coming_from(request.remote_addr):
                return view(principal, *args, **kwargs)

        guarded.roles = frozenset(roles)  # type: ignore[attr-defined] # read by the test of every route × every role
        return guarded

    return guard


def signed_in() -> Principal | None:
    """Whose browser this is, asked of the database once a request; None when nobody signed in or the session is over."""
    if "principal" not in g:
        token = session.get(_TOKEN)
        with transaction() as work:
            found = access.session_of_token(work, current_world(), token, SessionKind.PAGE) if token else None
        g.principal = found.principal if found else None
        g.staff_session = found
    principal: Principal | None = g.principal
    return principal


def to_sign_in() -> Response:
    """Off to sign in, and back to this page afterwards when it can be opened again by its address.

    Who was signed in until a moment ago hears why they are asked, and what became of what they sent.
    """
    opens_again = request.method == "GET"
    if session.get(_TOKEN):
        _forget()
        flash(
            gettext("您的登录已结束，请重新登录。")
            if opens_again
            else gettext("您的登录已结束，刚才提交的内容没有保存。请重新登录后再提交一次。"),
            "wait",
        )
    wanted = request.full_path.rstrip("?") if opens_again else None
    return redirect(url_for("auth.sign_in", return_to=wanted), 303)


def home_of(principal: Principal) -> str:
    """Where this person's work begins."""
    for roles, path, page in _HOMES:
        if principal.has(*roles) and page in current_app.blueprints:
            return path
    return url_for("auth.account")


def _landing(principal: Principal, return_to: str) -> str:
    """Where to after signing in: back to the page they wanted, but never to a front door that is not theirs."""
    home = home_of(principal)
    wanted = safe_return(return_to, home)
    shut = any(wanted == path and not principal.has(*roles) for roles, path, _ in _HOMES)
    return home if shut else wanted


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form; who is already in goes on."""
    return_to = request.args.get("return_to", "")
    if principal := signed_in():
        return redirect(_landing(principal, return_to), 303)
    return render_template("auth/sign_in.html", username="", wrong={}, return_to=safe_return(return_to, ""))


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Check what was typed. A refusal is shown as a sentence; only the username is kept in the form."""
    given = {name: request.form.get(name, "") for name in ("username", "password", "code")}
    return_to = safe_return(request.form.get("return_to"), "")
    wrong = _missing(given)
    if not wrong:
        command = access.SignIn(given["username"], given["password"], given["code"], request.remote_addr)
        with transaction() as work:
            outcome = access.sign_in(work, current_world(), command)
        if isinstance(outcome, access.SignedIn):
            _begin(outcome)
            return redirect(_landing(outcome.principal, return_to), 303)
        wrong = {"" if outcome.reason is not SignInRefusal.WRONG else "username": _sentence(outcome)}
    page = render_template("auth/sign_in.html", username=given["username"][:64], wrong=wrong, return_to=return_to)
    return page, 422


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End this browser's session, here and in the database."""
    if token := session.get(_TOKEN):
        with transaction() as work:
            access.sign_out(work, current_world(), token)
    _forget()
    flash(gettext("您已退出登录。"), "good")
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.get("/account")
@staff_page()
def account(principal: Principal) -> ResponseReturnValue:
    """My account: where I am signed in, and my password."""
    return _account(principal, {})


@blueprint.post("/account/password")
@staff_page()
def change_password(principal: Principal) -> ResponseReturnValue:
    """Replace my password; my other sessions end."""
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    if new != again:
        return _account(principal, {"again": gettext("两次输入的新密码不一样，请重新输入。")}), 422
    command = access.ChangePassword(principal.account_id, old, new, keep_session_id=g.staff_session.session_id)
    try:
        with transaction() as work:
            access.change_password(work, current_world(), command)
    except InvalidInput as error:
        return _account(principal, {"old" if error.code == "password_wrong" else "new": error.message}), 422
    flash(gettext("密码已修改，其他设备上的登录已全部退出。"), "good")
    return redirect(url_for("auth.account"), 303)


@blueprint.post("/account/sessions/end")
@staff_page()
def end_session(principal: Principal) -> ResponseReturnValue:
    """End one of my sessions from the list."""
    with transaction() as work:
        access.end_session(work, current_world(), principal.account_id, whole_id(request.form.get("session", "")))
    flash(gettext("那台设备已退出登录。"), "good")
    return redirect(url_for("auth.account"), 303)


def _account(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as work:
        sessions = access.sessions_of(work, current_world(), principal.account_id)
    return render_template("auth/account.html", sessions=sessions, here=g.staff_session, wrong=wrong)


def _missing(given: dict[str, str]) -> dict[str, str]:
    words = {
        "username": gettext("请输入用户名。"),
        "password": gettext("请输入密码。"),
        "code": gettext("请输入动态口令：验证器上的 6 位数字。"),
    }
    return {name: words[name] for name, text in given.items() if not text.strip()}


def _sentence(refused: access.SignInRefused) -> str:
    if refused.reason is SignInRefusal.LOCKED and refused.locked_until:
        until = clock(refused.locked_until)
        return gettext("连续输错次数太多，账号已锁定。请在 %(until)s 以后再试；忘记密码请联系管理员。", until=until)
    if refused.reason is SignInRefusal.DISABLED:
        return gettext("这个账号已停用。如需恢复，请联系管理员。")
    return gettext("用户名、密码或动态口令不对，请重新输入。动态口令每 30 秒换一次，用过的不能再用。")


def _begin(entered: access.SignedIn) -> None:
    # A new session from nothing: a token somebody planted before the sign-in is worth nothing after it.
    _forget()
    session[_TOKEN] = entered.token
    if entered.must_change_password:
        flash(gettext("您正在使用初始密码，请到“我的账号”改成自己的密码。"), "wait")


def _forget() -> None:
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    g.pop("principal", None)
