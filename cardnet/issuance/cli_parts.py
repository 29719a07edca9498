"""What the commands of issuance share: options, a batch's number, one JSON document."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cardnet.kernel.errors import NotFound

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, writable=True, path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
officer_option = click.option("--as", "username", required=True, help="经办人员的账号。")
batch_option = click.option("--batch", "batch", required=True, help="批次号。")


def say(document: object) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(document, ensure_ascii=False))


def batch_id(text: str) -> uuid.UUID:
    """A batch's number as typed. Raises NotFound("batch_unknown")."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("batch_unknown", f"没有批次 {text}，请核对批次号。") from None


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A file beside `out` that takes its place when the block ends, and never exists half."""
    unfinished = out.with_name(out.name + ".part")
    try:
        yield unfinished
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
