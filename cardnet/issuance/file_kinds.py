"""How registers and lists of cards from before are taken in beside the request: see `kernel.file_jobs`."""

from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance.services.cards_before import ImportCards, import_cards
from cardnet.issuance.services.roster_check import must_cover
from cardnet.kernel.errors import NotAllowed
from cardnet.kernel.file_jobs import FileAtWork, takes_in
from cardnet.kernel.progress import Progress
from cardnet.kernel.taken_in import Found, TakenIn
from cardnet.kernel.world import World
from cardnet.membership import services as membership

REGISTER, CARDS_BEFORE = "register", "cards_before"


@takes_in(REGISTER)
def take_in_register(session: Session, world: World, file: FileAtWork, progress: Progress) -> TakenIn:
    """A unit's 会员名册; options: `unit_code`."""
    officer = officer_of(session, file)
    unit = membership.union_of_code(session, file.options["unit_code"])
    must_cover(officer, unit)
    command = membership.ImportRegister(file.content, file.filename, unit.code, officer.account_id)
    done = membership.import_register(session, world, command, progress)
    lines = {row.row: row.line for row in done.check.rows}
    return TakenIn(
        {
            "rows": len(done.check.rows), "added": done.added, "known": done.known, "elsewhere": done.elsewhere,
            "invalid": done.check.invalid,
        },
        tuple(
            Found(lines[found.row], found.column, str(found.code), str(found.severity), found.message)
            for found in done.check.findings if found.severity != "note"
        ),
        done.check.notices,
    )  # fmt: skip


@takes_in(CARDS_BEFORE)
def take_in_cards(session: Session, world: World, file: FileAtWork, progress: Progress) -> TakenIn:
    """Cards issued before and cards of others; options: `unit_code`, `issuer`."""
    officer = officer_of(session, file)
    command = ImportCards(file.content, file.filename, file.options["unit_code"], officer, file.options["issuer"])
    done = import_cards(session, world, command, progress)
    return TakenIn(
        {"rows": done.rows, "tied": done.tied, "known": done.known, "invalid": done.invalid},
        tuple(Found(found.line, found.column, found.code, found.severity, found.message) for found in done.findings),
        done.notices,
    )


def officer_of(session: Session, file: FileAtWork) -> Principal:
    """Who handed the file in, as they may act now. Raises NotAllowed("account_disabled")."""
    officer = access.principals_of_ids(session, [file.officer_id]).get(file.officer_id)
    if officer is None:
        raise NotAllowed("account_disabled", "上传这份表的账号已停用，请换一个账号重新上传。")
    return officer
