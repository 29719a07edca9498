"""A document's number was recorded wrongly: the district mends it on the person, so that no second person comes of it."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.identity import read_identity
from cardnet.membership.models import Person
from cardnet.membership.rules import IdType
from cardnet.membership.services.decisions import must_be_district
from cardnet.membership.services.people import ID_NUMBER, person_key
from cardnet.membership.services.scope import lock_people, must_see


@dataclass(frozen=True)
class CorrectDocument:
    """The right type and number, seen on the document itself. `evidence` says what was seen and where it is kept.

    `sha256` is of a scan, if there is one: the paper itself is not kept here.
    """

    person_id: uuid.UUID
    id_type: IdType
    id_number: str = field(repr=False)
    officer: Principal
    evidence: str
    sha256: bytes | None = None


def correct_document(session: Session, world: World, command: CorrectDocument) -> None:
    """The person keeps id, cards, counters and cover; birth date and sex follow the number.

    Raises NotAllowed("role_missing"), NotFound("person_unknown"), InvalidInput("evidence_missing", "id_format",
    "id_checksum", "id_birth_date", "id_precision_lost"), Conflict("document_unchanged", "document_taken" when another
    file has this document: those two are to be merged, "file_merged").
    """
    officer = command.officer
    must_be_district(session, officer, "证件号码由区总工会核对证件以后更正。")
    must_see(session, officer, command.person_id)
    evidence = command.evidence.strip()[:120]
    if not evidence:
        raise InvalidInput("evidence_missing", "请写明核对了什么证件、复印件存在哪里。")
    read = read_identity(command.id_type, command.id_number, day_of(world.now()))
    if read.code:
        raise InvalidInput(read.code, read.message)
    vault = vault_of(session)
    key = person_key(vault, command.id_type, read.number)
    lock_people(session, [command.person_id])
    person = session.get_one(Person, command.person_id, populate_existing=True)
    if person.merged_into_id is not None:
        raise Conflict("file_merged", "这份档案已并入另一份，请在现在用的档案里更正。")
    if person.id_type == command.id_type and bytes(person.id_number_index) == key:
        raise Conflict("document_unchanged", "证件类型和号码与登记的一样，没有变化。")
    holder = session.scalar(select(Person.id).where(Person.id_type == command.id_type, Person.id_number_index == key))
    if holder is not None:
        raise Conflict("document_taken", "另一份档案已经用这个证件号码：可能是同一个人，请核对后用“合并档案”办理。")
    before = {"id_type": person.id_type}
    person.id_type, person.id_number_index = str(command.id_type), key
    person.id_number = vault.seal(ID_NUMBER, read.number)
    person.birth_on = read.birth_on or person.birth_on
    person.sex = str(read.sex) if read.sex else person.sex
    session.flush()
    after = {"id_type": str(command.id_type), "evidence": evidence}
    if command.sha256:
        after["sha256"] = command.sha256.hex()
    act = audit.Act("member.correct_document", "person", str(person.id), officer.account_id, before=before, after=after)
    audit.record(session, world, act)
