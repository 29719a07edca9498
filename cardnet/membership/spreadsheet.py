"""What offices send, as a table of cells: XLSX, XLSM, XLSB, XLS, ODS, web pages and XML saved as .xls, CSV in any usual encoding.

Nothing here knows what the columns mean. A file that cannot be read raises InvalidInput with a sentence that
says what to do; it never raises anything else, and never takes more memory than the limits of `table`.
"""

import dataclasses
import io
import re
import struct
import zipfile
from collections.abc import Callable

from cardnet.membership import delimited, file_errors, workbook
from cardnet.membership.table import (
    MAX_BYTES,
    MAX_CELL_CHARS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT_BYTES,
    MAX_UNPACKED_BYTES,
    Cell,
    Table,
)

__all__ = ["MAX_BYTES", "MAX_CELL_CHARS", "MAX_COLUMNS", "MAX_ROWS", "MAX_TEXT_BYTES", "Cell", "Table", "read"]


def read(content: bytes, filename: str = "", prefer: Callable[[Table], int] | None = None) -> Table:
    """The sheet of a file that `prefer` gives the most points, by default the first that holds anything.

    What kind of file it is, its bytes say; `filename` only appears in messages. Hidden sheets are never read.
    Raises InvalidInput: file_empty, file_too_large, too_many_rows, file_encrypted, file_not_a_table,
    file_unreadable, encoding_unknown.
    """
    tables = [table for table in _tables(content, filename) if any(table.rows)]
    if not tables:
        raise file_errors.nothing_visible(filename)
    points = [prefer(table) if prefer else 0 for table in tables]
    best = tables[points.index(max(points))]
    return dataclasses.replace(best, others=tuple(table for table in tables if table is not best))


def _tables(content: bytes, filename: str) -> list[Table]:
    if not content.strip(b"\0 \r\n\t"):
        raise file_errors.empty(filename)
    if len(content) > MAX_BYTES:
        raise file_errors.heavy()
    if content.startswith(b"PK\x03\x04"):
        _check_archive(content, filename)
        return workbook.sheets(workbook.Kind.WORKBOOK, content, filename)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in content or _has_file_pass(content):
            raise file_errors.encrypted(filename)
        if "WordDocument".encode("utf-16-le") in content:
            raise file_errors.no_table(filename, "文档")
        return workbook.sheets(workbook.Kind.WORKBOOK, content, filename)
    head = _head(content)
    for start, kind in _NO_TABLES.items():
        if head.startswith(start):
            raise file_errors.no_table(filename, kind)
    if head.startswith("<"):
        return _markup(head, content, filename)
    return [delimited.table(content, filename)]


_WORKBOOK_BEGINS = re.compile(rb"\x09\x08(?:\x10\x00\x00\x06|\x08\x00\x00\x05)\x05\x00")
_FILE_PASS = 0x002F


def _has_file_pass(content: bytes) -> bool:
    """Whether an Excel 97 workbook asks for a password: FILEPASS is among the first records of its stream ([MS-XLS] 2.4.117)."""
    for begin in _WORKBOOK_BEGINS.finditer(content):
        at = begin.start()
        for _ in range(5):
            kind, size = struct.unpack_from("<HH", content[at : at + 4].ljust(4, b"\0"))
            if kind == _FILE_PASS:
                return True
            at += 4 + size
    return False


_NO_TABLES = {
    "%pdf": "PDF",
    "\x89png": "图片",
    "\xff\xd8\xff": "图片",
    "gif8": "图片",
    "rar!": "压缩包",
    "7z\xbc\xaf": "压缩包",
    "\x1f\x8b": "压缩包",
    "{\\rtf": "文档",
    "mime-version:": "网页",
}
_SHEET_XML = "urn:schemas-microsoft-com:office:spreadsheet"


def _head(content: bytes) -> str:
    """How a file begins, for telling what it is: in lower case, without byte order mark and zeros between letters."""
    head = content[:8_192].removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return head.replace(b"\0", b"").decode("latin-1").lstrip().lower()


def _markup(head: str, content: bytes, filename: str) -> list[Table]:
    """Systems that "export to Excel" often write a web page, or the XML of Excel 2003, and call it .xls."""
    if len(content) > MAX_TEXT_BYTES:
        raise file_errors.too_large()
    if _SHEET_XML in head:
        return workbook.sheets(workbook.Kind.SHEET_XML, content, filename)
    if any(tag in head for tag in ("<html", "<!doctype html", "<table", "<meta", "<head", "<body", "<style")):
        tables = workbook.sheets(workbook.Kind.PAGE, content, filename)
        if not tables:
            raise file_errors.no_table(filename, "网页")
        return tables
    if head.startswith(("<?xml", "<!doctype")):
        raise file_errors.no_table(filename, "XML")
    return [delimited.table(content, filename)]


def _check_archive(content: bytes, filename: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, UnicodeDecodeError):
        raise file_errors.unreadable(filename) from None
    names = {member.filename for member in members}
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise file_errors.no_table(filename, "文档" if "word/document.xml" in names else "压缩包")
    if any(member.flag_bits & 1 for member in members):
        raise file_errors.encrypted(filename)
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise file_errors.too_large()
