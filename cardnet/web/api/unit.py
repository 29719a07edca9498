"""What a unit does besides rosters: replacement and renewal, its own approval, members who fill in themselves."""

import uuid
from datetime import timedelta
from typing import Any

from flask import request, url_for

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.fill_poster import fill_poster
from cardnet.issuance.names_to_sign import names_to_sign
from cardnet.issuance.rules import ReplacementReason
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import desk, self_filled
from cardnet.issuance.services.self_filled import OpenPoster, TakeEntries
from cardnet.issuance.summary_sheet import summary_sheet
from cardnet.kernel import masking
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF
from cardnet.web.api.schemas import unit as wire
from cardnet.web.api.schemas.common import Count, Empty, NoBody
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_ROW = {"id": "uuid", "row": "int(max=9999999)"}
_UNIT = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER)
_SCANS = ("application/pdf", "image/jpeg", "image/png")
_EXTENSION = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_SOME = ["01a1fbd4-0000-7000-8000-000000000000"]


@serves(Call("POST", "/cards/{id}/apply", "Apply for a replacement: it goes up the route of every application",
             {201: wire.Applied}, body=wire.ReplacementRequest, parameters=_ID, roles=OFFICERS, tag="applications",
             takes_key=True, example={"why": "lost", "words": "在公交车上遗失"}))  # fmt: skip
def apply_for_replacement(asked: Asked, id: uuid.UUID) -> object:  # noqa: A002 - the contract's own name
    """POST /cards/{id}/apply."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    why = ReplacementReason(asked.body["why"])
    command = issuance.ApplyForReplacement(line.card_id, why, asked.body["words"], asked.officer)
    return issuance.apply_for_replacement(asked.session, asked.world, command)


@serves(Call("POST", "/cards/renewal", "Apply for the renewal of cards that end", {201: wire.Applied},
             body=wire.RenewalRequest, roles=OFFICERS, tag="applications", takes_key=True,
             example={"unit": "B1"}))  # fmt: skip
def apply_for_renewal(asked: Asked) -> object:
    """POST /cards/renewal."""
    body = asked.body
    numbers = None if body["numbers"] is None else tuple(body["numbers"])
    command = issuance.ApplyForRenewal(asked.officer, numbers, asked.path(body["unit"]))
    return issuance.apply_for_renewal(asked.session, asked.world, command)


@serves(Call("POST", "/batches/{id}/rows/{row}/resubmit", "Send a returned replacement or renewal in again",
             {200: wire.Round}, body=wire.ResubmitRequest, parameters=_ROW, roles=OFFICERS, tag="applications",
             takes_key=True, example={"words": "已附派出所证明"}))  # fmt: skip
def resubmit(asked: Asked, id: uuid.UUID, row: int) -> dict[str, Any]:  # noqa: A002
    """POST /batches/{id}/rows/{row}/resubmit."""
    line = desk.batch_of(asked.session, asked.officer, id)
    desk.row_of(asked.session, asked.officer, line, row)
    command = issuance.ResubmitInPlace(line.batch_id, row, asked.body["words"], asked.officer)
    return {"round": issuance.resubmit_in_place(asked.session, asked.world, command)}


@serves(Call("GET", "/batches/{id}/unit-approvals", "What the unit's chair was asked for", {200: wire.UnitApprovals},
             parameters=_ID, roles=OFFICERS, tag="unit approval"))  # fmt: skip
def list_approvals(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /batches/{id}/unit-approvals."""
    line = desk.batch_of(asked.session, asked.officer, id)
    return {"items": issuance.approvals_of_batch(asked.session, asked.world, asked.officer, line.batch_id)}


@serves(Call("POST", "/batches/{id}/unit-approvals", "Ask the unit's chair: by one-time link or stamped summary",
             {201: wire.AskedApproval}, body=wire.AskApprovalRequest, parameters=_ID, roles=OFFICERS,
             tag="unit approval", takes_key=True, example={"kind": "link", "signer": "王建国"},
             notes="A new link ends the earlier one of the same list."),
        shown_once=True)  # fmt: skip
def ask_approval(asked: Asked, id: uuid.UUID) -> issuance.Asked:  # noqa: A002
    """POST /batches/{id}/unit-approvals."""
    body = asked.body
    line = desk.batch_of(asked.session, asked.officer, id)
    unit = body["unit"] or line.union.code
    command = issuance.AskApproval(line.batch_id, unit, ApprovalKind(body["kind"]), body["signer"], asked.officer)
    return issuance.ask_approval(asked.session, asked.world, command)


@serves(Call("POST", "/unit-approvals/{id}/withdraw", "Take back a link or a sheet nobody answered", {200: Empty},
             body=wire.WithdrawApprovalRequest, parameters=_ID, roles=OFFICERS, tag="unit approval", takes_key=True,
             example={"words": "发错了人"}))  # fmt: skip
