"""The member register (会员名册): every member of a unit, card or not, so that "who has no card" has an answer."""

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.progress import Progress, unseen
from cardnet.kernel.world import World
from cardnet.membership.cleaning import word_of
from cardnet.membership.models import Union
from cardnet.membership.roster import (
    FileKind,
    FindingCode,
    Identified,
    KnownPerson,
    RosterCheck,
    RosterContext,
    check,
    identify,
    read_sheet,
)
from cardnet.membership.rules import KnownMember, TransferOrigin
from cardnet.membership.services.people import key_of, known_members
from cardnet.membership.services.reorganising import former_names, successors
from cardnet.membership.services.saving import save_people
from cardnet.membership.services.transfers import ProposeTransfers, propose_transfers
from cardnet.membership.services.unions import must_be_open_union, union_of_code, unions_held, unions_of_codes


@dataclass(frozen=True)
class ImportRegister:
    """A unit's 会员名册; rows may name units below it."""

    content: bytes
    filename: str
    unit_code: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class RegisterImported:
    """What became of the rows: `added` new in this union, `known` there before, `elsewhere` in another union today.

    Rows that are wrong are left out and said; the rest is stored, and sending the file again adds nothing.
    """

    check: RosterCheck
    added: int
    known: int
    elsewhere: int


def unit_codes(session: Session) -> tuple[dict[str, str], dict[str, str]]:
    """Every open union's path by code, and code by name for files that name the union; a name two share is left out.

    A list of last year may say what a union was called then, or name one that was merged into another: both are meant
    by name, the second by its code, too.
    """
    units: dict[str, str] = {}
    names: dict[str, str] = {}
    shared: set[str] = set()

    def take(name: str, code: str) -> None:
        word = word_of(name)
        if names.setdefault(word, code) != code:
            shared.add(word)

    for code, name, path in session.execute(select(Union.code, Union.name, Union.path).where(Union.to.is_(None))):
        units[code] = path
        take(name, code)
    present = set(names)
    for name, code in former_names(session):
        if word_of(name) not in present:
            take(name, code)
    for old_code, (name, code) in successors(session).items():
        for word in (old_code, name):
            if word_of(word) not in present and code in units:
                take(word, code)
    return units, {word: code for word, code in names.items() if word not in shared}


def known_in_sheet(session: Session, world: World, identified: Identified) -> dict[bytes, KnownMember]:
    """What membership knows today of the people a file names, by blind index (the file's keys must be such)."""
    return known_members(session, {key for key in identified.keys if key is not None}, day_of(world.now()))


def _known(member: KnownMember) -> KnownPerson:
    return KnownPerson(deceased=member.deceased, unit_path=member.unit_path, unit_name=member.unit_name)


def import_register(
    session: Session, world: World, command: ImportRegister, progress: Progress = unseen
) -> RegisterImported:
    """Store the members of a unit and, where the file says, their answers about the card.

    Somebody who is in another union today stays there: that row is counted `elsewhere` and a transfer is proposed.
    Raises NotFound("unit_unknown"), Conflict("union_closed"), or InvalidInput when the file cannot be read.
    """
    unit = union_of_code(session, command.unit_code)
    must_be_open_union(unit)
    today, key = day_of(world.now()), key_of(session)
    progress("read", 0, 1)
    identified = identify(read_sheet(command.content, command.filename), today, key)
    before = known_in_sheet(session, world, identified)
    units, unit_names = unit_codes(session)
    context = RosterContext(
        units=units,
        unit_names=unit_names,
        default_unit=unit.code,
        scope_path=unit.path,
        on=today,
        known={index: _known(member) for index, member in before.items()},
        key_of=key,
        file=FileKind.REGISTER,
    )
    checked = check(identified, context, progress)
    elsewhere = {f.row for f in checked.findings if f.code is FindingCode.MEMBER_ELSEWHERE}
    ours = [row for row in checked.rows if row.person and row.row not in elsewhere]
    persons = [row.person for row in ours if row.person is not None and row.key is not None]
    keys = [row.key for row in ours if row.person is not None and row.key is not None]
    named = {row.person.unit_code for row in checked.rows if row.person} | {unit.code}
    unions_held(session, {union.id for union in unions_of_codes(session, named).values()})
    save_people(session, world, persons, keys, progress)
    moving = [(before[row.key].person_id, row.person.unit_code) for row in checked.rows
              if row.row in elsewhere and row.key in before and row.person]  # fmt: skip
    nodes = unions_of_codes(session, {code for _, code in moving})
    propose_transfers(
        session,
        world,
        ProposeTransfers([(i, nodes[code].id) for i, code in moving], TransferOrigin.REGISTER, command.actor_id),
    )
    known = sum(1 for row in ours if row.key in before and before[row.key].unit_path)
    counts = {"rows": len(checked.rows), "stored": len(ours), "invalid": checked.invalid, "elsewhere": len(elsewhere)}
    audit.record(session, world, audit.Act("register.import", "union", unit.code, command.actor_id, after=counts))
    return RegisterImported(checked, len(ours) - known, known, len(elsewhere))
