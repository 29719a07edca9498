"""Wire formats of files taken in beside the request, and of uses from before."""

from marshmallow import fields

from cardnet.http.wire import Moment, Open, Strict, Text
from cardnet.web.api.schemas.common import Told, maybe, perhaps, said, several, unit, whole
from cardnet.web.api.schemas.review import Finding


class LineFinding(Finding):
    """What is wrong with one cell of one line of the sheet."""

    line = said(fields.Integer)


class TakenIn(Open):
    """What became of the file: `counts` by sort of row; `more` findings than these were not kept."""

    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    findings = several(LineFinding)
    notices = several(Told())
    more = said(fields.Integer)


class Import(Open):
    """A file on its way. `state`: waiting, done, failed, cancelled; `taken_in` once it is done. Kept for three days."""

    id = said(fields.UUID)
    kind = said()
    filename = said()
    state = said()
    percent = said(fields.Integer)
    error_words = perhaps(Told)
    taken_in = maybe(TakenIn)


class FileQuery(Strict):
    """The file's name."""

    filename = Text(200, load_default="list")


class RegisterQuery(FileQuery):
    """Whose register it is (yours without a unit)."""

    unit = unit(load_default=None)


class CardsQuery(RegisterQuery):
    """Whose members hold the cards (yours without a unit), and whose cards they are where the sheet does not say."""

    issuer = Text(60, load_default="已有工会卡")


class PastUseImport(Open):
    """One list of uses from before: `stored` of its `rows` count, until it is taken back."""

    id = said(fields.UUID)
    filename = said()
    rows = said(fields.Integer)
    stored = said(fields.Integer)
    officer_id = said(fields.UUID)
    at = said(Moment)
    taken_back_at = perhaps(Moment)
    reason = perhaps()


PastUseImports = whole("PastUseImports", PastUseImport)
