"""A unit's approval outside the system: what list it is about, its number, and what may be uploaded. Pure."""

import enum
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from cardnet.issuance.rules.applications import BatchOrigin

LINK_DAYS = timedelta(days=7)
"""So long a chair may confirm by the link."""

SUMMARY_DAYS = timedelta(days=60)
"""So long a printed summary may be brought back stamped."""


class ApprovalKind(enum.StrEnum):
    """How: the chair opens a one-time link, or a printed summary comes back stamped."""

    LINK = "link"
    SUMMARY = "summary"


class ApprovalOutcome(enum.StrEnum):
    """What became of it."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


@dataclass(frozen=True)
class Words:
    """What the papers of a batch call what its people ask for."""

    title: str
    agreed: str
    agreement: str
    left_out: str


def words_of(origin: BatchOrigin) -> Words:
    """New cards, or cards in the place of others: nobody signs for a card they already have."""
    return _WORDS.get(origin, _NEW)


_NEW = Words("办卡", "同意办卡", "本人同意办理工会会员服务卡", "不办的不打勾，由经办人在系统中登记本人暂不办。")
_WORDS = {
    BatchOrigin.REPLACEMENT: Words(
        "补卡", "同意补卡", "本人申请补办工会会员服务卡，旧卡不再使用", "不补的不打勾，由经办人在系统中撤回申请。"
    ),
    BatchOrigin.RENEWAL: Words(
        "换卡", "同意换卡", "本人同意换发工会会员服务卡，旧卡用到到期为止", "不换的不打勾，由经办人在系统中撤回申请。"
    ),
}


def fingerprint(batch_id: uuid.UUID, union_code: str, rows: Iterable[tuple[uuid.UUID, int, uuid.UUID]]) -> bytes:
    """SHA-256 of a union's list: (application, round, person) in any order. One person more or less is another list.

    The union is named by its code, which it keeps wherever it is moved. Papers made before that was so have its path
    in the place of the code and go on being good.
    """
    lines = sorted(f"{application}:{round_}:{person}" for application, round_, person in rows)
    return hashlib.sha256("\n".join([str(batch_id), union_code, *lines]).encode()).digest()


def check_code(number: str, list_fingerprint: bytes) -> str:
    """What is printed beside the number, sixteen signs in fours: `3F7A-91C2-0B4D-E856`."""
    digest = hashlib.sha256(number.encode() + list_fingerprint).hexdigest().upper()
    return "-".join(digest[start : start + 4] for start in range(0, 16, 4))


def typed_check_code(text: str) -> str:
    """A check code as people type it, in the form it is printed."""
    signs = "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())
    return "-".join(signs[start : start + 4] for start in range(0, len(signs), 4))
