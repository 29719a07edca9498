"""Every act the code records has a word on the page of the audit trail."""

import re
from pathlib import Path

from cardnet.finance.rules import SettlementState
from cardnet.issuance.rules import CardAction, Verdict
from cardnet.web.act_words import NOUNS, VERBS, act_word, actor_word

SOURCES = Path(__file__).parents[2] / "cardnet"
RECORDED = re.compile(r'Act\(\s*f?"([a-z_]+)\.([a-z_]+|\{[^}"]+\})"')


def test_every_noun_and_verb_in_the_source_has_a_word(app):
    pairs = {pair for path in SOURCES.rglob("*.py") for pair in RECORDED.findall(path.read_text())}
    assert len(pairs) > 40
    assert {noun for noun, _ in pairs} - set(NOUNS) == set()
    assert {verb for _, verb in pairs if not verb.startswith("{")} - set(VERBS) == set()


def test_states_and_verdicts_that_name_an_act_have_words_too():
    for words in (SettlementState, Verdict, CardAction):
        assert {str(word) for word in words} - set(VERBS) == set()


def test_an_act_is_a_noun_and_a_verb_and_an_unknown_one_stands_for_itself(app):
    with app.test_request_context():
        assert act_word("card.issue") == "会员卡：发放"
        assert act_word("card.") == "会员卡"
        assert act_word("comet.pass") == "comet.pass"


def test_what_no_account_did_names_the_member_only_where_the_act_says_so(app):
    with app.test_request_context():
        own = [("card.suspend", {"channel": "self"}), ("card.rebind", {"channel": "phone_code"}), ("member.phone", {})]
        assert {actor_word(action, after) for action, after in own} == {"会员本人"}
        assert actor_word("card.loss_refused", None) == "未核实身份的人"
        assert actor_word("card.activate", {"channel": "printed_first_use"}) == "系统"
        assert actor_word("application.escalate", {"rows": 2}) == "系统"
