"""The register and its answers, transfers, the yearly confirmation, joiners and leavers, duplicates."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules.answers import MemberAnswer
from cardnet.issuance.services import answers
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Confirmed
from cardnet.membership.roster import Severity
from cardnet.membership.rules import TransferState
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.rosters import SHEETS
from cardnet.web.api.schemas import members as wire
from cardnet.web.api.schemas.common import Count, Empty, PageQuery
from cardnet.web.api.schemas.quota import UnderQuery
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_DISTRICT = (Role.DISTRICT_OFFICER,)
_PAIR = {"keep": "01a1fbd4-0000-7000-8000-000000000001", "other": "01a1fbd4-0000-7000-8000-000000000002"}
_FINDINGS = 1_000


@serves(Call("GET", "/register", "Members by answer, of every union of the scope: counts, never a name",
             {200: wire.RegisterCounts}, query=UnderQuery, roles=OFFICERS, tag="register"))  # fmt: skip
def register_counts(asked: Asked) -> dict[str, Any]:
    """GET /register."""
    return {"items": answers.answers_by_union(asked.session, asked.world, asked.path(asked.query["under"]))}


@serves(Call("GET", "/register/members", "Your own union's members, by name and answer",
             {200: wire.RegisterLines}, query=wire.RegisterQuery, roles=OFFICERS, tag="register",
             notes="Members of unions below yours are counted only, by `GET /register`."))  # fmt: skip
def register_members(asked: Asked) -> dict[str, Any]:
    """GET /register/members."""
    wanted = asked.query["answer"]
    return asked.by_position(
        lambda limit, offset: answers.register_lines(
            asked.session, asked.world, asked.officer, MemberAnswer(wanted) if wanted else None, limit, offset
        )
    )


@serves(
    Call(
        "POST", "/register", "Take in a 会员名册", {200: wire.RegisterImported}, query=wire.RegisterFileQuery,
        takes_file=SHEETS, roles=OFFICERS, tag="register",
        notes="The body is the file itself. Who is on the register stays as they are: a repeat adds nobody.",
    )
)  # fmt: skip
def import_register(asked: Asked) -> dict[str, Any]:
    """POST /register."""
    unit = asked.unit(asked.query["unit"]) or membership.union_of_id(asked.session, asked.officer.union_id)
    command = membership.ImportRegister(asked.file, asked.query["filename"], unit.code, asked.officer.account_id)
    done = membership.import_register(asked.session, asked.world, command)
    said = [found for found in done.check.findings if found.severity is not Severity.NOTE]
    return {**vars(done), "invalid": done.check.invalid, "findings": said[:_FINDINGS]}


@serves(Call("GET", "/transfers", "Members who are to leave or to come", {200: wire.Transfers}, roles=OFFICERS,
             tag="transfers"))  # fmt: skip
def list_transfers(asked: Asked) -> dict[str, Any]:
    """GET /transfers."""
    own, past = asked.officer.union_id, frozenset(TransferState) - {TransferState.PROPOSED}
    open_ones = membership.transfers_of(asked.session, own)
    return {"items": [*open_ones, *membership.transfers_of(asked.session, own, past)]}


@serves(Call("GET", "/transfer-term", "How many working days an old union has to answer a transfer",
             {200: wire.TransferTerm}, roles=OFFICERS, tag="transfers"))  # fmt: skip
def transfer_term(asked: Asked) -> membership.TransferTermView:
    """GET /transfer-term."""
    return membership.transfer_term(asked.session)


@serves(Call("POST", "/transfer-term", "So many working days for transfers proposed from now on",
             {200: wire.TransferTerm}, body=wire.TransferTermRequest, roles=(Role.DISTRICT_OFFICER,), tag="transfers",
             example={"working_days": 10, "reason": "云工〔2026〕19号"}))  # fmt: skip
def set_transfer_term(asked: Asked) -> membership.TransferTermView:
    """POST /transfer-term."""
    command = membership.SetTransferTerm(asked.body["working_days"], asked.body["reason"], asked.officer)
    return membership.set_transfer_term(asked.session, asked.world, command)


@serves(
    Call(
        "POST", "/transfers", "Ask for a member of another unit", {200: wire.Transferred},
        body=wire.AskTransferRequest, roles=OFFICERS, tag="transfers", takes_key=True,
        example={"name": "周桂林", "id_number": "E12345678", "words": "已到岗"},
    )
)  # fmt: skip
def ask_transfer(asked: Asked) -> dict[str, Any]:
    """POST /transfers."""
    session, body = asked.session, asked.body
    target = asked.unit(body["unit"]) or membership.union_of_id(session, asked.officer.union_id)
    number, name = body["id_number"].strip().upper(), body["name"].strip()
    people = membership.people_of_document(session, number) & membership.people_named(session, name)
    if len(people) != 1:
        raise InvalidInput("person_unknown", "没有姓名和证件号码都相符的会员，请核对；从未入会的人请放进采集表。")
    command = membership.StartTransfer(people.pop(), target.id, asked.officer, body["on"], body["words"])
    return {"done": issuance.transfer_member(session, asked.world, command) is not None}


def _answers(act: str, verb: Callable[..., object], summary: str) -> Callable[[Asked, uuid.UUID], dict[str, Any]]:
    def answer(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
        verb(asked.session, asked.world, membership.AnswerTransfer(id, asked.officer, asked.body["words"]))
        return {}

    answer.__name__ = f"{act}_transfer"
    call = Call(
        "POST", f"/transfers/{{id}}/{act}", summary, {200: Empty}, body=wire.AnswerTransferRequest, parameters=_ID,
        roles=OFFICERS, tag="transfers", takes_key=True, example={"words": "仍在职"},
    )  # fmt: skip
    return serves(call)(answer)


accept_transfer = _answers("accept", issuance.accept_transfer, "The old unit lets go: membership and card move")
object_transfer = _answers("object", membership.object_to_transfer, "The old unit objects, and says why")
withdraw_transfer = _answers("withdraw", membership.withdraw_transfer, "The new unit takes it back")


@serves(Call("GET", "/confirmation", "How far the yearly confirmation is, of every union of the scope",
             {200: wire.ConfirmationCounts}, roles=OFFICERS, tag="confirmation"))  # fmt: skip
def confirmation_counts(asked: Asked) -> dict[str, Any]:
    """GET /confirmation."""
    year = day_of(asked.world.now()).year
    return {"items": membership.confirmation_counts(asked.session, asked.officer.scope_path, year)}


@serves(Call("GET", "/confirmation/members", "Your own union's members with the year's answer",
             {200: wire.Confirmation}, query=PageQuery, roles=OFFICERS, tag="confirmation",
             notes="Members of unions below yours are counted only, by `GET /confirmation`."))  # fmt: skip
def confirmation_members(asked: Asked) -> dict[str, Any]:
    """GET /confirmation/members."""
    session, year = asked.session, day_of(asked.world.now()).year

    def read(limit: int, offset: int) -> tuple[Any, int]:
        found = membership.confirmation_list(session, asked.officer.union_id, year, limit, offset)
        return found.lines, found.total

    return asked.by_position(read)


@serves(
    Call(
        "POST", "/confirmation", "Answer for members of your own unit", {200: Count}, body=wire.ConfirmRequest,
        roles=OFFICERS, tag="confirmation", notes="Who has an answer keeps it: a repeat counts nobody.",
        example={"people": ["01a1fbd4-0000-7000-8000-000000000000"], "answer": "retired", "on": "2026-11-01"},
    )
)  # fmt: skip
def confirm(asked: Asked) -> dict[str, Any]:
    """POST /confirmation."""
    session, body, officer = asked.session, asked.body, asked.officer
    if body["people"] is None:
        if body["answer"] != Confirmed.STAYS:
            raise InvalidInput("nobody_chosen", "只有“在册”可以对其余所有人一起确认，其他答复请列出人员。")
        return {"count": membership.confirm_the_rest(session, asked.world, officer.union_id, officer)}
    people = tuple(dict.fromkeys(body["people"]))
    command = membership.Confirm(officer.union_id, officer, people, Confirmed(body["answer"]), body["on"])
    return {"count": issuance.confirm_members(session, asked.world, command)}


@serves(Call("GET", "/moves", "Who joined and who left in a month", {200: wire.Moves}, query=wire.MonthQuery,
             roles=OFFICERS, tag="confirmation", notes="Names only of your own union's people."))  # fmt: skip
def moves(asked: Asked) -> dict[str, Any]:
    """GET /moves."""
    session, path = asked.session, asked.officer.scope_path
    today = day_of(asked.world.now())
    first = date.fromisoformat(f"{asked.query['month']}-01") if asked.query["month"] else today.replace(day=1)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    own = asked.officer.union_id
    found = {
        "joiners": membership.joiners(session, path, first, after),
        "leavers": membership.leavers(session, path, first, after),
    }
    told = {
        name: [vars(line) | {"person": line.person if line.union.id == own else None} for line in lines]
        for name, lines in found.items()
    }
    return {"month": f"{first:%Y-%m}", **told}


@serves(Call("GET", "/duplicates", "Files that may be one person's", {200: wire.Duplicates}, roles=_DISTRICT,
             tag="duplicates"))  # fmt: skip
def list_duplicates(asked: Asked) -> dict[str, Any]:
    """GET /duplicates."""
    return {"items": membership.suspected_duplicates(asked.session, asked.officer)}


@serves(Call("POST", "/duplicates/merge", "One person: `other` goes into `keep`", {200: Empty},
             body=wire.MergeRequest, roles=_DISTRICT, tag="duplicates", takes_key=True, example=_PAIR))  # fmt: skip
def merge(asked: Asked) -> dict[str, Any]:
    """POST /duplicates/merge."""
    benefits.merge_people(asked.session, asked.world, _pair(asked))
    return {}


@serves(Call("POST", "/duplicates/distinct", "Two people, not to be offered again", {200: Empty},
             body=wire.MergeRequest, roles=_DISTRICT, tag="duplicates", example=_PAIR))  # fmt: skip
def distinct(asked: Asked) -> dict[str, Any]:
    """POST /duplicates/distinct."""
    membership.declare_distinct(asked.session, asked.world, _pair(asked))
    return {}


def _pair(asked: Asked) -> membership.MergePeople:
    body = asked.body
    return membership.MergePeople(body["keep"], body["other"], asked.officer, body["words"])
