"""`cardnet keys`: the ceremony of the roots, signing trust packs, rotation, revocation and its drill."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from cardnet.access.services import principal_of_username
from cardnet.credential import pack, root, store
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.credential.pack import TrustPack
from cardnet.kernel.calendar import local
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.vault import add_key
from cardnet.kernel.world import system_world
from cardnet.wiring import current_settings, current_world

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_SIGNED_BEFORE = "signed.pack"
"""Beside the root: the last payload it signed, so that the next one is shown as changes and never goes back."""

_OFFICER = click.option("--as", "username", default=None, help="经办人员的账号，写进审计记录；不写则由服务中心办理。")
_JSON = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")


def works_offline(words: Sequence[str]) -> bool:
    """Whether these words of a command line need no database: what is done on the custodians' machine."""
    return list(words[1:2]) == ["keys"] and ("ceremony" in words[2:3] or "--sign" in words)


@click.group("keys")
def keys_group() -> None:
    """签发密钥：根密钥仪式、信任包、轮换、吊销与演练。"""


@keys_group.command("ceremony")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="新文件夹（离线介质上）。")
@click.option("--custodian", "custodians", multiple=True, required=True, help="保管人姓名，写两位。")
def ceremony(out: Path, custodians: tuple[str, ...]) -> None:
    """在不联网的机器上生成两把根密钥（现行、备用），由两位保管人的口令共同封存。"""
    if len(custodians) != 2 or custodians[0] == custodians[1]:
        raise InvalidInput("two_custodians", "根密钥须由两位不同的人保管：请写两次 --custodian。")
    world = system_world()
    phrases = [_asked(name, confirm=True) for name in custodians]
    made = root.make_roots(world)
    # The documents first: a passphrase that is too short must leave no folder behind.
    files = {
        f"root-{name}.json": root.sealed_document(key, phrases, world)
        for name, key in zip(("current", "next"), made, strict=True)
    } | {"roots.json": root.public_document(made)}
    out.mkdir(parents=True)
    out.chmod(0o700)
    for name, content in files.items():
        _write_private(out / name, content.encode())
    click.echo("请把下面各行写进仪式记录，由两位保管人和监督人签字：")
    click.echo(f"  时间　　　{local(world.now()):%Y-%m-%d %H:%M}")
    click.echo(f"  保管人　　{'、'.join(custodians)}")
    for name, key in zip(("现行根密钥", "备用根密钥"), made, strict=True):
        until = local(datetime.fromtimestamp(key.issuer.exp, UTC))
        click.echo(f"  {name}　编号 {key.issuer.kid.hex()}　有效至 {until:%Y-%m-%d}")
        click.echo(f"  　指纹　　{root.fingerprint(key.issuer.public)}")
    click.echo("两份 root-*.json 各抄两份介质，分开锁存；roots.json 拿到服务器上执行 cardnet keys adopt roots.json。")


@keys_group.command("adopt")
@click.argument("file", type=_FILE)
@_OFFICER
def adopt(file: Path, username: str | None) -> None:
    """在服务器上启用仪式生成的根密钥（roots.json）；此后的信任包只由它们签发。"""
    found = root.read_public_document(file.read_text())
    with transaction() as session:
        store.adopt_roots(session, current_world(), store.AdoptRoots(found, _by(session, username)))
    for key in found:
        click.echo(f"已启用根密钥 {key.kid.hex()}，请与仪式记录核对指纹：{root.fingerprint(key.public)}")
    click.echo("下一步：cardnet keys sign-pack --out 文件，送去离线签名。")


@keys_group.command("sign-pack")
@click.option("--out", type=_OUT, default=None, help="单独写：导出待签的信任包；与 --sign 同写：签好的写到这里。")
@click.option("--sign", "payload", type=_FILE, default=None, help="在离线机器上：要签的文件。")
@click.option("--with", "root_file", type=_FILE, default=None, help="在离线机器上：封存的根密钥 root-current.json。")
@click.option("--take", type=_FILE, default=None, help="在服务器上：收回签好的文件并公布。")
@_OFFICER
def sign_pack(
    out: Path | None, payload: Path | None, root_file: Path | None, take: Path | None, username: str | None
) -> None:
    """信任包：导出（--out）、离线签名（--sign --with --out）、收回公布（--take）。"""
    match (out is not None, payload is not None, root_file is not None, take is not None):
        case (True, False, False, False):
            _export(_given(out))
        case (True, True, True, False):
            _sign(_given(payload), _given(root_file), _given(out))
        case (False, False, False, True):
            _take(_given(take), username)
        case _:
            raise click.UsageError("导出写 --out；签名写 --sign、--with 和 --out；收回写 --take。")


