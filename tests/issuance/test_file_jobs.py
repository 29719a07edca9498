"""Files of other kinds on the mechanism rosters have: a page that tells how far, a way to stop, a worker that is killed."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from cardnet.issuance import jobs
from cardnet.issuance.file_kinds import CARDS_BEFORE, REGISTER
from cardnet.kernel import file_jobs, job_progress
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotFound
from cardnet.kernel.file_jobs import FileJobState, OpenFileJob
from cardnet.kernel.progress import JobCancelled
from tests.make import membership as make_membership
from tests.make.dying import nobody_at_work
from tests.make.issuance import make_office

ROOT = Path(__file__).parents[2]


@pytest.fixture
def office(session, world):
    return make_office(session, world)


def register(count):
    return make_membership.csv_file(
        make_membership.roster_cells([make_membership.roster_line(n) for n in range(count)])
    )


def opened(session, world, office, content, kind=REGISTER, officer="U1", **options):
    given = OpenFileJob(kind, content, "名册.csv", office[officer].account_id, {"unit_code": "B1", **options})
    return file_jobs.open_file_job(session, world, given)


def state_of(session, world, office, job_id, officer="U1"):
    return file_jobs.file_job_of(session, world, job_id, office[officer].account_id)


def told(session, world, job_id):
    return lambda *how_far: job_progress.tell_progress(session, world, job_id, *how_far)


def people(session):
    return session.scalar(text("select count(*) from person"))


def test_a_register_is_taken_in_with_its_counts_and_findings_and_its_content_is_gone(session, world, office):
    content = make_membership.csv_file(
        make_membership.roster_cells(
            [make_membership.roster_line(0), make_membership.roster_line(1, id_number="310101")]
        )
    )
    job_id = opened(session, world, office, content)
    assert state_of(session, world, office, job_id).percent == 0
    assert file_jobs.work_on_job(session, world, job_id, told(session, world, job_id)) is FileJobState.DONE
    job = state_of(session, world, office, job_id)
    assert (job.percent, job.taken_in.counts["added"], job.taken_in.counts["invalid"]) == (100, 1, 1)
    assert [(found.line, found.severity) for found in job.taken_in.findings] == [(3, "error")]
    assert session.scalar(text("select content from file_job")) is None
    assert file_jobs.work_on_job(session, world, job_id, told(session, world, job_id)) is None, (
        "a second run finds nothing"
    )


def test_what_is_kept_names_nobody_in_the_clear(session, world, office):
    job_id = opened(session, world, office, register(2))
    before = session.execute(text("select content::text from file_job")).scalar_one()
    file_jobs.work_on_job(session, world, job_id, told(session, world, job_id))
    kept = session.execute(text("select * from file_job")).one()
    assert "周桂林".encode().hex() not in before + str(kept)


def test_the_same_bytes_that_still_wait_are_one_job(session, world, office):
    assert opened(session, world, office, register(1)) == opened(session, world, office, register(1))
    assert opened(session, world, office, register(2)) != opened(session, world, office, register(1))


def test_a_file_that_cannot_be_read_is_the_jobs_state_and_leaves_nothing(session, world, office):
    job_id = opened(session, world, office, b"%PDF-1.4")
    assert file_jobs.work_on_job(session, world, job_id, told(session, world, job_id)) is FileJobState.FAILED
    assert state_of(session, world, office, job_id).error_words
    assert people(session) == 0


def test_nobody_else_sees_a_file_and_after_three_days_nobody(session, world, office, clock):
    job_id = opened(session, world, office, register(1))
    with pytest.raises(NotFound, match="upload_unknown"):
        state_of(session, world, office, job_id, "U2")
    clock.advance(timedelta(days=3))
    with pytest.raises(NotFound, match="upload_unknown"):
        state_of(session, world, office, job_id)
    assert file_jobs.forget_old_jobs(session, world) == 1
    assert session.scalar(text("select count(*) from job_progress")) == 0


@pytest.mark.parametrize("stage", ["read", "check", "people"])
def test_cancelled_in_the_middle_nothing_remains(session, world, office, stage):
    job_id = opened(session, world, office, register(3))

    def stop_at(now, done, total):
        if now == stage:
            job_progress.ask_to_stop(session, world, job_id)
        job_progress.tell_progress(session, world, job_id, now, done, total)

    with pytest.raises(JobCancelled), session.begin_nested():
        file_jobs.work_on_job(session, world, job_id, stop_at)
    session.expire_all()
    job_progress.ask_to_stop(session, world, job_id)
    file_jobs.job_stopped(session, job_id)
    assert state_of(session, world, office, job_id).state is FileJobState.CANCELLED
    assert people(session) == 0


def test_cancelled_before_anybody_began_it_stops_at_once(session, world, office):
    job_id = opened(session, world, office, register(1))
    file_jobs.cancel_job(session, world, job_id, office["U1"].account_id)
    assert state_of(session, world, office, job_id).state is FileJobState.CANCELLED
    assert file_jobs.work_on_job(session, world, job_id, told(session, world, job_id)) is None


def test_tried_five_times_it_is_given_up(session, world, office):
    job_id = opened(session, world, office, register(1))
    assert [file_jobs.begin_attempt(session, world, job_id) for _ in range(6)] == [True] * 5 + [False]
    assert state_of(session, world, office, job_id).state is FileJobState.FAILED


def test_an_officer_whose_account_was_closed_meanwhile_takes_nothing_in(session, world, office):
    job_id = opened(session, world, office, register(1))
    session.execute(text("update account set state = 'disabled' where id = :id"), {"id": office["U1"].account_id})
    assert file_jobs.work_on_job(session, world, job_id, told(session, world, job_id)) is FileJobState.FAILED
    assert people(session) == 0


def test_cards_from_before_are_taken_in_the_same_way(session, world, office):
    make_membership.people(session, world, 1, answer=None)
    rows = [["姓名", "身份证号码", "卡号"], ["周桂林", make_membership.id_number(0), "6222021001112223334"]]
    job_id = opened(session, world, office, make_membership.csv_file(rows), CARDS_BEFORE, issuer="市总工会")
    file_jobs.work_on_job(session, world, job_id, told(session, world, job_id))
    assert state_of(session, world, office, job_id).taken_in.counts == {"rows": 1, "tied": 1, "known": 0, "invalid": 0}


# ---- a worker that is killed ----

WORKER = """
import os, signal, sys, uuid
from datetime import datetime
from pathlib import Path
from cardnet import create_app
from cardnet.config import Settings
from cardnet.issuance import jobs
from cardnet.kernel.world import clock_started_at

