"""Headings no list of spellings has, read by what they are made of: `本人是否同意办卡`, `职工手机号码`. Pure.

Only what a roster cannot do without is looked for, only where its own spelling is missing, and only when one heading
alone can be meant; the officer is told which.
"""

import re
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType

from cardnet.membership.cleaning import heading_of
from cardnet.membership.columns import Column
from cardnet.membership.table import Cell

_LONGEST = 30
_OTHERS = re.compile("家属|亲属|配偶|子女|父|母|紧急|联系人|负责|经办|填表|推荐|单位|办公|固定|座机|银行|领导")
"""Somebody's or something else's."""
_MADE_OF: Mapping[Column, tuple[re.Pattern[str], re.Pattern[str]]] = MappingProxyType(
    {
        # What the heading must have, and what it must not.
        Column.NAME: (re.compile("姓名$"), re.compile("拼音|曾用")),
        Column.ID_TYPE: (re.compile("证[件照].*[类种]"), re.compile("号")),
        Column.ID_NUMBER: (re.compile("(身份证|证件|证照).*号|号.*(身份证|证件)"), re.compile("[类种]|有效|到期|日期")),
        Column.PHONE: (re.compile("手机|移动电话|联系电话|电话号码"), re.compile("日期|归属|型号|是否|短号")),
        Column.EMPLOYMENT: (
            re.compile("用工|就业(形式|方式|类型)|(合同|编制|人员|职工)(类型|类别|性质|身份)"), re.compile("日期|期限|时间|证")
        ),
        # A yes to something else must not become a yes to the card: it names the card, or nothing at all.
        Column.CONSENT: (
            re.compile("(是否|本人).*(同意|愿意)$|(同意|愿意|意愿).*卡|卡.*(同意|愿意|意愿)|(同意|愿意|意愿)(办理|申领|申办|申请)$"),
            re.compile("日期|时间|公示|原因|不同意|说明|互助|保障|保险|体检|疗|休养|入会|加入|会籍|捐|帮扶|慰问|活动|信息|授权"),
        ),
    }
)  # fmt: skip


def likely_columns(lines: Sequence[Sequence[Cell]], known: Mapping[Column, int]) -> dict[Column, tuple[int, str]]:
    """Columns that are missing among the `known` and stand under a heading that can mean nothing else: place and heading."""
    taken = set(known.values())
    return {
        column: found[0]
        for column in _MADE_OF.keys() - known.keys()
        if len(found := _meaning(lines, column, taken)) == 1
    }


def _meaning(lines: Sequence[Sequence[Cell]], column: Column, taken: Set[int]) -> list[tuple[int, str]]:
    must, must_not = _MADE_OF[column]
    return [
        (at, heading)
        for line in lines
        for at, cell in enumerate(line)
        if at not in taken and isinstance(cell, str) and 0 < len(heading := heading_of(cell)) <= _LONGEST
        if must.search(heading) and not must_not.search(heading) and not _OTHERS.search(heading)
    ]
