"""Cards: find one, everything an officer does to it, printing."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardEnd, CardKind, CardState
from cardnet.issuance.services import desk
from cardnet.issuance.sheets import Layout, card_sheets
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF
from cardnet.web.api.schemas import cards as wire
from cardnet.web.api.schemas.common import Count, NoBody
from cardnet.web.auth import OFFICERS

MOST_IN_A_FILE = 1_000
"""More cards than this are printed unit by unit."""

_NAMESAKES = 200
_ID = {"id": "uuid"}
_Act = Callable[[Asked, desk.CardLine], object]


@serves(Call("GET", "/cards", "Cards of your scope", {200: wire.CardList}, query=wire.CardsQuery, roles=OFFICERS,
             tag="cards"))  # fmt: skip
def list_cards(asked: Asked) -> dict[str, Any]:
    """GET /cards."""
    query, unit = asked.query, asked.unit(asked.query["unit"])
    wanted = desk.CardFilter(
        number=query["number"],
        ending=query["ending"],
        path=unit.path if unit else None,
        states=frozenset({CardState(query["state"])}) if query["state"] else frozenset(),
        batch_id=query["batch_id"],
        unsigned=query["unsigned"] == "true",
        ends_by=query["ends_by"],
        after=asked.place() or "",
    )
    listed = desk.find_cards(asked.session, asked.officer, wanted, limit=query["limit"] + 1)
    return asked.by_key(list(listed.items), lambda card: card.number)


@serves(
    Call(
        "POST", "/cards/find", "Cards of a person, by full name or document number", {200: wire.CardList},
        body=wire.FindCardsRequest, roles=OFFICERS, tag="cards", example={"asked": "周桂林"},
        notes=f"At most {_NAMESAKES}; changes nothing.",
    )
)  # fmt: skip
def find_cards(asked: Asked) -> dict[str, Any]:
    """POST /cards/find."""
    session, words = asked.session, asked.body["asked"].strip()
    people = membership.people_of_document(session, words.upper()) or membership.people_named(session, words)
    listed = desk.find_cards(session, asked.officer, desk.CardFilter(person_ids=frozenset(people)), limit=_NAMESAKES)
    return {"items": listed.items, "next_cursor": None, "total": listed.total}


@serves(Call("GET", "/cards/{id}", "One card with its history", {200: wire.CardFile}, parameters=_ID, roles=OFFICERS,
             tag="cards"))  # fmt: skip
def show_card(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /cards/{id}."""
    return _file(asked, id)


