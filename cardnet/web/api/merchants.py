"""Partners of the union: their file, agreements, stores, contacts, accounts, people, and the blacklist."""

import uuid
from typing import Any

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.kernel.scans import EXTENSION
from cardnet.merchants import services as merchants
from cardnet.merchants.partnership import ContactKind
from cardnet.merchants.rules import MerchantState, SettlementCycle
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.schemas import merchants as wire
from cardnet.web.api.schemas.common import Empty, NoBody
from cardnet.web.api.schemas.office import Invitation
from cardnet.web.console.merchants import VIEWERS
from cardnet.web.console.merchants_accounts import DECIDERS, PROPOSERS

_DISTRICT = (Role.DISTRICT_OFFICER,)
_ID = {"id": "uuid"}
_PAPERS = tuple(EXTENSION)
_STORE = {
    "code": "S01",
    "name": "永泽店",
    "township": "YJ-01",
    "address": "谷阳路 128 号",
    "hours": {"1": ["08:00", "21:30"]},
}


@serves(Call("GET", "/merchants", "The union's partners", {200: wire.MerchantList}, query=wire.MerchantsQuery,
             roles=VIEWERS, tag="merchants"))  # fmt: skip
def list_merchants(asked: Asked) -> dict[str, Any]:
    """GET /merchants."""
    query = asked.query
    state = MerchantState(query["state"]) if query["state"] else None
    wanted = merchants.MerchantQuery(query["words"], state, query["ends_soon"], query["township"])
    return asked.by_position(
        lambda limit, offset: merchants.merchant_lines(asked.session, asked.world, wanted, limit, offset)
    )


@serves(Call("POST", "/merchants", "A new partner, a draft", {201: wire.Merchant}, body=wire.MerchantRequest,
             roles=_DISTRICT, tag="merchants", takes_key=True,
             example={"code": "M1009", "name": "百禾超市", "category": "supermarket",
                      "credit_code": "91350100M000100Y43"}))  # fmt: skip
def make_merchant(asked: Asked) -> dict[str, Any]:
    """POST /merchants."""
    body = asked.body
    command = merchants.MakeMerchant(
        body["code"], body["name"], body["category"], body["credit_code"], SettlementCycle(body["settlement_cycle"]),
        actor_id=asked.officer.account_id, state=MerchantState.DRAFT,
    )  # fmt: skip
    return _file(asked, merchants.make_merchant(asked.session, asked.world, command).id)


@serves(Call("GET", "/merchants/{id}", "The file of one", {200: wire.Merchant}, parameters=_ID, roles=VIEWERS,
             tag="merchants"))  # fmt: skip
