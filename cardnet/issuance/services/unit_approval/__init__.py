"""The unit's own approval where the unit has one officer, who never approves what they sent in.

The chair confirms by a one-time link, or the officer uploads the stamped 《办卡汇总审核表》 that was printed here, with
its number and check code. Both are about one list of people; when that list changes, they approve nothing any more.
The township's is then the first review by somebody independent, and sees how the unit approved.
"""

from cardnet.issuance.services.unit_approval.asking import (
    AskApproval,
    Asked,
    WithdrawApproval,
    ask_approval,
    withdraw_approval,
)
from cardnet.issuance.services.unit_approval.deciding import (
    DecideByLink,
    UnitApproved,
    UploadStamped,
    decide_by_link,
    note_own_link,
    upload_stamped,
)
from cardnet.issuance.services.unit_approval.listing import (
    ApprovalLine,
    ApprovalList,
    approval_by_link,
    approval_list,
    approvals_of_batch,
    awaiting_unit_approval,
    list_to_sign,
    stamped_file,
)
from cardnet.issuance.services.unit_approval.records import officers_of_units

__all__ = [
    "ApprovalLine",
    "ApprovalList",
    "AskApproval",
    "Asked",
    "DecideByLink",
    "UnitApproved",
    "UploadStamped",
    "WithdrawApproval",
    "approval_by_link",
    "approval_list",
    "approvals_of_batch",
    "ask_approval",
    "awaiting_unit_approval",
    "decide_by_link",
    "list_to_sign",
    "note_own_link",
    "officers_of_units",
    "stamped_file",
    "upload_stamped",
    "withdraw_approval",
]
