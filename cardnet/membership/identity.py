"""ID numbers: what each document's number looks like and what it says (domain.md §7.1, 7.2). Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from stdnum import numdb
from stdnum.cn.ric import calc_check_digit

from cardnet.membership.cleaning import text_of
from cardnet.membership.rules import ID_TYPE_NAMES, IdType, Sex
from cardnet.membership.table import Cell


@dataclass(frozen=True, slots=True)
class Identity:
    """A number as it is stored, and what is wrong with it: `code` is empty when nothing is.

    `whole` says that all its characters are there, so that the same number twice is the same person twice.
    `birth_on` and `sex` are what the number itself says, and only when it is right.
    """

    number: str
    code: str = ""
    message: str = ""
    whole: bool = True
    birth_on: date | None = None
    sex: Sex | None = None
    address_known: bool = True


_SIGNS = re.compile(r"[\s\-‐‑–—'’‘`´\"“”.,，。]")
_LOOKS_LIKE_X = str.maketrans("×хХ✕✖╳", "XXXXXX")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?E\+?1[4-9]")

_PATTERNS = {
    IdType.RESIDENT: re.compile(r"[1-9][0-9]{16}[0-9X]"),
    IdType.HK_MO_TW_RESIDENCE: re.compile(r"[1-9][0-9]{16}[0-9X]"),
    IdType.FOREIGN_RESIDENT: re.compile(r"[1-9][0-9]{16}[0-9X]|[A-Z]{3}[0-9]{12}"),
    IdType.HK_MO_PERMIT: re.compile(r"[HM][0-9]{8}"),
    IdType.TW_PERMIT: re.compile(r"[0-9]{8}"),
    IdType.PASSPORT: re.compile(r"[A-Z0-9]{5,17}"),
}
_SHAPES = {
    IdType.RESIDENT: "18 位（最后一位可以是 X）",
    IdType.HK_MO_TW_RESIDENCE: "18 位，以 81、82 或 83 开头",
    IdType.FOREIGN_RESIDENT: "18 位并以 9 开头，旧证为 3 个字母加 12 位数字",
    IdType.HK_MO_PERMIT: "字母 H 或 M 加 8 位数字",
    IdType.TW_PERMIT: "8 位数字",
    IdType.PASSPORT: "5 至 17 位字母和数字",
}
EIGHTEEN = frozenset({IdType.RESIDENT, IdType.HK_MO_TW_RESIDENCE, IdType.FOREIGN_RESIDENT})
"""The documents whose 18 characters follow GB 11643: address, birth date, order (odd is male), check digit."""


def number_of(cell: Cell) -> str:
    """The number in capitals, narrow, without spaces, hyphens and apostrophes; a look-alike of X becomes X."""
    text = text_of(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_LOOKS_LIKE_X)
    if not text.isalnum():
        if _SCIENTIFIC.fullmatch(text.upper()):
            return text.upper()
        text = _SIGNS.sub("", text)
    return text.upper()


def read_identity(id_type: IdType, cell: Cell, on: date) -> Identity:  # noqa: PLR0911 - one return per reason
    """Read one number of a document of this type as of a day; the first thing that is wrong is named."""
    number = number_of(cell)
    if not number:
        return Identity("", "id_format", "证件号码没有填写：请按证件补填。", whole=False)
    if _was_cut(cell, number):
        return Identity(number, "id_precision_lost", _CUT, whole=False)
    if not _PATTERNS[id_type].fullmatch(number):
        return Identity(number, "id_format", _wrong_shape(id_type, number), whole=False)
    if id_type not in EIGHTEEN or len(number) == 15:
        return Identity(number)
    if (other := _document_of(number)) is not id_type:
        return Identity(
            number,
            "id_format",
            f"这个号码是{ID_TYPE_NAMES[other]}的号码，与证件类型“{ID_TYPE_NAMES[id_type]}”不符：请改正证件类型或号码。",
        )
    birth_on = _birth(number)
    if birth_on is None or not date(1900, 1, 1) <= birth_on <= on:
        day = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
        return Identity(number, "id_birth_date", f"证件号码里的出生日期 {day} 不存在或不可能：请对照证件改正号码。")
    if calc_check_digit(number) != number[17]:
        if number.endswith("000"):
            return Identity(number, "id_precision_lost", _CUT, whole=False)
        return Identity(number, "id_checksum", "证件号码的校验位不对，至少有一位写错：请对照证件逐位改正。")
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    return Identity(number, birth_on=birth_on, sex=sex, address_known=_known_address(number[:6]))


_CUT = "证件号码的最后三位被表格软件改成了 000：请先把该列设为“文本”格式，再按证件重新输入 18 位号码。"


def _was_cut(cell: Cell, number: str) -> bool:
    """A spreadsheet keeps 15 digits of a number, so a longer one typed as a number is not the one typed."""
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return abs(cell) >= 10**15
    return bool(_SCIENTIFIC.fullmatch(number))


def _wrong_shape(id_type: IdType, number: str) -> str:
    name, shape = ID_TYPE_NAMES[id_type], _SHAPES[id_type]
    if id_type is IdType.RESIDENT and len(number) == 15 and number.isdecimal():
        return "15 位的旧身份证号码已停用：请按现在的身份证填写 18 位号码。"
    if id_type in (IdType.HK_MO_PERMIT, IdType.TW_PERMIT) and _PATTERNS[id_type].fullmatch(number[:-2]):
        return f"{name}只填前面的号码（{shape}），不填最后两位换证次数：请删去后两位。"
    return f"{name}的号码应为{shape}，这里是 {len(number)} 位：请对照证件改正。"


def _document_of(number: str) -> IdType:
    if number[0] == "9":
        return IdType.FOREIGN_RESIDENT
    return IdType.HK_MO_TW_RESIDENCE if number[:2] in ("81", "82", "83") else IdType.RESIDENT


def _birth(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


@lru_cache(maxsize=10_000)
def _known_address(code: str) -> bool:
    """Whether an address code is or was assigned (GB/T 2260); residence and foreign numbers use others."""
    if code[0] in "89":
        return True
    return any("county" in said for _part, said in numdb.get("cn/loc").info(code))
