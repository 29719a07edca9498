"""The `cardnet` command. Package commands hang below it; each does what a page does, by the same service.

`--json` prints one JSON document and nothing else; the exit code is 0 when the request was carried out,
1 when it was refused (the document says why), 2 for wrong usage.
"""

import contextlib
import enum
import gettext
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import psycopg
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from cardnet import create_app
from cardnet.access import services as access
from cardnet.access.rules import Role, roles_of, totp_code
from cardnet.benefits import cli as benefits_cli
from cardnet.benefits.cli_duplicates import MEMBER_COMMANDS
from cardnet.config import Settings, settings_from
from cardnet.credential import cli as credential_cli
from cardnet.credential import store as credential
from cardnet.credential.root import ROOT_FILE
from cardnet.credential.store import ensure_keys
from cardnet.demo import running
from cardnet.demo.story import load
from cardnet.finance import cli as finance_cli
from cardnet.issuance import cli as issuance_cli
from cardnet.issuance import cli_registers
from cardnet.issuance.cli_members import members_group
from cardnet.kernel import maintenance
from cardnet.kernel.db import libpq_url, owner_engine, transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.kernel.jobs import failed_lately, run_worker
from cardnet.kernel.world import clock_started_at, system_world
from cardnet.membership import cli as membership_cli
from cardnet.membership import services as membership
from cardnet.membership.cli_accounts import ACCOUNT_COMMANDS
from cardnet.merchant_api import cli as merchant_api_cli
from cardnet.merchants import cli as merchants_cli
from cardnet.migrations import schema
from cardnet.web import cli as web_cli
from cardnet.wiring import current_settings, current_world

_USAGE = Path(__file__).parent / "usage"
_WITHOUT_APP = {"demo", "demo-data", "serve", "upgrade"}
_OLDEST_POSTGRESQL = 15
_CARDS_SHOWN = 5


class CardnetGroup(click.Group):
    """Runs a command inside the app and turns an error into one sentence and exit code 1; speaks Chinese throughout."""

    def main(self, *words: Any, **more: Any) -> Any:
        # click asks gettext's own domain for its words, in the language of the environment.
        gettext.bindtextdomain(gettext.textdomain(), str(_USAGE))
        os.environ["LANGUAGE"] = "zh"
        _name_parts_in_chinese(self)
        return super().main(*words, **more)

    def invoke(self, ctx: click.Context) -> object:
        try:
            _must_be_text(sys.argv)
            return super().invoke(ctx)
        except CardnetError as error:
            _refuse(error)
        except OperationalError as error:
            _refuse(_unreachable(error))
        except ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
                raise
            _refuse(InvalidInput("database_not_upgraded", "数据库还不是当前版本：请先运行 cardnet upgrade。"))
        except OSError as error:
            if error.filename is None:
                raise
            reason = f"“{error.filename}”不能读写：{error.strerror}。请核对路径和权限。"
            _refuse(InvalidInput("file_unusable", reason))
        return None


@click.group(cls=CardnetGroup)
@click.pass_context
def main(ctx: click.Context) -> None:
    """云间 cardnet：会员服务卡与普惠服务网络。"""
    if credential_cli.works_offline(sys.argv) or merchant_api_cli.works_offline(sys.argv):
        return
    if "--help" not in sys.argv and ctx.invoked_subcommand not in _WITHOUT_APP:
        settings = settings_from(os.environ)
        with _announced_keys(settings):
            ctx.with_resource(create_app(settings).app_context())


