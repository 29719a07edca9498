"""Importing the organisation file: adds what is new, changes nothing that is there."""

import uuid
from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.orm import Session

from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import spreadsheet
from cardnet.membership.models import Union
from cardnet.membership.services.unions import unions_under
from cardnet.membership.tree import OrganisationFinding, plan_tree


@dataclass(frozen=True)
class ImportOrganisations:
    """The organisation file of a district: 工会编码, 工会名称, 层级, 上级编码, 统一社会信用代码."""

    content: bytes
    filename: str = ""
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class OrganisationsImported:
    """How many unions are new, how many were there; warnings that stopped nothing."""

    added: int
    unchanged: int
    findings: tuple[OrganisationFinding, ...]


def import_organisations(session: Session, world: World, command: ImportOrganisations) -> OrganisationsImported:
    """Add the unions of a file. All or nothing: half a tree helps nobody.

    Raises InvalidInput("organisations_invalid") with every finding of every line, or what `spreadsheet.read` raises.
    """
    table = spreadsheet.read(command.content, command.filename)
    known = {node.code: node for node in unions_under(session, "/")}
    plan = plan_tree(table, known)
    if plan.errors:
        first = plan.errors[0]
        raise InvalidInput(
            "organisations_invalid",
            f"组织机构表有 {len(plan.errors)} 处错误，没有导入。第 {first.line} 行：{first.message}",
            [FieldError(f"/{finding.line}/{finding.column}", finding.message, finding.code) for finding in plan.errors],
            {"findings": [vars(finding) for finding in plan.findings]},
        )
    ids = {code: node.id for code, node in known.items()}
    today = day_of(world.now())
    rows = []
    for union in plan.new:
        ids[union.code] = world.new_id()
        rows.append(
            {
                "id": ids[union.code],
                "code": union.code,
                "name": union.name,
                "tier": union.tier,
                "parent_id": ids[union.parent_code] if union.parent_code else None,
                "path": union.path,
                "credit_code": union.credit_code,
                "from_": today,
            }
        )
    if rows:
        session.execute(insert(Union), rows)
        counts = {"added": len(rows), "unchanged": plan.unchanged}
        root = plan.new[0].path.split("/")[1]
        session.flush()
        audit.record(session, world, audit.Act("organisations.import", "union", root, command.actor_id, after=counts))
    return OrganisationsImported(len(rows), plan.unchanged, plan.findings)
