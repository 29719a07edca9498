"""Two people give the same code at once: the second one is told, as if it had been there when they looked."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cardnet.kernel.db import Base
from cardnet.kernel.errors import Conflict


def add_unique(session: Session, row: Base, taken: Conflict) -> None:
    """Write the row. Raises `taken` when somebody else has written one under its code meanwhile."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise taken from None
