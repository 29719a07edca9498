"""The worker's task of notices: claim one, commit, send it, write what became of it; until none is due.

Killed between sending and writing, the claim runs out and the notice is sent again under the same key.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from cardnet.config import Settings
from cardnet.kernel.db import transaction
from cardnet.kernel.jobs import jobs
from cardnet.kernel.world import World
from cardnet.membership.notices.gateway import Gateway
from cardnet.membership.notices.official_account import OfficialAccount
from cardnet.membership.notices.rules import Accepted, Later, Way
from cardnet.membership.notices.simulated import SimulatedAccount, SimulatedPhone
from cardnet.membership.notices.sms import SmsGateway
from cardnet.membership.services import notices
from cardnet.wiring import current_settings, current_world

AT_ONCE = 2_000
"""Notices of one run of the task: the rest is for the next, so that other work has its turn."""
_SIGN = "区总工会"

log = structlog.get_logger("cardnet.notices")


@jobs.periodic(cron="* * * * *")
@jobs.task(name=notices.SEND, queueing_lock=notices.SEND, pass_context=False)
def send_notices(timestamp: int = 0) -> None:  # noqa: ARG001 - the queue's own clock
    """Send what is due."""
    world = current_world()
    send_due(world, gateways_of(current_settings(), world))


@jobs.periodic(cron="* * * * *")
@jobs.task(name=notices.SEND_DIRECT, queueing_lock=notices.SEND_DIRECT, pass_context=False)
def send_direct_messages(timestamp: int = 0) -> None:  # noqa: ARG001 - the queue's own clock
    """Send the codes and links somebody is waiting for."""
    world = current_world()
    send_direct_due(world, gateways_of(current_settings(), world).get(Way.SMS))


def send_direct_due(world: World, gateway: Gateway | None, most: int = AT_ONCE) -> int:
    """Send every direct message that is due, each claimed in a transaction of its own; returns how many were accepted."""
    if gateway is None:
        with transaction() as session:
            notices.fail_direct(session)
        return 0
    accepted = 0
    for _ in range(most):
        with transaction() as session:
            taken = notices.take_next_direct(session, world)
        if taken is None:
            break
        outcome = gateway.send(taken.message)
        with transaction() as session:
            notices.note_direct(session, world, taken, outcome)
        accepted += isinstance(outcome, Accepted)
        if not isinstance(outcome, Accepted):
            log.warning("direct_message_not_sent", message=str(taken.message_id), error=outcome.error,
                        again=isinstance(outcome, Later))  # fmt: skip
    return accepted


def gateways_of(settings: Settings, world: World) -> Mapping[Way, Gateway]:
    """The ways out that are set up."""
    ways: dict[Way, Gateway] = {}
    if settings.wechat_app_id:
        ways[Way.OFFICIAL_ACCOUNT] = OfficialAccount(
            settings.wechat_url, settings.wechat_app_id, settings.wechat_secret, settings.wechat_template
        )
    if settings.sms_url:
        ways[Way.SMS] = SmsGateway(settings.sms_url, settings.sms_secret, settings.sms_sign, world.now)
    elif settings.simulated_phone:
        phone = SimulatedPhone(world, settings.sms_sign or _SIGN)
        ways[Way.SMS] = phone
        if not settings.wechat_app_id:
            ways[Way.OFFICIAL_ACCOUNT] = SimulatedAccount(replace(phone, sign=f"{phone.sign}公众号"))
    return ways


def send_due(world: World, ways: Mapping[Way, Gateway], most: int = AT_ONCE) -> int:
    """Send every notice that is due, each claimed in a transaction of its own; returns how many were accepted."""
    open_ways = frozenset(ways)
    with transaction() as session:
        notices.close_ways(session, open_ways)
    accepted = 0
    for _ in range(most):
        with transaction() as session:
            taken = notices.take_next(session, world, open_ways)
        if taken is None:
            break
        if taken.message is None:
            continue
        outcome = ways[taken.way].send(taken.message)
        with transaction() as session:
            notices.note_outcome(session, world, taken, outcome, open_ways)
        accepted += isinstance(outcome, Accepted)
        if not isinstance(outcome, Accepted):
            log.warning("notice_not_sent", notice=str(taken.notice_id), way=str(taken.way), error=outcome.error,
                        again=isinstance(outcome, Later))  # fmt: skip
    return accepted