def show_merchant(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /merchants/{id}."""
    return _file(asked, id)


@serves(Call("POST", "/merchants/{id}/change", "Name, category, credit code, cycle", {200: wire.Merchant},
             body=wire.MerchantChange, parameters=_ID, roles=_DISTRICT, tag="merchants",
             example={"name": "百禾超市", "category": "supermarket", "credit_code": None,
                      "settlement_cycle": "weekly"}))  # fmt: skip
def change_merchant(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /merchants/{id}/change."""
    body = asked.body
    command = merchants.ChangeMerchant(
        id, body["name"], body["category"], body["credit_code"], SettlementCycle(body["settlement_cycle"]),
        asked.officer.account_id,
    )  # fmt: skip
    merchants.change_merchant(asked.session, asked.world, command)
    return _file(asked, id)


@serves(Call("POST", "/merchants/{id}/state", "Open, suspend, resume or end", {200: wire.Merchant},
             body=wire.StateRequest, parameters=_ID, roles=_DISTRICT, tag="merchants",
             notes="Terminals heed it within a minute. `merchant_incomplete` says in `missing` what a draft lacks.",
             example={"state": "suspended", "reason": "投诉"}))  # fmt: skip
def set_merchant_state(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /merchants/{id}/state."""
    body = asked.body
    command = merchants.SetMerchantState(id, MerchantState(body["state"]), body["reason"], asked.officer.account_id)
    merchants.set_merchant_state(asked.session, asked.world, command)
    return _file(asked, id)


@serves(Call("POST", "/merchants/{id}/signatures", "Whether its terminals must sign each request",
             {200: wire.Merchant}, body=wire.SignaturesRequest, parameters=_ID, roles=_DISTRICT, tag="merchants",
             notes="Terminals heed it within a minute.", example={"required": True}))  # fmt: skip
def require_signatures(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /merchants/{id}/signatures."""
    command = merchants.RequireSignature(id, asked.body["required"], asked.officer.account_id)
    merchants.require_signature(asked.session, asked.world, command)
    return _file(asked, id)


@serves(Call("POST", "/merchants/{id}/agreements", "An agreement was signed", {201: wire.Agreement},
             body=wire.AgreementRequest, parameters=_ID, roles=_DISTRICT, tag="merchants", takes_key=True,
             example={"number": "云工合〔2026〕9号", "signed_on": "2026-11-01", "from_on": "2026-11-02"}))  # fmt: skip
def sign_agreement(asked: Asked, id: uuid.UUID) -> merchants.AgreementView:  # noqa: A002
    """POST /merchants/{id}/agreements."""
    body = asked.body
    command = merchants.SignAgreement(
        id, body["number"], body["signed_on"], body["from_on"], body["until_on"], asked.officer.account_id
    )
    return merchants.sign_agreement(asked.session, asked.world, command)


@serves(Call("POST", "/agreements/{id}/file", "The signed copy: PDF, JPEG or PNG, at most 8 MB",
             {201: wire.Agreement}, takes_file=_PAPERS, parameters=_ID, roles=_DISTRICT, tag="merchants"))  # fmt: skip
def upload_signed_copy(asked: Asked, id: uuid.UUID) -> merchants.AgreementView:  # noqa: A002
    """POST /agreements/{id}/file."""
    command = merchants.UploadSignedCopy(id, asked.file, asked.officer.account_id)
    return merchants.upload_signed_copy(asked.session, asked.world, command)


@serves(Call("GET", "/agreements/{id}/file", "The newest signed copy", {200: "application/octet-stream"},
             parameters=_ID, roles=VIEWERS, tag="merchants"))  # fmt: skip
def signed_copy(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /agreements/{id}/file."""
    _, kind, content = merchants.signed_copy(asked.session, id)
    return File(content, "application/octet-stream", f"agreement.{EXTENSION[kind]}")


@serves(Call("POST", "/merchants/{id}/stores", "A store", {201: wire.Store}, body=wire.StoreRequest, parameters=_ID,
             roles=_DISTRICT, tag="merchants", takes_key=True, example=_STORE))  # fmt: skip
def make_store(asked: Asked, id: uuid.UUID) -> merchants.StoreView:  # noqa: A002
    """POST /merchants/{id}/stores."""
    body = asked.body
    command = merchants.MakeStore(
        id, body["code"], body["name"], body["address"], asked.officer.account_id, body["phone"], _hours(body["hours"]),
        body["township"],
    )  # fmt: skip
    return merchants.make_store(asked.session, asked.world, command)


@serves(Call("POST", "/stores/{id}/change", "A store as it is to be", {200: wire.Store}, body=wire.StoreChange,
             parameters=_ID, roles=_DISTRICT, tag="merchants",
             example={name: value for name, value in _STORE.items() if name != "code"}))  # fmt: skip
def change_store(asked: Asked, id: uuid.UUID) -> merchants.StoreView:  # noqa: A002
    """POST /stores/{id}/change."""
    body = asked.body
    command = merchants.ChangeStore(
        id, body["name"], body["address"], body["phone"] or "", _hours(body["hours"]), body["closed"],
        asked.officer.account_id, body.get("township"),
    )  # fmt: skip
    return merchants.change_store(asked.session, asked.world, command)


@serves(Call("POST", "/merchants/{id}/contacts", "Whom to ask from now on", {200: wire.Merchant},
             body=wire.ContactRequest, parameters=_ID, roles=_DISTRICT, tag="merchants",
             example={"kind": "daily", "name": "李会计", "phone": "13800000000"}))  # fmt: skip
def set_contact(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /merchants/{id}/contacts."""
    body = asked.body
    command = merchants.SetContact(id, ContactKind(body["kind"]), body["name"], body["phone"], asked.officer.account_id)
    merchants.set_contact(asked.session, asked.world, command)
    return _file(asked, id)


@serves(Call("GET", "/payee-accounts", "Accounts somebody has to decide, the oldest first",
             {200: wire.PayeeAccounts}, roles=VIEWERS, tag="merchants"))  # fmt: skip
def waiting_accounts(asked: Asked) -> dict[str, Any]:
    """GET /payee-accounts."""
    return {"items": merchants.waiting_accounts(asked.session)}


@serves(Call("POST", "/merchants/{id}/payee-accounts", "Where the merchant wants to be paid",
             {201: wire.PayeeAccount}, body=wire.PayeeAccountRequest, parameters=_ID, roles=PROPOSERS,
             tag="merchants", takes_key=True, notes="Nothing is paid on it until somebody else of finance approves.",
             example={"holder": "百禾超市", "number": "6222000012345678", "bank": "农商银行", "evidence": "开户许可证"}))  # fmt: skip
def propose_account(asked: Asked, id: uuid.UUID) -> merchants.AccountView:  # noqa: A002
    """POST /merchants/{id}/payee-accounts."""
    body = asked.body
    command = merchants.ProposeAccount(
        id, body["holder"], body["number"], body["bank"], body["evidence"], asked.officer.account_id,
        body["branch_code"] or "",
    )  # fmt: skip
    return merchants.propose_account(asked.session, asked.world, command)


@serves(Call("POST", "/payee-accounts/{id}/decide", "Approve or reject what somebody else proposed",
             {200: wire.PayeeAccount}, body=wire.DecisionRequest, parameters=_ID, roles=DECIDERS, tag="merchants",
             notes="It counts for settlements sealed from then on, never for those sealed before.",
             example={"approve": True, "words": "与开户许可证一致"}))  # fmt: skip
def decide_account(asked: Asked, id: uuid.UUID) -> merchants.AccountView:  # noqa: A002
    """POST /payee-accounts/{id}/decide."""
    command = merchants.DecideAccount(id, asked.body["approve"], asked.body["words"], asked.officer.account_id)
    return merchants.decide_account(asked.session, asked.world, command)


@serves(Call("POST", "/payee-accounts/{id}/withdraw", "Who proposed it takes it back", {200: Empty}, body=NoBody,
             parameters=_ID, roles=PROPOSERS, tag="merchants", example={}))  # fmt: skip
def withdraw_account(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /payee-accounts/{id}/withdraw."""
    command = merchants.WithdrawAccount(id, asked.officer.account_id)
    merchants.withdraw_account(asked.session, asked.world, command)
    return {}


@serves(Call("GET", "/merchants/{id}/people", "Who signs in for it", {200: wire.MerchantPeople}, parameters=_ID,
             roles=_DISTRICT, tag="merchants"))  # fmt: skip
def merchant_people(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /merchants/{id}/people."""
    one = merchants.merchant_of_id(asked.session, id)
    return {"items": merchants.staff_of(asked.session, one.id, asked.officer)}


@serves(Call("POST", "/merchants/{id}/people", "Invite a manager or cashier", {201: Invitation},
             body=wire.MerchantPersonRequest, parameters=_ID, roles=_DISTRICT, tag="merchants", takes_key=True,
             notes="The token is in this answer and in no other.",
             example={"username": "wang", "display_name": "王店长", "role": "merchant_manager"}),
        shown_once=True)  # fmt: skip
def invite_person(asked: Asked, id: uuid.UUID) -> access.Invitation:  # noqa: A002
    """POST /merchants/{id}/people."""
    body = asked.body
    command = merchants.InviteStaff(id, body["username"], body["display_name"], Role(body["role"]), asked.officer)
    return merchants.invite_staff(asked.session, asked.world, command)


@serves(Call("GET", "/merchant-blacklist", "Credit codes the union works with no more", {200: wire.Blacklist},
             roles=VIEWERS, tag="merchants"))  # fmt: skip
def show_blacklist(asked: Asked) -> dict[str, Any]:
    """GET /merchant-blacklist."""
    return {"items": merchants.blacklist_lines(asked.session)}


@serves(Call("POST", "/merchant-blacklist", "List a credit code; what it runs with us is suspended",
             {201: wire.Stopped}, body=wire.BlacklistRequest, roles=_DISTRICT, tag="merchants", takes_key=True,
             example={"credit_code": "91350100M000100Y43", "name": "某店", "reason": "虚假核销",
                      "document": "云工〔2026〕40号"}))  # fmt: skip
def blacklist_merchant(asked: Asked) -> dict[str, Any]:
    """POST /merchant-blacklist."""
    command = merchants.Blacklist(**asked.body, actor_id=asked.officer.account_id)
    return {"merchants": merchants.blacklist(asked.session, asked.world, command)}


@serves(Call("POST", "/merchant-blacklist/{id}/lift", "The reason is gone", {200: Empty}, body=wire.WhyRequest,
             parameters=_ID, roles=_DISTRICT, tag="merchants", example={"reason": "整改合格"}))  # fmt: skip
def lift_blacklist(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /merchant-blacklist/{id}/lift."""
    command = merchants.LiftBlacklist(id, asked.body["reason"], asked.officer.account_id)
    merchants.lift_blacklist(asked.session, asked.world, command)
    return {}


def _file(asked: Asked, merchant_id: uuid.UUID) -> dict[str, Any]:
    session, world = asked.session, asked.world
    one = merchants.merchant_of_id(session, merchant_id)
    return vars(one) | {
        "missing": merchants.missing_for(session, world, one.id) if one.state is MerchantState.DRAFT else (),
        "agreements": merchants.agreements_of(session, world, one.id),
        "stores": merchants.stores_of(session, one.id),
        "contacts": merchants.contacts_of(session, one.id),
        "accounts": merchants.accounts_of(session, one.id),
    }


def _hours(given: dict[str, list[str]]) -> dict[str, tuple[str, str]]:
    return {day: (times[0], times[1]) for day, times in given.items()}
