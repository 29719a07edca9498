"""The worker itself, not its tasks called by hand: what waits in the queue is done, and may queue more."""

import importlib

import pytest
from sqlalchemy import text

from cardnet import cli
from cardnet.benefits import services as benefits
from cardnet.benefits.words import ProgramKind
from cardnet.kernel import jobs as queue
from cardnet.kernel.db import libpq_url, transaction
from cardnet.kernel.jobs import jobs, run_worker
from cardnet.membership.services import notices
from tests.make.benefits import committed, health_check, make_shop


@pytest.fixture
def used(committing_app, world):
    """A member who agreed to messages has just used the card."""
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        shop.pool("HC2026", 10_000_000)
        shop.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY, name="体检")
        (member,) = shop.members(1)
        confirmed = notices.ConfirmPhones(shop.office["U1"], (member.person_id,))
        notices.confirm_phones(session, world, confirmed)
    with committed(committing_app) as session:
        benefits.tell_uses(session, world)
    with committed(committing_app) as session:
        shop.session = session
        shop.redeem(member, 38_000, service_code="health_check")
    importlib.import_module("cardnet.worker")
    return committing_app


def work(app, url: str, *tasks: str) -> dict[str, str]:
    """What became of each of these once the worker has nothing left to do."""
    with app.app_context():
        with transaction() as session:
            for task in tasks:
                queue.defer(session, task, f"test {task}", timestamp=0)
        run_worker(libpq_url(url), wait=False)
    with committed(app) as session:
        # The first of each: the clock may put another there when the minute is over.
        rows = session.execute(
            text("select task_name, status::text as status from procrastinate_jobs order by id desc")
        ).all()
        return {row.task_name: row.status for row in rows}


def test_the_worker_does_what_waits_and_what_that_queues(used, fresh_database):
    done = work(used, fresh_database, "cardnet.worker.tell_uses")
    assert (done["cardnet.worker.tell_uses"], notices.SEND in done) == ("succeeded", True)
    assert work(used, fresh_database)[notices.SEND] == "succeeded"
    with used.app_context():
        assert cli._task_findings() == []
    with committed(used) as session:
        assert session.scalar(text("select count(*) from notice where kind = 'card_used'")) == 1


def test_a_worker_that_queues_on_the_connection_it_waits_on_is_caught_and_the_doctor_says_so(
    used, fresh_database, monkeypatch
):
    monkeypatch.setattr(queue, "_Connector", queue._Connector.__base__)
    assert work(used, fresh_database, "cardnet.worker.tell_uses")["cardnet.worker.tell_uses"] == "failed"
    with used.app_context():
        ((sentence, found),) = cli._task_findings()
    assert (sentence.startswith("后台任务一天内失败：tell_uses "), found) == (True, cli.Found.BAD)


def test_every_task_of_the_clock_runs_in_the_worker(used, fresh_database):
    tasks = sorted(task.task.name for task in jobs.periodic_registry.periodic_tasks.values())
    assert len(tasks) > 12
    done = work(used, fresh_database, *tasks)
    assert {task: done[task] for task in tasks} == dict.fromkeys(tasks, "succeeded")
