"""Which roles an account of a union may hold, and that an account of a union that is no more holds none."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, Role
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import World
from cardnet.membership.rules import TIER_NAMES, UnionNode, tier_of_role
from cardnet.membership.services.unions import must_be_open_union, unions_held


def refuse_foreign_roles(union: UnionNode, roles: Collection[Role]) -> None:
    """Raises InvalidInput("role_of_other_tier") for a role of another tier than the union's, Conflict("union_closed")."""
    must_be_open_union(union)
    if any(role in MERCHANT_ROLES for role in roles):
        raise InvalidInput("role_of_other_tier", "商户的账号不属于工会：请在商户页面邀请商户管理员和收银员。")
    strangers = [role for role in sorted(roles) if tier_of_role(role) is not union.tier]
    if strangers:
        tier = TIER_NAMES[tier_of_role(strangers[0])]
        raise InvalidInput("role_of_other_tier", f"“{union.name}”不是{tier}，不能设{tier}的角色：请换一个工会或角色。")


def open_account(session: Session, world: World, command: access.SwitchAccount) -> None:
    """A closed account signs in again as it did, while its union is there (`access.open_account`).

    Raises NotFound("account_unknown"), Conflict("union_closed"): give it another union first.
    """
    line = access.account_line(session, command.account_id, command.by.scope_path)
    unions_held(session, [line.union_id])
    access.open_account(session, world, command)
