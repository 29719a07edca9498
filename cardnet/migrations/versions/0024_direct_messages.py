"""membership: messages to a number somebody holds (codes, one-time links), and the codes that prove a phone."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "direct_message",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("phone_index", sa.LargeBinary, nullable=False),
        sa.Column("words", sa.LargeBinary),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("next_try_at", MOMENT),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("provider_id", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("sent_at", MOMENT),
        sa.CheckConstraint("kind in ('phone_code', 'rebind_code', 'chair_link')", name="kind"),
        sa.CheckConstraint("state in ('waiting', 'sent', 'failed', 'lapsed')", name="state"),
        sa.CheckConstraint("(state = 'waiting') = (next_try_at is not null)", name="next_try"),
        sa.CheckConstraint("(state = 'waiting') = (words is not null)", name="words"),
        sa.CheckConstraint("(state = 'sent') = (sent_at is not null)", name="sent"),
    )
    op.create_index(
        "ix_direct_message_due", "direct_message", ["next_try_at", "id"],
        postgresql_where=sa.text("next_try_at is not null"),
    )  # fmt: skip
    op.create_index("ix_direct_message_phone_index_created_at", "direct_message", ["phone_index", "created_at"])
    op.create_index("ix_direct_message_subject_id_created_at", "direct_message", ["subject_id", "created_at"])
    op.create_table(
        "phone_code",
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True, nullable=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("code_index", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.CheckConstraint("tries between 0 and 5", name="tries"),
    )
