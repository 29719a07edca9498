"""One mask per field and context, so that two screens cannot be laid side by side to read a person."""

_COMPOUND = frozenset(
    ["欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛", "尉迟", "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容", "仲孙", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "令狐"]
)


def name_for_merchant(name: str) -> str:
    """`王*`: the surname and one star, however long the name is."""
    surname = name[:2] if name[:2] in _COMPOUND and len(name) > 2 else name[:1]
    return surname + "*"


def name_for_list(name: str) -> str:
    """`张*三`, `张*`: as notices print it."""
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def id_number_for_office(number: str) -> str:
    """`319900********7008`: six and four, for the officer who files the roster; no birth date shows."""
    return number if len(number) <= 4 else number[:6] + "*" * max(4, len(number) - 10) + number[-4:]


def phone_for_office(phone: str) -> str:
    """`138****5678`."""
    return phone[:3] + "****" + phone[-4:]
