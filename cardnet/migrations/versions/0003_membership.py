"""membership: the tree of unions, people, memberships, tags, consents."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "union_node",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("code", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("parent_id", sa.Uuid, sa.ForeignKey("union_node.id")),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("credit_code", sa.String),
        sa.Column("from", sa.Date, nullable=False),
        sa.Column("to", sa.Date),
        sa.CheckConstraint("tier in ('district', 'township', 'unit')", name="tier"),
        sa.CheckConstraint("right(path, length(code) + 2) = '/' || code || '/'", name="path"),
    )
    op.create_index("ix_union_node_path", "union_node", ["path"], postgresql_ops={"path": "text_pattern_ops"})
    op.create_index("ix_union_node_parent_id", "union_node", ["parent_id"])
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("id_type", sa.String, nullable=False),
        sa.Column("id_number", sa.LargeBinary, nullable=False),
        sa.Column("id_number_index", sa.LargeBinary, nullable=False),
        sa.Column("id_valid_until", sa.Date),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("name_index", sa.LargeBinary, nullable=False),
        sa.Column("birth_on", sa.Date),
        sa.Column("sex", sa.String),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("phone_index", sa.LargeBinary),
        sa.Column("phone_verified_at", _MOMENT),
        sa.Column("retired_on", sa.Date),
        sa.Column("deceased_on", sa.Date),
        sa.Column("merged_into_id", sa.Uuid, sa.ForeignKey("person.id")),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("id_type", "id_number_index"),
        sa.CheckConstraint(
            "id_type in ('resident_id', 'hk_mo_permit', 'tw_permit', 'passport', 'foreign_resident', "
            "'hk_mo_tw_residence')",
            name="id_type",
        ),
        sa.CheckConstraint("sex in ('male', 'female')", name="sex"),
    )
    op.create_index("ix_person_name_index", "person", ["name_index"])
    op.create_index("ix_person_phone_index", "person", ["phone_index"])
    op.create_index(
        "uq_person_verified_phone",
        "person",
        ["phone_index"],
        unique=True,
        postgresql_where=sa.text("phone_verified_at is not null"),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("from", sa.Date, nullable=False),
        sa.Column("to", sa.Date),
        sa.Column("member_since", sa.Date),
        sa.Column("department", sa.String, nullable=False, server_default=""),
        sa.Column("employment", sa.String),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind in ('active', 'retained', 'retired', 'transferred', 'withdrawn', 'deceased')", name="kind"
        ),
        sa.CheckConstraint(
            "employment in ('established', 'contract', 'dispatched', 'platform', 'flexible')", name="employment"
        ),
        sa.CheckConstraint('"to" is null or "to" >= "from"', name="period"),
    )
    # GiST over a range of one uuid needs no btree_gist: PostgreSQL without extensions.
    op.execute(
        "alter table membership add constraint ex_membership_person_period exclude using gist "
        '(uuidrange(person_id, person_id, \'[]\') with &&, daterange("from", "to") with &&)'
    )
    op.create_index("ix_membership_person_id", "membership", ["person_id"])
    op.create_index("ix_membership_union_id", "membership", ["union_id"])
    op.create_table(
        "tag",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("grade", sa.String, nullable=False),
        sa.Column("from", sa.Date, nullable=False),
        sa.Column("to", sa.Date),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.CheckConstraint("kind in ('model_worker', 'hardship', 'front_line', 'special_post')", name="kind"),
        sa.CheckConstraint('"to" is null or "to" >= "from"', name="period"),
    )
    op.create_index(
        "uq_tag_open", "tag", ["person_id", "kind", "grade"], unique=True, postgresql_where=sa.text('"to" is null')
    )
    op.create_index("ix_tag_person_id", "tag", ["person_id"])
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id")),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("answered_on", sa.Date, nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("withdrawn_at", _MOMENT),
        sa.Column("superseded_at", _MOMENT),
        sa.CheckConstraint("purpose in ('card', 'cover_operator', 'notices')", name="purpose"),
        sa.CheckConstraint("answer in ('given', 'declined')", name="answer"),
        sa.CheckConstraint("method in ('signed_form', 'self_service', 'activation', 'in_person')", name="method"),
    )
    op.create_index(
        "uq_consent_current",
        "consent",
        ["person_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("superseded_at is null"),
    )
    op.create_index("ix_consent_person_id", "consent", ["person_id"])
