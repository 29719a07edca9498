"""issuance: how a card came into use, six digits of an officer, reminders, print runs, hand-outs and their receipts."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0014"
down_revision = "0013"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _how_it_came_into_use()
    _rebinding_and_reminders()
    _printing()
    _handing_out()
    append_only("card_reminder", "print_run")


def _how_it_came_into_use() -> None:
    op.add_column("card", sa.Column("activated_channel", sa.String))
    op.add_column("card", sa.Column("activated_union_id", sa.Uuid, sa.ForeignKey("union_node.id")))
    op.execute("""
        update card c
           set activated_union_id = c.union_id,
               activated_channel = coalesce((select e.channel from card_event e
                                              where e.card_id = c.id and e.action = 'activate'
                                              order by e.seq limit 1), 'self')
         where c.activated_at is not null""")
    op.create_check_constraint(
        op.f("ck_card_activated"),
        "card",
        "(activated_at is null) = (activated_channel is null) and (activated_at is null) = (activated_union_id is null)",
    )


def _rebinding_and_reminders() -> None:
    op.create_table(
        "rebind_code",
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id"), primary_key=True),
        sa.Column("code_index", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("made_by", sa.Uuid, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.CheckConstraint("tries between 0 and 5", name="tries"),
    )
    op.create_table(
        "card_reminder",
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id"), primary_key=True),
        sa.Column("at", MOMENT, primary_key=True),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("channel", sa.String, nullable=False),
    )


def _printing() -> None:
    op.create_table(
        "print_run",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.Column("cards", sa.BigInteger, nullable=False),
        sa.Column("reprinted", sa.BigInteger, nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("cards > 0 and reprinted between 0 and cards", name="counts"),
    )
    op.create_index("ix_print_run_path", "print_run", ["path"])
    op.add_column("binding", sa.Column("print_run_id", sa.Uuid, sa.ForeignKey("print_run.id")))
    op.create_index(
        "ix_binding_print_run_id",
        "binding",
        ["print_run_id"],
        postgresql_where=sa.text("print_run_id is not null"),
    )


def _handing_out() -> None:
    op.create_table(
        "handout",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("document", sa.String),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.Column("opened_by", sa.Uuid, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint("kind in ('card', 'gift', 'heat')", name="kind"),
    )
    op.create_index("ix_handout_path", "handout", ["path"])
    op.create_table(
        "handout_line",
        sa.Column("handout_id", sa.Uuid, sa.ForeignKey("handout.id"), primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id")),
        sa.Column("signed_at", MOMENT),
        sa.Column("channel", sa.String),
        sa.Column("actor_id", sa.Uuid),
        sa.CheckConstraint(
            "(signed_at is null) = (channel is null) and (signed_at is null) = (actor_id is null)", name="signed"
        ),
    )
    op.create_index("ix_handout_line_person_id", "handout_line", ["person_id"])
    op.create_index("ix_handout_line_card_id", "handout_line", ["card_id"])
