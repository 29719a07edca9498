"""Workbooks as spreadsheet programs and office systems make them, with what our own writer would never write."""

import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence

from tests.make import biff
from tests.make.membership import xlsx_file


def rewritten(content: bytes, change: Mapping[str, Callable[[str], str]]) -> bytes:
    """A workbook whose parts, by name, were changed as text."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change[name](data.decode()).encode() if name in change else data)
    return out.getvalue()


def with_sheet(rows: Sequence[Sequence[object]], change: Callable[[str], str]) -> bytes:
    """A workbook of these rows whose sheet's XML was changed."""
    return rewritten(xlsx_file(rows), {"xl/worksheets/sheet1.xml": change})


def with_cell(rows: Sequence[Sequence[object]], place: str, xml: str) -> bytes:
    """A workbook one of whose cells, for example `B2`, is this XML: `t="e"><v>#N/A</v>`, without the tag around it."""
    cell = re.compile(rf'<c r="{place}"[^>]*?(?:/>|>.*?</c>)')
    return with_sheet(rows, lambda sheet: cell.sub(lambda _: f'<c r="{place}" {xml}</c>', sheet, count=1))


def with_hidden_lines(rows: Sequence[Sequence[object]], *lines: int) -> bytes:
    """A workbook in which a filter hides these lines."""

    def hide(sheet: str) -> str:
        for line in lines:
            sheet = sheet.replace(f'<row r="{line}" ', f'<row r="{line}" hidden="1" ')
        return sheet

    return with_sheet(rows, hide)


def since_1904(content: bytes) -> bytes:
    """A workbook that counts days from 1904, as those of an old Macintosh do."""
    return rewritten(
        content, {"xl/workbook.xml": lambda book: book.replace("<workbookPr ", '<workbookPr date1904="1" ')}
    )


def prefixed(content: bytes) -> bytes:
    """The same workbook with every tag of its sheet under a prefix, as some office systems write it."""

    def rename(sheet: str) -> str:
        sheet = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", sheet)
        return sheet.replace('xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"',
                             'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"')  # fmt: skip

    return rewritten(content, {"xl/worksheets/sheet1.xml": rename})


def locked_xls(rows: Sequence[Sequence[object]], method: int) -> bytes:
    """An Excel 97 workbook with a password to open it: FILEPASS stands behind the beginning (0: hidden by XOR, 1: RC4)."""
    record = struct.pack("<HH", 0x002F, 6) + struct.pack("<HHH", method, 0x1234, 0x5678)
    return biff.xls_file(rows, globals_extra=record)


def page_of(rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> bytes:
    """The web page that systems write and call .xls."""
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    head = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={encoding}"></head><body>'
    return f"{head}<table border=1>{lines}</table></body></html>".encode(encoding)


def sheet_xml(rows: Sequence[Sequence[object]]) -> bytes:
    """The XML of Excel 2003."""
    lines = "".join(
        "<Row>" + "".join(f'<Cell><Data ss:Type="{_kind(cell)}">{cell}</Data></Cell>' for cell in row) + "</Row>"
        for row in rows
    )
    return (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="名单"><Table>'
        f"{lines}</Table></Worksheet></Workbook>"
    ).encode()


def _kind(cell: object) -> str:
    return "Number" if isinstance(cell, int | float) else "String"
