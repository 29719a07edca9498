"""Where merchants hear of events, and what became of every message."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import and_, delete, func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.outbox import OutboxEvent
from cardnet.kernel.sequence import newest_place, number_events
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchant_api import webhooks
from cardnet.merchant_api.models import WebhookDelivery, WebhookEndpoint
from cardnet.merchant_api.webhooks import GONE, Signer
from cardnet.merchants import services as merchants

MOST_ENDPOINTS = 5
"""Of one merchant."""
LEASE = timedelta(minutes=2)
"""How long a worker may be at one message before another takes it up."""
HEARD_LIFE, UNHEARD_LIFE = timedelta(days=35), timedelta(days=90)
"""How long a message can be looked up and sent again: one that was delivered, and one that was given up or dropped."""

_SECRET, _PRIVATE = "webhook.secret", "webhook.private"

# All endpoints at once; the events are those numbered since each was last given any.
_SPREAD = """
with due as materialized (
  select w.id, w.merchant_id, w.kinds, w.next_seq from webhook_endpoint w
   where w.state = 'active' and w.next_seq <= %(newest)s order by w.id for update),
made as (
  insert into webhook_delivery (id, endpoint_id, event_id, seq, state, tries, next_try_at, created_at)
  select gen_random_uuid(), d.id, s.event_id, s.seq, 'waiting', 0, %(at)s, %(at)s
    from due d
    join event_sequence s on s.merchant_id = d.merchant_id and s.seq >= d.next_seq and s.seq <= %(newest)s
    join outbox_event o on o.id = s.event_id
   where o.kind like 'redemption.%%' and (d.kinds is null or o.kind = any(string_to_array(d.kinds, ' ')))
  on conflict do nothing returning 1),
moved as (update webhook_endpoint w set next_seq = %(newest)s + 1 from due d where w.id = d.id)
select count(*) from made"""


@dataclass(frozen=True)
class MakeEndpoint:
    """A merchant's manager names an address; `kinds` None hears everything. From now on, nothing from before."""

    merchant_id: uuid.UUID
    url: str
    kinds: tuple[str, ...] | None = None
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class NewEndpoint:
    """The secret is shown this once; the public key may be asked for again."""

    endpoint_id: uuid.UUID
    secret: str
    public_key: str