def _acts(
    path: str, summary: str, body: Any, act: _Act, example: dict[str, Any], *, notes: str = ""
) -> Callable[[Asked, uuid.UUID], dict[str, Any]]:
    """One act on one card, answered with the card as it stands afterwards."""

    def do(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
        act(asked, desk.card_of_id(asked.session, asked.officer, id))
        return _file(asked, id)

    do.__name__ = path.replace("-", "_") + "_card"
    call = Call(
        "POST", f"/cards/{{id}}/{path}", summary, {200: wire.CardFile}, body=body, parameters=_ID, roles=OFFICERS,
        tag="cards", takes_key=True, notes=notes, example=example,
    )  # fmt: skip
    return serves(call)(do)


def _lost(asked: Asked, line: desk.CardLine) -> None:
    assert line.person is not None  # every card of the desk has its person
    lost = issuance.Lost(asked.body["lost"])
    command = issuance.ReportLoss(line.person.id, lost, asked.body["reason"], asked.officer)
    issuance.report_loss(asked.session, asked.world, command)


def _changing(change: Callable[..., object]) -> _Act:
    def act(asked: Asked, line: desk.CardLine) -> None:
        command = issuance.ChangeCard(line.card_id, asked.body["reason"], asked.officer)
        change(asked.session, asked.world, command)

    return act


def _started(asked: Asked, line: desk.CardLine) -> None:
    command = issuance.ReplaceCard(line.card_id, asked.officer, asked.body["reason"])
    issuance.start_renewed_card(asked.session, asked.world, command)


def _voided(asked: Asked, line: desk.CardLine) -> None:
    command = issuance.VoidPrints(asked.officer, asked.body["reason"], numbers=(line.number,))
    issuance.void_prints(asked.session, asked.world, command)


def _phone_stopped(asked: Asked, line: desk.CardLine) -> None:
    index = asked.body["index"]
    if index not in {one.index for one in issuance.phones_of(asked.session, line.card_id)}:
        raise NotFound("phone_unknown", "这张卡没有绑定这部手机，请重新查看这张卡。")
    issuance.stop_phone(asked.session, asked.world, issuance.StopPhone(index, asked.body["reason"], asked.officer))


def _signed(asked: Asked, line: desk.CardLine) -> None:
    command = issuance.HandOutCards(asked.officer, numbers=(line.number,), channel="typed")
    issuance.hand_out_cards(asked.session, asked.world, command)


_REASON = {"reason": "本人报失"}
suspend_card = _acts("suspend", "Report a loss: nothing the person could pay with works any more", wire.LossRequest,
                     _lost, _REASON)  # fmt: skip
resume_card = _acts("resume", "Found again: the card works again", wire.ReasonRequest,
                    _changing(issuance.resume_card), _REASON)  # fmt: skip
cancel_card = _acts("cancel", "The card ends without a successor", wire.ReasonRequest,
                    _changing(issuance.revoke_card), _REASON)  # fmt: skip
start_renewed_card = _acts("start-renewed", "The renewed card begins today in the place of this one",
                           wire.ReasonRequest, _started, _REASON)  # fmt: skip
void_print_card = _acts("void-print", "The printed code dies, the phone goes on", wire.ReasonRequest, _voided, _REASON)
stop_phone = _acts("stop-phone", "One phone is taken off the card, the other goes on", wire.StopPhoneRequest,
                   _phone_stopped, {"index": 1, "reason": "旧手机送人"})  # fmt: skip
hand_out_card = _acts("hand-out", "The member signed for the card", NoBody, _signed, {},
                      notes="A card that was signed for stays as it is.")  # fmt: skip


@serves(Call("GET", "/phone-policy", "On how many phones a card may be", {200: wire.PhonePolicy}, roles=OFFICERS,
             tag="cards"))  # fmt: skip
def phone_policy(asked: Asked) -> issuance.PhonePolicyView:
    """GET /phone-policy."""
    return issuance.phone_policy(asked.session)


@serves(Call("POST", "/phone-policy", "One phone for a card, or two", {200: wire.PhonePolicy},
             body=wire.PhonePolicyRequest, roles=(Role.DISTRICT_OFFICER,), tag="cards",
             example={"phones": 2, "reason": "云工〔2026〕8号"}))  # fmt: skip
def set_phone_policy(asked: Asked) -> issuance.PhonePolicyView:
    """POST /phone-policy."""
    command = issuance.SetPhonePolicy(asked.body["phones"], asked.body["reason"], asked.officer)
    issuance.set_phone_policy(asked.session, asked.world, command)
    return issuance.phone_policy(asked.session)


@serves(Call("GET", "/loss-policy", "Whether what was held before a card was lost may still be used",
             {200: wire.LossPolicy}, roles=OFFICERS, tag="cards"))  # fmt: skip
def loss_policy(asked: Asked) -> issuance.LossPolicyView:
    """GET /loss-policy."""
    return issuance.loss_policy(asked.session)


@serves(Call("POST", "/loss-policy", "Let what was held before a loss be used, or not", {200: wire.LossPolicy},
             body=wire.LossPolicyRequest, roles=(Role.DISTRICT_OFFICER,), tag="cards",
             example={"honour_holds_on_loss": False, "reason": "云工〔2026〕12号"}))  # fmt: skip
def set_loss_policy(asked: Asked) -> issuance.LossPolicyView:
    """POST /loss-policy."""
    command = issuance.SetLossPolicy(asked.body["honour_holds_on_loss"], asked.body["reason"], asked.officer)
    return issuance.set_loss_policy(asked.session, asked.world, command)


@serves(Call("GET", "/card-lives", "How long new cards work, by kind", {200: wire.CardLives}, roles=OFFICERS,
             tag="cards"))  # fmt: skip
def card_lives(asked: Asked) -> dict[str, Any]:
    """GET /card-lives."""
    return {"items": issuance.card_lives(asked.session)}


@serves(Call("POST", "/card-lives", "How long cards of a kind work that are made from now on", {200: wire.CardLife},
             body=wire.CardLifeRequest, roles=(Role.DISTRICT_OFFICER,), tag="cards",
             example={"kind": "own", "years": 3, "ends": "year_end", "reason": "云工〔2026〕20号"}))  # fmt: skip
def set_card_life(asked: Asked) -> issuance.CardLifeView:
    """POST /card-lives."""
    body = asked.body
    command = issuance.SetCardLife(
        CardKind(body["kind"]), body["years"], CardEnd(body["ends"]), body["reason"], asked.officer
    )
    return issuance.set_card_life(asked.session, asked.world, command)


_SHOWN_ONCE = "The code is in this answer and in no other."


@serves(Call("POST", "/cards/{id}/replace", "A new card with a new number; this one ends", {200: wire.NewCard},
             body=wire.ReasonRequest, parameters=_ID, roles=OFFICERS, tag="cards", takes_key=True, example=_REASON,
             notes=_SHOWN_ONCE + " A card that was replaced answers `illegal_transition`."), shown_once=True)  # fmt: skip
def replace_card(asked: Asked, id: uuid.UUID) -> issuance.IssuedCard:  # noqa: A002
    """POST /cards/{id}/replace."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    command = issuance.ReplaceCard(line.card_id, asked.officer, asked.body["reason"])
    return issuance.replace_card(asked.session, asked.world, command)


@serves(Call("POST", "/cards/{id}/renew", "A new card from the day after this one ends", {200: wire.NewCard},
             body=NoBody, parameters=_ID, roles=OFFICERS, tag="cards", takes_key=True, example={},
             notes=_SHOWN_ONCE), shown_once=True)  # fmt: skip
def renew_card(asked: Asked, id: uuid.UUID) -> issuance.IssuedCard:  # noqa: A002
    """POST /cards/{id}/renew."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    (made,) = issuance.renew_cards(asked.session, asked.world, issuance.RenewCards(asked.officer, (line.number,)))
    return made


@serves(Call("POST", "/cards/{id}/activation-code", "A new activation code for a lost slip", {200: wire.NewCode},
             body=NoBody, parameters=_ID, roles=OFFICERS, tag="cards", takes_key=True, example={},
             notes=_SHOWN_ONCE), shown_once=True)  # fmt: skip
def new_activation_code(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /cards/{id}/activation-code."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    return {"activation_code": issuance.reprint_code(asked.session, asked.world, line.card_id, asked.officer)}


@serves(Call("POST", "/cards/{id}/rebind-code", "Six digits for a new phone, for a member who stands here",
             {200: wire.RebindCode}, body=wire.SeenRequest, parameters=_ID, roles=OFFICERS, tag="cards",
             takes_key=True, example={"seen": True}, notes=_SHOWN_ONCE), shown_once=True)  # fmt: skip
def give_rebind_code(asked: Asked, id: uuid.UUID) -> issuance.GivenCode:  # noqa: A002
    """POST /cards/{id}/rebind-code."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    command = issuance.GiveRebindCode(line.card_id, asked.officer)
    return issuance.give_rebind_code(asked.session, asked.world, command)


@serves(Call("POST", "/cards/{id}/print", "One printed card as PDF; an earlier print of it is void", {200: PDF},
             body=wire.LayoutRequest, parameters=_ID, roles=OFFICERS, tag="cards", takes_key=True,
             example={"layout": "single"}), shown_once=True)  # fmt: skip
def print_card(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """POST /cards/{id}/print."""
    line = desk.card_of_id(asked.session, asked.officer, id)
    return _sheets(asked, issuance.PrintCards(asked.officer, numbers=(line.number,)))


@serves(
    Call(
        "POST", "/cards/print", "Printed cards as PDF", {200: PDF}, body=wire.PrintRequest, roles=OFFICERS,
        tag="cards", takes_key=True, example={"unit": "B1", "layout": "sheets"},
        notes=f"At most {MOST_IN_A_FILE} cards in one file. Printing a card again makes the earlier print void.",
    ),
    shown_once=True,
)  # fmt: skip
def print_cards(asked: Asked) -> File:
    """POST /cards/print."""
    body = asked.body
    path = asked.path(body["unit"]) if body["numbers"] is None else None
    numbers = None if body["numbers"] is None else tuple(body["numbers"])
    return _sheets(
        asked, issuance.PrintCards(asked.officer, numbers=numbers, path=path, only_unprinted=not body["again"])
    )


@serves(Call("GET", "/printing", "What waits to be printed, and what was", {200: wire.Printing}, roles=OFFICERS,
             tag="cards"))  # fmt: skip
def printing(asked: Asked) -> dict[str, Any]:
    """GET /printing."""
    return {
        "units": issuance.print_counts(asked.session, asked.world, asked.officer),
        "runs": issuance.print_runs(asked.session, asked.officer),
    }


@serves(Call("POST", "/print-runs/{id}/void", "A printing came out spoiled: its codes die", {200: Count},
             body=wire.ReasonRequest, parameters=_ID, roles=OFFICERS, tag="cards", takes_key=True,
             example={"reason": "卡纸"}))  # fmt: skip
def void_run(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /print-runs/{id}/void."""
    command = issuance.VoidPrints(asked.officer, asked.body["reason"], run_id=id)
    return {"count": issuance.void_prints(asked.session, asked.world, command)}


def _sheets(asked: Asked, command: issuance.PrintCards) -> File:
    cards = issuance.print_cards(asked.session, asked.world, command)
    if len(cards) > MOST_IN_A_FILE:
        raise InvalidInput(
            "too_many_for_one_file", f"共 {len(cards)} 张，一份文件最多 {MOST_IN_A_FILE} 张，请按单位分次打印。"
        )
    return File(card_sheets(cards, Layout(asked.body["layout"])), PDF, "cards.pdf")


def _file(asked: Asked, card_id: uuid.UUID) -> dict[str, Any]:
    line = desk.card_of_id(asked.session, asked.officer, card_id)
    more = desk.card_more(asked.session, line.card_id)
    around = {
        name: {"id": one[0], "number": one[1]} if one else None
        for name, one in (("before", more.before), ("after", more.after))
    }
    history = desk.card_history(asked.session, line.card_id)
    return {**vars(line), **vars(more), **around, "phone_bound_at": more.phone_bound_at, "history": history}
