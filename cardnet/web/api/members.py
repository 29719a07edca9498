"""Members: a person's file and everything an officer does with it."""

import uuid
from typing import Any

from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.kernel.scans import EXTENSION
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending, Relation
from cardnet.membership.rules import Answer, ConsentMethod, IdType, MembershipKind, Purpose, TagKind
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.schemas import members as wire
from cardnet.web.api.schemas.common import Count, Empty, Made, NoBody
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_SOMEBODY = "01a1fbd4-0000-7000-8000-000000000000"


def _acts(path: str, summary: str, body: Any, example: dict[str, Any], answer: Any = Empty, status: int = 200) -> Call:
    return Call(
        "POST", f"/members/{{id}}/{path}", summary, {status: answer}, body=body, parameters=_ID, roles=OFFICERS,
        tag="members", takes_key=True, example=example,
    )  # fmt: skip


@serves(
    Call(
        "POST", "/members/find", "Find people of your scope", {200: wire.People}, body=wire.FindMembersRequest,
        roles=OFFICERS, tag="members", example={"asked": "周桂林"}, notes="Changes nothing.",
    )
)  # fmt: skip
def find_members(asked: Asked) -> dict[str, Any]:
    """POST /members/find."""
    return {"items": membership.find_people(asked.session, asked.officer, asked.body["asked"].strip())}


@serves(Call("GET", "/members/{id}", "The file of a person; that you opened it is recorded", {200: wire.MemberFile},
             parameters=_ID, roles=OFFICERS, tag="members"))  # fmt: skip
