"""One of everything that pages are about, and somebody of each side who has signed in."""

from datetime import date

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.finance import services as finance
from cardnet.finance.rules import ClearingStep, Resolution
from cardnet.finance.services import Reconcile
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.services import desk
from cardnet.merchant_api import services as hooks
from cardnet.merchants import services as merchants
from tests.make.finance import statement_csv
from tests.make.issuance import make_officer
from tests.make.merchants import PDF, make_manager
from tests.make.redemptions import make_shop
from tests.make.web import enter
from tests.web.filled_forms import NOBODY


@pytest.fixture
def things(session, world, clock):
    """One of everything pages have an address for: by the name of the route's variable."""
    shop = make_shop(session, world, people=2)
    yesterday = date(2026, 11, 20)
    (line,) = desk.batches(session, shop.office["C1"]).items
    card = desk.find_cards(session, shop.office["C1"], desk.CardFilter()).items[0]
    merchant = merchants.merchant_of_code(session, "M1001")
    district = shop.office.unions["C"]
    maker = make_officer(session, world, district, "maker", Role.FINANCE_MAKER)
    file = statement_csv([("R-1", yesterday, "6.00")])
    run, _ = finance.reconcile(
        session, world, Reconcile(merchant.id, file, "a.csv", yesterday, yesterday, maker.account_id)
    )
    (difference, *_) = finance.exceptions_of_run(session, run.id)
    proposal = finance.TakeStep(difference.id, ClearingStep.PROPOSE, "看了小票", maker, Resolution.EXPLAINED)
    finance.take_step(session, world, proposal)
    return {
        "office": shop.office,
        "maker": maker,
        "checker": make_officer(session, world, district, "checker", Role.FINANCE_CHECKER),
        "boss": make_officer(session, world, district, "boss", Role.ADMIN),
        "manager": make_manager(session, world, merchant),
        "ids": {
            "person_id": card.person.id,
            "transfer_id": NOBODY,
            "batch_id": line.batch_id,
            "card_id": card.card_id,
            "run_id": run.id,
            "difference_id": difference.id,
            "row": 1,
            "upload_id": NOBODY,
            "authority_id": NOBODY,
            "advice_id": NOBODY,
            "denial_id": NOBODY,
            "settlement_id": NOBODY,
            "kind": "json",
            "subject": "program",
            "code": "HC2026",
            "union_code": "B9",
        }
        | _of_cards(session, world, shop.office, card)
        | _of_partners(session, world, merchant, maker)
        | _of_webhooks(session, world, merchant.id),
    }


def _of_cards(session, world, office, card):
    """A hand-out that is open, and a printing."""
    opened = issuance.OpenHandout(office["C1"], HandoutKind.GIFT, "慰问品", document="云工〔2026〕21号")
    handout = issuance.open_handout(session, world, opened)
    issuance.print_cards(session, world, issuance.PrintCards(office["C1"], numbers=(card.number,)))
    (run, *_) = issuance.print_runs(session, office["C1"])
    return {"handout_id": handout.id, "print_run_id": run.id}


def _of_partners(session, world, merchant, maker):
    """What a merchant's file is made of, and a line of the blacklist."""
    signed = merchants.SignAgreement(merchant.id, "云工合〔2026〕1号", date(2026, 4, 1), date(2026, 4, 1))
    agreement = merchants.sign_agreement(session, world, signed)
    merchants.upload_signed_copy(session, world, merchants.UploadSignedCopy(agreement.id, PDF))
    proposed = merchants.ProposeAccount(
        merchant.id, "疗养院", "6222000012345678", "农商银行", "开户许可证", maker.account_id
    )
    merchants.blacklist(session, world, merchants.Blacklist("91310117MA1J2X3Y4T", "某店", "骗补贴", "云工〔2026〕4号"))
    return {
        "merchant_id": merchant.id,
        "agreement_id": agreement.id,
        "store_id": merchants.stores_of(session, merchant.id)[0].id,
        "account_id": merchants.propose_account(session, world, proposed).id,
        "terminal_id": merchants.terminals_of(session, merchant.id)[0].id,
        "entry_id": merchants.blacklist_lines(session)[0].id,
        "limits_id": NOBODY,
    }


def _of_webhooks(session, world, merchant_id):
    """An address a merchant listens at; nothing has been sent there."""
    made = hooks.make_endpoint(session, world, hooks.MakeEndpoint(merchant_id, "https://hooks.example.com/a"))
    return {"endpoint_id": made.endpoint_id, "delivery_id": NOBODY}


@pytest.fixture
def browsers(app, session, world, things):
    """Somebody of each side who has signed in, and a stranger."""
    found = {"stranger": app.test_client()}
    for name, principal in (
        ("district", things["office"]["C1"]),
        ("unit", things["office"]["U1"]),
        ("boss", things["boss"]),
        ("finance", things["maker"]),
        ("checker", things["checker"]),
        ("manager", things["manager"]),
    ):
        found[name] = app.test_client()
        enter(found[name], access.open_staff_session(session, world, principal.account_id).token)
    return found
