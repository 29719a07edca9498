"""What holds for every call of every published API."""

from datetime import date

import pytest
from flask import Blueprint, Flask
from marshmallow import Schema, ValidationError

from cardnet.http import openapi
from cardnet.http.api_words import ApiWords
from cardnet.http.calls import Api, Call, Catalogue, Retirement
from cardnet.http.wire import Open, Strict
from cardnet.merchant_api.routes.blueprint import API as MERCHANT_API
from cardnet.web.api import API as BACK_OFFICE

BODIES = [call for api in (MERCHANT_API, BACK_OFFICE) for call in api.calls if call.body]


class Here(Open):
    """It is here."""


def test_a_call_that_is_to_go_says_so_in_every_answer_and_in_the_document():
    catalogue = Catalogue({}, (), (), ())
    silent = ApiWords("", "", {}, {}, {}, {})
    api = Api("a", "/a/v1", "", "token", "", catalogue, Blueprint("a", __name__, url_prefix="/a/v1"), silent)
    goes = Retirement(date(2027, 1, 1), date(2028, 1, 1))

    @api.serves(Call("GET", "/old", "", {200: Here}, open_to_all=True, retires=goes))
    def old() -> dict[str, str]:
        return {}

    @api.serves(Call("GET", "/new", "", {200: Here}, open_to_all=True))
    def new() -> dict[str, str]:
        return {}

    app = Flask(__name__)
    app.register_blueprint(api.blueprint)
    said = app.test_client().get("/a/v1/old").headers
    assert (said["Deprecation"], said["Sunset"]) == ("@1798761600", "Sat, 01 Jan 2028 00:00:00 GMT")
    assert "Sunset" not in app.test_client().get("/a/v1/new").headers
    paths = openapi.document(api)["paths"]
    assert (paths["/old"]["get"]["deprecated"], "deprecated" in paths["/new"]["get"]) == (True, False)


@pytest.mark.parametrize(
    ("since", "gone"), [(date(2027, 1, 1), date(2027, 12, 31)), (date(2028, 2, 29), date(2029, 2, 28))]
)
def test_nothing_goes_within_twelve_months(since, gone):
    with pytest.raises(ValueError, match="twelve months"):
        Retirement(since, gone)


@pytest.mark.parametrize("call", BODIES, ids=lambda call: f"{call.method} {call.path}")
def test_a_body_read_straight_says_what_marshmallow_says(call, monkeypatch):
    def read(body):
        try:
            return schema.load(body)
        except ValidationError as error:
            return error.messages

    schema, example = call.body(), dict(call.example or {})
    assert all(field.data_key is None and field.attribute is None for field in schema.load_fields.values())
    bodies = [example, {}, [], example | {"colour": "red"}]
    bodies += [example | {name: wrong} for name in schema.load_fields for wrong in (None, 1.0, "1", [], {}, True)]
    bodies += [{name: value for name, value in example.items() if name != without} for without in example]
    straight = [read(body) for body in bodies]
    monkeypatch.setattr(Strict, "_deserialize", Schema._deserialize)
    assert [read(body) for body in bodies] == straight
