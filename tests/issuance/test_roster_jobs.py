"""A roster on its way: small ones at once, large ones by the worker, told, cancelled, killed and taken up again."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from cardnet.issuance import jobs
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.rules.roster_jobs import UNFINISHED, RosterJobState, percent_done
from cardnet.issuance.services import roster_jobs
from cardnet.issuance.services.roster_jobs import AskSubmission, OpenRosterJob, ReportFilter
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, NotAllowed, NotFound
from tests.conftest import START
from tests.make import membership as make_membership
from tests.make.dying import nobody_at_work
from tests.make.issuance import breaches, make_office

ROOT = Path(__file__).parents[2]
STAGES = ("read", "check", "people", "rows", "applications")
TABLES = ("batch", "application", "application_event", "person", "membership", "consent", "quota_entry", "roster_row")


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    office.give_unit("B1", 100)
    return office


def mixed(count=6):
    lines = [make_membership.roster_line(n) for n in range(count)]
    lines[1][make_membership.Column.CONSENT] = ""
    lines[2][make_membership.Column.CONSENT] = "否"
    lines[3][make_membership.Column.JOINED_ON] = "不详"
    return make_membership.csv_file(make_membership.roster_cells(lines))


def opened(office, content, officer="U1", unit="B1"):
    return roster_jobs.open_roster_job(
        office.session, office.world, OpenRosterJob(content, "名单.csv", unit, office[officer])
    )


def seen(office, job_id, officer="U1"):
    return roster_jobs.job_of(office.session, office.world, job_id, office[officer].account_id)


def work(office, job_id, progress=lambda *_: None):
    return roster_jobs.work_on_job(office.session, office.world, job_id, progress)


def counts(session):
    return {table: session.scalar(text(f"select count(*) from {table}")) for table in TABLES}


def test_a_file_is_checked_and_its_report_is_filtered_by_verdict_code_and_severity(office, session):
    before = counts(session)
    job_id = opened(office, mixed())
    assert (seen(office, job_id).state, seen(office, job_id).percent) == ("waiting", 0)
    assert work(office, job_id) == "checked"
    job = seen(office, job_id)
    assert {key: job.report[key] for key in ("all", "valid", "warning", "clean", "declined", "invalid")} == {
        "all": 6, "valid": 4, "warning": 1, "clean": 3, "declined": 1, "invalid": 1,
    }  # fmt: skip
    assert [code[:2] for code in job.report["codes"]] == [
        ["consent_missing", "error"], ["date_invalid", "warning"], ["id_address_unknown", "note"], ["consent_declined", "note"],
    ]  # fmt: skip

    def rows(**wanted):
        found, total = roster_jobs.report_rows(session, job_id, ReportFilter(**wanted), 50, 0)
        assert len(found) == total
        return [row.row for row in found]

    assert rows() == [1, 2, 3, 4, 5, 6]
    assert (rows(status="invalid"), rows(code="date_invalid"), rows(severity="error")) == ([2], [4], [2])
    assert rows(code="nothing") == []
    page, total = roster_jobs.report_rows(session, job_id, ReportFilter(), 2, 2)
    assert ([row.row for row in page], total) == ([3, 4], 6)
    assert page[0].id_number == "319900********" + make_membership.id_number(2)[-4:]
    assert counts(session) == before, "a check stores nothing but its report"


def test_sent_in_it_becomes_a_batch_and_the_file_is_gone(office, session, world):
    job_id = opened(office, mixed())
    work(office, job_id)
    command = AskSubmission(job_id, office["U1"], RosterMode.VALID_ROWS_ONLY)
    roster_jobs.ask_submission(session, world, command)
    with pytest.raises(Conflict, match="job_busy"):
        roster_jobs.ask_submission(session, world, command)
    assert work(office, job_id) == "submitted"
    job = seen(office, job_id)
    assert session.scalar(text("select count(*) from application where batch_id = :b"), {"b": job.batch_id}) == 4
    assert session.scalar(text("select count(*) from roster_job where content is not null")) == 0
    assert session.scalar(text("select count(*) from roster_job_row")) == 0
    assert work(office, job_id) is None, "done is done"
    assert breaches(session) == {}


def test_what_is_wrong_with_a_file_is_a_state_with_a_sentence(office):
    job_id = opened(office, b"%PDF-1.4 ...")
    assert work(office, job_id) == "failed"
    job = seen(office, job_id)
    assert (job.error, "PDF" in job.error_words) == ("file_not_a_table", True)


def test_all_or_nothing_leaves_the_file_checked_and_says_why(office, session, world):
    job_id = opened(office, mixed())
    work(office, job_id)
    before = counts(session)
    roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.ALL_OR_NOTHING))
    assert work(office, job_id) == "checked"
    assert seen(office, job_id).error == "roster_has_errors"
    assert counts(session) == before


def test_a_job_is_its_officers_only_covers_only_their_scope_and_lasts_three_days(office, session, world, clock):
    job_id = opened(office, mixed())
    with pytest.raises(NotFound, match="upload_unknown"):
        seen(office, job_id, "A1")
    with pytest.raises(NotAllowed, match="out_of_scope"):
        opened(office, mixed(), unit="B2")
    with pytest.raises(NotFound, match="upload_unknown"):
        roster_jobs.cancel_job(session, world, job_id, office["C1"].account_id)
    clock.set(START + timedelta(days=3))
    with pytest.raises(NotFound, match="upload_unknown"):
        seen(office, job_id)
    assert roster_jobs.forget_old_jobs(session, world) == 1


def test_the_same_bytes_still_waiting_are_the_same_job(office):
    assert opened(office, mixed()) == opened(office, mixed())
    assert opened(office, mixed(7)) != opened(office, mixed())


@pytest.mark.parametrize("state", ["waiting", "submitting"])
def test_a_file_nobody_has_begun_with_is_cancelled_at_once(office, session, world, state):
    job_id = opened(office, mixed())
    if state == "submitting":
        work(office, job_id)
        roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.VALID_ROWS_ONLY))
    roster_jobs.cancel_job(session, world, job_id, office["U1"].account_id)
    assert seen(office, job_id).state == {"waiting": "cancelled", "submitting": "checked"}[state]
    assert work(office, job_id) is None


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_in_the_middle_nothing_remains_and_it_can_be_sent_in_again(
    app, office, session, world, stage, monkeypatch
):
    job_id = opened(office, mixed())
    work(office, job_id)
    before = counts(session)
    roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.VALID_ROWS_ONLY))
    told = jobs._tell

    def asks_meanwhile(job, at, done, total):
        if at == stage:
            session.execute(text("update job_progress set cancel_asked = true"))
        told(job, at, done, total)

    monkeypatch.setattr(jobs, "_tell", asks_meanwhile)
    with app.app_context():
        jobs.run_roster_job(job_id)
        session.expire_all()
        assert (seen(office, job_id).state, counts(session)) == ("checked", before)
        monkeypatch.setattr(jobs, "_tell", told)
        roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.VALID_ROWS_ONLY))
        jobs.run_roster_job(job_id)
    session.expire_all()
    assert seen(office, job_id).state == "submitted"


def test_whose_account_was_closed_meanwhile_sends_nothing_in(office, session):
    job_id = opened(office, mixed())
    session.execute(text("update account set state = 'disabled' where id = :id"), {"id": office["U1"].account_id})
    session.expire_all()
    assert work(office, job_id) == "failed"
    assert seen(office, job_id).error == "account_disabled"


def test_what_fails_again_and_again_is_given_up_with_a_sentence(office, session, world):
    job_id = opened(office, mixed())
    tries = [roster_jobs.begin_attempt(session, world, job_id) for _ in range(7)]
    assert tries == [True] * 5 + [False] * 2
    assert seen(office, job_id).error == "job_failed"


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_progress_only_grows_and_is_never_whole_before_the_end(state):
    stages = ("read", "check", "report") if state == "waiting" else STAGES
    shown = [percent_done(state, stage, done, 10) for stage in stages for done in range(11)]
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] == 99
    assert percent_done(RosterJobState.CHECKED, "report", 1, 10) == 100


# ---- killed ----

CHILD = textwrap.dedent("""
    import os, signal, sys, uuid
    from datetime import datetime
    from pathlib import Path
    from cardnet import create_app
    from cardnet.config import Settings
    from cardnet.issuance import jobs
    from cardnet.issuance.services import roster
    from cardnet.kernel.world import clock_started_at

    url, data, job_id, stage, bug = sys.argv[1:]
    told = jobs._tell

    def until_killed(job, at, done, total):
        told(job, at, done, total)
        if at == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    jobs._tell = until_killed
    if bug:
        whole = roster.write_roster_rows

        def in_pieces(session, *args):
            session.connection().connection.driver_connection.commit()
            whole(session, *args)

        roster.write_roster_rows = in_pieces
    app = create_app(Settings(data=Path(data), database_url=url, rate_limits=False), clock_started_at(datetime.fromisoformat("2026-11-21T10:00:00+08:00")))
    with app.app_context():
        jobs.run_roster_job(uuid.UUID(job_id))