@dataclass(frozen=True)
class EndpointView:
    """An endpoint and how it fares: messages waiting, and those given up on."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    url: str
    kinds: tuple[str, ...] | None
    public_key: str
    active: bool
    disabled_at: datetime | None
    disabled_why: str | None
    created_at: datetime
    waiting: int
    failed: int


@dataclass(frozen=True)
class DeliveryView:
    """One message: the event, and what became of it."""

    id: uuid.UUID
    seq: int
    kind: str
    redemption_id: uuid.UUID
    state: str
    tries: int
    next_try_at: datetime | None
    last_try_at: datetime | None
    last_status: int | None
    last_error: str | None
    occurred_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True)
class Message:
    """A message somebody has taken on: where, what, and by whose keys."""

    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    merchant_id: uuid.UUID
    url: str
    signer: Signer
    tries: int
    body: bytes

    def headers(self, at: datetime) -> dict[str, str]:
        """The same `webhook-id` at every try, so that the receiver knows a repeat."""
        return self.signer.headers(f"msg_{self.delivery_id.hex}", at, self.body)


def make_endpoint(session: Session, world: World, command: MakeEndpoint, *, inside: bool = False) -> NewEndpoint:
    """Add an endpoint. Raises InvalidInput("webhook_url"), Conflict("too_many_endpoints")."""
    webhooks.checked_url(command.url, inside=inside)
    _room_for_one(session, command.merchant_id)
    vault, secret, private = vault_of(session), world.random_bytes(32), world.random_bytes(32)
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    number_events(session)
    row: dict[str, Any] = {
        "id": world.new_id(),
        "merchant_id": command.merchant_id,
        "url": command.url.strip(),
        "kinds": " ".join(command.kinds) if command.kinds else None,
        "secret": vault.seal(_SECRET, secret),
        "private_key": vault.seal(_PRIVATE, private),
        "public_key": public,
        "next_seq": newest_place(session) + 1,
        "state": "active",
        "created_at": world.now(),
        "created_by": command.actor_id,
    }
    session.execute(insert(WebhookEndpoint).values(**row))
    after = {"endpoint": str(row["id"]), "url": command.url}
    record(session, world, Act("webhook.make", "merchant", str(command.merchant_id), command.actor_id, after=after))
    return NewEndpoint(row["id"], webhooks.secret_text(secret), webhooks.public_text(public))


def disable_endpoint(
    session: Session, world: World, endpoint_id: uuid.UUID, why: str, actor_id: uuid.UUID | None = None
) -> None:
    """Send nothing more there; what waits is dropped and can be replayed by hand. Raises NotFound("endpoint_unknown")."""
    endpoint = _endpoint(session, endpoint_id)
    at = world.now()
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == "active")
        .values(state="disabled", disabled_at=at, disabled_why=why)
    )
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == "waiting")
        .values(state="dropped", next_try_at=None)
    )
    after = {"endpoint": str(endpoint_id), "why": why}
    record(session, world, Act("webhook.disable", "merchant", str(endpoint.merchant_id), actor_id, after=after))


def enable_endpoint(session: Session, world: World, endpoint_id: uuid.UUID, actor_id: uuid.UUID | None = None) -> None:
    """Send again, from now on. Raises NotFound("endpoint_unknown"), Conflict("too_many_endpoints")."""
    endpoint = _endpoint(session, endpoint_id)
    if endpoint.state == "disabled":
        _room_for_one(session, endpoint.merchant_id)
    number_events(session)
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == "disabled")
        .values(state="active", disabled_at=None, disabled_why=None, next_seq=newest_place(session) + 1)
    )
    after = {"endpoint": str(endpoint_id)}
    record(session, world, Act("webhook.enable", "merchant", str(endpoint.merchant_id), actor_id, after=after))


def spread_events(session: Session, world: World) -> int:
    """Make a message for each endpoint and each event it has not been given yet; how many. Doing it again makes none."""
    number_events(session)
    given = {"newest": newest_place(session), "at": world.now()}
    return int(session.connection().exec_driver_sql(_SPREAD, given).scalar_one())


def take_message(session: Session, world: World, passed_over: Collection[uuid.UUID] = ()) -> Message | None:
    """Take on the message that is due longest, of no merchant passed over; None when none is.

    Whoever dies with it loses it after `LEASE`.
    """
    at = world.now()
    due = session.execute(
        select(WebhookDelivery, WebhookEndpoint, OutboxEvent)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.state == "waiting", WebhookDelivery.next_try_at <= at)
        .where(WebhookEndpoint.merchant_id.not_in(passed_over))
        .order_by(WebhookDelivery.next_try_at, WebhookDelivery.seq)
        .limit(1)
        .with_for_update(of=WebhookDelivery, skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if due is None:
        return None
    delivery, endpoint, event = due
    delivery.next_try_at = at + LEASE
    session.flush()
    vault = vault_of(session)
    signer = Signer(vault.open_bytes(_SECRET, endpoint.secret), vault.open_bytes(_PRIVATE, endpoint.private_key))
    data: Mapping[str, Any] = {
        "event_id": str(event.id),
        "seq": delivery.seq,
        "redemption_id": str(event.subject_id),
        **event.payload,
    }
    body = webhooks.body_of(event.kind, event.created_at, data)
    return Message(delivery.id, endpoint.id, endpoint.merchant_id, endpoint.url, signer, delivery.tries, body)


def note_outcome(session: Session, world: World, message: Message, status: int | None, error: str | None) -> None:
    """Write what became of a message: 2xx is heard, 410 disables the endpoint, all else is tried again or given up."""
    at, tries = world.now(), message.tries + 1
    heard = status is not None and 200 <= status < 300
    again = None if heard else webhooks.next_try(tries, at, world.random_bytes(4))
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == message.delivery_id, WebhookDelivery.state == "waiting")
        .values(
            state="delivered" if heard else "waiting" if again else "failed",
            tries=tries,
            next_try_at=again,
            last_try_at=at,
            last_status=status,
            last_error=error,
            delivered_at=at if heard else None,
        )
    )
    if status == GONE:
        disable_endpoint(session, world, message.endpoint_id, "对方回答 410：不再接收。")


def replay_delivery(
    session: Session,
    world: World,
    delivery_id: uuid.UUID,
    actor_id: uuid.UUID | None = None,
    *,
    endpoint_id: uuid.UUID | None = None,
) -> None:
    """Send a message once more, now, with its whole schedule; one of this endpoint when named.

    Raises NotFound("delivery_unknown"), Conflict("endpoint_disabled").
    """
    delivery = session.get(WebhookDelivery, delivery_id, populate_existing=True)
    if delivery is None or endpoint_id not in (None, delivery.endpoint_id):
        raise NotFound("delivery_unknown", "没有这条推送记录，请核对。")
    endpoint = _endpoint(session, delivery.endpoint_id)
    if endpoint.state != "active":
        raise Conflict("endpoint_disabled", "这个接收地址已停用，请先启用再补发。")
    delivery.state, delivery.tries, delivery.next_try_at, delivery.delivered_at = "waiting", 0, world.now(), None
    session.flush()
    after = {"delivery": str(delivery_id)}
    record(session, world, Act("webhook.replay", "merchant", str(endpoint.merchant_id), actor_id, after=after))


def forget_deliveries(session: Session, world: World, limit: int = 10_000) -> int:
    """Delete up to `limit` messages whose life is over (`HEARD_LIFE`, `UNHEARD_LIFE`); how many there were."""
    ended = func.coalesce(WebhookDelivery.last_try_at, WebhookDelivery.created_at)
    heard, unheard = world.now() - HEARD_LIFE, world.now() - UNHEARD_LIFE
    old = (
        select(WebhookDelivery.id)
        .where(
            or_(
                # As the indexes are written. Nothing has ended before it was made.
                and_(text("state = 'delivered'"), WebhookDelivery.delivered_at < heard),
                and_(text("state in ('failed', 'dropped')"), WebhookDelivery.created_at < unheard, ended < unheard),
            )
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]


def endpoints(
    session: Session, merchant_id: uuid.UUID | None = None, endpoint_id: uuid.UUID | None = None
) -> list[EndpointView]:
    """The endpoints of a merchant, one of them, or all, newest first; only their own messages are counted."""
    shown = select(WebhookEndpoint.id)
    if merchant_id is not None:
        shown = shown.where(WebhookEndpoint.merchant_id == merchant_id)
    if endpoint_id is not None:
        shown = shown.where(WebhookEndpoint.id == endpoint_id)
    counts = (
        select(
            WebhookDelivery.endpoint_id,
            func.count().filter(WebhookDelivery.state == "waiting").label("waiting"),
            func.count().filter(WebhookDelivery.state == "failed").label("failed"),
        )
        .where(WebhookDelivery.endpoint_id.in_(shown), WebhookDelivery.state.in_(("waiting", "failed")))
        .group_by(WebhookDelivery.endpoint_id)
        .subquery()
    )
    wanted = (
        select(WebhookEndpoint, func.coalesce(counts.c.waiting, 0), func.coalesce(counts.c.failed, 0))
        .outerjoin(counts, counts.c.endpoint_id == WebhookEndpoint.id)
        .where(WebhookEndpoint.id.in_(shown))
        .order_by(WebhookEndpoint.id.desc())
        .execution_options(populate_existing=True)
    )
    return [
        EndpointView(
            row.id,
            row.merchant_id,
            row.url,
            tuple(row.kinds.split()) if row.kinds else None,
            webhooks.public_text(row.public_key),
            row.state == "active",
            row.disabled_at,
            row.disabled_why,
            row.created_at,
            waiting,
            failed,
        )
        for row, waiting, failed in session.execute(wanted)
    ]


def deliveries(
    session: Session, endpoint_id: uuid.UUID, before: int | None = None, limit: int = 50
) -> Sequence[DeliveryView]:
    """The messages of an endpoint, newest first; `before` is the last place of the page before."""
    wanted = (
        select(WebhookDelivery, OutboxEvent.kind, OutboxEvent.subject_id, OutboxEvent.created_at)
        .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .order_by(WebhookDelivery.seq.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    if before is not None:
        wanted = wanted.where(WebhookDelivery.seq < before)
    return [
        DeliveryView(
            row.id,
            row.seq,
            kind,
            subject_id,
            row.state,
            row.tries,
            row.next_try_at,
            row.last_try_at,
            row.last_status,
            row.last_error,
            created_at,
            row.delivered_at,
        )
        for row, kind, subject_id, created_at in session.execute(wanted)
    ]


def _endpoint(session: Session, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    endpoint = session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if endpoint is None:
        raise NotFound("endpoint_unknown", "没有这个接收地址，请核对。")
    return endpoint


def _room_for_one(session: Session, merchant_id: uuid.UUID) -> None:
    """Nobody else counts this merchant's endpoints until the transaction ends. Raises Conflict("too_many_endpoints")."""
    merchants.lock_merchant(session, merchant_id)
    count = select(func.count()).where(WebhookEndpoint.merchant_id == merchant_id, WebhookEndpoint.state == "active")
    if (session.scalar(count) or 0) >= MOST_ENDPOINTS:
        raise Conflict("too_many_endpoints", f"一家商户最多 {MOST_ENDPOINTS} 个接收地址，请先停用一个。")
