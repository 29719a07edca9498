"""Run as a process of its own by `workbook.py`: a web page or the XML of Excel 2003 as JSON lines, like `workbook_child.py`.

Systems that "export to Excel" write either and call it .xls. It imports nothing of cardnet.
"""

import datetime
import json
import re
import resource
import sys
from html.parser import HTMLParser
from typing import Any
from xml.parsers import expat

ROWS_AT_ONCE = 500
_SPACES = re.compile(r"[ \t\r\n\f]+")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:display|visibility)\s*:\s*(?:none|hidden)", re.IGNORECASE)


def main(kind: str, memory_bytes: int, seconds: int, max_rows: int, max_columns: int, max_cells: int) -> None:
    """Read the file within these limits and say what is in it, or why not."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sheets = _Sheets(max_rows, max_columns, max_cells)
    try:
        content = sys.stdin.buffer.read()
        if kind == "page":
            page = _Page(sheets)
            page.feed(_decoded(content))
            page.close()
        else:
            _SheetXml(sheets).read(content)
        sheets.say()
    except MemoryError:
        _say("error", "too_large")
    except _TooMuchError as error:
        _say("error", str(error))
    except BaseException:  # noqa: BLE001 - whatever it is, the file cannot be read
        _say("error", "unreadable")
    sys.stdout.flush()


class _TooMuchError(Exception):
    pass


class _Sheets:
    """The tables of a file: cells put where they stand, within the limits."""

    def __init__(self, max_rows: int, max_columns: int, max_cells: int) -> None:
        self.max_columns = max_columns
        self.rows_left, self.cells_left = max_rows, max_cells
        self.tables: list[dict[str, Any]] = []

    def begin(self, name: str) -> None:
        self.tables.append({"name": name, "rows": [], "merged": [], "hidden": []})

    def row(self, line: int, *, hidden: bool) -> None:
        """A line begins; `line` counts from 1."""
        table = self.tables[-1]
        if self.rows_left <= 0 or line > 1_100_000:
            raise _TooMuchError("too_many_rows")
        self.rows_left -= 1
        table["rows"].extend([] for _ in range(line - len(table["rows"])))
        if hidden:
            table["hidden"].append(line)

    def cell(self, column: int, value: object, across: int, down: int) -> None:
        """One cell of the last line, `column` from 0, which covers so many more columns and lines."""
        table = self.tables[-1]
        if column >= self.max_columns:
            return
        self.cells_left -= 1
        if self.cells_left < 0:
            raise _TooMuchError("too_large")
        cells, line = table["rows"][-1], len(table["rows"]) - 1
        cells.extend([""] * (column + 1 - len(cells)))
        cells[column] = value
        if (across or down) and len(table["merged"]) < 20_000:
            end = (line + min(down, 200_000), min(column + across, self.max_columns - 1))
            table["merged"].append(((line, column), end))

    def say(self) -> None:
        for table in self.tables:
            _say("sheet", table["name"], 1)
            _say("merged", table["merged"])
            _say("hidden", table["hidden"])
            for first in range(0, len(table["rows"]), ROWS_AT_ONCE):
                _say("rows", first + 1, [_trimmed(row) for row in table["rows"][first : first + ROWS_AT_ONCE]])
        _say("end")


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row.pop()
    return row


class _Page(HTMLParser):
    """The tables of a web page; a table inside a cell is that cell's text."""

    def __init__(self, sheets: _Sheets) -> None:
        super().__init__(convert_charrefs=True)
        self.sheets = sheets
        self.depth = 0
        self.line = self.column = 0
        self.spans = (0, 0)
        self.text: list[str] | None = None
        self.covered: dict[int, int] = {}
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "head", "title"):
            self.unseen += tag in ("script", "style", "title")
        elif tag == "table":
            self.depth += 1
            if self.depth == 1:
                self.sheets.begin(f"表{len(self.sheets.tables) + 1}")
                self.line, self.covered = 0, {}
        elif self.depth == 1 and tag == "tr":
            self._close_cell()
            self.line, self.column = self.line + 1, 0
            self.sheets.row(self.line, hidden=bool(_HIDDEN.search(said.get("style", ""))))
        elif self.depth == 1 and tag in ("td", "th") and self.line:
            self._close_cell()
            self.spans = _span(said.get("colspan")), _span(said.get("rowspan"))
            self.text = []
        elif tag in ("br", "p", "div") and self.text:
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "title"):
            self.unseen = max(0, self.unseen - 1)
        elif tag == "table":
            if self.depth == 1:
                self._close_cell()
            self.depth = max(0, self.depth - 1)
        elif self.depth == 1 and tag in ("td", "th", "tr"):
            self._close_cell()

    def handle_data(self, data: str) -> None:
        if self.text is not None and not self.unseen:
            self.text.append(_SPACES.sub(" ", data))

    def close(self) -> None:
        super().close()
        self._close_cell()

    def _close_cell(self) -> None:
        if self.text is None:
            return
        # A cell that reaches down from the lines above takes its place in this one.
        while self.covered.get(self.column, 0) >= self.line:
            self.column += 1
        across, down = self.spans
        words = "\n".join(line.strip() for line in "".join(self.text).split("\n")).strip()
        self.sheets.cell(self.column, words[:32_767], across, down)
        for column in range(self.column, min(self.column + across + 1, 300)):
            if down:
                self.covered[column] = self.line + down
        self.column += across + 1
        self.text = None


