"""One mask per field and context, so that two screens cannot be laid side by side to read a person."""

_PAIRS = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳"
    "公冶太叔申屠公孙慕容仲孙钟离长孙宇文司徒鲜于司空令狐"
)
_COMPOUND = frozenset(_PAIRS[start : start + 2] for start in range(0, len(_PAIRS), 2))
"""Surnames of two characters."""


def name_for_merchant(name: str) -> str:
    """`王*`: the surname and one star, however long the name is."""
    surname = name[:2] if name[:2] in _COMPOUND and len(name) > 2 else name[:1]
    return surname + "*"


def name_for_list(name: str) -> str:
    """`张*三`, `张*`: as notices print it."""
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def id_number_for_office(number: str) -> str:
    """`319900********7008`: six and four, for the officer who files the roster; no birth date shows.

    Of a passport's or a pass's nine characters never more than half: `E1*****78`.
    """
    if len(number) >= 15:
        return number[:6] + "*" * (len(number) - 10) + number[-4:]
    first, last = len(number) // 4, (len(number) + 2) // 4
    return number[:first] + "*" * (len(number) - first - last) + number[len(number) - last :]


def phone_for_office(phone: str) -> str:
    """`138****5678`."""
    return phone[:3] + "****" + phone[-4:]
