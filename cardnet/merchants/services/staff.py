"""Managers and cashiers of a merchant: ordinary accounts whose scope is the merchant and nothing else.

The scope is a path value like a union's, `/YJ/~0199…/`: below the district, so that its administrators look after these
accounts as after all others, and above no union, so that nothing of the unions is ever in it.
"""

import re
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, Principal, Role
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed
from cardnet.kernel.world import World
from cardnet.merchants.rules import MerchantState
from cardnet.merchants.services.partners import MerchantView, merchant_of_id

_SCOPE = re.compile(r"/(?:[^/]+/)*~(?P<merchant>[0-9a-f-]{36})/")
MOST_STAFF = 200
"""Of one merchant, people who may sign in or once could."""


@dataclass(frozen=True)
class InviteStaff:
    """The union invites a merchant's first manager; a manager invites other managers and cashiers."""

    merchant_id: uuid.UUID
    username: str
    display_name: str
    role: Role
    by: Principal


def merchant_of(session: Session, principal: Principal) -> MerchantView:
    """The merchant somebody works for. Raises NotAllowed("merchant_missing") for everybody else."""
    merchant_id = merchant_id_of(principal)
    if merchant_id is None:
        raise NotAllowed("merchant_missing", "这个账号没有对应的商户，请联系区总工会援助服务中心。")
    return merchant_of_id(session, merchant_id)


def merchant_id_of(principal: Principal) -> uuid.UUID | None:
    """The merchant of an account's scope, None when it works for the union."""
    found = _SCOPE.fullmatch(principal.scope_path)
    try:
        return uuid.UUID(found["merchant"]) if found and principal.has(*MERCHANT_ROLES) else None
    except ValueError:
        return None


def scope_of(merchant_id: uuid.UUID, by: Principal) -> str:
    """The scope of a merchant's accounts, as seen from an officer's district or from the merchant itself."""
    if merchant_id_of(by) == merchant_id:
        return by.scope_path
    return f"/{by.scope_path.split('/')[1]}/~{merchant_id}/"


def invite_staff(session: Session, world: World, command: InviteStaff) -> access.Invitation:
    """Make the account and its link, shown once.

    Raises NotFound("merchant_unknown"), InvalidInput("role_invalid", "name_missing" and as `access.invite` does),
    Conflict("merchant_state", "too_many_staff").
    """
    merchant = merchant_of_id(session, command.merchant_id)
    if merchant.state is MerchantState.ENDED:
        raise Conflict("merchant_state", "合作已终止，不能再邀请人员。")
    if command.role not in MERCHANT_ROLES:
        raise InvalidInput("role_invalid", "请选择商户管理员或收银员。")
    name = command.display_name.strip()
    if not 1 <= len(name) <= 50:
        raise InvalidInput("name_missing", "请填写姓名，最长 50 个字。")
    if len(staff_of(session, merchant.id, command.by)) >= MOST_STAFF:
        raise Conflict("too_many_staff", f"一家商户最多 {MOST_STAFF} 个账号，请联系区总工会援助服务中心。")
    scope = scope_of(merchant.id, command.by)
    invited = access.Invite(command.username, name, frozenset({command.role}), command.by.union_id, scope, command.by)
    return access.invite(session, world, invited)


def staff_of(session: Session, merchant_id: uuid.UUID, by: Principal) -> list[access.AccountLine]:
    """Who may sign in for a merchant, or once could."""
    lines, _ = access.accounts_under(session, access.AccountQuery(scope_of(merchant_id, by)), MOST_STAFF, 0)
    return lines


def staff_line(session: Session, merchant_id: uuid.UUID, account_id: uuid.UUID, by: Principal) -> access.AccountLine:
    """One account of a merchant. Raises NotFound("account_unknown") for any other."""
    return access.account_line(session, account_id, scope_of(merchant_id, by))
