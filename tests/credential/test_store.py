"""Issuer keys, trust pack, card indexes and status list at rest."""

import itertools
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import psycopg
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from cardnet.credential import pack, status, store
from cardnet.credential.device import DeviceKey
from cardnet.credential.document import unseal
from cardnet.credential.keys import KeyState, KeyUse, shard_of
from cardnet.credential.signing import code_text, device_claims, printed_claims, sign_credential
from cardnet.credential.status import Status
from cardnet.credential.store import indexes
from cardnet.credential.store.models import CardIndexBlock, IssuerKeyRow, StatusListRow, TrustPackRow
from cardnet.credential.verify import Accepted, VerifyContext, verify
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.kernel.vault import vault_of

YEAR = timedelta(days=365)


def uses(keys):
    return sorted(key.use for key in keys)


# ---- keys


def test_the_keys_of_the_month_are_made_once(session, world):
    made = store.ensure_keys(session, world)
    # 2026-11-21: December begins within 14 days, so its keys are made and published already.
    assert uses(made) == sorted(
        ["card"] * 8 + ["print"] * 8 + ["status", "settlement", "offers", "terminal-ca", "receipt"]
    )
    assert len(store.roots(session)) == 2
    assert store.ensure_keys(session, world) == ()
    assert len({key.kid for key in made}) == len(made)
    assert len({key.public for key in made}) == len(made)


@pytest.mark.parametrize("last", [(2026, 11, 30), (2026, 12, 31)])
def test_in_the_last_second_of_a_month_and_a_year_no_key_is_missing(session, world, clock, last):
    """Keys end with a whole second: what was left of it counted as time without a key, and the pack could not be asked for."""
    clock.set(datetime(*last, 15, 59, 59, tzinfo=UTC))
    store.ensure_keys(session, world)
    clock.set(datetime(*last, 15, 59, 59, 900_000, tzinfo=UTC))
    assert store.ensure_keys(session, world) == ()


def test_every_shard_signs_for_its_own_indexes(session, world):
    signing = [store.signing_key(session, world, KeyUse.CARD, shard_of(index)) for index in range(8)]
    assert len({key.issuer.kid for key in signing}) == 4
    assert signing[1] == signing[5]
    assert signing[0].private.hex() not in repr(signing[0])


def test_private_keys_rest_sealed(session, world):
    key = store.signing_key(session, world, KeyUse.STATUS)
    rows = session.scalars(select(IssuerKeyRow.private_sealed).where(IssuerKeyRow.use != KeyUse.ROOT)).all()
    assert len(rows) == 21
    assert all(row is not None and key.private not in row for row in rows)


def test_the_month_after_has_other_keys_and_nobody_had_to_make_them(session, world, clock):
    november = store.signing_key(session, world, KeyUse.CARD, 0)
    clock.set(datetime(2026, 11, 30, 15, 59, 59, 999999, tzinfo=UTC))
    assert store.signing_key(session, world, KeyUse.CARD, 0) == november
    clock.set(datetime(2026, 11, 30, 16, 0, tzinfo=UTC))
    assert store.signing_key(session, world, KeyUse.CARD, 0).issuer.kid != november.issuer.kid
    clock.advance(9 * YEAR)
    years_later = store.signing_key(session, world, KeyUse.CARD, 0)
    assert years_later.issuer.may_sign_at(int(world.now().timestamp()))


@pytest.mark.parametrize("use", [KeyUse.STATUS, KeyUse.SETTLEMENT, KeyUse.OFFERS, KeyUse.TERMINAL_CA, KeyUse.RECEIPT])
def test_a_key_of_every_use_signs_at_every_moment_of_a_year(session, world, clock, use):
    for _ in range(14):
        key = store.signing_key(session, world, use)
        assert key.issuer.use is use
        assert key.issuer.may_sign_at(int(world.now().timestamp()))
        clock.advance(timedelta(days=29, hours=7))


def test_a_key_cannot_be_deleted_or_made_twice(session, world):
    store.ensure_keys(session, world)
    with pytest.raises(DBAPIError, match=r"append-only|permission denied"), session.begin_nested():
        session.execute(text("delete from issuer_key"))
    first = session.scalars(select(IssuerKeyRow).where(IssuerKeyRow.use == KeyUse.CARD)).first()
    twin = {column.key: getattr(first, column.key) for column in IssuerKeyRow.__table__.columns}
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(insert(IssuerKeyRow).values(**{**twin, "kid": b"\xff\xff"}))


