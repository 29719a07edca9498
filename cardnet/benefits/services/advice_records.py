"""A record as its terminal sent it, for who has to prove it elsewhere."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cardnet.benefits.services.advices import advice_of_ref
from cardnet.kernel.errors import NotFound


@dataclass(frozen=True)
class RecordAsSent:
    """What was sent, by which terminal, and when it came."""

    terminal_id: uuid.UUID
    record: Mapping[str, Any]
    received_at: datetime


def record_as_sent(session: Session, merchant_id: uuid.UUID, merchant_ref: str) -> RecordAsSent:
    """The record a merchant sent under this number of its own. Raises NotFound("advice_unknown")."""
    found = advice_of_ref(session, merchant_id, merchant_ref)
    if found is None:
        raise NotFound("advice_unknown", "这家商户没有这个单号的离线记录，请核对商户编号和单号。")
    return RecordAsSent(found.terminal_id, found.record, found.received_at)