url, data, job_id, stage = sys.argv[1:]
told = jobs._tell

def until_killed(job, at, done, total):
    told(job, at, done, total)
    if at == stage:
        os.kill(os.getpid(), signal.SIGKILL)

jobs._tell = until_killed
app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), clock_started_at(datetime.fromisoformat("2026-11-21T10:00:00+08:00")))
with app.app_context():
    jobs.run_file_job(uuid.UUID(job_id))
"""


def test_a_worker_killed_in_the_middle_leaves_nothing_and_the_next_one_finishes(committing_app, fresh_database, world):
    with committing_app.app_context():
        with transaction() as session:
            office = make_office(session, world)
            job_id = opened(session, world, office, register(40))
        data = committing_app.extensions["cardnet.settings"].data
        command = [sys.executable, "-c", WORKER, fresh_database, str(data), str(job_id), "people"]
        assert subprocess.run(command, cwd=ROOT, check=False, timeout=300).returncode == -signal.SIGKILL
        with transaction() as session:
            assert people(session) == 0
            assert state_of(session, world, office, job_id).progress.stage == "people"
        nobody_at_work(fresh_database)
        jobs.run_file_job(job_id)
        with transaction() as session:
            job = state_of(session, world, office, job_id)
        assert (job.state, job.taken_in.counts["added"]) == (FileJobState.DONE, 40)
        with transaction() as session:
            assert people(session) == 40
            assert session.scalar(text("select count(*) from audit_event where action = 'register.import'")) == 1


def test_the_round_of_every_minute_takes_up_what_nobody_is_at_work_on(session, world, office, clock):
    job_id = opened(session, world, office, register(1))
    assert file_jobs.unfinished_jobs(session, world) == []
    clock.advance(timedelta(minutes=1))
    assert file_jobs.unfinished_jobs(session, world) == [job_id]
