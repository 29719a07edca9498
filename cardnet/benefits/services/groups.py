"""Organised health checks: which redemptions belong to one group, and who pays what the benefits leave."""

import uuid
from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import OrganisedRedemption
from cardnet.benefits.services.records import RedemptionRecord


def note_group(session: Session, record: RedemptionRecord, group_ref: str, payer: str) -> RedemptionRecord:
    """Say of a redemption made just now that it belongs to a group; a refusal belongs to none. `payer`: member, unit."""
    if record.refused:
        return record
    row = {"redemption_id": record.id, "merchant_id": record.merchant_id, "group_ref": group_ref, "payer": payer}
    session.execute(insert(OrganisedRedemption).values(**row))
    return replace(record, group_ref=group_ref, payer=payer)


def groups_of(session: Session, redemption_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, tuple[str | None, str]]:
    """Group and payer of those among these redemptions that belong to one."""
    rows = session.execute(
        select(OrganisedRedemption.redemption_id, OrganisedRedemption.group_ref, OrganisedRedemption.payer).where(
            OrganisedRedemption.redemption_id.in_(redemption_ids)
        )
    )
    return {redemption_id: (group_ref, payer) for redemption_id, group_ref, payer in rows}
