"""A unit as an officer names it in a form: by code or by its full name, within the own scope."""

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.errors import NotFound
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