@main.command()
@click.option("--port", default=8000, show_default=True, help="网页服务的端口。")
@click.option("--fresh", is_flag=True, help="丢掉上次的演示数据，从头再来。")
def demo(port: int, fresh: bool) -> None:  # noqa: FBT001 - click hands flags over as booleans
    """启动演示：内置数据库、演示工会“云间区总工会”、网页服务与后台任务。"""
    settings = settings_from(os.environ)
    running.refuse_second_start(settings.data)
    running.free_port(port)
    click.echo(f"正在准备演示数据（{settings.data}），第一次约一分钟 …")
    given = os.environ.get("CARDNET_DATABASE_URL")
    with running.database(settings, given_url=given, fresh=fresh) as place:
        prepared = load(place.url, settings)
        running.save_demo_data(settings.data, prepared.document)
        with running.served(settings, place, port) as served:
            click.echo(prepared.welcome(served.url))
            running.wait_for_interrupt(served.children)
            click.echo("正在停止 …")


@main.command("demo-data")
@click.option("--json", "as_json", is_flag=True, help="输出一份 JSON。")
@click.option("--all", "every_card", is_flag=True, help="列出每一张可以激活的卡，不只前几张。")
def demo_data(*, as_json: bool, every_card: bool) -> None:
    """演示工会里有什么：账号、密码、商户、终端令牌、项目、可以激活的卡。"""
    settings = settings_from(os.environ)
    document = running.demo_data(settings.data)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    at = (clock_started_at(settings.clock) if settings.clock else system_world()).now()
    for account in document["accounts"]:
        code = totp_code(account["totp_secret"], at)
        click.echo(f"账号 {account['username']}  密码 {account['password']}  此刻的动态口令 {code}")
    for merchant in document["merchants"]:
        tokens = "、".join(terminal["token"] for terminal in merchant["terminals"])
        click.echo(f"商户 {merchant['code']} {merchant['name']}  终端令牌 {tokens}")
    ready = [card for card in document["cards"] if card["state"] == "delivered"]
    shown = ready if every_card else ready[:_CARDS_SHOWN]
    for card in shown:
        click.echo(f"可激活的卡 {card['number']}  激活码 {card['activation_code']}  证件后四位 {card['id_last4']}")
    if len(shown) < len(ready):
        click.echo(f"还有 {len(ready) - len(shown)} 张可激活的卡：cardnet demo-data --all")


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--workers", default=2, show_default=True)
def serve(port: int, host: str, workers: int) -> None:
    """启动网页服务（前台运行）。"""
    settings_from(os.environ).database()
    os.environ["CARDNET_WORKERS"] = str(workers)  # each takes its share of the rate limits
    command = running.web_command(port, host, workers)
    os.execv(command[0], command)  # noqa: S606 - our own command line


@main.command()
def worker() -> None:
    """启动后台任务（前台运行）：释放过期预留、日结、补密钥。"""
    importlib.import_module("cardnet.worker")
    url = current_settings().database()
    _check_version(url)
    run_worker(libpq_url(url))


@main.command()
def upgrade() -> None:
    """把数据库升到当前版本，并补齐缺少的密钥。"""
    settings = settings_from(os.environ)
    url = settings.database()
    _check_version(url)
    with _announced_keys(settings):
        app = create_app(settings)
        revision = schema.upgrade(url)
        with app.app_context(), transaction() as session:
            ensure_keys(session, current_world())
    click.echo(f"数据库已是最新版本 {revision}。")


@main.command()
def doctor() -> None:
    """检查数据库、版本、密钥与页面是否就绪。"""
    settings = current_settings()
    checks = _findings(settings)
    for sentence, found in checks:
        click.echo(f"{found} {sentence}")
    if any(found is Found.BAD for _, found in checks):
        raise SystemExit(1)


@main.group()
def accounts() -> None:
    """工作人员账号。"""


