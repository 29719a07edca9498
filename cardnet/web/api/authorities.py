"""Decisions (决策依据) with their originals, and the programs and pools that rest on them."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.benefits import services as benefits
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import NotFound
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF
from cardnet.web.api.schemas import authorities as wire
from cardnet.web.auth import OFFICERS

SCANS = (PDF, "image/png", "image/jpeg")


@serves(Call("GET", "/authorities", "What programs and pools rest on", {200: wire.AllFounded},
             roles=benefits.DECISION_READERS, tag="programs",
             notes="Programs, then pools, of your union and those below it, each with its decisions, the newest first."))  # fmt: skip
def list_founded(asked: Asked) -> dict[str, Any]:
    """GET /authorities."""
    return {"items": benefits.all_founded(asked.session, asked.officer)}


@serves(
    Call(
        "POST", "/authorities", "Record a decision with its scanned original", {201: wire.Authority},
        query=wire.OriginalQuery, takes_file=SCANS, roles=benefits.ATTACHERS, tag="programs",
        takes_key=True, notes="The body is the file: a PDF, PNG or JPEG by what it holds, whatever it is called. It is kept for ever; "
        "a request for places rests on one you recorded; a program or a pool also on one you may see.",
    )
)  # fmt: skip
def record_authority(asked: Asked) -> issuance.AuthorityView:
    """POST /authorities."""
    command = issuance.NewAuthority(**asked.query, original=asked.file)
    made = issuance.record_authority(asked.session, asked.world, asked.officer, command)
    return issuance.authority_of(asked.session, made)


@serves(Call("GET", "/authorities/{id}/original", "The attached document of a decision",
             {200: "application/octet-stream"}, parameters={"id": "uuid"},
             roles=tuple(dict.fromkeys((*OFFICERS, *benefits.DECISION_READERS))), tag="programs"))  # fmt: skip
def authority_original(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002 - the contract's own name
    """GET /authorities/{id}/original."""
    if not benefits.may_see_authority(asked.session, asked.officer, id):
        raise NotFound("authority_unknown", "没有这份决策依据。")
    original = issuance.original_of(asked.session, id)
    return File(original.content, "application/octet-stream", original.filename)


def _attaches(kind: benefits.SubjectKind) -> Callable[[Asked, str], benefits.Founded]:
    def attach(asked: Asked, code: str) -> benefits.Founded:
        decision = asked.body["authority_id"] or issuance.NewAuthority(**asked.body["authority"])
        command = benefits.AttachAuthority(kind, code, decision, asked.officer)
        return benefits.attach_authority(asked.session, asked.world, command)

    attach.__name__ = f"attach_authority_to_{kind}"
    call = Call(
        "POST", f"/{kind}s/{{code}}/authorities", f"Put on record what a {kind} rests on", {201: wire.Founded},
        body=wire.AttachRequest, parameters={"code": "string"}, roles=benefits.ATTACHERS, tag="programs",
        takes_key=True,
        example={"authority": {"document": "云工〔2026〕18号", "meeting": "常委会", "decided_on": "2026-03-02",
                               "budget_item": "职工服务支出"}},
        notes="The decision: in `authority`, or with its original by `POST /authorities` and then `authority_id`; one "
        "decision may found several programs and pools.",
    )  # fmt: skip
    return serves(call)(attach)


attach_to_program = _attaches(benefits.SubjectKind.PROGRAM)
attach_to_pool = _attaches(benefits.SubjectKind.POOL)
