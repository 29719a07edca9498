"""The two apps that open without a network, wallet and till: page, service worker, web manifest.

Vite builds their scripts into `static/dist/<app>`; the page is a template of ours. The worker is served with the
fingerprint of that page before it, so that a changed template, style or word is a new version for every phone.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, render_template, url_for

from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Unavailable
from cardnet.membership.services import notices
from cardnet.web.formats import static_url
from cardnet.wiring import current_settings

_DIST = Path(__file__).parent / "static" / "dist"


def help_phone() -> str:
    """Whom everybody may call, as `notices.help_phone` says, for who has no transaction open."""
    with transaction() as session:
        return notices.help_phone(session)


@dataclass(frozen=True)
class OfflineApp:
    """`name` is the folder of its build and of its template; `page` its address; `files` what it needs besides."""

    name: str
    page: str
    files: tuple[str, ...]
    theme_color: str

    def render(self, **context: Any) -> Response:
        """The page. Raises Unavailable when the scripts were never built."""
        body = self._body(context)
        return Response(body, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})

    def worker(self, **context: Any) -> Response:
        """The service worker, which may hold the page although it lies deeper than the page."""
        files = [{"url": static_url(file), "revision": None} for file in self.files]
        files.append({"url": self.page, "revision": hashlib.sha256(self._body(context).encode()).hexdigest()[:20]})
        shell = json.dumps({"page": self.page, "files": files}, ensure_ascii=False)
        script = (_DIST / self.name / "sw.js").read_text()
        return Response(
            f"self.cardnetShell = {shell};\n{script}",
            content_type="text/javascript; charset=utf-8",
            headers={"Service-Worker-Allowed": self.page, "Cache-Control": "no-cache"},
        )

    def web_manifest(self, *, name: str, short_name: str, language: str) -> Response:
        """What a phone shows on its home screen."""
        icons = [
            {"src": static_url(f"img/{self.name}-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
            for size in (192, 512)
        ]
        icons.append({**icons[1], "src": static_url(f"img/{self.name}-maskable-512.png"), "purpose": "maskable"})
        body = {
            "id": self.page,
            "name": name,
            "short_name": short_name,
            "lang": language,
            "start_url": self.page,
            "scope": self.page,
            "display": "standalone",
            "background_color": "#f5f7f6",
            "theme_color": self.theme_color,
            "icons": icons,
        }
        return Response(
            json.dumps(body, ensure_ascii=False),
            content_type="application/manifest+json",
            headers={"Cache-Control": "no-cache"},
        )

    def _body(self, context: dict[str, Any]) -> str:
        return render_template(
            f"{self.name}/shell.html",
            script=self._script(),
            help_phone=help_phone(),
            # Only whether, never what time: the page must be the same at every visit.
            demonstration=current_settings().clock is not None,
            **context,
        )

    def _script(self) -> str:
        return script_of(self.name)


def script_of(name: str) -> str:
    """The address of a built script. Raises Unavailable when it was never built."""
    built = _DIST / name / "manifest.json"
    if not built.exists():
        raise Unavailable(
            "not_built", "页面脚本还没有构建：请在项目目录运行 make demo，或 npm --prefix frontend run build。"
        )
    file = _entry(built, built.stat().st_mtime_ns)
    return url_for("static", filename=f"dist/{name}/{file}")


@cache
def _entry(built: Path, changed_at: int) -> str:  # noqa: ARG001 - part of the cache's key
    found: dict[str, dict[str, Any]] = json.loads(built.read_text())
    file: str = next(part["file"] for part in found.values() if part.get("isEntry"))
    return file