def show_member(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /members/{id}."""
    session = asked.session
    file = membership.open_file(session, asked.world, asked.officer, id)
    return {
        **vars(file),
        "cards": [card for one in file.ids for card in issuance.cards_of_person(session, one)],
        "applications": issuance.applications_of_people(session, file.ids),
        "tags": [tag for one in file.ids for tag in membership.tags_of(session, one)],
        "kin": membership.kin_of(session, id),
        "consents": membership.consents_of(session, id),
    }


@serves(_acts("standing", "Another standing in the same union", wire.StandingRequest,
              {"kind": "retired", "on": "2026-11-01"}))  # fmt: skip
def change_standing(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/standing."""
    body = asked.body
    command = membership.ChangeStanding(id, MembershipKind(body["kind"]), asked.officer, body["on"], body["words"])
    membership.change_standing(asked.session, asked.world, command)
    return {}


@serves(_acts("end", "The membership ends; with a death every card", wire.EndRequest,
              {"ending": "left", "on": "2026-11-01"}, wire.Ended))  # fmt: skip
def end_membership(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/end."""
    body = asked.body
    command = membership.EndMembership(id, Ending(body["ending"]), asked.officer, body["on"], body["words"])
    return {"cards_stopped": issuance.end_membership(asked.session, asked.world, command)}


@serves(_acts("transfer", "To another unit; card and counters go with the person", wire.TransferRequest,
              {"to_unit": "B9", "on": "2026-11-01"}, wire.Transferred))  # fmt: skip
def transfer_member(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/transfer."""
    body = asked.body
    target = membership.union_of_code(asked.session, body["to_unit"])
    command = membership.StartTransfer(id, target.id, asked.officer, body["on"], body["words"])
    return {"done": issuance.transfer_member(asked.session, asked.world, command) is not None}


@serves(_acts("document", "The right document number; card, counters and benefits stay", wire.DocumentRequest,
              {"id_type": "resident_id", "id_number": "110105194912310021", "evidence": "身份证原件，复印件存档"}))  # fmt: skip
def correct_document(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/document."""
    body = asked.body
    command = membership.CorrectDocument(
        id, IdType(body["id_type"]), body["id_number"], asked.officer, body["evidence"], _bytes(body["sha256"])
    )
    membership.correct_document(asked.session, asked.world, command)
    return {}


def _bytes(sha256: str | None) -> bytes | None:
    return bytes.fromhex(sha256) if sha256 else None


@serves(_acts("tie-card", "A card of others the member holds already; it uses no quota", wire.TieRequest,
              {"number": "6217000010001234567", "issuer": "中国建设银行", "valid_to": "2030-12-31"}, wire.HeldCard, 201))  # fmt: skip
def tie_card(asked: Asked, id: uuid.UUID) -> issuance.CardView:  # noqa: A002
    """POST /members/{id}/tie-card."""
    body = asked.body
    command = issuance.TieCard(id, asked.officer, body["number"], body["issuer"], body["valid_to"])
    return issuance.tie_card(asked.session, asked.world, command)


@serves(_acts("phone", "Another phone number", wire.PhoneRequest, {"phone": "13800000001", "verified": True}, Count))
def change_phone(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/phone: how many others had verified this number and no longer have."""
    command = membership.ChangePhone(id, asked.officer, asked.body["phone"], asked.body["verified"])
    return {"count": membership.change_phone(asked.session, asked.world, command)}


@serves(_acts("tags", "A standing that benefits may ask for", wire.TagRequest,
              {"kind": "hardship", "grade": "市级", "document": "云工〔2026〕9号"}, wire.Tag, 201))  # fmt: skip
def give_tag(asked: Asked, id: uuid.UUID) -> membership.TagView:  # noqa: A002
    """POST /members/{id}/tags."""
    body = asked.body
    command = membership.GiveTag(
        id, TagKind(body["kind"]), asked.officer, body["grade"], body["document"], body["from_on"], body["to_on"],
        _bytes(body["sha256"]),
    )  # fmt: skip
    return membership.give_tag(asked.session, asked.world, command)


@serves(Call("POST", "/tags/{id}/original", "The original of the document a tag rests on: PDF, JPEG or PNG, at most 8 MB",
             {201: wire.Tag}, takes_file=tuple(EXTENSION), parameters=_ID, roles=OFFICERS, tag="members",
             notes="Kept sealed; a newer one counts before an older one."))  # fmt: skip
def keep_tag_original(asked: Asked, id: uuid.UUID) -> membership.TagView:  # noqa: A002
    """POST /tags/{id}/original."""
    command = membership.KeepTagOriginal(id, asked.officer, asked.file)
    return membership.keep_tag_original(asked.session, asked.world, command)


@serves(Call("GET", "/tags/{id}/original", "The newest original; that you opened it is recorded",
             {200: "application/octet-stream"}, parameters=_ID, roles=OFFICERS, tag="members"))  # fmt: skip
def open_tag_original(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /tags/{id}/original."""
    original = membership.open_tag_original(asked.session, asked.world, asked.officer, id)
    return File(original.content, "application/octet-stream", original.filename)


@serves(Call("POST", "/tags/{id}/end", "It ends today", {200: wire.Tag}, body=NoBody, parameters=_ID, roles=OFFICERS,
             tag="members", example={}))  # fmt: skip
def end_tag(asked: Asked, id: uuid.UUID) -> membership.TagView:  # noqa: A002
    """POST /tags/{id}/end."""
    return membership.end_tag(asked.session, asked.world, membership.EndTag(id, asked.officer))


@serves(_acts("kin", "Somebody of the family", wire.KinRequest, {"relation": "spouse", "name": "李秀英"}, Made, 201))
def add_kin(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/kin."""
    body = asked.body
    command = membership.AddKin(id, Relation(body["relation"]), asked.officer, body["name"], body["phone"])
    return {"id": membership.add_kin(asked.session, asked.world, command)}


@serves(Call("POST", "/kin/{id}/end", "It no longer counts", {200: Empty}, body=NoBody, parameters=_ID, roles=OFFICERS,
             tag="members", example={}))  # fmt: skip
def end_kin(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /kin/{id}/end."""
    membership.end_kin(asked.session, asked.world, id, asked.officer)
    return {}


@serves(_acts("consents", "What the person answered", wire.ConsentRequest,
              {"purpose": "notices", "answer": "given", "method": "signed_form", "evidence": "同意书 1 号"}))  # fmt: skip
def record_consent(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/consents."""
    body = asked.body
    command = membership.RecordConsent(
        id,
        Purpose(body["purpose"]),
        Answer(body["answer"]),
        ConsentMethod(body["method"]),
        asked.officer,
        body["evidence"],
        body["on"],
    )
    membership.record_consent(asked.session, asked.world, command)
    return {}


@serves(_acts("consents/withdraw", "The person withdraws a consent", wire.WithdrawConsentRequest,
              {"purpose": "notices"}))  # fmt: skip
def withdraw_consent(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /members/{id}/consents/withdraw."""
    command = membership.WithdrawConsent(id, Purpose(asked.body["purpose"]), asked.officer)
    membership.withdraw_consent(asked.session, asked.world, command)
    return {}
