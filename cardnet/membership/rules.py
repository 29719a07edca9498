"""Words and values of the organisation tree and its people: plain, frozen, without database or web."""

import enum
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol, Self, TypeVar

from stdnum.cn.ric import calc_check_digit

from cardnet.access.rules import Role
from cardnet.kernel.errors import InvalidInput


class Tier(enum.StrEnum):
    """How high a union stands: the district, a township or bureau (镇、街道、委、局), a unit (基层工会)."""

    DISTRICT = "district"
    TOWNSHIP = "township"
    UNIT = "unit"


def tier_of_role(role: Role) -> Tier:
    """Where an account with this role belongs. Finance, audit, chair and administration are the district's."""
    return {Role.UNIT_OFFICER: Tier.UNIT, Role.TOWNSHIP_OFFICER: Tier.TOWNSHIP}.get(role, Tier.DISTRICT)


HEIGHT = {Tier.DISTRICT: 3, Tier.TOWNSHIP: 2, Tier.UNIT: 1}
"""Which tier stands above which."""

TIER_NAMES = {Tier.DISTRICT: "区总工会", Tier.TOWNSHIP: "镇街委局工会", Tier.UNIT: "基层工会"}


class IdType(enum.StrEnum):
    """The documents a member may show (domain.md §7.1, 7.2)."""

    RESIDENT = "resident_id"
    HK_MO_PERMIT = "hk_mo_permit"
    TW_PERMIT = "tw_permit"
    PASSPORT = "passport"
    FOREIGN_RESIDENT = "foreign_resident"
    HK_MO_TW_RESIDENCE = "hk_mo_tw_residence"


ID_TYPE_NAMES = {
    IdType.RESIDENT: "居民身份证",
    IdType.HK_MO_PERMIT: "港澳居民来往内地通行证",
    IdType.TW_PERMIT: "台湾居民来往大陆通行证",
    IdType.PASSPORT: "护照",
    IdType.FOREIGN_RESIDENT: "外国人永久居留身份证",
    IdType.HK_MO_TW_RESIDENCE: "港澳台居民居住证",
}


class Sex(enum.StrEnum):
    """As the document says it."""

    MALE = "male"
    FEMALE = "female"


class MembershipKind(enum.StrEnum):
    """A person's standing in a union: 在册, 保留会籍, 退休, 转出, 退会, 身故."""

    ACTIVE = "active"
    RETAINED = "retained"
    RETIRED = "retired"
    TRANSFERRED = "transferred"
    WITHDRAWN = "withdrawn"
    DECEASED = "deceased"


MEMBER_KINDS = frozenset({MembershipKind.ACTIVE, MembershipKind.RETAINED, MembershipKind.RETIRED})
"""The kinds of somebody who still is a member."""


class Employment(enum.StrEnum):
    """用工形式 that may hold a card."""

    ESTABLISHED = "established"
    CONTRACT = "contract"
    DISPATCHED = "dispatched"
    PLATFORM = "platform"
    FLEXIBLE = "flexible"


EMPLOYMENT_NAMES = {
    Employment.ESTABLISHED: "在编",
    Employment.CONTRACT: "合同",
    Employment.DISPATCHED: "劳务派遣",
    Employment.PLATFORM: "新就业形态",
    Employment.FLEXIBLE: "灵活就业",
}


class TagKind(enum.StrEnum):
    """What a benefit may ask for beyond membership: 劳模, 困难, 一线, 特殊岗位."""

    MODEL_WORKER = "model_worker"
    HARDSHIP = "hardship"
    FRONT_LINE = "front_line"
    SPECIAL_POST = "special_post"


class Purpose(enum.StrEnum):
    """What a person is asked to agree to, each on its own."""

    CARD = "card"
    COVER_OPERATOR = "cover_operator"
    NOTICES = "notices"


class Answer(enum.StrEnum):
    """The person's own answer: 本人同意 or 本人暂不办. No answer is no row."""

    GIVEN = "given"
    DECLINED = "declined"


class ConsentMethod(enum.StrEnum):
    """How the answer reached us."""

    SIGNED_FORM = "signed_form"
    SELF_SERVICE = "self_service"
    ACTIVATION = "activation"
    IN_PERSON = "in_person"


class TransferState(enum.StrEnum):
    """A transfer that a new unit proposed. `proposed` is the only one that can change.

    `released` by the old unit, or by itself when its days were over (then nobody decided); `objected` by the old unit,
    `withdrawn` by the new one; `lapsed` when the person went elsewhere meanwhile.
    """

    PROPOSED = "proposed"
    RELEASED = "released"
    OBJECTED = "objected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class TransferOrigin(enum.StrEnum):
    """Where a proposal came from."""

    ROSTER = "roster"
    REGISTER = "register"
    SELF_FILLED = "self_filled"
    OFFICER = "officer"


TRANSFER_DAYS_BY_DEFAULT = 5
"""How many working days the old unit has while the district decided nothing; then it releases by itself."""

