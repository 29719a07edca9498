"""The `cardnet` command. Package commands hang below it; each does what a page does, by the same service.

`--json` prints one JSON document and nothing else; the exit code is 0 when the request was carried out,
1 when it was refused (the document says why), 2 for wrong usage.
"""

import json
import os
import sys

import click
from sqlalchemy.exc import OperationalError

from cardnet import create_app
from cardnet.config import settings_from
from cardnet.kernel.errors import CardnetError, InvalidInput

_WITHOUT_APP = {"demo", "serve", "upgrade"}


class CardnetGroup(click.Group):
    """Runs a command inside the app and turns an error into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CardnetError as error:
            _refuse(error)
        except OperationalError as error:
            _refuse(InvalidInput("database_unreachable", f"数据库连不上，请检查 CARDNET_DATABASE_URL：{error.orig}"))
        return None


@click.group(cls=CardnetGroup)
@click.pass_context
def main(ctx: click.Context) -> None:
    """云间 cardnet：会员服务卡与普惠服务网络。"""
    wants_help = "--help" in sys.argv
    if not wants_help and ctx.invoked_subcommand not in _WITHOUT_APP:
        ctx.with_resource(create_app(settings_from(os.environ)).app_context())


def _refuse(error: CardnetError) -> None:
    if "--json" in sys.argv:
        click.echo(
            json.dumps({"error": {"code": error.code, "message": error.message, **error.detail}}, ensure_ascii=False)
        )
    else:
        click.echo(error.message, err=True)
    raise SystemExit(1)
