"""A file of 100,000 people, checked and sent in as the worker does it: how much memory its process takes.

The worker is a process of its own here too, started when the file and the union are ready; its peak is what it held
itself, or the child that reads the workbook when that was more. The floor is a worker that has done nothing yet.
"""

import json
import resource
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import xlsxwriter

from benchmarks.harness import machine, postgres, report
from cardnet import create_app
from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.config import Settings
from cardnet.issuance import jobs
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.services import roster_jobs
from cardnet.kernel.db import transaction
from cardnet.kernel.world import clock_started_at
from cardnet.migrations import schema
from tests.make.access import make_officer
from tests.make.membership import roster_cells, roster_line, tree

PEOPLE, MEMORY_MB = 100_000, 400
START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def main() -> int:
    with postgres("large-roster") as server, TemporaryDirectory() as folder:
        url = server.make_database("large")
        schema.upgrade(url)
        file = Path(folder) / "roster.xlsx"
        _write(file)
        app = create_app(Settings(data=Path(folder), database_url=url, rate_limits=False), clock_started_at(START))
        with app.app_context():
            world = app.extensions["cardnet.world"]
            with transaction() as session:
                district = tree(session, world)["C"]
                officer = make_officer(
                    session, world, "sender", Role.DISTRICT_OFFICER, union_id=district.id, scope_path=district.path
                )
                command = roster_jobs.OpenRosterJob(file.read_bytes(), file.name, district.code, officer)
                job_id = roster_jobs.open_roster_job(session, world, command)
        child = [sys.executable, "-m", "benchmarks.large_roster", url, folder, str(job_id), str(officer.account_id)]
        answer = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
        took = json.loads(answer.splitlines()[-1])
        described = machine(server)
        for step in ("check", "submit"):
            report(
                name=f"roster_{step}_memory_100000", value=round(took[step]["mb"]), unit="MB", reach=MEMORY_MB,
                floor=round(took["idle"]), ratio=round(took[step]["mb"] / took["idle"], 1),
                seconds=round(took[step]["seconds"], 1), cpu=round(took[step]["cpu"], 1), machine=described,
            )  # fmt: skip
    return 0


def _write(file: Path) -> None:
    """Every name, document and phone its own, as in a real file: nothing can be kept once for many."""
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        signs = [chr(0x4E00 + number) for number in range(400)]
        for number in range(PEOPLE):
            name = signs[number % 397] + signs[number // 397 % 389] + signs[number // 7 % 379]
            header, cells = roster_cells([roster_line(number, name=name)])
            if not number:
                sheet.write_row(0, 0, header)
            sheet.write_row(number + 1, 0, cells)


def work(url: str, folder: Path, job_id: uuid.UUID, officer_id: uuid.UUID) -> None:
    """The worker: check, then submit. Prints its peaks."""
    app = create_app(Settings(data=folder, database_url=url, rate_limits=False), clock_started_at(START))
    took: dict[str, object] = {"idle": peak_mb()}
    with app.app_context():
        world = app.extensions["cardnet.world"]
        for step in ("check", "submit"):
            begun, used = time.perf_counter(), time.process_time()
            jobs.run_roster_job(job_id)
            took[step] = {"mb": peak_mb(), "seconds": time.perf_counter() - begun, "cpu": time.process_time() - used}
            with transaction() as session:
                view = roster_jobs.job_of(session, world, job_id, officer_id)
                if step == "check":
                    assert view.report is not None and view.report["valid"] == PEOPLE, view
                    officer = access.principals_of_ids(session, [officer_id])[officer_id]
                    roster_jobs.ask_submission(
                        session, world, roster_jobs.AskSubmission(job_id, officer, RosterMode.VALID_ROWS_ONLY)
                    )
        assert view.state == "submitted", view
    print(json.dumps(took))


def peak_mb() -> float:
    """The most memory this process or one of its children ever held, in MB."""
    # A process inherits ru_maxrss from the one that started it, so our own peak is asked of /proc.
    own = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM:" in line)
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], Path(sys.argv[2]), uuid.UUID(sys.argv[3]), uuid.UUID(sys.argv[4]))
        raise SystemExit(0)
    raise SystemExit(main())