@accounts.command("create")
@click.argument("username")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice([role.value for role in Role]))
@click.option("--union", "union_code", required=True, help="所属工会的编码，账号只能看到它和它下面的工会。")
@click.option("--name", default=None, help="姓名，不填则用用户名。")
@click.option("--json", "as_json", is_flag=True, help="输出一份 JSON。")
def create_account(username: str, roles: tuple[str, ...], union_code: str, name: str | None, as_json: bool) -> None:  # noqa: FBT001
    """新建账号；首次密码和动态口令密钥只显示这一次。"""
    with transaction() as session:
        union = membership.union_of_code(session, union_code)
        membership.refuse_foreign_roles(union, roles_of(roles))
        command = access.CreateAccount(username, name or username, roles_of(roles), union.id, union.path)
        made = access.create_account(session, current_world(), command)
    document = {"username": made.username, "password": made.password, "totp_secret": made.totp_secret}
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    click.echo(f"账号 {made.username} 已建立。首次密码：{made.password}\n动态口令密钥：{made.totp_secret}")


@main.command()
@click.argument("username")
def token(username: str) -> None:
    """给后台接口 /api/v1 用的令牌，90 天有效，只显示这一次。"""
    with transaction() as session:
        click.echo(access.issue_token(session, current_world(), access.principal_of_username(session, username)))


@main.group("maintenance")
def maintenance_group() -> None:
    """系统维护：打开后各网页进程几秒内停止一切写入，查询照常。"""


@maintenance_group.command("on")
@click.option("--message", default="", help="告诉使用者的话，例如“预计 22:30 恢复”。")
def maintenance_on(message: str) -> None:
    """打开。"""
    with transaction() as session:
        closed = maintenance.close(session, current_world(), message)
    click.echo(f"系统维护已打开（{closed.since.isoformat(timespec='seconds')} 起）。后台任务不受影响，需要时另行停止。")


@maintenance_group.command("off")
def maintenance_off() -> None:
    """关闭，恢复办理。"""
    with transaction() as session:
        was_on = maintenance.open_again(session, current_world())
    click.echo("系统维护已关闭，几秒内恢复办理。" if was_on else "系统维护本来就没有打开。")


@maintenance_group.command("status")
def maintenance_status() -> None:
    """现在是否在维护。"""
    with transaction() as session:
        closed = maintenance.closed(session)
    click.echo(f"维护中，{closed.since.isoformat(timespec='seconds')} 起。{closed.message}" if closed else "正常。")


class Found(enum.StrEnum):
    """How a line of `doctor` begins. A `ODD` one is a warning and no fault: a trial may be meant to work like this."""

    GOOD = "✓"
    ODD = "△"
    BAD = "✗"

    @classmethod
    def good_if(cls, true: bool) -> "Found":  # noqa: FBT001 - the finding itself
        return cls.GOOD if true else cls.BAD


def _findings(settings: Settings) -> list[tuple[str, Found]]:
    url = settings.database()
    found, newest = schema.current(url), schema.newest()
    with transaction() as session:
        version = session.scalar(text("select current_setting('server_version')"))
        role = session.scalar(text("select current_user"))
    pages = (schema.FOLDER.parent / "web/static/dist").exists()
    return [
        (f"PostgreSQL {version}，以 {role} 身份访问", Found.GOOD),
        (f"数据库版本 {found or '空'}，程序版本 {newest}", Found.good_if(found == newest)),
        ("手机页面已编译" if pages else "手机页面还没有编译：请运行 make pages", Found.good_if(pages)),
        (
            f"密钥环 {settings.data / 'keyring.json'}",
            Found.good_if(bool(settings.keyring) or (settings.data / "keyring.json").exists()),
        ),
        *_task_findings(),
        *_key_findings(settings),
    ]


def _task_findings() -> list[tuple[str, Found]]:
    with transaction() as session:
        failed = failed_lately(session)
    named = "、".join(f"{task.rpartition('.')[2]} {times} 次" for task, times in failed.items())
    return [(f"后台任务一天内失败：{named}，原因见 cardnet worker 的日志", Found.BAD)] if failed else []


