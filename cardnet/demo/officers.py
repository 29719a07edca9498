"""Who works at the demonstration union. Passwords and secrets are printed by `cardnet demo` and good for nothing else."""

import base64
import hashlib
from dataclasses import dataclass

from cardnet.access.rules import Role
from cardnet.access.services import CreateAccount, create_accounts
from cardnet.demo.stage import Step
from cardnet.membership import services as membership

PASSWORD = "yunjian-demo-2026"  # noqa: S105 - of the demonstration, printed on its first page


@dataclass(frozen=True)
class Officer:
    """An account of the story and what it is for."""

    username: str
    name: str
    union: str
    roles: tuple[Role, ...]
    duty: str


OFFICERS = (
    Officer("songjia", "何秀兰", "YJ-01-101", (Role.UNIT_OFFICER,), "松嘉环卫工会 经办"),
    Officer("songjia-zx", "吕建明", "YJ-01-101", (Role.UNIT_OFFICER,), "松嘉环卫工会 主席"),
    Officer("hengqi", "沈丽", "YJ-01-102", (Role.UNIT_OFFICER,), "恒启精密工会 经办"),
    Officer("hengqi-zx", "唐志刚", "YJ-01-102", (Role.UNIT_OFFICER,), "恒启精密工会 主席"),
    Officer("huoyun", "马小军", "YJ-10-101", (Role.UNIT_OFFICER,), "货运联合工会 经办"),
    Officer("huoyun-zx", "丁海波", "YJ-10-101", (Role.UNIT_OFFICER,), "货运联合工会 主席"),
    Officer("erzhong", "顾雅琴", "YJ-19-101", (Role.UNIT_OFFICER,), "云间二中工会 经办"),
    Officer("erzhong-zx", "姚文博", "YJ-19-101", (Role.UNIT_OFFICER,), "云间二中工会 主席"),
    Officer("yongze", "范敏", "YJ-01", (Role.TOWNSHIP_OFFICER,), "永泽街道总工会"),
    Officer("xinqiao", "卢国强", "YJ-10", (Role.TOWNSHIP_OFFICER,), "新桥港镇总工会"),
    Officer("jiaoyu", "石静", "YJ-19", (Role.TOWNSHIP_OFFICER,), "区教育局工会"),
    Officer("zhongxin", "金晓红", "YJ", (Role.DISTRICT_OFFICER,), "区总职工援助服务中心"),
    Officer("fuzhuren", "夏立新", "YJ", (Role.DISTRICT_OFFICER,), "区总职工援助服务中心 副主任"),
    Officer("jingban", "贾佳怡", "YJ", (Role.FINANCE_MAKER,), "区总财务 经办"),
    Officer("fuhe", "邹明", "YJ", (Role.FINANCE_CHECKER,), "区总财务 复核"),
    Officer("shenpi", "方建国", "YJ", (Role.FINANCE_APPROVER,), "区总副主席 审批"),
    Officer("chuna", "白婷婷", "YJ", (Role.CASHIER,), "区总 出纳"),
    Officer("jingshen", "孟振宇", "YJ", (Role.AUDITOR,), "区总经审办"),
    Officer("zhuxi", "邵宏伟", "YJ", (Role.CHAIR,), "区总主席"),
    Officer("admin", "系统管理员", "YJ", (Role.ADMIN,), "系统管理"),
)


def totp_secret(username: str) -> str:
    """The same secret at every start, so that a phone set up once keeps working."""
    return base64.b32encode(hashlib.sha256(f"cardnet-demo:{username}".encode()).digest()[:20]).decode()


def hire(at: Step) -> None:
    """Make every account of the story."""
    unions = membership.unions_of_codes(at.session, {officer.union for officer in OFFICERS})
    create_accounts(
        at.session,
        at.world,
        [
            CreateAccount(
                officer.username,
                officer.name,
                frozenset(officer.roles),
                unions[officer.union].id,
                unions[officer.union].path,
                PASSWORD,
                totp_secret(officer.username),
            )
            for officer in OFFICERS
        ],
    )
