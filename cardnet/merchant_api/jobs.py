"""The worker's tasks of the merchant API: events numbered and told to merchants, what is old forgotten."""

import time
import uuid
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import text

from cardnet.kernel.db import aside, transaction
from cardnet.kernel.jobs import jobs
from cardnet.kernel.world import World
from cardnet.merchant_api import services
from cardnet.merchant_api.webhooks import Door
from cardnet.wiring import current_settings, current_world

_ALONE = text("select pg_try_advisory_xact_lock(hashtextextended('cardnet.send_webhooks', 0))")


@dataclass(frozen=True)
class Run:
    """What one run may take, in messages and seconds: nobody's slow server keeps the worker, or other merchants, waiting.

    A merchant whose servers have taken `share` seconds comes again in the next run. No message is begun after
    `seconds`; the last one may take its own time (`webhooks.TIMEOUT_SECONDS`) beyond.
    """

    messages: int = 500
    seconds: float = 40
    share: float = 10


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="send_webhooks", pass_context=False)
def send_webhooks(timestamp: int = 0) -> None:  # noqa: ARG001 - the queue's own clock
    """Tell merchants what happened."""
    send_due(current_world(), Door(inside=current_settings().webhooks_inside))


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="certify_terminals", pass_context=False)
def certify_terminals(timestamp: int = 0) -> None:  # noqa: ARG001
    """Keys of terminals from before there were certificates get theirs; the pack hears which were stopped."""
    with transaction() as session:
        services.certify_terminals(session, current_world())


@jobs.periodic(cron="20 18 * * *")
@jobs.task(queueing_lock="forget_old_keys", pass_context=False)
def forget_old_keys(timestamp: int = 0) -> None:  # noqa: ARG001
    """Keys older than 35 days, nonces older than their window and old messages to merchants are forgotten."""
    world = current_world()
    forgotten = 1
    while forgotten:
        with transaction() as session:
            forgotten = services.forget_keys(session, world)
    with transaction() as session:
        services.forget_nonces(session, world)
    forgotten = 1
    while forgotten:
        with transaction() as session:
            forgotten = services.forget_deliveries(session, world)


def send_due(world: World, door: Door, run: Run | None = None) -> int:
    """Number what is new, make its messages, and send what is due; says how many were tried.

    A message is taken on in one transaction, sent outside of any, and its outcome written in another: killed in
    between, it is sent again under the same `webhook-id`. While one run is at it another does nothing; the lock is
    the connection's, so it dies with its worker.
    """
    with aside() as keeper:
        return _send_alone(world, door, run or Run()) if keeper.scalar(_ALONE) else 0


def _send_alone(world: World, door: Door, run: Run) -> int:
    with transaction() as session:
        services.spread_events(session, world)
    over, taken = time.monotonic() + run.seconds, defaultdict[uuid.UUID, float](float)
    for tried in range(run.messages):
        passed_over = [merchant for merchant, seconds in taken.items() if seconds >= run.share]
        with transaction() as session:
            message = services.take_message(session, world, passed_over) if time.monotonic() < over else None
        if message is None:
            return tried
        begun = time.monotonic()
        status, error = door.send(message.url, message.headers(world.now()), message.body)
        taken[message.merchant_id] += time.monotonic() - begun
        with transaction() as session:
            services.note_outcome(session, world, message, status, error)
    return run.messages
