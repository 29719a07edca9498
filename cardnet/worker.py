"""The worker's round: what happens by the clock, whoever is at the desk.

Run by `cardnet worker`. Cron lines are UTC: 16:15 is 00:15 in Shanghai. Every task may run twice or late: each finds
what is still to be done and does only that.
"""

from datetime import timedelta

import structlog

import cardnet.issuance.jobs
import cardnet.membership.jobs
import cardnet.merchant_api.jobs  # noqa: F401 - the tasks of both are run here too
from cardnet.access import services as access
from cardnet.benefits import services as benefits
from cardnet.credential.store import are_online, ensure_keys, unsigned_changes
from cardnet.finance.closing import close_until
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.jobs import jobs
from cardnet.wiring import current_world


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="release_holds", pass_context=False)
def release_holds(timestamp: int) -> None:  # noqa: ARG001 - the queue's own clock
    """Holds whose time is over give back what they held."""
    world = current_world()
    with transaction() as session:
        benefits.release_expired(session, world, world.now())


@jobs.periodic(cron="15 16 * * *")
@jobs.task(queueing_lock="close_yesterday")
def close_yesterday(timestamp: int) -> None:  # noqa: ARG001
    """Yesterday, in Shanghai, and every day before it that is still open, is closed."""
    close_until(day_of(current_world().now()) - timedelta(days=1), None)


@jobs.periodic(cron="40 17 * * *")
@jobs.task(queueing_lock="make_keys")
def make_keys(timestamp: int) -> None:  # noqa: ARG001
    """Keys of the coming month are made and published two weeks ahead; what waits for the custodians is in the log."""
    world = current_world()
    with transaction() as session:
        ensure_keys(session, world)
        waiting = not are_online(session) and unsigned_changes(session, world.now())
    if waiting and waiting.any:
        structlog.get_logger().warning(
            "trust_pack_unsigned",
            added=len(waiting.added),
            revoked=len(waiting.revoked),
            pack_expires_at=waiting.expires_at and waiting.expires_at.isoformat(),
        )


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="watch_codes")
def watch_codes(timestamp: int) -> None:  # noqa: ARG001
    """Copied phones are stopped and forged credentials raise the alarm, a minute after they were shown."""
    more = True
    while more:
        with transaction() as session:
            watched = benefits.watch_codes(session, current_world())
        more = watched.more
        if watched.alarms:
            structlog.get_logger().error(
                "credential_alarm",
                not_issued=watched.not_issued,
                clone_suspected=watched.copied,
                forged_code=watched.forged,
                harvest_suspected=watched.harvested,
                velocity_suspected=watched.hurried,
            )


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="tell_uses", pass_context=False)
def tell_uses(timestamp: int) -> None:  # noqa: ARG001
    """Members hear of every use of their card, with the way to say that it was not theirs."""
    more = True
    while more:
        with transaction() as session:
            more = benefits.tell_uses(session, current_world()).more


@jobs.periodic(cron="50 17 * * *")
@jobs.task(queueing_lock="recycle_indexes")
def recycle_indexes(timestamp: int) -> None:  # noqa: ARG001
    """Card indexes nobody has held for sixty days are given out again."""
    freed = 1
    while freed:
        with transaction() as session:
            freed = issuance.recycle_indexes(session, current_world())


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="watch_reviews", pass_context=False)
def watch_reviews(timestamp: int) -> None:  # noqa: ARG001
    """Who is late is told to the union above, once; a return nobody answered in time gives up its place."""
    world = current_world()
    with transaction() as session:
        issuance.escalate_overdue(session, world)
    with transaction() as session:
        issuance.lapse_returned(session, world)


@jobs.periodic(cron="*/5 * * * *")
@jobs.task(queueing_lock="lapse_offers", pass_context=False)
def lapse_offers(timestamp: int) -> None:  # noqa: ARG001
    """A place offered to somebody who did not answer in time goes to the next in line."""
    with transaction() as session:
        issuance.lapse_overdue(session, current_world())


@jobs.periodic(cron="5 16 * * *")
@jobs.task(queueing_lock="close_quota_years", pass_context=False)
def close_quota_years(timestamp: int) -> None:  # noqa: ARG001
    """A quota year whose last day is over is closed; what it still held moves to the next year."""
    with transaction() as session:
        issuance.close_due_years(session, current_world())


@jobs.periodic(cron="*/5 * * * *")
@jobs.task(queueing_lock="release_transfers", pass_context=False)
def release_transfers(timestamp: int) -> None:  # noqa: ARG001
    """A transfer the old unit left unanswered beyond its working days happens by itself, with card and counters."""
    with transaction() as session:
        issuance.release_due_transfers(session, current_world())


@jobs.periodic(cron="35 17 * * *")
@jobs.task(queueing_lock="forget_api_keys")
def forget_api_keys(timestamp: int) -> None:  # noqa: ARG001
    """Idempotency keys of the back-office API live seven days."""
    with transaction() as session:
        access.forget_keys(session, current_world())
