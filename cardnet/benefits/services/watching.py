"""Looking through what was shown for what should not exist: forged codes, copied phones, codes that were harvested.

Redemptions, given and refused, and what tills reported and nobody booked (`watched_advices`).

Beside the hot path, which only stores: a minute later is soon enough to stop a phone, and nothing waits for it.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.benefits.services.watched_advices import once_each, reported_codes
from cardnet.benefits.velocity import Pace, Use, too_fast
from cardnet.credential import store
from cardnet.credential.clones import SeenCode
from cardnet.credential.codec import Credential, DeviceCode
from cardnet.credential.verify import normalise, read
from cardnet.issuance.services import StopCopiedCode, stop_copied_code
from cardnet.kernel.world import World

_MOST = 2_000
_OVERLAP = timedelta(minutes=2)
"""An id says when a redemption began; it is seen when that commits. So far back we look for late ones."""
_FIRST_LOOK = timedelta(days=30)

_SHOWN = text("""
    select id, card_index, proof_id, code_text, merchant_code, terminal_code, accepted_at,
           coalesce(reasons @> '[{"code": "not_issued"}]', false) as not_issued,
           card_index is null as forged, state, event_at, person_id, assurance
      from redemption
     where id > :after and code_text is not null
       and (card_index is not null or reasons @> '[{"code": "bad_signature"}]'
            or reasons @> '[{"code": "proof_missing"}]' or reasons @> '[{"code": "key_out_of_period"}]')
     order by id limit :most""")

_HARVEST_SECONDS = 60
"""A member who stays for two sales within a minute is rare; a cashier who scans twice to keep a code for later is not."""

_TWICE = text("""
    select later.id from redemption later
     where later.id = any(:ids) and later.proof_id is not null and later.state = any(:given)
       and exists (
           select from redemption earlier
            where earlier.person_id = later.person_id and earlier.card_index = later.card_index and earlier.id < later.id
              and earlier.proof_id is not null and earlier.state = any(:given)
              and earlier.merchant_code = later.merchant_code and earlier.terminal_code = later.terminal_code
              and abs(extract(epoch from coalesce(later.event_at, later.accepted_at)
                                       - coalesce(earlier.event_at, earlier.accepted_at))) <= :seconds)
     order by later.id""")
_GIVEN = ["captured", "held", "partly_refunded"]
"""What still stands: a sale that was undone and done again is no second one."""

# By the person, which redemptions have an index of; a till may report a use days after it happened.
_USES = text("""
    select r.card_index, r.event_at, r.id, r.store_id, r.event_at <> r.accepted_at as told
      from unnest(cast(:indexes as bigint[]), cast(:froms as timestamptz[])) as card (card_index, since)
      join redemption r on r.person_id = any(:people) and r.card_index = card.card_index and r.event_at > card.since
     where r.state = any(:given)""")


@dataclass(frozen=True)
class Watched:
    """What one look found: alarms raised, phones stopped. `more`: it stopped at its most, look again at once."""

    looked_at: int
    not_issued: int
    copied: int
    forged: int
    harvested: int
    more: bool
    hurried: int = 0

    @property
    def alarms(self) -> int:
        """How many were raised."""
        return self.not_issued + self.copied + self.forged + self.harvested + self.hurried


def watch_codes(session: Session, world: World) -> Watched:
    """Look through the redemptions since the last look; looking twice finds nothing twice.

    A good signature over an index or a key that was never issued raises `not_issued`: somebody else has an issuer's
    key. A number of codes that falls stops the phone (`clone_suspected`) and tells its member. A code nobody signed is
    told once for each card it names and terminal (`forged_code`), two sales to one phone at one terminal within a
    minute (`harvest_suspected`), and a card that is used faster than the district holds possible
    (`velocity_suspected`): these are for a person to look at.
    """
    try:
        watch = store.take_watch(session)
    except BlockingIOError:
        return Watched(0, 0, 0, 0, 0, more=False)
    start = _first_id(world.now() - _FIRST_LOOK)
    after, after_advice = watch.redemption_id or start, watch.advice_id or start
    rows = session.execute(_SHOWN, {"after": after, "most": _MOST}).all()
    reported = reported_codes(session, world, after_advice, _MOST)
    shown = {row.id: one for row in rows if (one := _shown(row)) is not None}
    stolen = _raise(session, world, store.NOT_ISSUED, [row for row in rows if row.not_issued], shown)
    stolen += _raise_reported(session, world, store.NOT_ISSUED, reported.not_issued)
    made_up = {(shown[row.id].card_index, row.terminal_code): row for row in rows if row.forged and row.id in shown}
    forged = _raise(session, world, store.FORGED_CODE, list(made_up.values()), shown)
    forged += _raise_reported(session, world, store.FORGED_CODE, once_each(reported.forged))
    given = {"ids": list(shown), "given": _GIVEN, "seconds": _HARVEST_SECONDS}
    twice = set(session.scalars(_TWICE, given)) if shown else set()
    harvested = _raise(session, world, store.HARVEST_SUSPECTED, [row for row in rows if row.id in twice], shown)
    hurried = _raise_hurried(session, world, [row for row in rows if row.state in _GIVEN], shown)
    # Who holds a stolen issuer key counts as they like: only codes of phones we know tell something about those phones.
    known = [
        shown[row.id]
        for row in rows
        if not row.not_issued and not row.forged and row.proof_id is not None and row.id in shown
    ]
    stopped = 0
    for one in store.note_codes(session, [*known, *reported.known]):
        if stop_copied_code(session, world, StopCopiedCode(one.card_index)):
            stopped += 1
            store.raise_alarm(session, world, _alarm(store.CLONE_SUSPECTED, one, world.now()))
    full, full_advices = len(rows) == _MOST, reported.looked_at == _MOST
    if rows or reported.last:
        onward = _onward(after, rows[-1].id if rows else None, full=full)
        store.keep_watch(session, store.Watch(onward, _onward(after_advice, reported.last, full=full_advices)))
    looked_at = len(rows) + reported.looked_at
    return Watched(looked_at, stolen, stopped, forged, harvested, more=full or full_advices, hurried=hurried)


def _onward(after: uuid.UUID, last: uuid.UUID | None, *, full: bool) -> uuid.UUID:
    """A full look goes on from its last row; once everything is read, the last minutes are read again next time."""
    if last is None:
        return after
    return last if full else max(after, _first_id(_moment(last) - _OVERLAP))


def _raise(
    session: Session, world: World, kind: str, rows: Sequence[Row[Any]], shown: Mapping[uuid.UUID, store.ShownCode]
) -> int:
    alarms = (_alarm(kind, shown[row.id], row.accepted_at) for row in rows if row.id in shown)
    return sum(store.raise_alarm(session, world, one) for one in alarms)


def _raise_reported(
    session: Session, world: World, kind: str, found: Sequence[tuple[store.ShownCode, datetime]]
) -> int:
    return sum(store.raise_alarm(session, world, _alarm(kind, shown, at)) for shown, at in found)


def _raise_hurried(
    session: Session, world: World, rows: Sequence[Row[Any]], shown: Mapping[uuid.UUID, store.ShownCode]
) -> int:
    """Cards among the given that were used too fast; `rows` are what is new."""
    if not rows:
        return 0
    limits = store.limits_in_force(session)
    pace = Pace(limits.rush_uses, timedelta(minutes=limits.rush_minutes), timedelta(seconds=limits.travel_seconds))
    since: dict[int, datetime] = {}
    for row in rows:
        since[row.card_index] = min(row.event_at, since.get(row.card_index, row.event_at))
    asked = {
        "indexes": list(since),
        "froms": [first - pace.look_back for first in since.values()],
        "people": list({row.person_id for row in rows}),
        "given": _GIVEN,
    }
    uses: dict[int, list[Use]] = defaultdict(list)
    for index, *use in session.execute(_USES, asked):
        uses[index].append(Use(*use))
    new = {row.id: row for row in rows}
    hasty = {one: None for index, made in uses.items() for one in _hasty(made, pace, since[index], new.keys())}
    return _raise(session, world, store.VELOCITY_SUSPECTED, [new[one] for one in hasty], shown)


def _hasty(made: Sequence[Use], pace: Pace, since: datetime, new: Collection[uuid.UUID]) -> Iterator[uuid.UUID]:
    """Which of the new uses are too fast. One reported late may make a use too fast that we saw long ago: then it is it."""
    known = set(too_fast([use for use in made if use.id not in new], pace, since))
    at = {use.id: use.at for use in made}
    for one in too_fast(made, pace, since):
        if one in new:
            yield one
        elif one not in known:
            yield max(
                (use for use in made if use.id in new and at[one] - pace.look_back < use.at <= at[one]),
                key=lambda use: use.at,
            ).id


def _shown(row: Row[Any]) -> store.ShownCode | None:
    token = read(normalise(row.code_text))
    credential: Credential | None = token.credential if isinstance(token, DeviceCode) else token
    if credential is None:
        return None
    seen = SeenCode(row.proof_id or bytes(8), 0)
    if isinstance(token, DeviceCode):
        loose = token.proof.nonce is not None or row.assurance == "printed"
        seen = SeenCode(token.proof.proof_id, token.proof.issued_at, loose)
    where = f"{row.merchant_code}/{row.terminal_code}"
    index = credential.claims.index if row.card_index is None else row.card_index
    return store.ShownCode(index, credential.kid, row.id, where, seen)


def _alarm(kind: str, one: store.ShownCode, at: datetime) -> store.Alarm:
    return store.Alarm(kind, one.card_index, one.kid, one.redemption_id, one.terminal, at, one.advice_id)


def _first_id(at: datetime) -> uuid.UUID:
    """Below every UUIDv7 made at `at` or later."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def _moment(made: uuid.UUID) -> datetime:
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
