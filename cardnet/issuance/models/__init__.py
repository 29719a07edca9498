"""Tables of issuance. Nobody outside this package reads them but through `services` and `invariants`.

Bulk rows carry natural keys where they can: a roster row is (batch, row), an event is (its subject, seq), so that
30,000 of them are written by one statement that needs no ids made beforehand. `seq` counts the events of one
subject without a gap, under that subject's row lock.
"""

from cardnet.issuance.models.applications import Application, ApplicationEvent, Batch, RosterRow
from cardnet.issuance.models.cards import (
    ActivationCode,
    Binding,
    Card,
    CardEvent,
    CardLife,
    CardReminder,
    LossPolicy,
    PhonePolicy,
    PrintRun,
    RebindCode,
)
from cardnet.issuance.models.handing import Handout, HandoutLine
from cardnet.issuance.models.quota import Authority, QuotaEntry, QuotaNode, QuotaRaise, QuotaYear
from cardnet.issuance.models.review import (
    Delegation,
    ReviewFreeze,
    ReviewTerm,
    RowCorrection,
    UnitApproval,
    UnitApprovalFile,
)
from cardnet.issuance.models.rosters import RosterJob, RosterJobRow, SelfFillEntry, SelfFillPoster

__all__ = [
    "ActivationCode",
    "Application",
    "ApplicationEvent",
    "Authority",
    "Batch",
    "Binding",
    "Card",
    "CardEvent",
    "CardLife",
    "CardReminder",
    "Delegation",
    "Handout",
    "HandoutLine",
    "LossPolicy",
    "PhonePolicy",
    "PrintRun",
    "QuotaEntry",
    "QuotaNode",
    "QuotaRaise",
    "QuotaYear",
    "RebindCode",
    "ReviewFreeze",
    "ReviewTerm",
    "RosterJob",
    "RosterJobRow",
    "RosterRow",
    "RowCorrection",
    "SelfFillEntry",
    "SelfFillPoster",
    "UnitApproval",
    "UnitApprovalFile",
]
