"""What is said of a file that cannot be read: what it is, and what to do."""

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.table import MAX_BYTES, MAX_ROWS


def named(filename: str) -> str:
    """The file's name in a sentence, where it has one."""
    return f"“{filename}”" if filename else ""


def empty(filename: str) -> InvalidInput:
    """Not a byte, or nothing but blanks."""
    return InvalidInput("file_empty", f"文件{named(filename)}是空的：请打开它确认有内容，保存后再上传。")


def nothing_visible(filename: str) -> InvalidInput:
    """Sheets, but none that can be seen and holds anything."""
    return InvalidInput("file_empty", f"文件{named(filename)}里没有内容：请确认名单在可见的工作表里，保存后再上传。")


def no_table(filename: str, kind: str) -> InvalidInput:
    """A document, a picture, an archive."""
    return InvalidInput(
        "file_not_a_table",
        f"文件{named(filename)}是{kind}，不是表格：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。",
    )


def encrypted(filename: str) -> InvalidInput:
    """A workbook with a password to open it."""
    return InvalidInput(
        "file_encrypted", f"文件{named(filename)}设了打开密码：请在 Excel 或 WPS 里取消密码，保存后再上传。"
    )


def unreadable(filename: str) -> InvalidInput:
    """Cut off, damaged, or made by nobody."""
    return InvalidInput(
        "file_unreadable",
        f"文件{named(filename)}读不出来，可能已损坏：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。",
    )


def strange(filename: str) -> InvalidInput:
    """Text in no encoding offices use."""
    return InvalidInput(
        "encoding_unknown",
        f"文件{named(filename)}的文字编码认不出来：请用 Excel 或 WPS 打开，另存为 .xlsx 或“CSV UTF-8”后再上传。",
    )


def heavy() -> InvalidInput:
    """More bytes than anybody's list has."""
    return InvalidInput(
        "file_too_large",
        f"文件超过 {MAX_BYTES // 1024 // 1024} MB：请删去图片和多余的工作表，或按单位分成几个文件。",
    )


def too_large() -> InvalidInput:
    """Small as a file, too large once unpacked: a bomb, or a cell in the farthest corner."""
    return InvalidInput(
        "file_too_large",
        "表格展开后太大：请检查很远的行列里是否有多余内容，只保留名单，复制到新工作簿后再上传。",
    )


def too_many_rows() -> InvalidInput:
    """More people than a district has."""
    return InvalidInput("too_many_rows", f"表格超过 {MAX_ROWS:,} 行：请按单位分成几个文件上传。")
