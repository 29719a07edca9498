"""A list of 30,000 uses from before cardnet, taken in as the worker does it: seconds, and how much memory it takes.

Everybody of the year's roster had the health check once, told by document; the program allows one a year, so each row
is judged against a limit and writes a counter. The worker is a process of its own; the floor is a bare COPY.
"""

import json
import subprocess
import sys
import time
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import CalamineWorkbook

from benchmarks.harness import machine, postgres, report
from benchmarks.large_roster import peak_mb
from benchmarks.roster import Journey, copy_floor
from cardnet import create_app
from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.benefits.file_kinds import PAST_USES
from cardnet.benefits.words import ProgramKind
from cardnet.config import Settings
from cardnet.issuance import jobs
from cardnet.kernel import file_jobs
from cardnet.kernel.db import transaction
from cardnet.kernel.world import clock_started_at
from cardnet.migrations import schema
from tests.make.access import make_officer
from tests.make.benefits import ONCE_A_YEAR, fixed, rule
from tests.make.membership import csv_file
from tests.make.year_roster import year_roster

ROWS, SECONDS, MEMORY_MB = 30_000, 10.0, 400
START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PROGRAM = "health-check"


def main() -> int:
    path = year_roster()
    sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    at = {str(name): place for place, name in enumerate(sheet[0])}
    uses = [
        [str(row[at["证件类型"]]), str(row[at["证件号码"]]), PROGRAM, f"2026-{number % 9 + 1:02}-12", "100"]
        for number, row in enumerate(sheet[1:])
    ]
    del sheet
    with postgres("past-uses") as server, TemporaryDirectory() as folder:
        url = server.make_database("past")
        schema.upgrade(url)
        floor = copy_floor(url, uses)
        world = clock_started_at(START)
        app = create_app(Settings(data=Path(folder), database_url=url, rate_limits=False), world)
        journey = Journey(app, world, path.read_bytes())
        with app.app_context():
            journey.prepare()
            journey.spread()
            journey.submit()
            officer = _program(journey)
            content = csv_file([["证件类型", "证件号码", "项目编号", "使用日期", "金额"], *uses])
            with transaction() as session:
                command = file_jobs.OpenFileJob(PAST_USES, content, "体检.csv", officer.account_id)
                job_id = file_jobs.open_file_job(session, world, command)
        child = [sys.executable, "-m", "benchmarks.past_uses", url, folder, str(job_id), str(officer.account_id)]
        took = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        described = machine(server)
        report(
            name="past_uses_30000", value=round(took["seconds"], 2), unit="s", reach=SECONDS, floor=round(floor, 3),
            ratio=round(took["seconds"] / floor, 1), cpu=round(took["cpu"], 1), machine=described,
        )  # fmt: skip
        report(
            name="past_uses_memory_30000", value=round(took["mb"]), unit="MB", reach=MEMORY_MB,
            floor=round(took["idle"]), ratio=round(took["mb"] / took["idle"], 1), machine=described,
        )  # fmt: skip
    return 0


def _program(journey: Journey) -> Principal:
    """A health check once a year, drafted by one officer of the district and approved by another."""
    root = journey.root
    with transaction() as session:
        first, second = (
            make_officer(session, journey.world, name, Role.DISTRICT_OFFICER, union_id=root.id, scope_path=root.path)
            for name in ("c-1", "c-2")
        )
        program = benefits.CreateProgram(PROGRAM, "健康体检", ProgramKind.DISCOUNT, "云工〔2026〕8号", root.id, first)
        benefits.create_program(session, journey.world, program)
        draft = benefits.DraftRule(PROGRAM, rule(fixed(10_000), limits=[ONCE_A_YEAR]), date(2026, 1, 1), first)
        version = benefits.draft_rule(session, journey.world, draft)
        benefits.submit_rule(session, journey.world, benefits.SubmitRule(version.id, first))
        benefits.approve_rule(session, journey.world, benefits.ApproveRule(version.id, second))
    return first


def work(url: str, folder: Path, job_id: uuid.UUID, officer_id: uuid.UUID) -> None:
    """The worker. Prints its seconds and peaks."""
    app = create_app(Settings(data=folder, database_url=url, rate_limits=False), clock_started_at(START))
    idle = peak_mb()
    with app.app_context():
        begun, used = time.perf_counter(), time.process_time()
        jobs.run_file_job(job_id)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - used
        with transaction() as session:
            view = file_jobs.file_job_of(session, app.extensions["cardnet.world"], job_id, officer_id)
    assert view.taken_in is not None and view.taken_in.counts["stored"] == ROWS, view
    print(json.dumps({"idle": idle, "mb": peak_mb(), "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], Path(sys.argv[2]), uuid.UUID(sys.argv[3]), uuid.UUID(sys.argv[4]))
        raise SystemExit(0)
    raise SystemExit(main())
