"""What the wallet's calls say in English when something is wrong: by code, because services speak Chinese."""

import re
from collections.abc import Sequence

from flask.blueprints import BlueprintSetupState

from cardnet.http.speech import CHINESE, ENGLISH, Speaker, speaks
from cardnet.kernel.errors import FieldError
from cardnet.web import language
from cardnet.web.offline import help_phone
from cardnet.web.wallet import blueprint

_HAN = re.compile(r"[\u4e00-\u9fff]")

WORDS = {
    "activation_refused": "Number, code and the last four do not belong together. Check them and try again.",
    "activation_locked": "There were too many wrong tries. Ask your union for a new code, or call {phone}.",
    "card_number_invalid": "The number is wrong: compare it with the thirteen digits on the card.",
    "binding_unknown": "This phone is not bound to any card.",
    "clock_off": "The clock of this phone is off; connect it and try again.",
    "card_not_bound": "This phone is not bound to this card.",
    "card_expired": "This card's time is over; ask your union for a new one.",
    "card_suspended": "This card was reported lost: have it lifted, or replaced, by your union.",
    "card_unknown": "There is no such card.",
    "no_card": "You have no card in use; ask your union.",
    "not_bound": "This phone is not bound to your card; bind it again.",
    "not_in_use": "This card is not in use; ask your union.",
    "not_a_member": "You have no membership at present; ask your union.",
    "already_renewed": "This card was renewed already; the new one takes its place by itself.",
    "nothing_to_renew": "None of your cards can be renewed now.",
    "nothing_to_suspend": "You have no card that can be reported lost; perhaps it was already.",
    "person_unknown": "There is no such person; reload the page.",
    "out_of_scope": "This is not yours to do.",
    "role_missing": "This is not yours to do.",
    "illegal_transition": "The card's state does not allow this now; ask your union.",
    "phones_full": "This card is on two phones already. To change one, ask for a code by text message or at your union.",
    "choose_phone": "This card is on another phone already: choose which one goes, or keep both.",
    "phone_unknown": "That phone is no longer on this card; reload the page.",
    "rebind_limit": "The card was bound to new phones too often this month; ask your union.",
    "application_open": "An application for this card is open already.",
    "public_key_invalid": "The phone's key could not be read. Reload the page and try again.",
    "proof_used": "This was done a moment ago; tap once more.",
    "proof_invalid": "The phone's key did not prove itself. Reload the page and try again.",
    "member_session_ended": "This phone is signed out; activate the card again.",
    "no_phone": "No number is on record yet; type yours first.",
    "no_sms": "Text messages are not set up here; go to your union.",
    "phone_format": "A mobile number has 11 digits and begins with 1.",
    "phone_unchanged": "This number is verified already.",
    "code_wrong": "The code is wrong; look again at the newest message.",
    "code_over": "The code was used, has run out, or was tried too often; ask for a new one.",
    "invalid_fields": "Something typed is not right; check it and try again.",
    "nothing_used": "Nothing was used here, so there is nothing to look into.",
    "denial_settled": "The union has looked into this one and answered. Call {phone} if you still have a question.",
    "year_not_asked": "Only this year and the last one can be answered.",
    "not_found": "There is no such thing; reload the page.",
    "too_many_tries": "Too many tries; wait a while.",
    "rate_limited": "Too many at once; wait a while.",
    "outcome_unknown": "The service cannot be reached just now; try the same again.",
}
_REST = "This could not be done. Try again later, or ask your union."


def english(code: str, message: str, errors: Sequence[FieldError]) -> tuple[str, list[FieldError]]:
    """A problem's title and findings in English; what nobody foresaw is told in general."""
    title = WORDS.get(code, _REST) if _HAN.search(message) else message
    if "{phone}" in title:
        title = title.format(phone=help_phone())
    return title, [FieldError(one.pointer, WORDS["invalid_fields"], one.code) for one in errors]


@blueprint.record_once
def _speak_english(state: BlueprintSetupState) -> None:
    speaks(state.app, "/wallet/api", Speaker(lambda: ENGLISH if language.chosen() == "en" else CHINESE, english))
