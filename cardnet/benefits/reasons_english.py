"""The sentences of `reasons` in English, code for code."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cardnet.benefits.spans import span
from cardnet.kernel.money import yuan

ENGLISH: Mapping[str, str] = {
    "malformed": "This is no code of a member card; ask the member to open the card's page and show it again.",
    "unsupported_version": "The code is of a newer version: update the till's software, then scan again.",
    "unknown_key": "The key behind this card is not known yet; ask the member to open the card online and try again.",
    "revoked_key": "The key behind this card has ended; ask the member to open the card online to renew it.",
    "bad_signature": "This code was not signed by the union and cannot be used.",
    "key_out_of_period": "The code was signed at a time its key does not cover and cannot be used.",
    "proof_missing": "This is a picture of a code; ask the member for the live one, which changes by itself.",
    "clock_error": "The till's clock is wrong: set it, then scan again.",
    "expired_credential": "The card on the phone has not been renewed for too long; ask the member to open it online.",
    "stale_proof": "The code has expired; ask the member for the one on the screen now.",
    "future_proof": "The phone's clock is ahead; ask the member to open the card online and try again.",
    "wrong_audience": "The code was made for another merchant; ask the member to show a new one.",
    "wrong_challenge": "The digits do not match; the member types the four digits on your screen once more.",
    "replayed": "This code was used before; ask the member for a new one.",
    "revoked": "This code was stopped: the card was replaced, moved to another phone or ended; ask for the card in use now.",
    "suspended": "This card was reported lost; the member calls the union's service centre.",
    "not_issued": "This code was never issued; do not accept it and report it to the service centre.",
    "card_unknown": "There is no such card.",
    "card_not_active": "This card is not activated yet; the member activates it on the phone first.",
    "card_expired": "This card's time is over; the member has it renewed.",
    "card_not_yet_valid": "This card does not count yet.",
    "confirm_required": "Enter the last four characters of the member's document.",
    "limit_exceeded": "A printed card works once a day and was used today; use the phone's code, or come tomorrow.",
    "not_eligible_member": "This member is not covered by the program; the member's own page says why.",
    "not_a_member": "There is no membership at present.",
    "membership_kind": "This kind of membership is not covered by the program.",
    "member_too_new": "The membership has not lasted long enough yet.",
    "org_scope": "The member's union is not covered by the program.",
    "tag_missing": "The member is not on the program's list.",
    "age_out_of_range": "The age is outside the program's range.",
    "sex_not_covered": "The program does not cover this sex.",
    "provider_not_in_program": "This merchant does not have this program.",
    "category_not_covered": "The program does not cover this kind of merchant.",
    "service_not_covered": "The program does not cover this service.",
    "below_min_spend": "The amount is below what the program starts at.",
    "outside_dates": "Today is not one of the program's days.",
    "outside_hours": "The program does not run at this hour.",
    "no_rule_version": "No rules were in force on this day.",
    "late_submission": "It was sent too late for the program.",
    "limit_count": "The uses of this period are all used.",
    "limit_amount": "The amount of this period is all used.",
    "limit_trimmed": "Reduced to what the limit leaves.",
    "pool_exhausted": "The program's money or places are all used.",
    "pool_trimmed": "Reduced to what is left of the program's money.",
    "not_best_combination": "Another combination is better for the member.",
    "no_effect": "On this amount there is no benefit.",
}


def words_in_english(code: str, detail: Mapping[str, Any] | None = None) -> str:
    """The English sentence of a code, with its figures where it has any."""
    with_figures = _WITH_FIGURES.get(code)
    return with_figures(detail) if with_figures and detail else ENGLISH.get(code, "Not this time.")


def _confirm(detail: Mapping[str, Any]) -> str:
    if detail["tries_left"] > 0:
        return (
            f"The last four do not match; check with the member and try again, {detail['tries_left']} tries left today."
        )
    return "The last four were wrong too often today; the member uses the phone's code or asks their union."


def _period(detail: Mapping[str, Any]) -> str:
    period = str(detail.get("period") or "")
    return f"In {period}" if period and period.replace("-", "").isdecimal() else "In this program"


_UNITS = "seconds", "minutes", "hours", "days"
_MONTHS = "Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"


def _span(seconds: int) -> str:
    number, unit = span(seconds, _UNITS)
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"


def _replayed(detail: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(detail.get("used_at") or detail["shown_at"])
    when = f"at {at:%H:%M} on {at.day} {_MONTHS[at.month - 1]}"
    if "shown_at" in detail:
        return f"This code was shown at another till {when}; ask the member for a new one."
    own = "terminal" in detail
    where = f"at your till {detail['terminal']} of store {detail['store']}" if own else "at another merchant"
    return f"This code was used {where} {when}; ask the member for a new one."


_WITH_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "stale_proof": lambda d: (
        f"The code is {_span(d['delta_seconds'])} old and has expired; ask the member for the one on the screen now."
    ),
    "future_proof": lambda d: (
        f"The phone's clock is {_span(d['delta_seconds'])} ahead; ask the member to open the card online and try again."
    ),
    "replayed": _replayed,
    "confirm_required": _confirm,
    "limit_count": lambda d: f"{_period(d)} {d['used']} of {d['max']} uses are used.",
    "limit_amount": lambda d: f"{_period(d)} ¥{yuan(d['used_fen'])} of ¥{yuan(d['max_fen'])} are used.",
    "below_min_spend": lambda d: f"It starts at ¥{yuan(d['min_fen'])}; this sale is ¥{yuan(d['amount_fen'])}.",
    "late_submission": lambda d: f"It should come within {d['max_days']} days of the service; {d['days']} have passed.",
}
