"""Merchants, stores, terminals, tokens and pairing."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import IntegrityError

from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn
from cardnet.merchants import rules
from cardnet.merchants.invariants import INVARIANTS
from cardnet.merchants.models import TerminalToken
from cardnet.merchants.rules import MerchantState, TerminalState
from cardnet.merchants.services import (
    ChangeStore,
    Enrol,
    Enrolled,
    EnrolmentRefused,
    IssueToken,
    MakeMerchant,
    MakePairingCode,
    MakeTerminal,
    RenameTerminal,
    RevokeToken,
    SetMerchantState,
    SetTerminalState,
    change_store,
    enrol,
    issue_token,
    make_merchant,
    make_pairing_code,
    make_terminal,
    merchant_of_code,
    merchants,
    rename_terminal,
    revoke_token,
    set_merchant_state,
    set_terminal_state,
    terminals_of,
    tokens_of,
    venue_of_token,
    venues_of_terminals,
)
from tests.make.merchants import make_till


def test_a_merchant_is_found_by_its_code_and_a_code_is_given_once(session, world):
    made = make_merchant(
        session,
        world,
        MakeMerchant("M1", "百禾超市", "supermarket"),
    )
    assert merchant_of_code(session, "M1") == made
    assert [m.code for m in merchants(session)] == ["M1"]
    with pytest.raises(Conflict, match="merchant_code_taken"):
        make_merchant(session, world, MakeMerchant("M1", "另一家", "supermarket"))
    with pytest.raises(NotFound, match="merchant_unknown"):
        merchant_of_code(session, "M2")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": ""}, "code_invalid"),
        ({"code": "有 空格"}, "code_invalid"),
        ({"code": "x" * 25}, "code_invalid"),  # would not fit the `aud` of a code
        ({"name": "  "}, "name_invalid"),
        ({"name": "a\nb"}, "name_invalid"),
        ({"name": "a\0b"}, "name_invalid"),
        ({"credit_code": "91350100M000100Y44"}, "credit_code_invalid"),  # check character wrong
        ({"contract_from": date(2026, 2, 1), "contract_until": date(2026, 1, 31)}, "contract_dates_invalid"),
    ],
)
def test_a_merchant_with_unusable_fields_is_refused_with_a_reason(session, world, change, code):
    fields = {"code": "M1", "name": "百禾超市", "category": "supermarket"} | change
    with pytest.raises(InvalidInput, match=code):
        make_merchant(session, world, MakeMerchant(**fields))


def test_a_right_credit_code_is_kept_in_capitals(session, world):
    command = MakeMerchant("M1", "百禾", "supermarket", "91350100m000100y43")
    assert make_merchant(session, world, command).credit_code == "91350100M000100Y43"


def test_a_token_names_its_venue_in_one_statement_and_then_in_none(session, world, clock):
    till = make_till(session, world)
    clock.advance(rules.CACHE_LIFE)
    statements = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *a: statements.append(a[2]))
    for _ in range(3):
        venue = venue_of_token(session, world, till.token)
    assert (venue.merchant_code, venue.store_code, venue.terminal_code) == ("M1001", "S01", "T01")
    assert len(statements) == 1


def test_where_many_records_come_from_is_asked_for_once(session, world):
    tills = [make_till(session, world), make_till(session, world, "M2002")]
    statements = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *a: statements.append(a[2]))
    venues = venues_of_terminals(session, [till.venue.terminal_id for till in tills * 2])
    assert venues == {till.venue.terminal_id: till.venue for till in tills}
    assert len(statements) == 1


@pytest.mark.parametrize(
    "token", ["", "cnt_", "cnt_" + "a" * 42, "x" * 47, "cnt_" + "é" * 43, "cnt_" + "a" * 43, "cnt_" + "\0" * 43]
)
def test_a_malformed_or_unknown_token_is_turned_away(session, world, token):
    with pytest.raises(NotSignedIn, match="token_invalid"):
        venue_of_token(session, world, token)


def test_a_token_is_stored_as_a_hash_only(session, world):
    till = make_till(session, world)
    assert session.scalar(select(TerminalToken.token_hash)) == rules.token_hash(till.token)


def test_revoking_holds_within_a_minute_even_where_the_token_is_remembered(session, world, clock):
    till = make_till(session, world)
    # Another process revokes: this one's memory is not told.
    session.execute(text("update terminal_token set revoked_at = now()"))
    assert venue_of_token(session, world, till.token) == till.venue
    clock.advance(timedelta(seconds=30))
    with pytest.raises(NotSignedIn):
        venue_of_token(session, world, till.token)


def test_revoking_holds_at_once_in_the_process_that_did_it(session, world):
    till = make_till(session, world)
    revoke_token(session, world, RevokeToken(session.scalar(select(TerminalToken.id))))
    with pytest.raises(NotSignedIn):
        venue_of_token(session, world, till.token)


def test_a_clock_set_back_does_not_keep_a_revoked_token_alive(session, world, clock):
    till = make_till(session, world)
    session.execute(text("update terminal_token set revoked_at = now()"))
    clock.advance(timedelta(hours=-1))
    with pytest.raises(NotSignedIn):
        venue_of_token(session, world, till.token)


def test_a_token_runs_out_at_its_time_also_when_remembered(session, world, clock):
    till = make_till(session, world)
    new = issue_token(session, world, IssueToken(till.venue.terminal_id, world.now() + timedelta(seconds=5)))
    assert venue_of_token(session, world, new.token) == till.venue
    clock.advance(timedelta(seconds=5))
    with pytest.raises(NotSignedIn):
        venue_of_token(session, world, new.token)


def test_a_terminal_has_at_most_two_tokens_and_a_revoked_one_makes_room(session, world):
    till = make_till(session, world)
    second = issue_token(session, world, IssueToken(till.venue.terminal_id))
    with pytest.raises(Conflict, match="too_many_tokens"):
        issue_token(session, world, IssueToken(till.venue.terminal_id))
    revoke_token(session, world, RevokeToken(second.token_id))
    issue_token(session, world, IssueToken(till.venue.terminal_id))
    for _sentence, query in INVARIANTS.values():
        assert session.execute(text(query)).all() == []


def test_the_database_refuses_a_third_active_token_too(session, world):
    till = make_till(session, world)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(
            text(
                "insert into terminal_token (id, terminal_id, token_hash, slot, created_at) "
                "select gen_random_uuid(), terminal_id, 'x', slot, now() from terminal_token"
            )
        )
    assert till.token


def test_a_suspended_merchant_or_terminal_may_not_call(session, world, clock):
    till = make_till(session, world)
    set_terminal_state(session, world, SetTerminalState(till.venue.terminal_id, TerminalState.SUSPENDED, "遗失"))
    with pytest.raises(NotAllowed, match="terminal_suspended"):
        venue_of_token(session, world, till.token)
    set_terminal_state(session, world, SetTerminalState(till.venue.terminal_id, TerminalState.ACTIVE, "找回"))
    assert venue_of_token(session, world, till.token)
    set_merchant_state(session, world, SetMerchantState(till.venue.merchant_id, MerchantState.SUSPENDED, "投诉"))
    clock.advance(timedelta(seconds=30))
    with pytest.raises(NotAllowed, match="merchant_suspended"):
        venue_of_token(session, world, till.token)


def test_a_manager_resumes_what_a_manager_stopped_and_not_what_the_union_did(session, world):
    terminal = make_till(session, world).venue.terminal_id

    def put(state, *, by_merchant):
        set_terminal_state(session, world, SetTerminalState(terminal, state, "查看", by_merchant=by_merchant))

    put(TerminalState.SUSPENDED, by_merchant=True)
    put(TerminalState.ACTIVE, by_merchant=True)
    put(TerminalState.SUSPENDED, by_merchant=False)
    put(TerminalState.SUSPENDED, by_merchant=True)
    with pytest.raises(Conflict, match="stopped_by_union"):
        put(TerminalState.ACTIVE, by_merchant=True)
    put(TerminalState.ACTIVE, by_merchant=False)
    put(TerminalState.SUSPENDED, by_merchant=False)
    put(TerminalState.RETIRED, by_merchant=True)


def test_the_tills_of_a_closed_store_are_turned_away_and_pair_no_more(session, world):
    till = make_till(session, world)
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    venue_of_token(session, world, till.token)

    def close(*, closed):
        change_store(session, world, ChangeStore(till.venue.store_id, "本部", "", "", {}, closed))

    close(closed=True)
    with pytest.raises(NotAllowed, match="store_closed"):
        venue_of_token(session, world, till.token)
    assert isinstance(enrol(session, world, Enrol(code, "前台")), EnrolmentRefused)
    with pytest.raises(Conflict, match="store_closed"):
        make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    close(closed=False)
    assert venue_of_token(session, world, till.token)


def test_a_retired_terminal_and_an_ended_merchant_stay_so(session, world):
    till = make_till(session, world)
    set_terminal_state(session, world, SetTerminalState(till.venue.terminal_id, TerminalState.RETIRED, "报废"))
    with pytest.raises(Conflict, match="terminal_state"):
        set_terminal_state(session, world, SetTerminalState(till.venue.terminal_id, TerminalState.ACTIVE, "?"))
    set_merchant_state(session, world, SetMerchantState(till.venue.merchant_id, MerchantState.ENDED, "到期"))
    with pytest.raises(Conflict, match="merchant_state"):
        set_merchant_state(session, world, SetMerchantState(till.venue.merchant_id, MerchantState.ACTIVE, "?"))


def test_a_pairing_code_becomes_a_token_once(session, world):
    till = make_till(session, world)
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    assert len(code) == 10
    typed = f" {code[:5].lower()}-{code[5:]} "
    enrolled = enrol(session, world, Enrol(typed, "前台一号"))
    assert isinstance(enrolled, Enrolled)
    assert enrolled.venue.terminal_name == "前台一号"
    assert venue_of_token(session, world, enrolled.token).terminal_id == till.venue.terminal_id
    assert isinstance(enrol(session, world, Enrol(code, "前台二号")), EnrolmentRefused)


def test_a_device_names_the_terminal_that_has_no_name_and_no_other(session, world):
    till = make_till(session, world)
    terminal_id = till.venue.terminal_id

    def paired(name):
        for token in tokens_of(session, terminal_id):
            revoke_token(session, world, RevokeToken(token.id))
        code = make_pairing_code(session, world, MakePairingCode(terminal_id))
        return enrol(session, world, Enrol(code, name)).venue.terminal_name

    assert [paired(name) for name in ("", "前台手机", "收银电脑", "")] == ["T01", *["前台手机"] * 3]
    rename_terminal(session, world, RenameTerminal(terminal_id, "二楼收银台"))
    assert paired("前台手机") == "二楼收银台"
    with pytest.raises(InvalidInput, match="name_invalid"):
        paired("前台\n手机")
    with pytest.raises(InvalidInput, match="name_invalid"):
        rename_terminal(session, world, RenameTerminal(terminal_id, "长" * 81))
    with pytest.raises(NotFound, match="terminal_unknown"):
        rename_terminal(session, world, RenameTerminal(till.venue.store_id, "楼上"))


def test_the_token_of_a_lost_answer_ends_and_no_other(session, world):
    """Time goes on within a request, and others issue tokens meanwhile."""
    ticks = count()
    moving = replace(world, now=lambda: world.now() + timedelta(milliseconds=next(ticks)))
    till = make_till(session, world)
    terminal_id = till.venue.terminal_id
    code = make_pairing_code(session, moving, MakePairingCode(terminal_id))
    asked = Enrol(code, "前台", once="a-secret-of-the-device")
    revoke_token(session, moving, RevokeToken(session.scalar(select(TerminalToken.id))))
    lost = enrol(session, moving, asked)
    other = issue_token(session, moving, IssueToken(terminal_id))
    with pytest.raises(Conflict, match="too_many_tokens"):
        issue_token(session, moving, IssueToken(terminal_id))
    got = enrol(session, moving, asked)
    live = set(session.scalars(select(TerminalToken.token_hash).where(TerminalToken.revoked_at.is_(None))))
    assert live == {rules.token_hash(got.token), rules.token_hash(other.token)}
    assert rules.token_hash(lost.token) not in live


def wrong(code: str) -> str:
    return code[:-1] + ("A" if code[-1] != "A" else "B")


def test_five_wrong_tries_end_a_pairing_code(session, world):
    till = make_till(session, world)
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    for _ in range(5):
        assert isinstance(enrol(session, world, Enrol(wrong(code), "x")), EnrolmentRefused)
    assert isinstance(enrol(session, world, Enrol(code, "x")), EnrolmentRefused)


def test_four_wrong_tries_leave_one(session, world):
    till = make_till(session, world)
    code = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    for _ in range(4):
        enrol(session, world, Enrol(wrong(code), "x"))
    assert isinstance(enrol(session, world, Enrol(code, "x")), Enrolled)


def test_a_pairing_code_lasts_fifteen_minutes_and_a_new_one_replaces_it(session, world, clock):
    till = make_till(session, world)
    first = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    second = make_pairing_code(session, world, MakePairingCode(till.venue.terminal_id))
    assert isinstance(enrol(session, world, Enrol(first, "x")), EnrolmentRefused)
    clock.advance(timedelta(minutes=15))
    assert isinstance(enrol(session, world, Enrol(second, "x")), EnrolmentRefused)


@pytest.mark.parametrize("code", ["", "x", "0" * 10, "\0" * 10, "１" * 10, "A" * 10_000, "ABCDEFGH23"])
def test_whatever_else_is_typed_is_no_pairing_code(session, world, code):
    make_till(session, world)
    assert isinstance(enrol(session, world, Enrol(code, "x")), EnrolmentRefused)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("A" * 43, "ed25519"),
        ("BUWRZNb0kzxKj1BTSlrUNgZTPHEsu9Cxa9eJHaO2QFYV", None),
        ("", None),
        ("A" * 44, None),
        ("=", None),
        ("é", None),
    ],
)
def test_a_terminal_key_is_ed25519_or_a_point_of_p256(key, algorithm):
    if algorithm:
        assert rules.read_public_key(key)[0] == algorithm
    else:
        with pytest.raises(InvalidInput, match="public_key_invalid"):
            rules.read_public_key(key)


def test_terminals_of_one_merchant_have_different_codes(session, world):
    till = make_till(session, world)
    with pytest.raises(Conflict, match="terminal_code_taken"):
        make_terminal(session, world, MakeTerminal(till.venue.store_id, "T01"))
    assert [t.code for t in terminals_of(session, till.venue.merchant_id)] == ["T01"]
    assert session.scalar(select(func.count()).select_from(TerminalToken)) == 1
