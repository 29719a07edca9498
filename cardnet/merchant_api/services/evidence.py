"""An offline record for whoever has to prove it elsewhere (`merchant_api.evidence`)."""

from datetime import datetime

from sqlalchemy.orm import Session

from cardnet.benefits.services import record_as_sent
from cardnet.credential.store import packs_about
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.merchant_api.evidence import document_of
from cardnet.merchant_api.services.certificates import certificate_of
from cardnet.merchants.services import merchant_of_code, venue_of_terminal


def offline_evidence(session: Session, world: World, merchant_code: str, merchant_ref: str) -> str:
    """The file of the record a merchant sent under this number.

    Raises NotFound("merchant_unknown", "advice_unknown"), Conflict("record_unsigned") where its terminal had no key.
    """
    sent = record_as_sent(session, merchant_of_code(session, merchant_code).id, merchant_ref)
    venue = venue_of_terminal(session, sent.terminal_id)
    certificate = certificate_of(session, world, venue, sent.record.get("key_id"))
    packs = packs_about(session, datetime.fromisoformat(sent.record["occurred_at"]))
    if certificate is None or not packs:
        message = "这条记录没有写明终端的签名密钥，或还没有信任包，不能单独证明；请以系统里的记录为准。"
        raise Conflict("record_unsigned", message)
    names = venue.merchant_code, venue.terminal_code
    return document_of(names, sent.record, sent.received_at, certificate, packs)
