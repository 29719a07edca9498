"""Which roles an account of a union may hold."""

from collections.abc import Iterable

from cardnet.access.rules import Role
from cardnet.kernel.errors import InvalidInput
from cardnet.membership.rules import TIER_NAMES, UnionNode, tier_of_role


def refuse_foreign_roles(union: UnionNode, roles: Iterable[Role]) -> None:
    """Raises InvalidInput("role_of_other_tier") for a role that belongs to another tier than the union's."""
    strangers = [role for role in sorted(roles) if tier_of_role(role) is not union.tier]
    if strangers:
        tier = TIER_NAMES[tier_of_role(strangers[0])]
        raise InvalidInput("role_of_other_tier", f"“{union.name}”不是{tier}，不能设{tier}的角色：请换一个工会或角色。")
