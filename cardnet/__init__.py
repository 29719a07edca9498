"""cardnet: the member-card and benefits network of a trade union.

`create_app` is the one place where parts meet; `docs/architecture.md` is the map.
"""

import gc
import os
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from cardnet import http, web
from cardnet.config import Settings, settings_from
from cardnet.kernel import failpoints
from cardnet.kernel.db import SessionFactory, act_as_app_role, db, sqlalchemy_url
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.vault import Vault, vault_from_json, vault_in_folder
from cardnet.kernel.world import World, clock_started_at, system_world
from cardnet.merchant_api.routes import blueprint as merchant_api_blueprint
from cardnet.migrations import migrate


def create_app(settings: Settings | None = None, world: World | None = None) -> Flask:
    """The web application, also the home of every command. Reads `CARDNET_*` when no settings are given."""
    settings = settings or settings_from(os.environ)
    # Python looks for cycles after every 700 new objects, which in a roster of 30,000 is a fifth of all its time.
    gc.set_threshold(50_000, 20, 20)
    app = _App("cardnet", template_folder="web/templates", static_folder="web/static")
    vault = _vault(settings)
    app.config.update(
        SECRET_KEY=vault.index("session", "flask"),
        TESTING=settings.testing,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SQLALCHEMY_DATABASE_URI=sqlalchemy_url(settings.database()),
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.pool_size,
            "max_overflow": 0,
            "pool_timeout": 10,
            "pool_reset_on_return": None,  # kernel.line_session does it, and only where something is open
            # A failed statement is logged without its values: they hold codes, and logs carry ids only.
            "hide_parameters": True,
            "connect_args": {"options": "-c timezone=UTC"},
        },
    )
    db.init_app(app)
    migrate.init_app(app, db)
    app.extensions["cardnet.settings"] = settings
    app.extensions["cardnet.world"] = world or _world(settings)
    app.extensions["cardnet.vault"] = vault
    with app.app_context():
        app.extensions["cardnet.sessions"] = SessionFactory(_engine(), vault=vault, root_folder=settings.data)
    if near := settings.trusted_proxies:
        # Who calls is whom the nearest proxies say it is; a caller's own X-Forwarded-For is worth nothing.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=near, x_proto=near)  # type: ignore[method-assign]
    http.install(app)
    app.register_blueprint(merchant_api_blueprint)
    web.install(app)
    failpoints.install()
    return app


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # None of ours is a coroutine; Flask would look, thirteen times for one redemption.
        return func


def _engine() -> Engine:
    act_as_app_role(db.engine)
    return db.engine


def _world(settings: Settings) -> World:
    return clock_started_at(settings.clock) if settings.clock else system_world()


def _vault(settings: Settings) -> Vault:
    try:
        return vault_from_json(settings.keyring) if settings.keyring else vault_in_folder(settings.data)[0]
    except ValueError as error:
        where = "CARDNET_KEYRING" if settings.keyring else settings.data / "keyring.json"
        # A new ring would not open what the old one sealed, so none is made in the place of a broken one.
        raise InvalidInput("bad_keyring", f"密钥环 {where} 不能用（{error}），请换回备份的那一份。") from None