""")


class Killed:
    """A job whose worker is killed, on a database whose transactions really commit."""

    def __init__(self, app, world, url, data):
        self.app, self.world, self.url, self.data = app, world, url, data
        with app.app_context(), transaction() as session:
            office = make_office(session, world)
            office.give_unit("B1", 4)
            self.job_id = opened(office, mixed(8))
            self.officer = office["U1"]
        self.run()
        self.ask()

    def ask(self):
        with self.app.app_context(), transaction() as session:
            command = AskSubmission(self.job_id, self.officer, RosterMode.VALID_ROWS_ONLY)
            roster_jobs.ask_submission(session, self.world, command)

    def run(self):
        with self.app.app_context():
            jobs.run_roster_job(self.job_id)

    def kill_at(self, stage, bug=""):
        argv = [sys.executable, "-c", CHILD, self.url, str(self.data), str(self.job_id), stage, bug]
        child = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False)
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()[-800:]
        nobody_at_work(self.url)

    def state(self):
        with self.app.app_context(), transaction() as session:
            return roster_jobs.job_of(session, self.world, self.job_id, self.officer.account_id).state

    def look(self):
        with self.app.app_context(), transaction() as session:
            return counts(session), breaches(session)


@pytest.fixture
def killed(committing_app, world, fresh_database, data_folder):
    return Killed(committing_app, world, fresh_database, data_folder)


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_in_the_middle_loses_nothing_and_repeats_nothing(killed, stage):
    before, _ = killed.look()
    killed.kill_at(stage)
    assert killed.look() == (before, {}), "not a row of it, let alone half a row"
    assert killed.state() == "submitting"
    killed.run()
    assert killed.state() == "submitted"
    after, broken = killed.look()
    assert broken == {}
    assert (after["batch"], after["roster_row"], after["person"], after["application"]) == (1, 8, 7, 6)
    killed.run()
    assert killed.look() == (after, {})


def test_work_in_pieces_would_be_found_after_the_kill(killed):
    before, _ = killed.look()
    killed.kill_at("rows", bug="pieces")
    after, broken = killed.look()
    assert after != before
    assert "R1" in broken, "a batch without its rows"


def test_a_killed_workers_file_is_put_on_the_queue_again_by_the_round_of_the_minute(killed, clock):
    killed.kill_at("people")
    with killed.app.app_context():
        jobs.take_up_rosters(0)
        assert queued(killed) == 0, "somebody may still be at it"
        clock.advance(timedelta(minutes=1))
        jobs.take_up_rosters(0)
        jobs.take_up_rosters(0)
    assert queued(killed) == 1


def queued(killed):
    with killed.app.app_context(), transaction() as session:
        return session.scalar(text("select count(*) from procrastinate_jobs where task_name = 'work_on_roster'"))


def test_two_workers_at_one_file_make_one_batch(killed):
    import threading

    threads = [threading.Thread(target=killed.run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    killed.run()
    counted, broken = killed.look()
    assert (counted["batch"], counted["application"], broken) == (1, 6, {})


def test_the_worker_itself_takes_a_file_from_the_queue(killed):
    with killed.app.app_context(), transaction() as session:
        jobs.hand_over(session, killed.job_id)
    env = {**os.environ, "CARDNET_DATABASE_URL": killed.url, "CARDNET_DATA": str(killed.data), "CARDNET_CLOCK": "2026-11-21T10:00:00+08:00"}  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "cardnet.cli", "worker"], env=env, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while killed.state() != "submitted" and time.monotonic() < until:
            time.sleep(0.1)
        assert killed.state() == "submitted"
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(120)


def test_nobody_can_hand_over_a_job_that_does_not_commit(committing_app):
    with committing_app.app_context():
        with pytest.raises(RuntimeError), transaction() as session:
            jobs.hand_over(session, uuid.uuid4())
            raise RuntimeError
        with transaction() as session:
            assert session.scalar(text("select count(*) from procrastinate_jobs")) == 0


# ---- S21 by the job, with other people and other numbers ----


@pytest.mark.parametrize("form", ["gb18030", "utf-8", "utf-8-sig", "utf-16", "xlsx"])
@pytest.mark.parametrize("free", [0, 1, 3])
def test_s21_by_the_job_with_other_numbers(session, world, form, free):
    office = make_office(session, world)
    office.give_unit("B1", free + 1)
    office.submit(office.roster(900))
    line = make_membership.roster_line
    lines = [
        line(50),
        line(51),
        line(52, id_number="110105194912310021"),
        line(50),
        line(54, unit="YJ-99-999"),
        line(55),
    ]
    cells = make_membership.roster_cells(lines)
    content = make_membership.xlsx_file(cells) if form == "xlsx" else make_membership.csv_file(cells, form)
    job_id = opened(office, content)
    assert work(office, job_id) == "checked"
    report = seen(office, job_id).report
    assert (report["quota_needed"], report["quota_free"], report["invalid"]) == (3, free, 3)
    errors, _ = roster_jobs.report_rows(session, job_id, ReportFilter(severity="error"), 9, 0)
    assert [(row.line, row.findings[0].code) for row in errors] == [
        (4, "id_checksum"), (5, "duplicate_in_file"), (6, "unit_unknown"),
    ]  # fmt: skip
    assert "第 2 行" in errors[1].findings[0].message
    before = counts(session)
    roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.ALL_OR_NOTHING))
    assert (work(office, job_id), counts(session)) == ("checked", before)
    roster_jobs.ask_submission(session, world, AskSubmission(job_id, office["U1"], RosterMode.VALID_ROWS_ONLY))
    assert work(office, job_id) == "submitted"
    states = session.scalars(
        text("select state from application where batch_id = :b order by row"), {"b": seen(office, job_id).batch_id}
    ).all()
    assert states == ["submitted"] * free + ["waitlisted"] * (3 - free)
    after = counts(session)
    again = office.submit(content)
    assert (again.resumed, again.batch_id, counts(session)) == (True, seen(office, job_id).batch_id, after)
    assert office.breaches() == {}
