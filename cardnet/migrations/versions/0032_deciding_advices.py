"""Advices held for review are decided by two people, what they raised is closed by name; a switch for maintenance."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("advice", sa.Column("clock_off_seconds", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("advice", sa.Column("confirmed", sa.Boolean))
    op.create_table(
        "advice_review",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("advice_id", sa.Uuid, sa.ForeignKey("advice.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("maker_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("checker_id", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("decided_at", MOMENT),
        sa.Column("words", sa.String),
        sa.Column("happened_at", MOMENT),
        sa.Column("outcome", sa.String),
        sa.Column("code", sa.String),
        sa.Column("redemption_id", sa.Uuid),
        sa.CheckConstraint("kind in ('accept', 'refuse')", name="kind"),
        sa.CheckConstraint("state in ('proposed', 'done', 'declined')", name="state"),
        sa.CheckConstraint("maker_id <> checker_id", name="four_eyes"),
        sa.CheckConstraint(
            "case kind when 'refuse' then state = 'done' and checker_id is null "
            "else (state = 'proposed') = (checker_id is null) end",
            name="checker",
        ),
        sa.CheckConstraint("(state = 'proposed') = (decided_at is null)", name="decided"),
        sa.CheckConstraint(
            "(kind = 'accept' and state = 'done') = (redemption_id is not null and outcome is not null "
            "and happened_at is not null)",
            name="redemption",
        ),
        sa.CheckConstraint("outcome in ('captured', 'captured_with_exception')", name="outcome"),
    )
    op.create_index(
        "uq_advice_review_live", "advice_review", ["advice_id"], unique=True,
        postgresql_where=sa.text("state <> 'declined'"),
    )  # fmt: skip
    op.add_column("advice_exception", sa.Column("closed_by", sa.Uuid, sa.ForeignKey("account.id")))
    op.add_column("advice_exception", sa.Column("closing_words", sa.String))
    op.create_check_constraint("closed", "advice_exception", "closed_by is null or closed_at is not null")
    op.create_check_constraint("closing_words", "advice_exception", "(closed_by is null) = (closing_words is null)")
    op.create_table(
        "maintenance",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.CheckConstraint("one = 1", name="one"),
    )
    # One row to each message that waits or failed: the pages ask by endpoint, and delivered ones are most.
    op.create_index(
        "ix_webhook_delivery_undelivered", "webhook_delivery", ["endpoint_id"],
        postgresql_where=sa.text("state in ('waiting', 'failed')"),
    )  # fmt: skip
