"""Wire formats of decisions (决策依据) and of what rests on them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from cardnet.http.wire import Day, Id, Moment, Open, Strict, Text
from cardnet.web.api.schemas.common import UnionName, nested, perhaps, said, several, whole


class Authority(Open):
    """The decision something rests on."""

    id = said(fields.UUID)
    document = said()
    meeting = said()
    decided_on = said(fields.Date)
    budget_item = said()
    filename = perhaps()
    sha256 = perhaps()


class AuthorityRequest(Strict):
    """The decision: meeting, day, document, and the budget line."""

    document = Text(100, required=True)
    meeting = Text(100, required=True)
    decided_on = Day(required=True)
    budget_item = Text(40, required=True)


class OriginalQuery(AuthorityRequest):
    """What the file is the original of, and its name."""

    filename = Text(200, load_default="original")


class AttachedAuthority(Open):
    """A decision something rests on, and who put it on record for it."""

    authority = nested(Authority)
    attached_by = said()
    at = said(Moment)


class Founded(Open):
    """A program or a pool (`kind`) and the decisions it rests on. `doc_ref` is the number it was set up under."""

    kind = said()
    code = said()
    name = said()
    doc_ref = said()
    budget_item = said()
    union = nested(UnionName)
    decisions = several(AttachedAuthority)


AllFounded = whole("AllFounded", Founded)


class AttachRequest(Strict):
    """The decision, or the id of one you may see. One of the two."""

    authority = fields.Nested(AuthorityRequest, load_default=None)
    authority_id = Id(load_default=None)

    @validates_schema
    def _one(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data.get("authority") is None) == (data.get("authority_id") is None):
            raise ValidationError("请写明决策依据，或给出已登记的决策依据编号，二者取一。", "authority")
