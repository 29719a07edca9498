"""What other packages may ask of membership: unions, people, answers, organisation, register and roster files."""

from cardnet.membership.result_workbook import kept_rows_workbook, result_workbook
from cardnet.membership.services.organisations import (
    ImportOrganisations,
    OrganisationsImported,
    import_organisations,
)
from cardnet.membership.services.people import (
    key_of,
    known_members,
    member_answers,
    member_counts,
    member_facts,
    members_under,
    names,
    people,
    people_named,
    people_of_document,
    people_with_tags,
    person_of_id,
)
from cardnet.membership.services.register import (
    ImportRegister,
    RegisterImported,
    import_register,
    known_in_sheet,
    unit_codes,
)
from cardnet.membership.services.roles import refuse_foreign_roles
from cardnet.membership.services.saving import save_people
from cardnet.membership.services.transfers import (
    ProposeTransfers,
    TransferLine,
    open_transfers,
    propose_transfers,
    transfers_of,
)
from cardnet.membership.services.unions import (
    route_of,
    union_of_code,
    union_of_id,
    unions_of_codes,
    unions_of_ids,
    unions_under,
)

__all__ = [
    "ImportOrganisations",
    "ImportRegister",
    "OrganisationsImported",
    "ProposeTransfers",
    "RegisterImported",
    "TransferLine",
    "import_organisations",
    "import_register",
    "kept_rows_workbook",
    "key_of",
    "known_in_sheet",
    "known_members",
    "member_answers",
    "member_counts",
    "member_facts",
    "members_under",
    "names",
    "open_transfers",
    "people",
    "people_named",
    "people_of_document",
    "people_with_tags",
    "person_of_id",
    "propose_transfers",
    "refuse_foreign_roles",
    "result_workbook",
    "route_of",
    "save_people",
    "transfers_of",
    "union_of_code",
    "union_of_id",
    "unions_of_codes",
    "unions_of_ids",
    "unions_under",
    "unit_codes",
]
