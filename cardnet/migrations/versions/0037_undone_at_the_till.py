"""A till undoes what was held for review; what one terminal reported, and old messages, are found by index."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    for name in ("kind", "checker"):
        op.drop_constraint(op.f(f"ck_advice_review_{name}"), "advice_review", type_="check")
    op.alter_column("advice_review", "maker_id", nullable=True)
    op.create_check_constraint("kind", "advice_review", "kind in ('accept', 'refuse', 'withdraw')")
    op.create_check_constraint(
        "checker",
        "advice_review",
        "case when kind <> 'accept' then state = 'done' and checker_id is null "
        "when state = 'declined' then true else (state = 'proposed') = (checker_id is null) end",
    )
    op.create_check_constraint("maker", "advice_review", "(kind = 'withdraw') = (maker_id is null)")
    # Three questions to each record: what this terminal sent since a moment, never all it ever sent.
    op.create_index(op.f("ix_advice_terminal_id_received_at"), "advice", ["terminal_id", "received_at"])
    op.create_index(
        "ix_webhook_delivery_heard", "webhook_delivery", ["delivered_at"],
        postgresql_where=sa.text("state = 'delivered'"),
    )  # fmt: skip
    op.create_index(
        "ix_webhook_delivery_ended", "webhook_delivery", ["created_at"],
        postgresql_where=sa.text("state in ('failed', 'dropped')"),
    )  # fmt: skip