@keys_group.command("list")
@click.option("--all", "whole", is_flag=True, help="连同已过期、已不在信任包里的。")
@_JSON
def list_keys(*, whole: bool, as_json: bool) -> None:
    """现有的密钥：编号、用途、签发期、是否已公布给终端。"""
    world = current_world()
    with transaction() as session:
        lines = store.key_lines(session, world.now())
        changes = store.unsigned_changes(session, world.now())
        online = store.are_online(session)
    shown = [line for line in lines if whole or line.published or line.signs or line.key.use == KeyUse.ROOT]
    if as_json:
        click.echo(json.dumps({"root": "online" if online else "offline", "unsigned": len(changes.added + changes.revoked),
                               "pack_expires_at": changes.expires_at and local(changes.expires_at).isoformat(),
                               "keys": [_dumped(line) for line in shown]}, ensure_ascii=False))  # fmt: skip
        return
    for line in shown:
        key = line.key
        first, last = (local(datetime.fromtimestamp(at, UTC)) for at in (key.nbf, key.exp))
        shard = "" if line.shard is None else f" 分片{line.shard + 1}"
        click.echo(f"{key.kid.hex()}  {_USE[key.use]}{shard}  {first:%Y-%m-%d}～{last:%Y-%m-%d}  {_standing(line)}")
    for sentence in said_of_pack(changes, online=online):
        click.echo(sentence)


@keys_group.command("rotate")
@click.option("--cards", is_flag=True, help="四个分片的发卡密钥立即换新（旧卡码照常有效到期）。")
@click.option("--vault", is_flag=True, help="个人信息密钥环换新：第一次加入，全部进程重启后第二次启用。")
@_OFFICER
def rotate(username: str | None, *, cards: bool, vault: bool) -> None:
    """补齐到期该换的密钥；--cards、--vault 则立即换新。"""
    world = current_world()
    if vault:
        _rotate_vault()
        return
    with transaction() as session:
        made = (
            store.rotate_card_keys(session, world, _by(session, username))
            if cards
            else store.ensure_keys(session, world)
        )
        changes, online = store.unsigned_changes(session, world.now()), store.are_online(session)
    click.echo(f"新建 {len(made)} 把密钥。" if made else "没有到期该换的密钥。")
    for sentence in said_of_pack(changes, online=online):
        click.echo(sentence)


@keys_group.command("revoke")
@click.argument("kid")
@click.option("--reason", required=True, help="原因，写进审计记录。")
@_OFFICER
def revoke(kid: str, reason: str, username: str | None) -> None:
    """吊销一把密钥：它签过的都不再有效；同时换上新的。发卡密钥影响四分之一的手机，它们联网时自动换新。"""
    world = current_world()
    with transaction() as session:
        store.revoke_key(session, world, store.RevokeKey(_kid(kid), _by(session, username), reason))
        changes, online = store.unsigned_changes(session, world.now()), store.are_online(session)
    click.echo(f"已吊销 {kid}，在线核销五秒内生效。")
    for sentence in said_of_pack(changes, online=online):
        click.echo(sentence)


