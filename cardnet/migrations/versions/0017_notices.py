"""membership: notices to members, where they go, where members may ask, and the demonstration's phone."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _notices()
    _addresses()
    _contacts()
    _simulated_phone()


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("words", sa.LargeBinary, nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("next_try_at", MOMENT),
        sa.Column("error", sa.String),
        sa.Column("provider_id", sa.String),
        sa.Column("sent_at", MOMENT),
        sa.Column("printed_at", MOMENT),
        sa.Column("handed_out_at", MOMENT),
        sa.CheckConstraint(
            "kind in ('activation_reminder', 'card_issued', 'card_suspended', 'place_offered', 'application_returned')",
            name="kind",
        ),
        sa.CheckConstraint("way in ('official_account', 'sms', 'paper')", name="way"),
        sa.CheckConstraint("state in ('waiting', 'sent', 'failed', 'printed', 'dropped')", name="state"),
        sa.CheckConstraint(
            "reason in ('chosen', 'no_consent', 'no_phone', 'phone_unverified', 'no_gateway', 'refused', 'gave_up', "
            "'deceased')",
            name="reason",
        ),
        sa.CheckConstraint("(state = 'printed') <= (way = 'paper')", name="printed"),
        sa.CheckConstraint("(state = 'sent') = (sent_at is not null)", name="sent"),
        sa.CheckConstraint("(state = 'waiting' and way <> 'paper') = (next_try_at is not null)", name="next_try"),
        sa.CheckConstraint("handed_out_at is null or printed_at is not null", name="handed_out"),
    )
    op.create_index(
        "uq_notice_reminder", "notice", ["person_id", "kind", "day"], unique=True,
        postgresql_where=sa.text("kind = 'activation_reminder'"),
    )  # fmt: skip
    op.create_index(
        "ix_notice_due", "notice", ["next_try_at", "id"], postgresql_where=sa.text("next_try_at is not null")
    )
    op.create_index("ix_notice_union_id_id", "notice", ["union_id", "id"])
    op.create_index("ix_notice_subject_id", "notice", ["subject_id"], postgresql_where=sa.text("state = 'waiting'"))


def _addresses() -> None:
    op.create_table(
        "notice_address",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("address_index", sa.LargeBinary, nullable=False),
        sa.Column("bound_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
    )
    for name, column in (("uq_notice_address_current", "person_id"), ("uq_notice_address_index", "address_index")):
        op.create_index(name, "notice_address", [column], unique=True, postgresql_where=sa.text("ended_at is null"))


def _contacts() -> None:
    op.create_table(
        "union_contact",
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), primary_key=True),
        sa.Column("phone", sa.String, nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("set_by", sa.Uuid),
    )


def _simulated_phone() -> None:
    op.create_table(
        "simulated_message",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("phone_index", sa.LargeBinary, nullable=False),
        sa.Column("words", sa.LargeBinary, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
    )
    op.create_index("ix_simulated_message_phone_index_received_at", "simulated_message", ["phone_index", "received_at"])
