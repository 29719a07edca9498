"""Advices: what a till did without a network, told afterwards. Nothing is turned away; each record is answered."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from cardnet.benefits import reasons
from cardnet.benefits import services as benefits
from cardnet.credential.device import challenge_nonce
from cardnet.credential.store import trust_pack
from cardnet.credential.verify import VerifyContext, Window, verify
from cardnet.http.wire import moment
from cardnet.kernel.world import World
from cardnet.merchant_api import answers, examples, rules, schemas
from cardnet.merchant_api.routes.blueprint import Call, serves
from cardnet.merchant_api.routes.edge import answer_once, json_answer
from cardnet.merchant_api.routes.redemptions import purchase_of
from cardnet.merchant_api.rules import Answer
from cardnet.merchant_api.signatures import kept_of, record_bytes, record_is_signed
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import KeyView, keys_of

_ADVICES = schemas.AdvicesRequest()


@serves(
    Call(
        "POST",
        "/advices",
        "Report what was done offline",
        {200: schemas.AdvicesAnswer},
        body=schemas.AdvicesRequest,
        example=examples.ADVISE,
        tag="offline",
        problems=("busy", "day_closing"),
        takes_key=True,
        notes=f"Each record is answered for itself and kept whatever the answer is. Send at most {schemas.MOST_RECORDS} "
        "at a time, in the order of `terminal_seq`, each call with its own key; what is answered `duplicate` had arrived "
        "before. After `busy` nothing of the call is kept: send it again with the same key.",
    )
)
def advise() -> Response:
    """POST /advices."""
    return answer_once(rules.ADVISE, _ADVICES, _advise)


def _advise(session: Session, world: World, venue: Venue, body: dict[str, Any]) -> Callable[[], Answer]:
    def act() -> Answer:
        benefits.one_at_a_time(session, venue)
        at = world.now()
        keys = keys_of(session, venue.terminal_id)
        off = body["sent_at"] - at if body["sent_at"] else timedelta(0)
        policy = trust_pack(session, at).policy
        results = []
        for record in body["records"]:
            command = _command(session, world, venue, keys, record, off)
            if command.signed:
                benefits.note_broken_chain(session, world, command)
            results.append(_told(benefits.advise(session, world, command, policy), world))
        gaps = benefits.note_gaps(session, world, venue, [record["terminal_seq"] for record in body["records"]])
        missing = [{"first_seq": first, "last_seq": last} for first, last in gaps]
        return json_answer(200, {"results": results, "missing": missing, "server_time": moment(at)})

    return act


def _command(
    session: Session, world: World, venue: Venue, keys: Sequence[KeyView], record: dict[str, Any], off: timedelta
) -> benefits.Advise:
    message = record_bytes(venue.merchant_code, venue.terminal_code, record["sent"])
    then = record["occurred_at"]
    challenge = challenge_nonce(record["challenge"]) if record["challenge"] else None
    context = VerifyContext(frozenset((venue.merchant_code, venue.terminal_code)), challenge, Window.OFFLINE)
    clock_off = max(off, timedelta(seconds=record["clock_offset_seconds"]), key=abs)
    return benefits.Advise(
        venue=venue,
        terminal_seq=record["terminal_seq"],
        occurred_at=then,
        merchant_ref=record["merchant_ref"],
        code_text=record["code"],
        code=verify(record["code"], trust_pack(session, world.now()), None, then, context),
        purchase=purchase_of(record["purchase"]),
        record=kept_of(record["sent"]),
        digest=hashlib.sha256(message).digest(),
        signed=_is_signed(keys, record, message),
        given_fen=record["decision"]["benefit_fen"] if record["decision"] else None,
        follows=record["prev_hash"],
        list_issued_at=record["list_issued_at"],
        synced_at=record["synced_at"],
        clock_off=clock_off,
        id_last4=record["id_last4"],
    )


def _is_signed(keys: Sequence[KeyView], record: dict[str, Any], message: bytes) -> bool:
    """Whether a record is the terminal's own word, by a key that counted when it happened.

    A terminal that has no key cannot sign: then its token has to do.
    """
    if not keys:
        return True
    counted = [key for key in keys if key.ends_at is None or record["occurred_at"] < key.ends_at]
    if record["key_id"] is not None:
        counted = [key for key in counted if key.key_id == record["key_id"]]
    signature = record["signature"] or b""
    return any(record_is_signed(key.algorithm, key.public_key, message, signature) for key in counted)


def _told(advised: benefits.Advised, world: World) -> dict[str, Any]:
    made = advised.redemption
    said: dict[str, Any] = {
        "terminal_seq": advised.terminal_seq,
        "merchant_ref": advised.merchant_ref,
        "outcome": advised.outcome.value,
        "code": advised.code,
        "message": _words(advised.code),
        "late_for": advised.late_for and advised.late_for.isoformat(),
        "redemption": answers.redemption(made, world.now()) if made and not made.refused else None,
    }
    if advised.first_redemption_id:
        said["first_redemption_id"] = str(advised.first_redemption_id)
    if made and made.refused:
        said["reasons"] = answers.reasons(made.reasons)
    return said


def _words(code: str | None) -> str | None:
    return None if code is None else _WORDS.get(code) or reasons.words(code)


_WORDS = {
    "duplicate_merchant_reference": "这个商户单号已经上传过，不会重复核销。",
    "signature_invalid": "这条记录的终端签名不正确，请核对终端密钥。",
    "clock_error": "收银设备的时间与服务器相差超过两分钟，或记录里的时间前后不符，等待工会核对。",
    "late_submission": "这条记录已超过 72 小时，等待工会核对。",
    "online_required": "超过了终端离线可用的限额，这笔优惠由商户承担。",
    "limit_exceeded": "这张卡当天离线使用次数已满，这笔优惠由商户承担。",
    "limit_trimmed": "终端给出的优惠多于应享金额，差额等待处理。",
}
