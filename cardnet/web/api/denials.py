"""“不是我”: what members say was not theirs, noted for those without a phone, held back and answered."""

import uuid
from typing import Any

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.words import DenialOutcome
from cardnet.http.calls import Call
from cardnet.kernel.errors import NotFound
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import denials as wire
from cardnet.web.api.schemas.common import NoBody, PageQuery
from cardnet.web.finance import MAKERS, READERS
from cardnet.web.finance_denials import denial_lines, hold, settle

_ID = {"id": "uuid"}


@serves(Call("GET", "/denials", "What members say was not theirs, unanswered first", {200: wire.Denials},
             query=PageQuery, roles=READERS, tag="redemptions", notes="The member's name is masked; amounts in fen."))  # fmt: skip
def list_denials(asked: Asked) -> dict[str, Any]:
    """GET /denials."""

    def read(limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        found, total = benefits.denials_page(asked.session, asked.officer.scope_path, limit, offset)
        return denial_lines(asked.session, found), total

    return asked.by_position(read)


@serves(Call("POST", "/denials", "Note for a member that a use was not theirs", {200: wire.Denial},
             body=wire.DenialRequest, roles=(Role.DISTRICT_OFFICER,), tag="redemptions",
             example={"redemption_id": "01a1fbd4-0000-7000-8000-000000000000", "words": "那天没有去过"}))  # fmt: skip
def note_denial(asked: Asked) -> dict[str, Any]:
    """POST /denials."""
    session, key = asked.session, asked.body["redemption_id"]
    used = benefits.redemption(session, key, None)
    if used.person_id is None:
        raise NotFound("not_found", "没有找到这笔核销记录，请核对编号。")
    command = benefits.DenyRedemption(used.person_id, key, asked.body["words"], asked.officer.account_id)
    return _line(asked, benefits.deny_redemption(session, asked.world, command))


@serves(Call("POST", "/denials/{id}/hold", "Keep the use out of settlement", {200: wire.Denial}, body=NoBody,
             parameters=_ID, roles=MAKERS, tag="redemptions", example={}))  # fmt: skip
def hold_denied(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """POST /denials/{id}/hold."""
    hold(asked.session, asked.world, id, asked.officer)
    return _line(asked, id)


@serves(Call("POST", "/denials/{id}/settle", "Say what was found; the member reads it", {200: wire.Denial},
             body=wire.SettleDenialRequest, parameters=_ID, roles=MAKERS, tag="redemptions",
             example={"outcome": "confirmed", "answer": "已核实不是您本人，款项已追回。"}))  # fmt: skip
def settle_denial(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /denials/{id}/settle."""
    body = asked.body
    one = benefits.denial(asked.session, id, asked.officer.scope_path)
    command = benefits.SettleDenial(one.id, DenialOutcome(body["outcome"]), body["answer"], asked.officer.account_id)
    settle(asked.session, asked.world, one, command)
    return _line(asked, id)


def _line(asked: Asked, denial_id: uuid.UUID) -> dict[str, Any]:
    return denial_lines(asked.session, benefits.denials(asked.session, ids=[denial_id]))[0]
