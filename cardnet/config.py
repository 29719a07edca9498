"""Settings: frozen, read once from `CARDNET_*` variables. What is not given has a default that works."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cardnet.kernel.db import sqlalchemy_url
from cardnet.kernel.errors import InvalidInput

RUNNING_DEMO = "running.json"
"""In the data folder while a demonstration runs: how the other commands find its database."""


@dataclass(frozen=True)
class Rate:
    """So many calls a second in the long run, so many at once."""

    per_second: float
    burst: int

    def share(self, parts: int) -> "Rate":
        """What one of several processes lets through."""
        return Rate(self.per_second / parts, max(1, self.burst // parts))


@dataclass(frozen=True)
class Rates:
    """The merchant API's limits: per terminal, per merchant, for undoing and reporting, and for who has no token.

    `failed_codes`: after so many bad codes in a minute a terminal waits one.
    """

    terminal: Rate = Rate(20, 100)
    merchant: Rate = Rate(100, 400)
    undoing: Rate = Rate(50, 1_000)
    address: Rate = Rate(2, 20)
    failed_codes: int = 10


@dataclass(frozen=True)
class Settings:
    """What an operator may choose; `docs/operating.md` has the table."""

    data: Path
    database_url: str | None = None
    clock: datetime | None = None
    keyring: str | None = None
    pool_size: int = 10
    rate_limits: bool = True
    rates: Rates = Rates()
    workers: int = 1
    webhooks_inside: bool = False
    secure_cookies: bool = False
    trusted_proxies: int = 0
    testing: bool = False
    sms_url: str | None = None
    sms_secret: str = field(default="", repr=False)
    sms_sign: str = ""
    wechat_url: str = "https://api.weixin.qq.com"
    wechat_app_id: str | None = None
    wechat_secret: str = field(default="", repr=False)
    wechat_template: str = ""
    wechat_token: str = field(default="", repr=False)
    simulated_phone: bool = False

    def database(self) -> str:
        """The database's URL. Raises InvalidInput when none is set and no demonstration is running."""
        if self.database_url is None:
            raise InvalidInput(
                "no_database",
                "没有可用的数据库：请设置 CARDNET_DATABASE_URL，或先运行 cardnet demo。"
                " (No database: set CARDNET_DATABASE_URL, or start `cardnet demo` first.)",
            )
        return self.database_url


