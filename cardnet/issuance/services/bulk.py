"""Writing many rows at once: COPY over the session's own connection, inside its transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql
from sqlalchemy.orm import Session


def copy_rows(session: Session, table: str, types: dict[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY `rows` into `table`; `types` names the columns in the order of the values, with their PostgreSQL types."""
    session.flush()
    driver = session.connection().connection.driver_connection
    assert driver is not None
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, types))
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(types.values()))
        for row in rows:
            copy.write_row(row)
