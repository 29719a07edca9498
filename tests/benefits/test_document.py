"""What a rule document may say: everything else is refused with a pointer to it."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.benefits import document
from cardnet.kernel.errors import InvalidInput
from tests.make.benefits import UNION, fixed, health_check, percent, rule


def test_the_documents_of_the_design_are_accepted():
    document.check(
        {
            "schema": "cardnet.rule/1",
            "basis": "event_date",
            "when": {
                "op": "all",
                "of": [
                    {"op": "card_state_in", "values": ["active"]},
                    {"op": "membership_kind_in", "values": ["active", "retired"]},
                    {"op": "provider_in", "codes": ["SH-WORKERS-SANATORIUM"]},
                    {"op": "service_code_in", "codes": ["health_check"]},
                ],
            },
            "calc": {"op": "subsidy_fixed", "fen": 10_000, "not_above_price": True},
            "limits": [
                {
                    "id": "once_per_year",
                    "scope": "person",
                    "window": "calendar_year",
                    "max_n": 1,
                    "on_exceed": "refuse",
                },
                {"id": "year_pool", "pool": "HC2025", "on_exceed": "refuse"},
            ],
            "stack": {"lane": 20, "not_with": []},
            "late_submission_days": 30,
            "doc_ref": "云工〔2025〕3号",
            "funding": [{"from": "union", "bp": 10_000}],
        }
    )
    document.check(rule(percent({"param": "rate_bp"}, max_fen={"param": "cap_fen"})))


def changed(path, value):
    body = copy.deepcopy(health_check("P"))
    *way, last = path
    at = body
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (["schema"], "cardnet.rule/2", "/schema"),
        (["extra"], 1, "/extra"),
        (["doc_ref"], None, "/doc_ref"),
        (["funding"], [], "/funding"),
        (["funding"], [{"from": "union", "bp": 9_999}], "/funding"),
        (["funding"], [{"from": "union", "bp": 5_000, "fen": 1}, {"from": "merchant", "bp": 5_000}], "/funding/0/bp"),
        (["funding"], [{"from": "union", "fen": 9_999}], "/funding"),
        (["funding"], [{"from": "city", "bp": 10_000}], "/funding/0/from"),
        (["calc", "fen"], 0, "/calc/fen"),
        (["calc", "fen"], True, "/calc/fen"),
        (["calc", "fen"], 1.0, "/calc/fen"),
        (["calc", "fen"], "10000", "/calc/fen"),
        (["calc", "fen"], {"param": "a b"}, "/calc/fen"),
        (["calc", "not_above_price"], 1, "/calc/not_above_price"),
        (["calc", "op"], "eval", "/calc/op"),
        (["when", "of", 0, "op"], "eval", "/when/of/0/op"),
        (["when", "of", 0, "extra"], 1, "/when/of/0/extra"),
        (["when", "of"], [], "/when/of"),
        (["limits"], [], "/limits"),
        (["limits", 0, "max_n"], None, "/limits/0/max_n"),
        (["limits", 0, "window"], None, "/limits/0/window"),
        (["limits", 0, "on_exceed"], "ignore", "/limits/0/on_exceed"),
        (["limits", 1, "max_n"], 5, "/limits/1/max_n"),
        (["limits", 1, "id"], "once", "/limits"),
        (["stack", "lane"], -1, "/stack/lane"),
    ],
)
def test_every_other_document_is_refused_at_the_right_place(path, value, pointer):
    with pytest.raises(InvalidInput, match="rule_invalid") as error:
        document.check(changed(path, value))
    assert pointer in [found.pointer for found in error.value.errors]


def test_conditions_have_a_depth_and_a_number():
    leaf = {"op": "min_spend", "fen": 1}
    deep = {"op": "not", "of": {"op": "not", "of": {"op": "not", "of": leaf}}}
    document.check(rule(fixed(1)) | {"when": deep})
    for when in ({"op": "not", "of": deep}, {"op": "all", "of": [leaf] * 51}):
        with pytest.raises(InvalidInput) as error:
            document.check(rule(fixed(1)) | {"when": when})
        assert [found.pointer for found in error.value.errors] == ["/when"]


def test_a_threshold_on_what_is_left_stands_where_it_can_be_asked():
    spend = {"op": "any", "of": [{"op": "min_spend", "fen": 1}, {"op": "sex_is", "value": "male"}]}
    document.check(rule(fixed(1), spend))
    with pytest.raises(InvalidInput) as error:
        document.check(rule(fixed(1), spend, threshold_basis="remaining"))
    assert [found.pointer for found in error.value.errors] == ["/threshold_basis"]


def test_union_money_needs_a_pool():
    with pytest.raises(InvalidInput) as error:
        document.check(rule(fixed(1), funding=UNION))
    assert [found.pointer for found in error.value.errors] == ["/limits"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["op", "of", "fen", "values", "schema", "when", "calc", "param"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(_json)
def test_nothing_but_a_finding_comes_of_nonsense(body):
    with pytest.raises(InvalidInput, match="rule_invalid"):
        document.check(body)


@given(_json, st.sampled_from(["when", "calc", "limits", "stack", "funding", "doc_ref", "basis", "threshold_basis"]))
def test_nothing_but_a_finding_comes_of_nonsense_in_a_part(part, name):
    try:
        document.check(health_check("P") | {name: part})
    except InvalidInput as error:
        assert error.errors


def test_the_hash_is_of_the_meaning_not_of_the_spelling():
    body = health_check("P")
    turned = dict(reversed(body.items()))
    assert document.content_hash(turned) == document.content_hash(body)
    assert document.content_hash(body | {"doc_ref": "云工〔2026〕9号"}) != document.content_hash(body)
