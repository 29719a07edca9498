"""Partners: agreements, what a draft lacks, hours, contacts, settlement accounts, the blacklist, staff."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.merchants import services as merchants
from cardnet.merchants.models import AgreementFile, MerchantContact, SettlementAccount
from cardnet.merchants.partnership import (
    AccountState,
    ContactKind,
    Gap,
    checked_account_number,
    checked_hours,
    checked_phone,
    hours_sentence,
)
from cardnet.merchants.rules import MerchantState
from tests.make.access import make_officer
from tests.make.merchants import CREDIT_CODE, PDF, make_manager, make_partner, make_till


def test_a_draft_says_what_it_lacks_and_serves_nobody_until_it_has_it(session, world, clock):
    one = merchants.make_merchant(
        session, world, merchants.MakeMerchant("M9", "百禾", "supermarket", state=MerchantState.DRAFT)
    )
    activate = merchants.SetMerchantState(one.id, MerchantState.ACTIVE, "开张")
    assert merchants.missing_for(session, world, one.id) == (Gap.CREDIT_CODE, Gap.AGREEMENT, Gap.STORE, Gap.CONTACT)
    with pytest.raises(Conflict, match="merchant_incomplete") as refused:
        merchants.set_merchant_state(session, world, activate)
    assert refused.value.detail == {"missing": ["credit_code", "agreement", "store", "contact"]}
    whole = make_partner(session, world, "M10", state=MerchantState.DRAFT)
    store = merchants.stores_of(session, whole.id)[0]
    till = merchants.make_terminal(session, world, merchants.MakeTerminal(store.id, "T01"))
    with pytest.raises(NotAllowed, match="merchant_suspended"):
        merchants.venue_of_token(session, world, till.token)
    merchants.set_merchant_state(session, world, merchants.SetMerchantState(whole.id, MerchantState.ACTIVE, "开张"))
    assert merchants.venue_of_token(session, world, till.token).merchant_code == "M10"


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (MerchantState.ACTIVE, MerchantState.ACTIVE),
        (MerchantState.ACTIVE, MerchantState.DRAFT),
        (MerchantState.SUSPENDED, MerchantState.SUSPENDED),
        (MerchantState.ENDED, MerchantState.ACTIVE),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(session, world, before, wanted):
    one = make_partner(session, world)
    if before is not MerchantState.ACTIVE:
        merchants.set_merchant_state(session, world, merchants.SetMerchantState(one.id, before, "原因"))
    with pytest.raises(Conflict, match="merchant_state"):
        merchants.set_merchant_state(session, world, merchants.SetMerchantState(one.id, wanted, "原因"))


def test_suspension_holds_at_once_in_this_process_and_needs_a_reason(session, world):
    till = make_till(session, world)
    assert merchants.venue_of_token(session, world, till.token)
    with pytest.raises(InvalidInput, match="reason_missing"):
        merchants.set_merchant_state(
            session, world, merchants.SetMerchantState(till.venue.merchant_id, MerchantState.SUSPENDED, " ")
        )
    merchants.set_merchant_state(
        session, world, merchants.SetMerchantState(till.venue.merchant_id, MerchantState.SUSPENDED, "投诉")
    )
    with pytest.raises(NotAllowed, match="merchant_suspended"):
        merchants.venue_of_token(session, world, till.token)


# ---- agreements ----


def test_a_new_agreement_ends_an_open_one_the_day_before_and_two_never_share_a_day(session, world, clock):
    one = make_partner(session, world)
    sign = merchants.SignAgreement(one.id, "补1", date(2026, 11, 1), date(2026, 12, 1), date(2027, 11, 30))
    merchants.sign_agreement(session, world, sign)
    newest, first = merchants.agreements_of(session, world, one.id)
    assert (newest.state, first.state, first.until_on) == ("upcoming", "in_force", date(2026, 11, 30))
    assert merchants.merchant_of_id(session, one.id).contract_number == "补1"
    for from_on, until_on, code in (
        (date(2027, 11, 30), None, "contract_overlaps"),
        (date(2026, 4, 1), date(2026, 4, 1), "contract_overlaps"),
        (date(2027, 12, 2), date(2027, 12, 1), "contract_dates_invalid"),
    ):
        with pytest.raises((Conflict, InvalidInput), match=code):
            merchants.sign_agreement(
                session, world, merchants.SignAgreement(one.id, f"补{from_on}", date(2026, 11, 1), from_on, until_on)
            )
    with pytest.raises(Conflict, match="contract_number_taken"):
        merchants.sign_agreement(session, world, sign)
    with pytest.raises(InvalidInput, match="signed_in_future"):
        tomorrow = world.now().date() + timedelta(days=1)
        merchants.sign_agreement(session, world, merchants.SignAgreement(one.id, "补2", tomorrow, date(2028, 1, 1)))


def test_the_database_too_gives_a_day_to_one_agreement_only(session, world):
    one = make_partner(session, world)
    with pytest.raises(IntegrityError, match="one_a_day"), session.begin_nested():
        session.execute(
            text(
                "insert into merchant_agreement (id, merchant_id, number, signed_on, from_on, made_at) "
                "values (gen_random_uuid(), :m, 'x', '2026-05-01', '2026-05-01', now())"
            ),
            {"m": one.id},
        )


def test_the_signed_copy_is_sealed_kept_for_good_and_the_newest_counts(session, world):
    one = make_partner(session, world)
    signed = merchants.agreements_of(session, world, one.id)[0]
    assert (signed.file_type, signed.signed_late) == ("application/pdf", False)
    assert PDF not in session.scalar(text("select content from merchant_agreement_file"))
    merchants.upload_signed_copy(session, world, merchants.UploadSignedCopy(signed.id, PDF + b" again"))
    assert merchants.signed_copy(session, signed.id) == (signed.number, "application/pdf", PDF + b" again")
    for content, code in ((b"MZ nothing of paper", "file_type"), (PDF + bytes(9 << 20), "file_too_large")):
        with pytest.raises(InvalidInput, match=code):
            merchants.upload_signed_copy(session, world, merchants.UploadSignedCopy(signed.id, content))
    assert len(session.scalars(select(AgreementFile.id)).all()) == 2
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("delete from merchant_agreement_file"))


# ---- hours and contacts ----


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        (
            {"1": ("8:30", "17:00"), "2": ("08:30", "17:00"), "4": ("9:00", "12:00")},
            "周一至周二 08:30–17:00，周四 09:00–12:00",
        ),
        ({"6": ("１８：００", "02:00"), "7": ("", "")}, "周六 18:00–02:00"),
        (dict.fromkeys("1234567", ("00:00", "23:59")), "周一至周日 00:00–23:59"),
    ],
)
def test_hours_are_told_as_on_a_door(given, said):
    assert hours_sentence(checked_hours(given)) == said


@pytest.mark.parametrize(
    "times", [("8:30", ""), ("25:00", "26:00"), ("8:60", "9:00"), ("09:00", "9:00"), ("早上", "晚上")]
)
def test_hours_nobody_can_keep_are_refused_with_their_day(times):
    with pytest.raises(InvalidInput, match="hours_invalid") as refused:
        checked_hours({"3": times})
    assert "周三" in refused.value.message
    assert refused.value.errors[0].pointer == "/hours-3"


def test_a_store_that_closes_takes_no_more_terminals(session, world):
    one = make_partner(session, world)
    store = merchants.stores_of(session, one.id)[0]
    change = merchants.ChangeStore(store.id, "总店", "方塔北路 2 号", "021-67801102", store.hours, closed=True)
    changed = merchants.change_store(session, world, change)
    assert (changed.name, changed.closed_on, changed.hours) == ("总店", world.now().date(), store.hours)
    with pytest.raises(Conflict, match="store_closed"):
        merchants.add_terminal(session, world, merchants.AddTerminal(store.id, "T01"))


def test_a_contact_is_sealed_replaced_and_masked(session, world):
    one = make_partner(session, world)
    change = merchants.SetContact(one.id, ContactKind.DAILY, "周桂林", "021-67801102")
    for _ in range(2):
        merchants.set_contact(session, world, change)
    (contact,) = merchants.contacts_of(session, one.id)
    assert (contact.name, contact.masked) == ("周桂林", "周*林 021****1102")
    sealed = session.execute(select(MerchantContact.name, MerchantContact.phone)).all()
    assert len(sealed) == 2
    assert not any("周桂林".encode() in name or b"6780" in phone for name, phone in sealed)


@pytest.mark.parametrize("phone", ["1380000000", "abc", "021-1", "13800000000x", ""])
def test_a_phone_nobody_can_call_is_refused(phone):
    with pytest.raises(InvalidInput, match="phone_format"):
        checked_phone(phone)


# ---- settlement account ----


def propose(session, world, one, maker, number="6222 0000 1234 5678", **more):
    given = {"holder": "云间疗养院", "bank": "上海农商银行松江支行", "evidence": "开户许可证"} | more
    command = merchants.ProposeAccount(one.id, number=number, actor_id=maker.account_id, **given)
    return merchants.propose_account(session, world, command)


def decide(session, world, account, checker, *, approve=True):
    command = merchants.DecideAccount(account.id, approve, "与原件一致，已回访", checker.account_id)
    return merchants.decide_account(session, world, command)


@pytest.fixture
def eyes(session, world):
    return make_officer(session, world, "jb", Role.FINANCE_MAKER), make_officer(
        session, world, "fh", Role.FINANCE_CHECKER
    )


def test_an_account_takes_effect_only_when_another_person_approves(session, world, eyes):
    one, (maker, checker) = make_partner(session, world), eyes
    account = propose(session, world, one, maker)
    assert (account.masked, account.holder_masked, account.state) == ("**** 5678", "云***院", AccountState.PROPOSED)
    assert merchants.payee_of(session, one.id, world.now()) is None
    with pytest.raises(NotAllowed, match="sod_violation"):
        decide(session, world, account, maker)
    with pytest.raises(Conflict, match="account_waiting"):
        propose(session, world, one, checker, "999999999")
    decide(session, world, account, checker)
    payee = merchants.payee_of(session, one.id, world.now())
    assert (payee.number, payee.holder) == ("6222000012345678", "云间疗养院")
    with pytest.raises(Conflict, match="account_decided"):
        decide(session, world, account, checker, approve=False)
    with pytest.raises(Conflict, match="account_unchanged"):
        propose(session, world, one, maker)


def test_a_change_never_reaches_what_was_sealed_before_it(session, world, clock, eyes):
    one, (maker, checker) = make_partner(session, world), eyes
    before_any = world.now()
    clock.advance(timedelta(hours=1))
    first = decide(session, world, propose(session, world, one, maker), checker)
    sealed_at = world.now() + timedelta(minutes=1)
    clock.advance(timedelta(days=1))
    rejected = propose(session, world, one, maker, "111111111111")
    decide(session, world, rejected, checker, approve=False)
    second = decide(session, world, propose(session, world, one, maker, "222222222222"), checker)
    assert merchants.payee_of(session, one.id, sealed_at).id == first.id
    assert merchants.payee_of(session, one.id, world.now()).id == second.id
    # Nothing was approved when this was sealed: the first one after it is the only way to pay.
    assert merchants.payee_of(session, one.id, before_any).id == first.id


def test_the_database_keeps_four_eyes_and_what_was_decided(session, world, eyes):
    one, (maker, checker) = make_partner(session, world), eyes
    account = propose(session, world, one, maker)
    own = (
        "update settlement_account set state = 'approved', decided_at = now(), decided_by = proposed_by where id = :id"
    )
    with pytest.raises(IntegrityError, match="four_eyes"), session.begin_nested():
        session.execute(text(own), {"id": account.id})
    decide(session, world, account, checker)
    for change in ("update settlement_account set bank = 'x'", "delete from settlement_account"):
        with pytest.raises(DBAPIError, match="stays as it is"), session.begin_nested():
            session.execute(text(change))


def test_an_account_is_sealed_and_the_same_number_at_two_shops_is_shown(session, world, eyes):
    one, (maker, checker) = make_partner(session, world), eyes
    decide(session, world, propose(session, world, one, maker), checker)
    other = make_partner(session, world, "M2", credit_code=None, state=MerchantState.DRAFT)
    assert propose(session, world, other, maker, "6222-0000-1234-5678").others == ("M1001",)
    number, holder = session.execute(select(SettlementAccount.number, SettlementAccount.holder)).first()
    assert b"6222" not in number
    assert "云间".encode() not in holder


@pytest.mark.parametrize("number", ["12345", "6222 0000 abcd", "1" * 33, ""])
def test_an_account_number_no_bank_prints_is_refused(number):
    with pytest.raises(InvalidInput, match="account_number_invalid"):
        checked_account_number(number)


# ---- blacklist ----


def test_a_blacklisted_credit_code_stops_its_shops_and_comes_back_under_no_name(session, world):
    one = make_partner(session, world)
    store = merchants.stores_of(session, one.id)[0]
    till = merchants.make_terminal(session, world, merchants.MakeTerminal(store.id, "T01"))
    assert merchants.venue_of_token(session, world, till.token)
    entry = merchants.Blacklist(CREDIT_CODE.lower(), "云间疗养院", "虚假核销 400 笔", "云工〔2026〕40号")
    assert merchants.blacklist(session, world, entry) == ("M1001",)
    with pytest.raises(NotAllowed, match="merchant_suspended"):
        merchants.venue_of_token(session, world, till.token)
    with pytest.raises(Conflict, match="blacklisted_already"):
        merchants.blacklist(session, world, entry)
    resume = merchants.SetMerchantState(one.id, MerchantState.ACTIVE, "恢复")
    spaced = f"{CREDIT_CODE[:8]} {CREDIT_CODE[8:17]}-{CREDIT_CODE[17:]}"
    for attempt in (
        lambda: merchants.set_merchant_state(session, world, resume),
        lambda: merchants.make_merchant(session, world, merchants.MakeMerchant("M7", "换个写法", "health", spaced)),
        lambda: merchants.make_merchant(
            session, world, merchants.MakeMerchant("M7", "换个名字", "health", CREDIT_CODE)
        ),
    ):
        with pytest.raises(Conflict, match="merchant_blacklisted"):
            attempt()
    (line,) = merchants.blacklist_lines(session)
    merchants.lift_blacklist(session, world, merchants.LiftBlacklist(line.id, "整改合格"))
    with pytest.raises(NotFound, match="blacklist_unknown"):
        merchants.lift_blacklist(session, world, merchants.LiftBlacklist(line.id, "再来一次"))
    assert merchants.merchant_of_id(session, one.id).state is MerchantState.SUSPENDED
    merchants.set_merchant_state(session, world, resume)


# ---- staff and terminals ----


def test_people_of_a_merchant_belong_to_it_and_to_no_union(session, world):
    one, officer = make_partner(session, world), make_officer(session, world, "boss", Role.DISTRICT_OFFICER)
    invited = merchants.InviteStaff(one.id, "dianzhang", "王店长", Role.MERCHANT_MANAGER, officer)
    invitation = merchants.invite_staff(session, world, invited)
    (line,) = merchants.staff_of(session, one.id, officer)
    assert (line.account_id, line.scope_path) == (invitation.account_id, f"/YJ/~{one.id}/")
    assert (
        merchants.staff_of(
            session, make_partner(session, world, "M2", credit_code=None, state=MerchantState.DRAFT).id, officer
        )
        == []
    )
    with pytest.raises(InvalidInput, match="role_invalid"):
        merchants.invite_staff(session, world, merchants.InviteStaff(one.id, "x1", "x", Role.ADMIN, officer))
    manager = make_manager(session, world, one)
    assert merchants.merchant_of(session, manager).id == one.id
    with pytest.raises(NotAllowed, match="merchant_missing"):
        merchants.merchant_of(session, officer)
    cashier = merchants.InviteStaff(one.id, "shouyin", "李收银", Role.MERCHANT_CASHIER, manager)
    made = merchants.invite_staff(session, world, cashier)
    assert access.account_line(session, made.account_id, manager.scope_path).scope_path == manager.scope_path


def test_a_revoked_terminal_has_nothing_left_and_may_be_paired_anew(session, world, clock):
    till = make_till(session, world)
    code = merchants.make_pairing_code(session, world, merchants.MakePairingCode(till.venue.terminal_id))
    revoke = merchants.RevokeTerminal(till.venue.terminal_id, "手机丢了")
    assert merchants.revoke_terminal(session, world, revoke) == 1
    assert isinstance(merchants.enrol(session, world, merchants.Enrol(code, "x")), merchants.EnrolmentRefused)
    line = merchants.terminal_line(session, world, till.venue.terminal_id)
    assert (line.paired, line.pairing_until) == (False, None)
    code = merchants.make_pairing_code(session, world, merchants.MakePairingCode(till.venue.terminal_id))
    assert isinstance(merchants.enrol(session, world, merchants.Enrol(code, "新手机")), merchants.Enrolled)


def test_the_fleet_tells_who_has_not_synchronised(session, world, clock):
    till = make_till(session, world)
    merchants.add_terminal(session, world, merchants.AddTerminal(till.venue.store_id, "T02"))
    merchants.note_sync(session, world, till.venue.terminal_id)
    first = world.now()
    clock.advance(timedelta(seconds=30))
    merchants.note_sync(session, world, till.venue.terminal_id)

    def found(standing, stale_before=first):
        query = merchants.FleetQuery(standing=standing, stale_before=stale_before)
        return [line.code for line in merchants.fleet(session, world, query, 10, 0)[0]]

    assert merchants.terminal_line(session, world, till.venue.terminal_id).synced_at == first
    assert (found("working"), found("unpaired"), found("stale")) == (["T01"], ["T02"], [])
    assert found("stale", first + timedelta(seconds=1)) == ["T01"]
