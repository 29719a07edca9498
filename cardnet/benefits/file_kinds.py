"""How lists of uses from before are taken in beside the request: see `kernel.file_jobs`."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from cardnet.benefits.services.past_uses import ImportPastUses, import_past_uses
from cardnet.issuance.file_kinds import officer_of
from cardnet.kernel.file_jobs import FileAtWork, takes_in
from cardnet.kernel.progress import Progress
from cardnet.kernel.taken_in import TakenIn
from cardnet.kernel.world import World

PAST_USES = "past_uses"
_COUNTS = ("rows", "stored", "known", "invalid")


@takes_in(PAST_USES)
def take_in_past_uses(session: Session, world: World, file: FileAtWork, progress: Progress) -> TakenIn:
    """A list of uses of members of the officer's scope."""
    command = ImportPastUses(file.content, file.filename, officer_of(session, file))
    done = import_past_uses(session, world, command, progress)
    counts = asdict(done)
    return TakenIn({name: counts[name] for name in _COUNTS}, done.findings)
