"""The invariants of the credential hold in use and see what breaks them."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.credential import store
from cardnet.credential.invariants import INVARIANTS
from cardnet.credential.keys import KeyUse
from cardnet.credential.status import Status


def broken(session):
    return {code for code, (_sentence, sql) in INVARIANTS.items() if session.execute(text(sql)).first()}


@pytest.fixture
def in_use(session, world, clock):
    """Keys, packs, a revoked key, indexes and statuses over a month."""
    for index in store.allocate_indexes(session, world, 3):
        store.set_status(session, world, index, Status.INVALID)
    for _ in range(3):
        store.ensure_keys(session, world)
        clock.advance(timedelta(days=16))
    store.revoke_key(
        session, world, store.RevokeKey(store.signing_key(session, world, KeyUse.STATUS).issuer.kid, None, "")
    )
    return session


def test_everything_holds_after_a_month_of_use(in_use):
    assert broken(in_use) == set()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("insert into card_status values (65536 * 7, 1, now())", "C-INDEX"),
        ("insert into trust_pack values (99, '', '2030-01-01', '2030-02-01')", "C-PACK"),
        ("insert into trust_pack values (5, '', '2020-01-01', '2020-02-01')", "C-PACK"),
        ("update issuer_key set state = 'revoked', revoked_at = '2030-01-01' where use = 'print'", "C-REVOKED"),
        ("insert into card_index_free select card_index, '' from card_status limit 1", "C-FREE"),
    ],
)
def test_damage_is_found(in_use, damage, code):
    in_use.execute(text(damage))
    assert code in broken(in_use)