def default_data_folder() -> Path:
    """`/var/lib/cardnet` as root, else the user's data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/cardnet")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "cardnet"


def settings_from(env: Mapping[str, str]) -> Settings:
    """Read the variables. Raises InvalidInput naming the variable that cannot be read and what it should look like."""
    data = Path(env.get("CARDNET_DATA") or default_data_folder())
    return Settings(
        data=data,
        database_url=_database_url(env.get("CARDNET_DATABASE_URL")) or _running_demo(data),
        clock=_clock(env.get("CARDNET_CLOCK")),
        keyring=env.get("CARDNET_KEYRING"),
        pool_size=_whole_number(env, "CARDNET_POOL_SIZE", 10),
        rate_limits=_switch(env, "CARDNET_RATE_LIMITS", default=True),
        rates=_rates(env),
        workers=_whole_number(env, "CARDNET_WORKERS", 2),
        webhooks_inside=_switch(env, "CARDNET_WEBHOOKS_INSIDE", default=False),
        secure_cookies=_switch(env, "CARDNET_SECURE_COOKIES", default=False),
        trusted_proxies=_whole_number(env, "CARDNET_TRUSTED_PROXIES", 0, least=0),
        **_gateways(env),
    )


def _gateways(env: Mapping[str, str]) -> dict[str, Any]:
    """How notices leave the house. What is half set is refused: a notice must not go out unsigned."""
    sms, account = env.get("CARDNET_SMS_URL") or None, env.get("CARDNET_WECHAT_APP_ID") or None
    simulated = _switch(env, "CARDNET_SIMULATED_PHONE", default=False)
    if sms and simulated:
        raise InvalidInput(
            "bad_setting", "CARDNET_SIMULATED_PHONE 只用于演示，不能与 CARDNET_SMS_URL 同时设置：请去掉其中一个。"
        )
    if sms and not env.get("CARDNET_SMS_SECRET"):
        raise InvalidInput("bad_setting", "设置了 CARDNET_SMS_URL，还须设置 CARDNET_SMS_SECRET（短信网关的签名密钥）。")
    if account and not (env.get("CARDNET_WECHAT_SECRET") and env.get("CARDNET_WECHAT_TEMPLATE")):
        raise InvalidInput(
            "bad_setting", "设置了 CARDNET_WECHAT_APP_ID，还须设置 CARDNET_WECHAT_SECRET 和 CARDNET_WECHAT_TEMPLATE。"
        )
    return {
        "sms_url": _gateway_url(sms, "CARDNET_SMS_URL"),
        "sms_secret": env.get("CARDNET_SMS_SECRET", ""),
        "sms_sign": env.get("CARDNET_SMS_SIGN", ""),
        "wechat_url": _gateway_url(env.get("CARDNET_WECHAT_URL") or Settings.wechat_url, "CARDNET_WECHAT_URL"),
        "wechat_app_id": account,
        "wechat_secret": env.get("CARDNET_WECHAT_SECRET", ""),
        "wechat_template": env.get("CARDNET_WECHAT_TEMPLATE", ""),
        "wechat_token": env.get("CARDNET_WECHAT_TOKEN", ""),
        "simulated_phone": simulated,
    }


def _gateway_url(url: str | None, name: str) -> str | None:
    """Phone numbers travel encrypted, unless to this very machine."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = None, ""
    safe = parts is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1"))
    )
    if not host or not safe:
        raise InvalidInput("bad_setting", f"{name} 应写成 https://主机/路径（只有本机可用 http）。")
    return url


def _database_url(url: str | None) -> str | None:
    if url and not (url.startswith(("postgresql://", "postgres://")) and _is_url(url)):
        raise InvalidInput(
            "bad_setting",
            "CARDNET_DATABASE_URL 应写成 postgresql://用户:密码@主机:5432/数据库（只支持 PostgreSQL 15 以上）。",
        )
    return url or None


def _is_url(url: str) -> bool:
    try:
        make_url(sqlalchemy_url(url))
    except (ArgumentError, ValueError):
        return False
    return True


def _running_demo(data: Path) -> str | None:
    try:
        url: str = json.loads((data / RUNNING_DEMO).read_text())["database_url"]
    except (OSError, ValueError, KeyError):
        return None
    return url


def _clock(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 2000 <= at.year < 3000:
        raise InvalidInput("bad_setting", f"CARDNET_CLOCK={text}: write it like 2026-11-24T09:00:00+08:00.")
    return at


def _rates(env: Mapping[str, str]) -> Rates:
    usual = Rates()
    return Rates(
        _rate(env, "CARDNET_RATE_TERMINAL", usual.terminal),
        _rate(env, "CARDNET_RATE_MERCHANT", usual.merchant),
        _rate(env, "CARDNET_RATE_UNDOING", usual.undoing),
        _rate(env, "CARDNET_RATE_ADDRESS", usual.address),
        _whole_number(env, "CARDNET_FAILED_CODES", usual.failed_codes),
    )


def _rate(env: Mapping[str, str], name: str, usual: Rate) -> Rate:
    text = env.get(name)
    if not text:
        return usual
    per_second, _, burst = text.partition("/")
    if not (per_second.isdecimal() and burst.isdecimal() and int(per_second) and int(burst)):
        raise InvalidInput("bad_setting", f"{name}={text}: write it like 20/100, calls a second and at once.")
    return Rate(int(per_second), int(burst))


def _whole_number(env: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise InvalidInput("bad_setting", f"{name}={text}: a whole number from {least} is needed.")
    return int(text)


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = (env.get(name) or ("on" if default else "off")).lower()
    if text not in ("on", "off", "1", "0", "true", "false"):
        raise InvalidInput("bad_setting", f"{name}={text}: write on or off.")
    return text in ("on", "1", "true")