def _key_findings(settings: Settings) -> list[tuple[str, Found]]:
    """Roots, trust pack and alarms: what the person on call asks first."""
    at = current_world().now()
    with transaction() as session:
        online, changes = credential.are_online(session), credential.unsigned_changes(session, at)
        raised = credential.alarms(session, open_only=True)
    root = f"根密钥在线（{settings.data / ROOT_FILE}）：正式启用前应离线，请做 cardnet keys ceremony"
    sentences = [(root, Found.ODD) if online else ("根密钥离线，由保管人签发信任包", Found.GOOD)]
    waiting = [] if online else credential_cli.said_of_pack(changes, online=False)
    if raised:
        sentences.append((f"有 {len(raised)} 条警报待查：cardnet keys alarms", Found.BAD))
    return sentences + ([(one, Found.BAD) for one in waiting] or [("信任包已签名，与现有密钥一致", Found.GOOD)])


@contextlib.contextmanager
def _announced_keys(settings: Settings) -> Iterator[None]:
    """One line, beside the answer and not in it, when this start had to make the key ring."""
    named = {} if settings.keyring else {"keyring.json": "密钥环"}
    named[ROOT_FILE] = "在线根密钥（只供演示和试用，正式启用前请做 cardnet keys ceremony）"
    missing = [name for name in named if not (settings.data / name).exists()]
    yield
    made = "、".join(f"{settings.data / name} {named[name]}" for name in missing if (settings.data / name).exists())
    if made:
        click.echo(f"没有给出的密钥已新建，请妥善备份：{made}。", err=True)


def _must_be_text(words: Sequence[str]) -> None:
    """Bytes that are no UTF-8 reach us as halves of surrogate pairs, which no database and no JSON takes."""
    if not all(word.isascii() or word.encode(errors="replace").decode() == word for word in words):
        raise InvalidInput("text_unusable", "命令里有不是 UTF-8 的文字（也可能是文件名），请改用 UTF-8 再试。")


def _check_version(url: str) -> None:
    engine = owner_engine(url)
    try:
        with engine.connect() as connection:
            number = int(connection.scalar(text("select current_setting('server_version_num')")) or 0)
    except OperationalError as error:
        raise _unreachable(error) from None
    if number // 10_000 < _OLDEST_POSTGRESQL:
        raise InvalidInput("old_postgresql", f"需要 PostgreSQL {_OLDEST_POSTGRESQL} 以上，这台是 {number // 10_000}。")


def _unreachable(error: OperationalError) -> InvalidInput:
    reason = str(error.orig).strip().splitlines()[0]
    return InvalidInput("database_unreachable", f"数据库连不上，请检查 CARDNET_DATABASE_URL：{reason}")


def _name_parts_in_chinese(command: click.Command) -> None:
    """What stands for the parts of a command in its `用法：` line, and for paths, named before there was a language."""
    command.options_metavar = "[选项]"
    for path in (option.type for option in command.params if isinstance(option.type, click.Path)):
        path.name = gettext.gettext(path.name)
    if isinstance(command, click.Group):
        command.subcommand_metavar = "命令 [参数] ..."
        for one in command.commands.values():
            _name_parts_in_chinese(one)


def _refuse(error: CardnetError) -> None:
    if "--json" in sys.argv:
        document = {"error": {**error.detail, "code": error.code, "message": error.message}}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        click.echo(error.message, err=True)
    raise SystemExit(1)


membership_cli.register.add_command(cli_registers.show_register)
for _command in ACCOUNT_COMMANDS:
    accounts.add_command(_command)
for _command in MEMBER_COMMANDS:
    members_group.add_command(_command)
_PACKAGES = (
    membership_cli,
    merchants_cli,
    credential_cli,
    issuance_cli,
    benefits_cli,
    finance_cli,
    merchant_api_cli,
    web_cli,
)
for _command in (command for package in _PACKAGES for command in package.COMMANDS):
    main.add_command(_command)
    if isinstance(_command, click.Group) and _command.name == "cards":
        _command.add_command(cli_registers.import_cards)

if __name__ == "__main__":
    main()
