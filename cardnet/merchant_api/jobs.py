"""The worker's tasks of the merchant API: events numbered and told to merchants, what is old forgotten."""

from cardnet.kernel.db import transaction
from cardnet.kernel.jobs import jobs
from cardnet.kernel.world import World
from cardnet.merchant_api import services
from cardnet.merchant_api.webhooks import Door
from cardnet.wiring import current_settings, current_world

AT_ONCE = 500
"""Messages of one run: one slow merchant must not keep the worker from everything else."""


@jobs.periodic(cron="* * * * *")
@jobs.task(queueing_lock="send_webhooks", pass_context=False)
def send_webhooks(timestamp: int = 0) -> None:  # noqa: ARG001 - the queue's own clock
    """Tell merchants what happened."""
    send_due(current_world(), Door(inside=current_settings().webhooks_inside))


@jobs.periodic(cron="20 18 * * *")
@jobs.task(queueing_lock="forget_old_keys", pass_context=False)
def forget_old_keys(timestamp: int = 0) -> None:  # noqa: ARG001
    """Keys older than 35 days and nonces older than their window are forgotten."""
    world = current_world()
    forgotten = 1
    while forgotten:
        with transaction() as session:
            forgotten = services.forget_keys(session, world)
    with transaction() as session:
        services.forget_nonces(session, world)


def send_due(world: World, door: Door, most: int = AT_ONCE) -> int:
    """Number what is new, make its messages, and send what is due; says how many were tried.

    A message is taken on in one transaction, sent outside of any, and its outcome written in another: killed in
    between, it is sent again under the same `webhook-id`.
    """
    with transaction() as session:
        services.spread_events(session, world)
    for tried in range(most):
        with transaction() as session:
            message = services.take_message(session, world)
        if message is None:
            return tried
        status, error = door.send(message.url, message.headers(world.now()), message.body)
        with transaction() as session:
            services.note_outcome(session, world, message, status, error)
    return most
