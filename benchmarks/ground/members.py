"""Members with active cards on phones, by the thousand.

Roster, reviews and issuing are the real services. Only the activations are written in bulk, because a phone activates
one card at a time; their keys and credentials are real.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Role
from cardnet.credential import keys, signing, store
from cardnet.credential.codec import Proof
from cardnet.credential.device import DeviceKey
from cardnet.credential.pack import Policy
from cardnet.issuance.rules import Verdict
from cardnet.issuance.services import (
    GrantQuota,
    HandOutCards,
    IssueCards,
    MoveQuota,
    Review,
    SubmitRoster,
    allocate_quota,
    grant_quota,
    hand_out_cards,
    issue_cards,
    review,
    submit_roster,
)
from cardnet.kernel.calendar import day_of, end_of
from cardnet.kernel.world import World
from tests.make.access import make_officer
from tests.make.membership import csv_file, roster_cells, roster_line, tree


@dataclass
class Holder:
    """A member's phone: it makes codes without asking anybody."""

    phone: DeviceKey
    credential: bytes
    index: int

    def code(self, at: datetime, world: World) -> str:
        """What the screen shows at a moment."""
        self.phone.counter += 1
        proof_id = self.phone.counter.to_bytes(4, "big") + world.random_bytes(4)
        proof = Proof(int(at.timestamp()), proof_id, None, None)
        return signing.code_text(self.phone.token(self.credential, proof))


def make_members(session: Session, world: World, count: int) -> list[Holder]:
    """`count` members of one unit whose cards are active on phones, in one transaction."""
    at, year = world.now(), day_of(world.now()).year
    unions = tree(session, world)
    officers = {
        code: make_officer(
            session, world, f"bench_{code}", role, union_id=unions[code].id, scope_path=unions[code].path
        )
        for code, role in (("B1", Role.UNIT_OFFICER), ("D1", Role.TOWNSHIP_OFFICER), ("C", Role.DISTRICT_OFFICER))
    }
    store.ensure_keys(session, world)
    grant_quota(session, world, GrantQuota(year, count, "云工〔2026〕1号"))
    allocate_quota(session, world, MoveQuota(year, "C", "D1", count))
    allocate_quota(session, world, MoveQuota(year, "D1", "B1", count))
    roster = csv_file(roster_cells([roster_line(serial) for serial in range(count)]))
    clerk = make_officer(
        session, world, "bench_clerk", Role.UNIT_OFFICER, union_id=unions["B1"].id, scope_path=unions["B1"].path
    )
    sent = submit_roster(session, world, SubmitRoster(roster, "roster.csv", "B1", clerk))
    for code in ("B1", "D1", "C"):
        review(session, world, Review(sent.batch_id, officers[code], Verdict.APPROVE))
    cards = issue_cards(session, world, IssueCards(sent.batch_id, officers["C"]))
    hand_out_cards(session, world, HandOutCards(officers["C"], sent.batch_id))
    ends = end_of(cards[0].valid_to) - timedelta(seconds=1)
    signers = [store.signing_key(session, world, keys.KeyUse.CARD, shard=n) for n in range(keys.CARD_SHARDS)]
    holders = []
    for index in store.allocate_indexes(session, world, len(cards)):
        phone = DeviceKey.make(world)
        claims = signing.device_claims(index, phone.public, 1, None, at, ends, Policy())
        holders.append(Holder(phone, signing.sign_credential(signers[keys.shard_of(index)], claims), index))
    session.execute(
        text("""
            insert into binding (id, card_id, kind, slot, card_index, device_key, state, bound_at, credential_expires_at)
            select * from unnest(
                cast(:ids as uuid[]), cast(:cards as uuid[]), cast(:kinds as text[]), cast(:slots as bigint[]),
                cast(:indexes as bigint[]), cast(:keys as bytea[]), cast(:states as text[]),
                cast(:bound as timestamptz[]), cast(:expires as timestamptz[]))"""),
        {
            "ids": [world.new_id() for _ in cards],
            "cards": [card.card_id for card in cards],
            "kinds": ["device"] * len(cards),
            "slots": [1] * len(cards),
            "indexes": [holder.index for holder in holders],
            "keys": [holder.phone.public for holder in holders],
            "states": ["live"] * len(cards),
            "bound": [at] * len(cards),
            "expires": [at + timedelta(days=14)] * len(cards),
        },
    )
    session.execute(
        text(
            "update card set state = 'active', activated_at = :at, activated_channel = 'self', activated_union_id = union_id"
        ),
        {"at": at},
    )
    return holders