def test_sixteen_processes_make_the_months_keys_once(committing_app, world):
    together(committing_app, 16, lambda session: store.ensure_keys(session, world))
    with committing_app.app_context(), transaction() as session:
        assert session.scalar(select(func.count(IssuerKeyRow.kid))) == 23
        assert session.scalar(select(func.count(TrustPackRow.seq))) == 1


# ---- trust pack


def test_a_revoked_key_counts_no_more_and_has_a_successor(session, world):
    revoked = store.signing_key(session, world, KeyUse.CARD, 2)
    command = store.RevokeKey(revoked.issuer.kid, None, "演练")
    store.revoke_key(session, world, command)
    known = store.trust_pack(session, world.now()).keys
    assert known[revoked.issuer.kid].state is KeyState.REVOKED
    successor = store.signing_key(session, world, KeyUse.CARD, 2)
    assert successor.issuer.kid != revoked.issuer.kid
    assert known[successor.issuer.kid].state is KeyState.ACTIVE
    with pytest.raises(NotFound, match="key_unknown"):
        store.revoke_key(session, world, command)


def test_two_keys_of_one_shard_revoked_within_one_second_both_have_a_successor(session, world):
    kids = []
    for _ in range(3):
        kids.append(store.signing_key(session, world, KeyUse.CARD, 2).issuer.kid)
        store.revoke_key(session, world, store.RevokeKey(kids[-1], None, "演练"))
    last = store.signing_key(session, world, KeyUse.CARD, 2).issuer
    assert last.kid not in kids
    assert last.may_sign_at(int(world.now().timestamp()))


def test_the_published_pack_verifies_under_the_pinned_roots_and_says_what_the_server_knows(session, world):
    document = store.signed_trust_pack(session, world)
    seconds = int(world.now().timestamp())
    opened = pack.open_pack(document.content, store.roots(session), seconds)
    known = store.trust_pack(session, world.now())
    assert opened.keys == {kid: key for kid, key in known.keys.items() if key.use is not KeyUse.ROOT}
    assert opened.policy == known.policy
    assert opened.seq == known.seq == 1
    assert store.signed_trust_pack(session, world) == document


def test_keys_of_later_uses_stand_in_a_claim_of_their_own_which_the_first_verifiers_pass_over(session, world):
    claims = unseal(store.signed_trust_pack(session, world).content, store.roots(session), KeyUse.ROOT)
    assert {key["use"] for key in claims[-70003]} == {"card", "print", "status", "settlement", "offers"}
    assert {key["use"] for key in claims[-70009]} == {"terminal-ca", "receipt"}


def test_a_root_signs_no_key_whose_use_it_does_not_know(session, world):
    store.ensure_keys(session, world)
    payload = store.pack_to_sign(session, world)
    assert pack.encode_pack(pack.decode_pack(payload)) == payload
    claims = cbor2.loads(payload)
    strange = {**claims[-70003][0], "kid": b"\xff\xfe", "use": "of-tomorrow"}
    for claim in (-70003, -70009):
        spoiled = cbor2.dumps({**claims, claim: [*claims[claim], strange]}, canonical=True)
        with pytest.raises(ValueError, match="shortest"):
            pack.decode_pack(spoiled)


def test_an_older_pack_an_expired_pack_and_a_foreign_pack_are_refused(session, world):
    document = store.signed_trust_pack(session, world)
    pinned, seconds = store.roots(session), int(world.now().timestamp())
    with pytest.raises(ValueError, match="later"):
        pack.open_pack(document.content, pinned, seconds, highest_seq=2)
    with pytest.raises(ValueError, match="expired"):
        pack.open_pack(document.content, pinned, seconds + 31 * 86_400)
    with pytest.raises(ValueError, match="signed"):
        pack.open_pack(document.content, {}, seconds)
    with pytest.raises(ValueError, match="signature"):
        pack.open_pack(document.content[:-1] + bytes((document.content[-1] ^ 1,)), pinned, seconds)
    for at in range(0, len(document.content), 7):
        flipped = bytearray(document.content)
        flipped[at] ^= 1
        with pytest.raises(ValueError, match=r"."):
            pack.open_pack(bytes(flipped), pinned, seconds)