def _span(said: str | None) -> int:
    return min(max(int(said), 1), 100_000) - 1 if said and said.isascii() and said.isdigit() and len(said) < 7 else 0


def _decoded(content: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    said = _CHARSET.search(content[:4_096])
    for encoding in (*((said[1].decode().replace("gb2312", "gb18030"),) if said else ()), "utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("gb18030", "replace")


class _SheetXml:
    """`<Workbook>` of Excel 2003. Entities are refused: none is needed, and they are how XML explodes."""

    def __init__(self, sheets: _Sheets) -> None:
        self.sheets = sheets
        self.line = self.column = 0
        self.spans = (0, 0)
        self.kind = ""
        self.text: list[str] | None = None

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.Parse(content, True)  # noqa: FBT003 - its own signature

    def _entity(self, *_declared: object) -> None:
        raise ValueError("entities")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        said = {name.rsplit(" ", 1)[-1]: value for name, value in attributes.items()}
        match tag.rsplit(" ", 1)[-1]:
            case "Worksheet":
                self.sheets.begin(said.get("Name", ""))
                self.line = 0
            case "Row" if self.sheets.tables:
                self.line = int(said.get("Index", self.line + 1))
                self.column = 0
                self.sheets.row(self.line, hidden=said.get("Hidden") == "1")
            case "Cell" if self.line:
                self.column = int(said.get("Index", self.column + 1)) - 1
                self.spans = int(said.get("MergeAcross", 0)), int(said.get("MergeDown", 0))
                self.text, self.kind = None, ""
            case "Data" if self.line:
                self.kind, self.text = said.get("Type", "String"), []

    def _data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)

    def _end(self, tag: str) -> None:
        if tag.rsplit(" ", 1)[-1] == "Cell" and self.line:
            words = "".join(self.text or ())[:32_767]
            self.sheets.cell(self.column, _value(self.kind, words), *self.spans)
            self.column += self.spans[0] + 1
            self.text = None


def _value(kind: str, words: str) -> object:
    try:
        if kind == "Number":
            number = float(words)
            return number if abs(number) < 1e300 else words
        if kind == "DateTime":
            at = datetime.datetime.fromisoformat(words.strip()).replace(tzinfo=None)
            return {"m": at.isoformat()} if at.time() != datetime.time() else {"d": at.date().isoformat()}
    except ValueError:
        return words
    return words.strip() == "1" if kind == "Boolean" else words


def _say(*words: Any) -> None:
    line = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
