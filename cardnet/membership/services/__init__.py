"""What other packages may ask of membership: unions, people, answers, organisation, register and roster files."""

from cardnet.membership.services.unions import (
    route_of,
    union_of_code,
    union_of_id,
    unions_of_codes,
    unions_of_ids,
    unions_under,
)

__all__ = [
    "route_of",
    "union_of_code",
    "union_of_id",
    "unions_of_codes",
    "unions_of_ids",
    "unions_under",
]
