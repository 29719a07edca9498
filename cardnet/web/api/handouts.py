"""Handing out against signatures, and the activation kit: who has not activated, reminders, letters."""

import uuid
from typing import Any

from flask import request

from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance import sign_lists
from cardnet.issuance.papers import letter_sheets, poster
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.membership import services as membership
from cardnet.membership.services import notices
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF
from cardnet.web.api.schemas import cards as wire
from cardnet.web.api.schemas.common import Count, NoBody
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_AGAIN = "Who has signed stays signed: a repeat counts nobody."


@serves(
    Call(
        "POST", "/cards/hand-out", "Cards were signed for", {200: Count}, body=wire.HandOutRequest, roles=OFFICERS,
        tag="hand-outs", notes=_AGAIN, example={"numbers": ["8800000000000"]},
    )
)  # fmt: skip
def hand_out_cards(asked: Asked) -> dict[str, Any]:
    """POST /cards/hand-out."""
    body = asked.body
    if body["numbers"] is None and body["batch_id"] is None:
        raise _missing("numbers", "请列出卡号 numbers，或写明批次 batch_id。")
    numbers = None if body["numbers"] is None else tuple(body["numbers"])
    command = issuance.HandOutCards(asked.officer, body["batch_id"], numbers, tuple(body["except_numbers"]))
    return {"count": issuance.hand_out_cards(asked.session, asked.world, command)}


@serves(Call("GET", "/handouts", "What is handed out now, and what was", {200: wire.Handouts}, roles=OFFICERS,
             tag="hand-outs"))  # fmt: skip
def list_handouts(asked: Asked) -> dict[str, Any]:
    """GET /handouts."""
    return {"items": issuance.handouts(asked.session, asked.officer)}


@serves(
    Call(
        "POST", "/handouts", "Open a list of people who are to sign", {201: wire.Handout}, body=wire.HandoutRequest,
        roles=OFFICERS, tag="hand-outs", takes_key=True,
        example={"kind": "gift", "title": "高温慰问品", "document": "云工〔2026〕21号", "unit": "B1"},
    )
)  # fmt: skip
def open_handout(asked: Asked) -> issuance.HandoutView:
    """POST /handouts."""
    body, unit = asked.body, asked.unit(asked.body["unit"])
    command = issuance.OpenHandout(
        asked.officer,
        HandoutKind(body["kind"]),
        body["title"],
        unit.path if unit else None,
        body["document"],
        body["batch_id"],
        frozenset(body["tags"]),
    )
    return issuance.open_handout(asked.session, asked.world, command)


@serves(Call("GET", "/handouts/{id}", "One list", {200: wire.Handout}, parameters=_ID, roles=OFFICERS,
             tag="hand-outs"))  # fmt: skip
def show_handout(asked: Asked, id: uuid.UUID) -> issuance.HandoutView:  # noqa: A002 - the contract's own name
    """GET /handouts/{id}."""
    return issuance.handout_of(asked.session, asked.officer, id)


@serves(Call("GET", "/handouts/{id}/people", "Who has signed, and who has not", {200: wire.Receipts},
             query=wire.ReceiptsQuery, parameters=_ID, roles=OFFICERS, tag="hand-outs"))  # fmt: skip
