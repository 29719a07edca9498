"""credential: what a till reported and nobody booked raises alarms too, and so does a card used faster than anybody shops."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.add_column("code_watch", sa.Column("after_advice_id", sa.Uuid))
    op.add_column("credential_alarm", sa.Column("advice_id", sa.Uuid))
    op.alter_column("credential_alarm", "redemption_id", nullable=True)
    op.create_check_constraint("shown_once", "credential_alarm", "(redemption_id is null) <> (advice_id is null)")
    op.create_unique_constraint(op.f("uq_credential_alarm_kind_advice_id"), "credential_alarm", ["kind", "advice_id"])
    op.drop_constraint(op.f("ck_credential_alarm_kind"), "credential_alarm", type_="check")
    op.create_check_constraint(
        "kind",
        "credential_alarm",
        "kind in ('not_issued', 'clone_suspected', 'forged_code', 'harvest_suspected', 'velocity_suspected')",
    )