@keys_group.command("drill")
@click.option("--start", is_flag=True, help="开始一次演练，计时开始。")
@_OFFICER
@_JSON
def drill(username: str | None, *, start: bool, as_json: bool) -> None:
    """吊销演练：把一把未用的印卡密钥当作失窃，从发现到公布计时（目标四小时）。"""
    world = current_world()
    with transaction() as session:
        if start:
            report = store.start_drill(session, world, store.StartDrill(_by(session, username)))
        elif (found := store.drill_report(session)) is None:
            raise InvalidInput("no_drill", "还没有做过演练：cardnet keys drill --start --as 账号 开始一次。")
        else:
            report = found
        online = store.are_online(session)
    if as_json:
        click.echo(json.dumps(_drilled(report), ensure_ascii=False))
        return
    click.echo(f"演练开始于 {_moment(report.started_at)}：假定密钥 {report.kid.hex()} 失窃。")
    if report.revoked_at is None:
        click.echo(f"下一步：cardnet keys revoke {report.kid.hex()} --reason 演练")
        return
    click.echo(f"吊销于 {_moment(report.revoked_at)}。")
    if report.took is None:
        click.echo(
            "下一步：cardnet keys sign-pack --out 文件，请保管人签名后 --take 收回。"
            if not online
            else "信任包尚未公布。"
        )
        return
    verdict = "达到" if report.took <= store.DRILL_TARGET else "没有达到"
    minutes = int(report.took.total_seconds() // 60)
    click.echo(f"新信任包公布于 {_moment(report.published_at)}，共 {minutes} 分钟，{verdict}四小时的目标。")


@keys_group.command("alarms")
@click.option("--done", "alarm", default=None, help="这条警报（编号）已查清。")
@click.option("--words", default="", help="查清的结果，写进审计记录。")
@_OFFICER
@_JSON
def list_alarms(alarm: str | None, words: str, username: str | None, *, as_json: bool) -> None:
    """待查的警报：没有签发过的码（签发密钥可能失窃）、疑似被复制的手机、伪造和套取的码、用得太快的卡。"""
    with transaction() as session:
        if alarm is not None:
            if not words.strip():
                raise InvalidInput("words_missing", "请用 --words 写明查清的结果。")
            done = store.AcknowledgeAlarm(_alarm_id(alarm), words.strip(), _by(session, username))
            store.acknowledge_alarm(session, current_world(), done)
        found = store.alarms(session, open_only=True)
    if as_json:
        click.echo(json.dumps({"alarms": [_alarm(line) for line in found]}, ensure_ascii=False))
        return
    for line in found:
        one = line.alarm
        click.echo(
            f"{line.id}  {_moment(one.raised_at)}  {_ALARMS[one.kind]}  卡序号 {one.card_index}  密钥 {one.kid.hex()}  "
            f"终端 {one.terminal}"
        )
    click.echo(f"待查 {len(found)} 条。" if found else "没有待查的警报。")


def said_of_pack(changes: store.PackChanges, *, online: bool) -> list[str]:
    """What the person on call should know of the trust pack; nothing when it is as it should be."""
    if not changes.any:
        return []
    if online:
        return ["信任包将在下一次取用时自动更新。"]
    until = f"现行信任包有效至 {_moment(changes.expires_at)}" if changes.expires_at else "还没有信任包"
    return [
        f"信任包待签名：新增 {len(changes.added)} 把，吊销 {len(changes.revoked)} 把"
        f"{'，离线限额有变化' if changes.limits else ''}；{until}。"
        "请 cardnet keys sign-pack --out 文件，送保管人签名。"
    ]


_USE = {
    KeyUse.CARD: "发卡", KeyUse.PRINT: "印卡", KeyUse.STATUS: "状态表", KeyUse.SETTLEMENT: "结算单",
    KeyUse.OFFERS: "离线优惠", KeyUse.TERMINAL_CA: "终端认证", KeyUse.RECEIPT: "回执", KeyUse.ROOT: "根密钥",
}  # fmt: skip


def _standing(line: store.KeyLine) -> str:
    if line.key.state == KeyState.REVOKED:
        return f"已吊销 {_moment(line.revoked_at)}" + ("" if line.published else "，终端还不知道")
    if line.key.use == KeyUse.ROOT:
        return f"指纹 {root.fingerprint(line.key.public)}"
    if line.print_run_id is not None:
        return f"印过 {line.print_run_id}"
    return ("可签" if line.signs else "未到或已过签发期") + ("" if line.published else "，未公布")


_ALARMS = {
    store.NOT_ISSUED: "没有签发过的码（签发密钥可能失窃）",
    store.CLONE_SUSPECTED: "手机疑似被复制（已停用）",
    store.FORGED_CODE: "伪造的码（已拒绝）",
    store.HARVEST_SUSPECTED: "一分钟内收了同一手机的两个码（疑似套码）",
    store.VELOCITY_SUSPECTED: "同一张卡用得太快，或两处相隔太短",
}


def _alarm(line: store.AlarmLine) -> dict[str, Any]:
    one = line.alarm
    return {
        "id": str(line.id), "kind": one.kind, "card_index": one.card_index, "kid": one.kid.hex(),
        "redemption": one.redemption_id and str(one.redemption_id), "advice": one.advice_id and str(one.advice_id),
        "terminal": one.terminal, "raised_at": local(one.raised_at).isoformat(),
    }  # fmt: skip


def _alarm_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidInput("alarm_unknown", "警报编号不对：请用 cardnet keys alarms 核对。") from None


def _dumped(line: store.KeyLine) -> dict[str, Any]:
    key = line.key
    return {
        "kid": key.kid.hex(), "use": str(key.use), "shard": line.shard, "state": str(key.state), "nbf": key.nbf,
        "exp": key.exp, "public": key.public.hex(), "signs": line.signs, "published": line.published,
        "print_run": line.print_run_id and str(line.print_run_id),
    }  # fmt: skip


def _drilled(report: store.DrillReport) -> dict[str, Any]:
    def told(at: datetime | None) -> str | None:
        return local(at).isoformat() if at else None

    took = report.took
    return {
        "kid": report.kid.hex(), "started_at": told(report.started_at), "revoked_at": told(report.revoked_at),
        "published_at": told(report.published_at), "took_seconds": took and int(took.total_seconds()),
        "target_seconds": int(store.DRILL_TARGET.total_seconds()),
        "reached": took <= store.DRILL_TARGET if took is not None else None,
    }  # fmt: skip


def _export(out: Path) -> None:
    with transaction() as session:
        store.ensure_keys(session, current_world())
        payload = store.pack_to_sign(session, current_world())
    out.write_bytes(payload)
    for sentence in _said(pack.decode_pack(payload), None):
        click.echo(sentence)
    click.echo(
        f"待签的信任包写在 {out}，请带到离线机器：cardnet keys sign-pack --sign {out.name} --with root-current.json --out 签好.pack"
    )


def _sign(payload: Path, root_file: Path, out: Path) -> None:
    """On the custodians' machine: show what it is, ask both passphrases, sign."""
    before = root_file.parent / _SIGNED_BEFORE
    content = payload.read_bytes()
    try:
        asked = pack.decode_pack(content)
        last = pack.decode_pack(before.read_bytes()) if before.exists() else None
    except ValueError as error:
        raise InvalidInput("pack_invalid", f"这不是待签的信任包（{error}）：请在服务器上重新导出。") from None
    if last and asked.seq < last.seq:
        raise InvalidInput("pack_outdated", f"上次已签到第 {last.seq} 号，这份是第 {asked.seq} 号：旧的不能再签。")
    for sentence in _said(asked, last):
        click.echo(sentence)
    text = root_file.read_text()
    phrases = [_asked(f"第 {number} 位保管人", confirm=False) for number in range(1, root.phrases_of(text) + 1)]
    signed = pack.seal_pack(asked, root.open_document(text, phrases))
    out.write_bytes(signed)
    _write_private(before, content)
    click.echo(f"已签，写在 {out}，请带回服务器：cardnet keys sign-pack --take {out.name}")


def _take(file: Path, username: str | None) -> None:
    with transaction() as session:
        taken = store.take_pack(session, current_world(), store.TakePack(file.read_bytes(), _by(session, username)))
    until = _moment(datetime.fromtimestamp(taken.expires_at, UTC))
    click.echo(f"第 {taken.seq} 号信任包已公布，有效至 {until}；在线的终端一小时内取到。")


def _said(asked: TrustPack, last: TrustPack | None) -> list[str]:
    """What the custodians agree to, as changes against what they signed before."""
    known = last.keys if last else {}
    until = _moment(datetime.fromtimestamp(asked.expires_at, UTC))
    lines = [f"第 {asked.seq} 号信任包，{len(asked.keys)} 把密钥，有效至 {until}。"]
    added = [key for kid, key in asked.keys.items() if kid not in known]
    revoked = [
        key for kid, key in asked.keys.items()
        if key.state == KeyState.REVOKED and (kid not in known or known[kid].state != KeyState.REVOKED)
    ]  # fmt: skip
    gone = [key for kid, key in known.items() if kid not in asked.keys]
    for words, found in (("新增", added), ("吊销", revoked), ("到期移除", gone)):
        if found:
            lines.append(f"{words}：" + "、".join(f"{key.kid.hex()}（{_USE[key.use]}）" for key in found))
    if last and last.policy != asked.policy:
        lines.append("核验参数有变化，请与书面决定核对。")
    return lines


def _rotate_vault() -> None:
    settings = current_settings()
    if settings.keyring:
        raise InvalidInput("keyring_given", "密钥环由 CARDNET_KEYRING 给出，请在给出它的地方轮换。")
    try:
        number, seals = add_key(settings.data)
    except ValueError as error:
        raise InvalidInput("bad_keyring", f"密钥环不能用（{error}），请换回备份的那一份。") from None
    if not seals:
        click.echo(
            f"密钥环加入了第 {number} 把（先只用于解读）。请重启全部网页和后台进程，再执行一次本命令启用；先备份 keyring.json。"
        )
        return
    click.echo(
        f"第 {number} 把起用于加密，请再重启一次进程；然后 cardnet keys reseal 用它重新封存签发密钥。旧钥须保留。"
    )


@keys_group.command("reseal")
def reseal() -> None:
    """用密钥环现行的一把重新封存全部签发密钥。"""
    with transaction() as session:
        count = store.reseal_keys(session, current_world())
    click.echo(f"已重新封存 {count} 把签发密钥。")


def _by(session: Session, username: str | None) -> uuid.UUID | None:
    return principal_of_username(session, username).account_id if username else None


def _kid(text: str) -> bytes:
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b""
    if len(kid) != 2:
        raise InvalidInput("kid_invalid", "密钥编号是四位十六进制数字，例如 010a：请用 cardnet keys list 核对。")
    return kid


def _asked(whose: str, *, confirm: bool) -> str:
    phrase: str = click.prompt(
        f"{whose}的口令", hide_input=True, confirmation_prompt="再输入一次" if confirm else False
    )
    return phrase


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _given(path: Path | None) -> Path:
    assert path is not None  # the caller has matched it
    return path


def _moment(at: datetime | None) -> str:
    return f"{local(at):%Y-%m-%d %H:%M}" if at else "—"


COMMANDS = (keys_group,)