def handout_people(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /handouts/{id}/people."""
    found = issuance.handout_of(asked.session, asked.officer, id)

    def read(limit: int, offset: int) -> tuple[Any, int]:
        lines = desk.receipt_lines(asked.session, found, asked.query["show"], limit=limit, offset=offset)
        return lines.items, lines.total

    return asked.by_position(read)


@serves(Call("POST", "/handouts/{id}/scan", "One scan of an officer's phone", {200: wire.Scanned},
             body=wire.ScanRequest, parameters=_ID, roles=OFFICERS, tag="hand-outs", notes=_AGAIN,
             example={"read": "8800000000000"}))  # fmt: skip
def scan(asked: Asked, id: uuid.UUID) -> issuance.Scanned:  # noqa: A002
    """POST /handouts/{id}/scan."""
    return issuance.sign_by_scan(asked.session, asked.world, issuance.Scan(asked.officer, id, asked.body["read"]))


@serves(Call("POST", "/handouts/{id}/sign", "These have signed, or all but these", {200: Count},
             body=wire.SignRequest, parameters=_ID, roles=OFFICERS, tag="hand-outs", notes=_AGAIN,
             example={"people": ["01a1fbd4-0000-7000-8000-000000000000"]}))  # fmt: skip
def sign(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /handouts/{id}/sign."""
    people, but = asked.body["people"], asked.body["except_people"]
    if (people is None) == (but is None):
        raise _missing("people", "people 与 except_people 请只填一个。")
    if but is not None:
        everybody = issuance.SignAllExcept(asked.officer, id, frozenset(but))
        return {"count": issuance.sign_all_except(asked.session, asked.world, everybody)}
    if len(people) > 200:
        raise _missing("people", "一次最多 200 人；其余请用 except_people。")
    signs = [issuance.OnePerson(asked.officer, id, person) for person in sorted(set(people))]
    return {"count": sum(issuance.sign_by_hand(asked.session, asked.world, one) for one in signs)}


@serves(Call("POST", "/handouts/{id}/take-back", "One receipt was a mistake", {200: wire.Handout},
             body=wire.TakeBackRequest, parameters=_ID, roles=OFFICERS, tag="hand-outs",
             example={"person_id": "01a1fbd4-0000-7000-8000-000000000000", "reason": "扫错人"}))  # fmt: skip
def take_back(asked: Asked, id: uuid.UUID) -> issuance.HandoutView:  # noqa: A002
    """POST /handouts/{id}/take-back."""
    command = issuance.OnePerson(asked.officer, id, asked.body["person_id"], asked.body["reason"])
    issuance.take_back(asked.session, asked.world, command)
    return issuance.handout_of(asked.session, asked.officer, id)


@serves(Call("POST", "/handouts/{id}/close", "It is over; the list stands as it is", {200: wire.Handout}, body=NoBody,
             parameters=_ID, roles=OFFICERS, tag="hand-outs", example={}))  # fmt: skip
def close_handout(asked: Asked, id: uuid.UUID) -> issuance.HandoutView:  # noqa: A002
    """POST /handouts/{id}/close."""
    return issuance.close_handout(asked.session, asked.world, asked.officer, id)


@serves(Call("GET", "/handouts/{id}/list.pdf", "发放签领表 to print", {200: PDF}, parameters=_ID, roles=OFFICERS,
             tag="hand-outs"))  # fmt: skip
def sign_list(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /handouts/{id}/list.pdf."""
    content = sign_lists.of_handout(asked.session, asked.officer, id, day_of(asked.world.now()))
    return File(content, PDF, "list.pdf")


@serves(Call("GET", "/batches/{id}/sign-list.pdf", "发放签领表 of a batch's cards", {200: PDF}, parameters=_ID,
             roles=OFFICERS, tag="hand-outs"))  # fmt: skip
def batch_sign_list(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /batches/{id}/sign-list.pdf."""
    content = sign_lists.of_batch(asked.session, asked.officer, id, day_of(asked.world.now()))
    return File(content, PDF, "list.pdf")


@serves(Call("GET", "/activation", "How far activation is", {200: wire.ActivationFigures}, query=wire.UnitQuery,
             roles=OFFICERS, tag="activation"))  # fmt: skip
def activation(asked: Asked) -> issuance.ActivationFigures:
    """GET /activation."""
    return issuance.activation_figures(asked.session, asked.officer, asked.path(asked.query["unit"]))


@serves(Call("GET", "/activation/cards", "Cards nobody activated yet", {200: wire.InactiveCards},
             query=wire.UnitPageQuery, roles=OFFICERS, tag="activation"))  # fmt: skip
def inactive_cards(asked: Asked) -> dict[str, Any]:
    """GET /activation/cards."""
    session, path = asked.session, asked.path(asked.query["unit"])

    def read(limit: int, offset: int) -> tuple[Any, int]:
        found = issuance.inactive_cards(session, asked.world, asked.officer, path, limit=limit, offset=offset)
        names = membership.names(session, {card.person_id for card in found})
        cards = [{**vars(card), "person": {"id": card.person_id, "name": names[card.person_id]}} for card in found]
        return cards, found[0].total if found else 0

    return asked.by_position(read)


@serves(
    Call(
        "POST", "/activation/remind", "Remind people to activate", {200: wire.Reminded}, body=wire.RemindRequest,
        roles=OFFICERS, tag="activation", notes="Nobody is reminded twice a day: a repeat reminds nobody.",
        example={"channel": "notice", "unit": "B1"},
    )
)  # fmt: skip
def remind(asked: Asked) -> issuance.Reminded:
    """POST /activation/remind."""
    numbers, path = _which(asked)
    command = issuance.Remind(asked.officer, asked.body["channel"], numbers, path)
    return issuance.remind(asked.session, asked.world, command)


@serves(
    Call(
        "POST", "/activation/letters", "Letters with new activation codes, as PDF", {200: PDF}, body=wire.ChaseRequest,
        roles=OFFICERS, tag="activation", takes_key=True, example={"unit": "B1"},
        notes="Codes made before are dead, also those of the letters made before.",
    ),
    shown_once=True,
)  # fmt: skip
def make_letters(asked: Asked) -> File:
    """POST /activation/letters."""
    numbers, path = _which(asked)
    command = issuance.MakeLetters(asked.officer, path=path, numbers=numbers)
    letters = issuance.make_letters(asked.session, asked.world, command)
    return File(letter_sheets(letters, request.url_root, notices.help_phone(asked.session)), PDF, "letters.pdf")


@serves(Call("GET", "/activation/poster.pdf", "The poster of a unit", {200: PDF}, query=wire.UnitQuery, roles=OFFICERS,
             tag="activation"))  # fmt: skip
def activation_poster(asked: Asked) -> File:
    """GET /activation/poster.pdf."""
    unit = asked.unit(asked.query["unit"]) or membership.union_of_id(asked.session, asked.officer.union_id)
    return File(poster(unit.name, request.url_root, notices.help_phone(asked.session)), PDF, "poster.pdf")


def _which(asked: Asked) -> tuple[tuple[str, ...] | None, str | None]:
    """The cards named, or the path whose cards are all meant."""
    if asked.body["numbers"] is not None:
        return tuple(asked.body["numbers"]), None
    return None, asked.path(asked.body["unit"])


def _missing(name: str, words: str) -> InvalidInput:
    return InvalidInput("invalid_fields", words, [FieldError(f"/{name}", words)])