def test_a_settlement_key_cannot_sign_a_pack(session, world):
    store.ensure_keys(session, world)
    known = store.trust_pack(session, world.now())
    with pytest.raises(InvalidInput, match="key_use"):
        pack.seal_pack(known, store.signing_key(session, world, KeyUse.SETTLEMENT))


def test_every_change_of_keys_gives_the_pack_a_higher_number_and_a_new_etag(session, world, clock):
    first = store.signed_trust_pack(session, world)
    clock.advance(timedelta(days=16))
    second = store.signed_trust_pack(session, world)
    assert first.etag != second.etag
    store.revoke_key(
        session, world, store.RevokeKey(store.signing_key(session, world, KeyUse.STATUS).issuer.kid, None, "")
    )
    third = pack.open_pack(
        store.signed_trust_pack(session, world).content, store.roots(session), int(world.now().timestamp()), 3
    )
    assert third.seq == 3


def test_old_card_keys_leave_the_published_pack_but_not_the_servers(session, world, clock):
    old = store.signing_key(session, world, KeyUse.CARD, 0).issuer.kid
    clock.advance(timedelta(days=60))
    content = store.signed_trust_pack(session, world).content
    assert old not in pack.open_pack(content, store.roots(session), int(world.now().timestamp())).keys
    assert old in store.trust_pack(session, world.now()).keys


def test_the_servers_pack_is_read_once_in_five_seconds(session, world, monkeypatch):
    store.ensure_keys(session, world)
    first = store.trust_pack(session, world.now())
    session.execute(text("update issuer_key set state = 'revoked', revoked_at = now() where use = 'print'"))
    assert store.trust_pack(session, world.now()) is first
    later = time.monotonic() + store.CACHE_SECONDS
    monkeypatch.setattr("cardnet.credential.store.packs.monotonic_seconds", lambda: later)
    assert {key.state for key in store.trust_pack(session, world.now()).keys.values()} == {"active", "revoked"}


def test_a_phone_and_a_printed_card_work_with_keys_from_the_store(session, world):
    phone, at = DeviceKey.make(world), world.now()
    known = store.trust_pack(session, at)
    (index, printed) = store.allocate_indexes(session, world, 2)
    card = store.signing_key(session, world, KeyUse.CARD, shard_of(index))
    claims = device_claims(index, phone.public, 1, None, at, at + YEAR, known.policy)
    text_shown = phone.code(sign_credential(card, claims), world)
    known = store.trust_pack(session, at)
    accepted = verify(text_shown, known, None, at, VerifyContext())
    assert isinstance(accepted, Accepted)
    assert (accepted.index, accepted.device_key) == (index, phone.public)
    assert accepted.credential_expires_at == at + timedelta(days=14)
    short = printed_claims(printed, 1, None, at, at + timedelta(days=3), known.policy)
    on_paper = code_text(sign_credential(store.take_print_key(session, world, world.new_id()), short))
    known = store.trust_pack(session, at)
    judged = verify(on_paper, known, None, at, VerifyContext())
    assert (judged.assurance, judged.credential_expires_at) == ("printed", at + timedelta(days=3))
    with pytest.raises(InvalidInput, match="key_period"):
        sign_credential(card, replace(claims, issued_at=claims.issued_at + 60 * 86_400))
    with pytest.raises(InvalidInput, match="key_use"):
        sign_credential(card, short)


# ---- indexes


def test_thirty_thousand_indexes_are_different_dense_and_in_no_order(session, world):
    began = time.process_time()
    drawn = store.allocate_indexes(session, world, 30_000)
    took = time.process_time() - began
    assert len(set(drawn)) == 30_000
    assert set(drawn) <= set(range(65_536))
    rising = sum(a < b for a, b in itertools.pairwise(drawn))
    assert 14_000 < rising < 16_000
    assert took < 4  # of our own work, whatever else the machine does: a statement for each would take ten


