"""`cardnet rules`: one version from draft to end, and a parameter, by two people."""

import json

from click.testing import CliRunner

from cardnet.benefits.cli_rules import rules
from cardnet.kernel.errors import CardnetError
from tests.make.benefits import make_shop, percent, rule


def test_a_version_is_drafted_returned_approved_and_ended_from_the_command_line(app, session, world, tmp_path):
    shop = make_shop(session, world)
    shop.program("D", rule(percent(500)))
    (tmp_path / "rule.json").write_text(json.dumps(rule(percent(1_000))))

    def said(*words):
        with app.app_context():
            result = CliRunner().invoke(rules, [*words, "--json"])
        if isinstance(result.exception, CardnetError):
            return result.exception.code
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)

    file = str(tmp_path / "rule.json")
    drafted = said("draft", "D", file, "--from", "2026-12-01", "--as", "c1")
    assert (drafted["no"], drafted["status"], drafted["effective_from"]) == (2, "draft", "2026-12-01")
    one = drafted["id"]
    assert said("submit", one, "--as", "c1")["status"] == "in_review"
    assert said("return", one, "--words", "请写明文号", "--as", "c2")["status"] == "draft"
    said("submit", one, "--as", "c1")
    assert said("approve", one, "--as", "c1") == "sod_violation"
    assert said("approve", one, "--as", "c2")["status"] == "approved"
    assert said("retire", one, "--on", "2026-12-31", "--as", "c2")["effective_to"] == "2026-12-31"
    assert [(line["no"], line["effective_to"]) for line in said("list", "D")["rules"]] == [
        (2, "2026-12-31"),
        (1, "2026-12-01"),
    ]
    rate = said("parameter", "HC_FEN", "8000", "--from", "2027-01-01", "--doc-ref", "云工〔2026〕9号", "--as", "c2")
    assert rate == {"code": "HC_FEN", "value": 8_000, "effective_from": "2027-01-01"}
    assert said("submit", "nonsense", "--as", "c1") == "rule_unknown"
