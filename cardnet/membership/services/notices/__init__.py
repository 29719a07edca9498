"""Notices to members, for other packages: telling people, the unit's desk, how people can be reached, the worker's part."""

from cardnet.membership.notices.rules import NoticeKind
from cardnet.membership.services.notices.contacts import (
    BindAccount,
    ConfirmPhones,
    SetUnionPhone,
    bind_accounts,
    confirm_phones,
    set_union_phone,
    union_phone,
)
from cardnet.membership.services.notices.desk import (
    LISTS,
    MOST_SLIPS,
    HandOutSlips,
    NoticeCounts,
    NoticeLine,
    Slips,
    hand_out_slips,
    notice_counts,
    notice_lines,
    print_slips,
)
from cardnet.membership.services.notices.sending import Taken, close_ways, note_outcome, take_next
from cardnet.membership.services.notices.writing import (
    SEND,
    Recipient,
    Tell,
    Told,
    contact_phones,
    drop_notices,
    tell,
)

__all__ = [
    "LISTS",
    "MOST_SLIPS",
    "SEND",
    "BindAccount",
    "ConfirmPhones",
    "HandOutSlips",
    "NoticeCounts",
    "NoticeKind",
    "NoticeLine",
    "Recipient",
    "SetUnionPhone",
    "Slips",
    "Taken",
    "Tell",
    "Told",
    "bind_accounts",
    "close_ways",
    "confirm_phones",
    "contact_phones",
    "drop_notices",
    "hand_out_slips",
    "note_outcome",
    "notice_counts",
    "notice_lines",
    "print_slips",
    "set_union_phone",
    "take_next",
    "tell",
    "union_phone",
]