MOST_TRANSFER_DAYS = 60


class UnionAct(enum.StrEnum):
    """What the district does to a union: 更名, 划转, 并入, 撤销."""

    RENAME = "rename"
    MOVE = "move"
    MERGE = "merge"
    CLOSE = "close"


UNION_ACT_WORDS = {
    UnionAct.RENAME: "更名",
    UnionAct.MOVE: "划转",
    UnionAct.MERGE: "并入",
    UnionAct.CLOSE: "撤销",
}


@dataclass(frozen=True)
class UnionNode:
    """One union of the tree. `path` is `/YJ/YJ-01/YJ-01-001/`: the codes from the root down to this one.

    A union with `closed_on` has nobody any more and takes nobody; it stays for what happened in it.
    """

    id: uuid.UUID
    code: str
    name: str
    tier: Tier
    path: str
    parent_id: uuid.UUID | None
    closed_on: date | None = None


@dataclass(frozen=True, slots=True)
class NewTag:
    """A standing of a person, for example 省部级劳模; `grade` is as the unit wrote it."""

    kind: TagKind
    grade: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as a register or a roster tells of them, already normalised and checked.

    `joined_on` is 入会日期. `answer` is the answer about the card; None leaves what is stored as it is.
    """

    id_type: IdType
    id_number: str
    name: str
    unit_code: str
    phone: str = ""
    birth_on: date | None = None
    sex: Sex | None = None
    id_valid_until: date | None = None
    department: str = ""
    employment: Employment | None = None
    joined_on: date | None = None
    tags: tuple[NewTag, ...] = ()
    answer: Answer | None = None
    answered_on: date | None = None
    method: ConsentMethod = ConsentMethod.SIGNED_FORM
    evidence: str = ""


@dataclass(frozen=True)
class PersonView:
    """A person with the seals opened: for the officer in charge and for the card's face, never for a log."""

    id: uuid.UUID
    name: str
    id_type: IdType
    id_number: str
    phone: str
    sex: Sex | None
    birth_on: date | None
    retired_on: date | None
    deceased_on: date | None
    unit: UnionNode | None
    membership_kind: MembershipKind | None
    member_since: date | None
    department: str
    employment: Employment | None


@dataclass(frozen=True)
class KnownMember:
    """What membership knows of somebody named in a roster; `unit_path` is empty when in no union today."""

    person_id: uuid.UUID
    unit_path: str
    unit_name: str
    kind: MembershipKind | None
    deceased: bool
    answer: Answer | None


@dataclass(frozen=True)
class MemberCounts:
    """One union's members today and their answers about the card; `members = given + declined + no_answer`."""

    members: int = 0
    given: int = 0
    declined: int = 0
    no_answer: int = 0


@dataclass(frozen=True)
class Member:
    """A member of a union today and their answer about the card; None is 未答复."""

    person_id: uuid.UUID
    union_id: uuid.UUID
    kind: MembershipKind
    answer: Answer | None


def must_stand_below(union: UnionNode, parent: UnionNode) -> None:
    """Raises InvalidInput("tier_wrong") when a union of this tier has no place below that one."""
    if HEIGHT[parent.tier] < HEIGHT[union.tier] or union.tier is Tier.DISTRICT:
        raise InvalidInput(
            "tier_wrong",
            f"层级不对：{parent.name}是{TIER_NAMES[parent.tier]}，下面不能有{TIER_NAMES[union.tier]}。",
        )


def resident_check_digit(body: str) -> str:
    """The 18th character of an ID number of which 17 digits are given: GB 11643, ISO 7064 MOD 11-2."""
    return calc_check_digit(body + "0")


def code_of(path: str) -> str:
    """The code of the union a path leads to."""
    return path.rstrip("/").rsplit("/", 1)[-1]


def path_before(path: str, moves: Iterable[str]) -> str:
    """Where a union stood before these moves, the newest first: each is the path its union had until then.

    Codes never change, so whatever stands at or below a moved union has that union's code in its path.
    """
    for old in moves:
        _, mark, rest = path.partition(f"/{code_of(old)}/")
        if mark:
            path = old + rest
    return path


def path_above(path: str) -> str:
    """The path of the union above; `/` above the root."""
    return path.rstrip("/").rsplit("/", 1)[0] + "/"


class Counts(Protocol):
    """Numbers of one union that can be added to another's."""

    def __add__(self, other: Self) -> Self: ...


_Counted = TypeVar("_Counted", bound=Counts)


def with_all_below(own: Mapping[str, _Counted]) -> dict[str, _Counted]:
    """By path what is a union's own together with what is of all below it."""
    totals = dict(own)
    for path in sorted(own, key=lambda path: (-path.count("/"), path)):
        above = path_above(path)
        if above in totals:
            totals[above] += totals[path]
    return totals


def path_of(parent_path: str, code: str) -> str:
    """The path of a union below `parent_path` (`` for the root)."""
    return f"{parent_path or '/'}{code}/"
