"""A minimal .xls (BIFF8 in a compound file), since nothing we use writes one and offices still send them."""

import struct
from collections.abc import Sequence

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def xls_file(
    rows: Sequence[Sequence[object]], sheet: str = "名单", globals_extra: bytes = b"", hidden: Sequence[int] = ()
) -> bytes:
    """The rows as an Excel 97 workbook: texts as LABEL records, numbers as NUMBER records, errors as BOOLERR.

    `globals_extra` are records behind the beginning of the workbook, for example of its password or its calendar.
    `hidden` are lines (from 0) that a filter hides.
    """
    body = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    width = max(len(row) for row in rows)
    body += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for line in hidden:
        body += _record(0x0208, struct.pack("<HHHHHHHH", line, 0, width, 255, 0, 0, 0x0120, 0x0F))
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, int | float):
                body += _record(0x0203, struct.pack("<HHHd", line, column, 0, float(cell)))
            elif cell in _ERRORS:
                body += _record(0x0205, struct.pack("<HHHBB", line, column, 0, _ERRORS[str(cell)], 1))
            elif cell:
                text = str(cell)
                body += _record(0x0204, struct.pack("<HHH", line, column, 0) + _text(text, "<HB"))
    body += _record(0x000A, b"")
    head = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    after = len(_record(0x0085, struct.pack("<IBB", 0, 0, 0) + _text(sheet, "<BB"))) + len(_record(0x000A, b""))
    head += globals_extra
    head += _record(0x0085, struct.pack("<IBB", len(head) + after, 0, 0) + _text(sheet, "<BB"))
    return _compound(head + _record(0x000A, b"") + body)


_ERRORS = {"#NULL!": 0x00, "#DIV/0!": 0x07, "#VALUE!": 0x0F, "#REF!": 0x17, "#NAME?": 0x1D, "#NUM!": 0x24, "#N/A": 0x2A}


def record(kind: int, data: bytes) -> bytes:
    """One record, for `globals_extra`."""
    return _record(kind, data)


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _text(text: str, head: str) -> bytes:
    data = text.encode("utf-16-le")
    return struct.pack(head, len(data) // 2, 1) + data


def _compound(stream: bytes) -> bytes:
    """One stream called Workbook, long enough (4,096 bytes) to need no mini stream."""
    stream = stream.ljust(4096, b"\0")
    sectors = -(-len(stream) // _SECTOR)
    fats = -(-(sectors + 2) // (_SECTOR // 4 - 1))
    chain = [_FAT] * fats + [_END] + [fats + 2 + i for i in range(sectors - 1)] + [_END]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(fats * _SECTOR, b"\xff")
    listed = list(range(fats)) + [_FREE] * (109 - fats)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, fats, fats, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *listed)
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, fats + 1, len(stream))
    directory += _entry("", 0, _FREE, 0, 0) * 2
    return header + table + directory + stream.ljust(sectors * _SECTOR, b"\0")


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le")
    length = len(raw) + 2 if name else 0
    return (
        raw.ljust(64, b"\0")
        + struct.pack("<HBBIII", length, kind, 1, _FREE, _FREE, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
