"""credential: forged codes and harvested ones are alarms too; a merchant's contacts stand in one place, its contacts."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_credential_alarm_kind"), "credential_alarm", type_="check")
    op.create_check_constraint(
        "kind",
        "credential_alarm",
        "kind in ('not_issued', 'clone_suspected', 'forged_code', 'harvest_suspected')",
    )
    # Nothing ever read it: whom to ask about settlements is a contact like the others.
    op.drop_column("merchant", "settlement_contact")
