"""The words of pages are the words of the packages: one state has one name everywhere."""

from cardnet.access.rules import Role
from cardnet.issuance import rules
from cardnet.membership.result_workbook import STATUS_WORDS
from cardnet.membership.rules import MembershipKind, Tier
from cardnet.web import words


def said(table) -> dict[str, str]:
    return {code: str(word[1] if isinstance(word, tuple) else word) for code, word in table.items()}


def test_states_actions_and_reasons_have_the_words_of_issuance(app):
    with app.test_request_context():
        assert said(words.APPLICATION_STATES) == {str(k): v for k, v in rules.APPLICATION_WORDS.items()}
        assert said(words.CARD_STATES) == {str(k): v for k, v in rules.CARD_WORDS.items()}
        assert said(words.ACTIONS) == {str(k): v for k, v in rules.ACTION_WORDS.items()}
        assert said(words.REASONS) == {str(k): v for k, v in rules.REASON_WORDS.items()}
        own = said(words.CARD_ACTIONS)
        assert {str(k): v for k, v in rules.CARD_ACTION_WORDS.items()}.items() <= own.items()


def test_the_result_page_and_the_result_workbook_say_the_same(app):
    with app.test_request_context():
        assert said(words.CHECK_STATES) == {str(k): v for k, v in STATUS_WORDS.items()}


def test_no_code_is_without_a_word():
    assert set(words.ROLE_WORDS) == set(Role)
    assert set(words.TIERS) == set(Tier)
    assert set(words.MODES) == set(rules.RosterMode)
    assert set(words.MEMBERSHIP_KINDS) == set(MembershipKind)
