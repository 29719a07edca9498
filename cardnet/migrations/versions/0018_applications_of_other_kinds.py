"""issuance: replacement and renewal as applications; membership: the notice of a renewed card."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_batch_origin"), "batch", type_="check")
    op.create_check_constraint("origin", "batch", "origin in ('file', 'self_filled', 'replacement', 'renewal')")
    op.drop_constraint(op.f("ck_notice_kind"), "notice", type_="check")
    op.create_check_constraint(
        "kind", "notice",
        "kind in ('activation_reminder', 'card_issued', 'card_suspended', 'place_offered', 'application_returned', "
        "'card_renewed')",
    )  # fmt: skip
