"""The people of the demonstration: 210 invented members of four unions, always the same ones.

Every ID number begins with an address code that was never assigned (3199xx), so it belongs to nobody.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from cardnet.kernel.world import World
from cardnet.membership.rules import resident_check_digit

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤"
_GIVEN_MEN = [
    "伟",
    "强",
    "磊",
    "军",
    "勇",
    "杰",
    "涛",
    "明",
    "超",
    "建国",
    "志强",
    "海波",
    "国华",
    "文博",
    "家豪",
    "永康",
    "振宇",
    "立新",
    "德胜",
    "春生",
    "宏伟",
    "晓东",
    "子轩",
    "浩然",
    "俊杰",
    "金龙",
    "福根",
    "阿根",
    "水根",
    "建军",
]
_GIVEN_WOMEN = [
    "芳",
    "敏",
    "静",
    "丽",
    "艳",
    "娟",
    "霞",
    "燕",
    "秀英",
    "桂英",
    "玉兰",
    "美玲",
    "晓红",
    "雅琴",
    "佳怡",
    "梦洁",
    "思雨",
    "欣怡",
    "月娥",
    "巧珍",
    "彩凤",
    "凤英",
    "婷婷",
    "海燕",
    "淑芬",
    "惠芳",
    "丽华",
    "春梅",
    "小红",
    "玉珍",
]


@dataclass(frozen=True)
class Unit:
    """A unit union of the story and how its members answered."""

    code: str
    name: str
    township: str
    members: int
    declined: int
    no_answer: int
    trades: tuple[str, ...]
    employment: str


UNITS = (
    Unit(
        "YJ-01-101", "松嘉环卫有限公司工会委员会", "YJ-01", 38, 0, 0, ("道路保洁组", "垃圾清运组", "公厕管护组"), "合同"
    ),
    Unit(
        "YJ-01-102",
        "恒启精密机械有限公司工会委员会",
        "YJ-01",
        86,
        4,
        0,
        ("一车间", "二车间", "质检科", "仓储组"),
        "合同",
    ),
    Unit("YJ-10-101", "新桥港货运联合工会委员会", "YJ-10", 22, 1, 5, ("城配车队", "干线车队"), "新就业形态"),
    Unit("YJ-19-101", "云间区第二中学工会委员会", "YJ-19", 64, 2, 0, ("语文组", "数学组", "英语组", "后勤组"), "在编"),
)


@dataclass(frozen=True)
class Member:
    """One invented member; `answer` is what they said about the card: 是, 否 or nothing."""

    name: str
    sex: str
    id_number: str
    phone: str
    unit: Unit
    department: str
    joined_on: date
    answer: str


ZHOU_GUILIN = ("周桂林", "女", date(1968, 3, 12))
"""The street cleaner of the story, 58."""


def members(world: World) -> tuple[Member, ...]:
    """All 210, unit by unit, in roster order; whoever has not answered stands last in their unit."""
    made: list[Member] = []
    for unit in UNITS:
        for number in range(unit.members):
            silent = number >= unit.members - unit.no_answer
            declines = not silent and number >= unit.members - unit.no_answer - unit.declined
            answer = "" if silent else "否" if declines else "是"
            made.append(_member(world, unit, len(made), answer))
    made[0] = _as_zhou_guilin(made[0])
    return tuple(made)


def _member(world: World, unit: Unit, serial: int, answer: str) -> Member:
    chance = world.random_bytes(12)
    woman = chance[0] % 2
    given = _GIVEN_WOMEN if woman else _GIVEN_MEN
    born = date(1968, 1, 1) + timedelta(days=int.from_bytes(chance[1:3], "big") % 12_000)
    return Member(
        name=_SURNAMES[chance[3] % len(_SURNAMES)] + given[chance[4] % len(given)],
        sex="女" if woman else "男",
        id_number=_id_number(born, serial, woman=woman),
        phone=f"199{8_000_0000 + serial * 7919 % 1_000_0000:08d}",
        unit=unit,
        department=unit.trades[chance[5] % len(unit.trades)],
        joined_on=date(2012, 1, 1) + timedelta(days=int.from_bytes(chance[6:8], "big") % 4_500),
        answer=answer,
    )


def _as_zhou_guilin(member: Member) -> Member:
    name, sex, born = ZHOU_GUILIN
    number = _id_number(born, 0, woman=1)
    return replace(member, name=name, sex=sex, id_number=number, department="道路保洁组")


def _id_number(born: date, serial: int, *, woman: int) -> str:
    sequence = serial * 2 % 1000 + (0 if woman else 1)
    body = f"3199{serial // 500:02d}{born:%Y%m%d}{sequence:03d}"
    return body + resident_check_digit(body)
