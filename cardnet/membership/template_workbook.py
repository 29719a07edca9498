"""The empty 办卡信息采集表: the built-in columns, lists to choose from, text columns where digits would be lost. Pure."""

import io

import xlsxwriter

from cardnet.membership.columns import Column
from cardnet.membership.rules import EMPLOYMENT_NAMES, ID_TYPE_NAMES

REQUIRED = (Column.NAME, Column.ID_TYPE, Column.ID_NUMBER, Column.PHONE, Column.EMPLOYMENT, Column.CONSENT)
_TEXT = frozenset({Column.ID_NUMBER, Column.PHONE, Column.UNIT})
_LISTS: dict[Column, list[str]] = {
    Column.ID_TYPE: list(ID_TYPE_NAMES.values()),
    Column.SEX: ["男", "女"],
    Column.EMPLOYMENT: list(EMPLOYMENT_NAMES.values()),
    Column.FRONT_LINE: ["是", "否"],
    Column.CONSENT: ["是", "否"],
}
_WIDTHS = {Column.NUMBER: 6, Column.NAME: 14, Column.ID_NUMBER: 22, Column.PHONE: 15, Column.ID_TYPE: 24, Column.SEX: 6}
_LINES = 2_000
_NOTES = (
    "标 * 的六列必填，其余选填；选填的填错了只作提醒，不影响办卡。",
    "列的先后可以换，列名也可以用单位习惯的叫法；标题行、空行、合计行不用删。",
    "证件号码、手机号码两列是文本格式，请直接输入；从别处复制时选“只粘贴文本”。",
    "日期写成 2018-04-28、2018.4.28、20180428、2018年4月28日 都可以。",
    "本人同意填“是”，表示单位存有本人签字的《告知同意书》；填“否”记为本人暂不办。",
    "所属工会编码可以不填，按上传时选的工会算。",
)


def template_workbook() -> bytes:
    """An XLSX to fill in: one sheet of the columns, one that explains them."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet("办卡信息采集表")
        must = book.add_format({"bold": True, "bg_color": "#E3F1EF", "border": 1, "border_color": "#8A9894"})
        may = book.add_format({"bg_color": "#EEF2F1", "border": 1, "border_color": "#D7DFDC"})
        as_text, plain = book.add_format({"num_format": "@"}), book.add_format()
        for at, column in enumerate(Column):
            needed = column in REQUIRED
            page.write_string(0, at, f"{column.value}*" if needed else column.value, must if needed else may)
            page.set_column(at, at, _WIDTHS.get(column, 13), as_text if column in _TEXT else plain)
            if column in _LISTS:
                page.data_validation(
                    1, at, _LINES, at,
                    {"validate": "list", "source": _LISTS[column], "error_type": "warning",
                     "error_title": column.value, "error_message": "请从列表里选一项。"},
                )  # fmt: skip
        page.freeze_panes(1, 2)
        notes = book.add_worksheet("填表说明")
        notes.set_column(0, 0, 90)
        for line, sentence in enumerate(_NOTES):
            notes.write_string(line, 0, sentence)
    return out.getvalue()
