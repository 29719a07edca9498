"""Which unions of the tree stand for a piece of the map, and what that piece is called. Pure."""

import re

from cardnet.membership.rules import Tier, UnionNode

_UNION_ENDS = re.compile(r"(总工会|联合工会|工会联合会|工会委员会|工会)$")
_OFFICE_ENDS = re.compile(r"(局|委|委员会|办公室|系统|机关|公司|集团|医院|学校|大学)$")


def area_of(union_name: str) -> str:
    """The place a union is named after: 永泽街道总工会 stands for 永泽街道."""
    return _UNION_ENDS.sub("", union_name) or union_name


def is_township(union: UnionNode) -> bool:
    """Whether shops can be in it: 永泽街道总工会 yes, 教育局工会, whose people work all over the district, no."""
    return union.tier is Tier.TOWNSHIP and not _OFFICE_ENDS.search(area_of(union.name))
