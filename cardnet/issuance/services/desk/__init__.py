"""What lies on an officer's desk: work that waits, batches with their rows and history, cards. Reads only.

Everything is bounded by the officer's scope (a path): a batch of a whole district shows a township its own rows.
People come with the seals opened, because who must decide about a row has to see whose it is; pages mask the rest.
"""

from cardnet.issuance.services.desk.batches import BatchFilter, BatchLine, batch_of, batches
from cardnet.issuance.services.desk.cards import (
    CardEventLine,
    CardFilter,
    CardLine,
    CardMore,
    card_history,
    card_more,
    card_numbers,
    card_of_id,
    find_cards,
)
from cardnet.issuance.services.desk.duties import duties_of
from cardnet.issuance.services.desk.history import HistoryLine, application_history, batch_history
from cardnet.issuance.services.desk.listing import Listed
from cardnet.issuance.services.desk.open_rows import OpenFilter, OpenRow, OpenSummary, open_rows, open_summary
from cardnet.issuance.services.desk.receipts import SHOWN, ReceiptLine, newest_receipts, receipt_lines
from cardnet.issuance.services.desk.rows import RowFilter, RowLine, batch_rows, row_numbers, row_of, running_rows
from cardnet.issuance.services.desk.tasks import ROUTINE, Task, in_order, tasks_of
from cardnet.issuance.services.desk.turns import BatchPlaces, batch_and_places, turns

__all__ = [
    "ROUTINE",
    "SHOWN",
    "BatchFilter",
    "BatchLine",
    "BatchPlaces",
    "CardEventLine",
    "CardFilter",
    "CardLine",
    "CardMore",
    "HistoryLine",
    "Listed",
    "OpenFilter",
    "OpenRow",
    "OpenSummary",
    "ReceiptLine",
    "RowFilter",
    "RowLine",
    "Task",
    "application_history",
    "batch_and_places",
    "batch_history",
    "batch_of",
    "batch_rows",
    "batches",
    "card_history",
    "card_more",
    "card_numbers",
    "card_of_id",
    "duties_of",
    "find_cards",
    "in_order",
    "newest_receipts",
    "open_rows",
    "open_summary",
    "receipt_lines",
    "row_numbers",
    "row_of",
    "running_rows",
    "tasks_of",
    "turns",
]
