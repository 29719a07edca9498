"""Issuer keys, trust packs, card indexes and their status."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0006"
down_revision = "0005"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "issuer_key",
        sa.Column("kid", sa.LargeBinary, primary_key=True),
        sa.Column("alg", sa.BigInteger, nullable=False),
        sa.Column("use", sa.String, nullable=False),
        sa.Column("shard", sa.BigInteger),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("private_sealed", sa.LargeBinary),
        sa.Column("nbf", _moment, nullable=False),
        sa.Column("exp", _moment, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("revoked_at", _moment),
        sa.UniqueConstraint(
            "use", "shard", "nbf", name="uq_issuer_key_use_shard_nbf", postgresql_nulls_not_distinct=True
        ),
        sa.CheckConstraint("octet_length(kid) = 2", name=op.f("ck_issuer_key_kid_two_bytes")),
        sa.CheckConstraint(
            "use in ('card', 'print', 'status', 'settlement', 'root')", name=op.f("ck_issuer_key_use_known")
        ),
        sa.CheckConstraint(
            "(use = 'card') = (shard is not null) and shard between 0 and 3",
            name=op.f("ck_issuer_key_card_keys_have_shards"),
        ),
        sa.CheckConstraint(
            "alg = -8 and octet_length(public) = 32 or alg = -7 and octet_length(public) = 33",
            name=op.f("ck_issuer_key_alg_fits"),
        ),
        sa.CheckConstraint("nbf < exp", name=op.f("ck_issuer_key_period")),
        sa.CheckConstraint(
            "state in ('active', 'revoked') and (state = 'revoked') = (revoked_at is not null)",
            name=op.f("ck_issuer_key_state_known"),
        ),
    )
    # A kid that was gone could come back with another key.
    op.execute(
        "create trigger issuer_key_stays before delete or truncate on issuer_key "
        "for each statement execute function cardnet_append_only()"
    )
    op.create_table(
        "trust_pack",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
    )
    append_only("trust_pack")
    op.create_table(
        "card_index_block",
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seed_sealed", sa.LargeBinary, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.CheckConstraint("block between 0 and 65535", name=op.f("ck_card_index_block_block_fits")),
        sa.CheckConstraint("used between 0 and 65536", name=op.f("ck_card_index_block_used_fits")),
    )
    op.create_table(
        "card_status",
        sa.Column("card_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.Column("changed_at", _moment, nullable=False),
        sa.CheckConstraint("card_index between 0 and 4294967295", name=op.f("ck_card_status_index_32_bits")),
        sa.CheckConstraint("status in (0, 1, 2)", name=op.f("ck_card_status_status_known")),
    )
    op.create_index("ix_card_status_changed_at", "card_status", ["changed_at"])
    op.create_table(
        "status_list",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
    )