def test_blocks_are_filled_before_the_next_one_begins(session, world):
    drawn = store.allocate_indexes(session, world, 65_530)
    drawn += store.allocate_indexes(session, world, 10)
    assert len(set(drawn)) == 65_540
    assert set(range(65_536)) <= set(drawn)
    assert sum(index >= 65_536 for index in drawn) == 4


def test_no_index_is_none(session, world):
    assert store.allocate_indexes(session, world, 0) == []
    assert session.scalar(select(func.count(CardIndexBlock.block))) == 0


@pytest.mark.parametrize("seed", [bytes(32), b"another seed of thirty-two bytes"])
def test_the_order_of_a_block_has_every_place_once(seed):
    order = indexes.shuffled(seed, 0, 65_536)
    assert sorted(order) == list(range(65_536))
    assert indexes.shuffled(seed, 1000, 1010) == order[1000:1010]


def test_the_order_of_a_block_looks_random(session):
    """Planted faults this must catch: no rounds at all, and two rounds."""

    def neighbours(order):
        return sum(abs(a - b) < 256 for a, b in itertools.pairwise(order))

    assert neighbours(indexes.shuffled(b"seed", 0, 65_536)) < 1_000
    assert neighbours(list(range(65_536))) > 60_000


def test_writers_at_the_same_time_never_draw_the_same_index(committing_app, world):
    drawn = []
    together(committing_app, 12, lambda session: drawn.extend(store.allocate_indexes(session, world, 500)))
    assert len(drawn) == 6_000
    assert len(set(drawn)) == 6_000


def test_a_draw_that_is_rolled_back_is_drawn_again_by_nobody_twice(committing_app, world):
    with committing_app.app_context():
        with pytest.raises(ZeroDivisionError), transaction() as session:
            store.allocate_indexes(session, world, 10)
            raise ZeroDivisionError
        with transaction() as session:
            assert max(store.allocate_indexes(session, world, 10)) < 65_536


def test_a_long_transaction_makes_nobody_wait_for_an_index(committing_app, world):
    with committing_app.app_context(), transaction() as session:
        first = store.allocate_indexes(session, world, 10)
        others = []
        together(committing_app, 1, lambda other: others.extend(store.allocate_indexes(other, world, 10)))
        assert len(set(first + others)) == 20


def test_the_seed_of_a_block_rests_sealed(session, world):
    store.allocate_indexes(session, world, 1)
    sealed = session.scalar(select(CardIndexBlock.seed_sealed))
    assert len(vault_of(session).open_bytes("card_index_block.seed", sealed)) == 32


# ---- status


def opened_list(session, document, world):
    return status.open_list(document.content, store.trust_pack(session, world.now()).keys)


def test_the_status_list_says_what_was_set(session, world):
    drawn = store.allocate_indexes(session, world, 100)
    store.set_statuses(session, world, drawn[:30], Status.INVALID)
    store.set_status(session, world, drawn[30], Status.SUSPENDED)
    store.set_status(session, world, drawn[0], Status.SUSPENDED)
    listed = opened_list(session, store.status_list(session, world), world)
    expected = [2] + [1] * 29 + [2] + [0] * 69
    assert [listed.of(index) for index in drawn] == expected
    assert list(store.statuses_of(session, drawn).values()) == expected
    assert listed.of(2**32 - 1) == Status.VALID
    assert listed.age(int(world.now().timestamp())) == "fresh"


def test_a_change_is_in_the_list_fifteen_seconds_later_and_the_etag_changes_only_then(session, world, clock):
    (index,) = store.allocate_indexes(session, world, 1)
    before = store.status_list(session, world)
    clock.advance(timedelta(minutes=5))
    assert store.status_list(session, world) == before
    store.set_status(session, world, index, Status.INVALID)
    after = store.status_list(session, world)
    assert after.etag != before.etag
    assert opened_list(session, after, world).of(index) == Status.INVALID
    store.set_status(session, world, index, Status.VALID)
    assert store.status_list(session, world) == after
    clock.advance(timedelta(seconds=15))
    assert opened_list(session, store.status_list(session, world), world).of(index) == Status.VALID


