"""A union as an officer names it in a form: by code or by its full name, within the own scope."""

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.errors import FieldError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.language import gettext


def unit_typed(session: Session, principal: Principal, typed: str) -> UnionNode | None:
    """The unit; None when nothing was typed. Raises NotFound("unit_unknown"), also for one outside the scope."""
    if not typed:
        return None
    units = membership.unions_under(session, principal.scope_path)
    found = next((unit for unit in units if typed in (unit.code, unit.name)), None)
    if found is None:
        raise NotFound("unit_unknown", gettext("您的管理范围内没有这个工会，请输入编码或全称，或从提示中选择。"))
    return found


def code_typed(session: Session, principal: Principal, typed: str, field: str) -> str:
    """The code of the union a form names in `field`: by code, full name, or `code name` as a list shows it.

    A code of a union outside the scope is left to whoever decides about it. Raises InvalidInput("unit_unknown"), for a
    name no union or several of the scope have.
    """
    if not typed:
        return ""
    # A sheet pastes the code before the name; a name itself may have a space.
    first = typed.split(maxsplit=1)[0]
    units = membership.unions_under(session, principal.scope_path)
    by_code = {unit.code: unit.code for unit in units} | {unit.code.upper(): unit.code for unit in units}
    named = [unit.code for unit in units if unit.name == typed]
    if code := by_code.get(typed) or by_code.get(typed.upper()):
        return code
    if len(named) == 1:
        return named[0]
    if len(named) > 1:
        message = gettext("有 %(n)d 个工会都叫“%(name)s”，请输入编码，或从提示中选择。", n=len(named), name=typed)
    elif code := by_code.get(first) or by_code.get(first.upper()):
        return code
    elif membership.unions_of_codes(session, [first]):
        return first
    else:
        message = gettext("没有找到“%(name)s”，请输入工会编码或全称，或从提示中选择。", name=typed)
    raise InvalidInput("unit_unknown", message, [FieldError(f"/{field}", message)])
