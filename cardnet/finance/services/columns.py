"""Columns of Arrow in and out of tables: by COPY, whatever their number."""

import hashlib
import io
import uuid
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv
from sqlalchemy.orm import Session

from cardnet.finance.admission import LINES


def with_constant(table: pa.Table, name: str, value: str) -> pa.Table:
    """The table with one more column that says the same on every line."""
    return table.append_column(name, pa.array([value] * table.num_rows, pa.string()))


def copy_in(session: Session, target: str, table: pa.Table) -> None:
    """COPY a table of Arrow columns into a table of the same column names."""
    if not table.num_rows:
        return
    session.flush()
    sink = io.BytesIO()
    arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False))
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {target} ({columns}) from stdin (format csv)") as copy:
        copy.write(sink.getbuffer())


def lines_of_file(session: Session, file_id: uuid.UUID) -> pa.Table:
    """The lines of a file as columns, in the file's order."""
    columns = ", ".join(f'"{name}"' for name in LINES.names)
    driver: Any = session.connection().connection.driver_connection
    sink = io.BytesIO()
    query = (
        f"copy (select {columns} from statement_line where file_id = '{file_id}' order by line) to stdout (format csv)"  # noqa: S608 - a UUID
    )
    with driver.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            sink.write(block)
    if not sink.tell():
        return LINES.empty_table()
    sink.seek(0)
    convert = arrow_csv.ConvertOptions(
        column_types=LINES, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    named = arrow_csv.ReadOptions(column_names=LINES.names)
    return arrow_csv.read_csv(sink, named, parse, convert)


def digest_of(table: pa.Table) -> str:
    """SHA-256, in hex, over the table as CSV."""
    sink = io.BytesIO()
    arrow_csv.write_csv(table, sink)
    return hashlib.sha256(sink.getbuffer()).hexdigest()