def test_the_list_is_made_anew_every_half_hour_and_old_ones_go(session, world, clock):
    first = store.status_list(session, world)
    clock.advance(timedelta(minutes=30))
    assert store.status_list(session, world) != first
    clock.advance(timedelta(days=8))
    store.status_list(session, world)
    assert session.scalar(select(func.count(StatusListRow.seq))) == 1


def test_a_list_grows_stale_and_expires(session, world):
    listed = opened_list(session, store.status_list(session, world), world)
    now = int(world.now().timestamp())
    assert listed.age(now + 72 * 3600) == "fresh"
    assert listed.age(now + 72 * 3600 + 1) == "stale"
    assert listed.age(now + 7 * 86_400 + 1) == "expired"


def test_a_list_signed_by_a_card_key_is_refused(session, world):
    listed = opened_list(session, store.status_list(session, world), world)
    with pytest.raises(InvalidInput, match="key_use"):
        status.seal_list(listed, "/x", store.signing_key(session, world, KeyUse.CARD, 0))
    keys = store.trust_pack(session, world.now()).keys
    relabelled = {kid: replace(key, use=KeyUse.CARD) for kid, key in keys.items()}
    with pytest.raises(ValueError, match="may not sign"):
        status.open_list(store.status_list(session, world).content, relabelled)


def test_a_change_leads_from_any_remembered_list_to_the_newest(session, world, clock):
    drawn = store.allocate_indexes(session, world, 4_000)
    # Many are withdrawn already: the whole list is long, and what changed is short.
    store.set_statuses(session, world, drawn[500:], Status.INVALID)
    lists = []
    for step in range(4):
        store.set_statuses(session, world, drawn[step * 100 : step * 100 + 60], Status.INVALID)
        store.set_statuses(session, world, drawn[step * 90 : step * 90 + 20], Status.SUSPENDED)
        lists.append(opened_list(session, store.status_list(session, world), world))
        clock.advance(timedelta(minutes=2))
    whole = store.status_list(session, world)
    newest = opened_list(session, whole, world)
    keys = store.trust_pack(session, world.now()).keys
    for had in [*lists, newest]:
        change = store.status_list(session, world, had.seq)
        assert status.open_list(change.content, keys, had) == newest
        assert change.etag == whole.etag
    # A change fits the one list it was made for, and only a verifier that has not seen a later one takes it.
    change = store.status_list(session, world, lists[1].seq).content
    for other in (None, lists[0], lists[2], replace(lists[1], bits=lists[0].bits)):
        with pytest.raises(ValueError, match=r"another list|parted"):
            status.open_list(change, keys, other)
    with pytest.raises(ValueError, match="later"):
        status.open_list(whole.content, keys, replace(lists[-1], seq=99))
    assert store.status_list(session, world, 12_345) == whole


def test_a_list_that_grew_by_a_block_is_a_change_too(session, world, clock):
    drawn = store.allocate_indexes(session, world, 65_530)
    had = opened_list(session, store.status_list(session, world), world)
    clock.advance(timedelta(minutes=2))
    drawn += store.allocate_indexes(session, world, 20)
    store.set_status(session, world, max(drawn), Status.INVALID)
    keys = store.trust_pack(session, world.now()).keys
    now = status.open_list(store.status_list(session, world, had.seq).content, keys, had)
    assert (len(had.bits), len(now.bits), now.of(max(drawn))) == (16_384, 32_768, 1)


def test_statuses_of_a_whole_unit_are_set_in_a_moment(session, world):
    drawn = store.allocate_indexes(session, world, 20_000)
    began = time.process_time()
    store.set_statuses(session, world, drawn, Status.INVALID)
    store.set_statuses(session, world, [], Status.INVALID)
    assert time.process_time() - began < 4  # as above
    listed = opened_list(session, store.status_list(session, world), world)
    assert {listed.of(index) for index in drawn} == {1}


def test_the_trust_pack_table_is_append_only(fresh_database):
    with psycopg.connect(fresh_database) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("truncate trust_pack")


def together(app, count, act):
    """Run `act` in `count` threads, each in a transaction of its own, all at once."""
    gate, failures = threading.Barrier(count), []

    def run():
        try:
            with app.app_context(), transaction() as session:
                gate.wait(30)
                act(session)
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
