"""Members hear of every use of their card, once; a phone whose session is over renews by its own key, each proof once."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

_NOTICES = (
    "activation_reminder", "card_issued", "card_suspended", "place_offered", "application_returned", "card_renewed",
    "code_stopped", "phone_added", "card_used",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("binding", sa.Column("proof_at", sa.BigInteger))
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", f"kind in {_NOTICES!r}")
    op.create_index(
        "uq_notice_use", "notice", ["subject_id"], unique=True, postgresql_where=sa.text("kind = 'card_used'")
    )
    op.create_table(
        "uses_told",
        sa.Column("one", sa.Boolean, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_uses_told_one_row")),
    )