def withdraw_approval(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /unit-approvals/{id}/withdraw."""
    command = issuance.WithdrawApproval(id, asked.body["words"], asked.officer)
    issuance.withdraw_approval(asked.session, asked.world, command)
    return {}


@serves(Call("GET", "/unit-approvals/{id}/summary.pdf", "《办卡汇总审核表》, to be signed and stamped", {200: PDF},
             parameters=_ID, roles=OFFICERS, tag="unit approval"))  # fmt: skip
def approval_sheet(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /unit-approvals/{id}/summary.pdf."""
    listed = issuance.approval_list(asked.session, asked.world, asked.officer, id)
    return File(summary_sheet(listed), PDF, f"{listed.line.number}.pdf")


@serves(Call("GET", "/unit-approvals/{id}/names.pdf", "《办卡确认签名表》, for its people to tick and sign", {200: PDF},
             parameters=_ID, roles=OFFICERS, tag="unit approval"))  # fmt: skip
def names_of_approval(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /unit-approvals/{id}/names.pdf."""
    listed = issuance.list_to_sign(asked.session, asked.world, asked.officer, id)
    return File(names_to_sign(listed), PDF, f"{listed.line.number}-names.pdf")


@serves(Call("GET", "/unit-approvals/{id}/stamped", "The sheet as it came back", {200: "application/octet-stream"},
             parameters=_ID, roles=OFFICERS, tag="unit approval"))  # fmt: skip
def stamped_sheet(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /unit-approvals/{id}/stamped."""
    number, kind, content = issuance.stamped_file(asked.session, asked.world, asked.officer, id)
    return File(content, "application/octet-stream", f"{number}.{_EXTENSION[kind]}")


@serves(Call("POST", "/unit-approvals/stamped", "The stamped sheet comes back", {200: wire.UnitApproved},
             query=wire.StampedQuery, takes_file=_SCANS, roles=OFFICERS, tag="unit approval",
             notes="The body is the scan itself: PDF, JPEG or PNG."))  # fmt: skip
def upload_stamped(asked: Asked) -> issuance.UnitApproved:
    """POST /unit-approvals/stamped."""
    query = asked.query
    command = issuance.UploadStamped(query["number"], query["code"], asked.file, asked.officer, request.remote_addr)
    return issuance.upload_stamped(asked.session, asked.world, command)


@serves(Call("GET", "/self-fill", "The unit's poster, and what members filled in", {200: wire.SelfFill}, roles=_UNIT,
             tag="self-filling"))  # fmt: skip
def self_fill(asked: Asked) -> dict[str, Any]:
    """GET /self-fill."""
    own = membership.union_of_id(asked.session, asked.officer.union_id)
    entries = self_filled.entries_of(asked.session, asked.world, asked.officer, own)
    return {
        "poster": self_filled.poster_of(asked.session, asked.world, own),
        "entries": [
            {
                **vars(entry),
                "name": entry.fields.get("name", ""),
                "id_number": masking.id_number_for_office(entry.fields.get("id_number", "")),
                "phone": masking.phone_for_office(entry.fields.get("phone", "")),
                "status": entry.checked.status,
                "findings": entry.checked.findings,
            }
            for entry in entries
        ],
    }


@serves(Call("POST", "/self-fill/poster", "Make the unit's poster, or let it hang longer", {200: wire.Poster},
             body=wire.PosterRequest, roles=_UNIT, tag="self-filling", example={"last_day": "2026-12-01"}))  # fmt: skip
def open_poster(asked: Asked) -> self_filled.PosterView:
    """POST /self-fill/poster."""
    own = membership.union_of_id(asked.session, asked.officer.union_id)
    command = OpenPoster(asked.officer, own.code, asked.body["last_day"])
    return self_filled.open_poster(asked.session, asked.world, command)


@serves(Call("POST", "/self-fill/posters/{id}/close", "Take the poster down", {200: Empty}, body=NoBody,
             parameters=_ID, roles=_UNIT, tag="self-filling", example={}))  # fmt: skip
def close_poster(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /self-fill/posters/{id}/close."""
    self_filled.close_poster(asked.session, asked.world, asked.officer, id)
    return {}


@serves(Call("GET", "/self-fill/poster.pdf", "The poster to print", {200: PDF}, roles=_UNIT, tag="self-filling"))
def poster_sheet(asked: Asked) -> File:
    """GET /self-fill/poster.pdf."""
    own = membership.union_of_id(asked.session, asked.officer.union_id)
    poster = self_filled.poster_of(asked.session, asked.world, own)
    if poster is None:
        raise NotFound("poster_unknown", "本单位现在没有海报，请先生成。")
    address = url_for("fill.form", token=poster.token, _external=True)
    last_day = day_of(poster.closes_at - timedelta(seconds=1))
    return File(fill_poster(own.name, address, last_day), PDF, "poster.pdf")


@serves(Call("POST", "/self-fill/entries/take", "Send these people in as one batch", {201: wire.Taken},
             body=wire.EntriesRequest, roles=_UNIT, tag="self-filling", takes_key=True,
             example={"entries": _SOME}))  # fmt: skip
def take_entries(asked: Asked) -> object:
    """POST /self-fill/entries/take."""
    command = TakeEntries(asked.officer, asked.body["entries"])
    return self_filled.take_entries(asked.session, asked.world, command)


@serves(Call("POST", "/self-fill/entries/dismiss", "Put these aside; what was typed is gone", {200: Count},
             body=wire.EntriesRequest, roles=_UNIT, tag="self-filling", example={"entries": _SOME}))  # fmt: skip
def dismiss_entries(asked: Asked) -> dict[str, Any]:
    """POST /self-fill/entries/dismiss."""
    command = TakeEntries(asked.officer, asked.body["entries"])
    return {"count": self_filled.dismiss_entries(asked.session, asked.world, command)}
