"""Whoever has a card on one phone hears that it is on another now, too."""

from alembic import op

revision = "0041"
down_revision = "0040"

_NOTICES = (
    "activation_reminder", "card_issued", "card_suspended", "place_offered", "application_returned", "card_renewed",
    "code_stopped", "phone_added",
)  # fmt: skip


def upgrade() -> None:
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", f"kind in {_NOTICES!r}")
