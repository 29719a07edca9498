"""What the commands of issuance share beside those of membership: a batch, a member, rows, as they are typed."""

import uuid

import click
from sqlalchemy.orm import Session

from cardnet.issuance import services
from cardnet.issuance.rules import is_card_number, typed_number
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.membership import english
from cardnet.membership import services as membership
from cardnet.membership.cli_parts import (
    FILE,
    OUT,
    json_option,
    officer_option,
    refused_in,
    say,
    tell,
    typed_id,
    written_whole,
)
from cardnet.membership.cli_parts import language_option as language_of

language_option = language_of(english.BOOK)
batch_option = click.option("--batch", "batch", required=True, help="批次号。")
rows_option = click.option("--rows", "rows", default=None, help="只办理这些行，例如 1,2。")


def batch_id(text: str) -> uuid.UUID:
    """A batch's number as typed. Raises NotFound("batch_unknown")."""
    return typed_id(text, "batch_unknown", "批次")


def typed_rows(text: str | None) -> tuple[int, ...] | None:
    """Row numbers as typed; None: all. Raises InvalidInput("rows_invalid")."""
    if text is None:
        return None
    parts = [part.strip() for part in text.replace("，", ",").split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise InvalidInput("rows_invalid", f"“{text}”不是行号，请写成 1,2,5 这样。")
    return tuple(int(part) for part in parts)


def person_typed(session: Session, typed: str) -> uuid.UUID:
    """A person by card number or by the number of the file. Raises NotFound("person_unknown", "card_unknown")."""
    number = typed_number(typed)
    if is_card_number(number):
        person_id: uuid.UUID = services.card_of_number(session, number).person_id
        return person_id
    try:
        return uuid.UUID(typed)
    except ValueError:
        raise NotFound("person_unknown", "请用十三位卡号或档案编号指明是谁；按姓名查请用 members find。") from None


def path_typed(session: Session, code: str | None) -> str | None:
    """The path of a union by its code. Raises NotFound("unit_unknown")."""
    return membership.union_of_code(session, code).path if code else None


__all__ = [
    "FILE",
    "OUT",
    "batch_id",
    "batch_option",
    "json_option",
    "language_option",
    "officer_option",
    "path_typed",
    "person_typed",
    "refused_in",
    "rows_option",
    "say",
    "tell",
    "typed_rows",
    "written_whole",
]
