"""Advices: what a till did without a network, told afterwards. Nothing is turned away; each record is answered."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from cardnet.benefits import reasons
from cardnet.benefits import services as benefits
from cardnet.benefits.reasons_english import words_in_english
from cardnet.benefits.words import AdviceOutcome
from cardnet.credential.device import asked_nonce
from cardnet.credential.keys import KeyState
from cardnet.credential.pack import TrustPack
from cardnet.credential.store import policy_as_of, trust_pack, trust_pack_as_of
from cardnet.credential.verify import Accepted, VerifyContext, Window, verify
from cardnet.http.speech import ENGLISH, asked_language
from cardnet.http.wire import moment
from cardnet.kernel.world import World
from cardnet.merchant_api import answers, examples, rules, schemas
from cardnet.merchant_api.english import ADVICE_WORDS
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
        off = body["sent_at"] - at if body["sent_at"] else None
        results = []
        for record in body["records"]:
            command = _command(session, world, venue, keys, record, off)
            command = replace(command, clock_shown=body["sent_at"] is not None)
            if command.signed:
                benefits.note_broken_chain(session, world, command)
            policy = policy_as_of(session, record["occurred_at"])
            results.append(_told(benefits.advise(session, world, command, policy), world))
        gaps = benefits.note_gaps(session, world, venue, [record["terminal_seq"] for record in body["records"]])
        missing = [{"first_seq": first, "last_seq": last} for first, last in gaps]
        return json_answer(200, {"results": results, "missing": missing, "server_time": moment(at)})

    return act


def _command(
    session: Session, world: World, venue: Venue, keys: Sequence[KeyView], record: dict[str, Any], off: timedelta | None
) -> benefits.Advise:
    message = record_bytes(venue.merchant_code, venue.terminal_code, record["sent"])
    then = record["occurred_at"]
    merchant, terminal, amount_fen = venue.merchant_code, venue.terminal_code, record["purchase"]["amount_fen"]
    asked = asked_nonce(merchant, terminal, amount_fen, record["challenge"], record["bound_nonce"])
    context = VerifyContext(frozenset((merchant, terminal)), asked, Window.OFFLINE)
    # As of the sale: a key that was revoked later still counted, for the till and for us.
    code = verify(record["code"], trust_pack_as_of(session, world.now(), then), None, then, context)
    said = timedelta(seconds=record["clock_offset_seconds"])
    # What the till says its device was off, and has taken off its times, must be what we see when it sends.
    clock_off = said if off is None else off - said
    return benefits.Advise(
        venue=venue,
        terminal_seq=record["terminal_seq"],
        occurred_at=then,
        merchant_ref=record["merchant_ref"],
        code_text=record["code"],
        code=code,
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
        bound=record["bound_nonce"] is not None,
        has_key=bool(keys),
        key_withdrawn=isinstance(code, Accepted) and not _counts(trust_pack(session, world.now()), code.kid),
    )


def _counts(pack: TrustPack, kid: bytes) -> bool:
    return kid in pack.keys and pack.keys[kid].state is KeyState.ACTIVE


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
        "message": _words(advised.outcome, advised.code),
        "late_for": advised.late_for and advised.late_for.isoformat(),
        "redemption": answers.redemption(made, world.now()) if made and not made.refused else None,
    }
    if advised.first_redemption_id:
        said["first_redemption_id"] = str(advised.first_redemption_id)
    if advised.first:
        outcome, code = advised.first
        said["first"] = {"outcome": outcome.value, "code": code, "message": _words(outcome, code)}
    if made and made.refused:
        said["reasons"] = answers.reasons(made.reasons)
    return said


def _words(outcome: AdviceOutcome, code: str | None) -> str | None:
    if code is None:
        return None
    english = asked_language() == ENGLISH
    told = ADVICE_WORDS if english else _WORDS
    if code in told and (outcome is AdviceOutcome.HELD_FOR_REVIEW or code not in _WAITS):
        return told[code]
    return words_in_english(code) if english else reasons.words(code)


_WAITS = frozenset({"clock_error", "revoked_key", "late_submission", "evidence_missing"})
"""What a person of the union looks at; where the same code refuses a record, nobody does."""
_WORDS = {
    "duplicate_merchant_reference": "这个商户单号已经上传过，不会重复核销。",
    "signature_invalid": "这条记录的终端签名不正确，请核对签名密钥。",
    "clock_error": "收银设备的时间与服务器相差超过两分钟，或记录里的时间前后不符，等待工会核对。",
    "revoked_key": "签发这个码的密钥已经停用，等待工会核对。",
    "evidence_missing": "这张卡在所写时间之后停用，而记录里既没有 list_issued_at 也没有 sent_at，等待工会核对。",
    "withdrawn": "收银台已经撤销这笔，不再核销。",
    "invalid_fields": "这条记录的购买内容不能成立，例如服务日期晚于办理当天。",
    "late_submission": "这条记录已超过 72 小时，等待工会核对。",
    "online_required": "超过了终端离线可用的限额，这笔优惠由商户承担。",
    "limit_exceeded": "这张卡当天离线使用次数已满，这笔优惠由商户承担。",
    "limit_trimmed": "终端给出的优惠多于应享金额，差额等待处理。",
}
