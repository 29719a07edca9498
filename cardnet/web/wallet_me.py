"""What a member does from 我的卡: report a loss, ask for another card, prove a phone, answer each purpose, see who looked."""

import uuid
from datetime import datetime
from typing import Any

from flask import request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.services import TrailLine, TrailQuery
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import USABLE_CARD, ReplacementReason
from cardnet.issuance.services import CardView
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput
from cardnet.kernel.masking import phone_for_office
from cardnet.membership import services as membership
from cardnet.membership.jobs import gateways_of
from cardnet.membership.notices.rules import Way
from cardnet.membership.rules import Answer, ConsentMethod, Purpose
from cardnet.membership.services import notices
from cardnet.web.act_words import act_word
from cardnet.web.formats import cn_date, cn_datetime
from cardnet.web.language import LANGUAGES
from cardnet.web.wallet import blueprint
from cardnet.web.wallet_calls import Body, answer, member_of
from cardnet.web.words import APPLICATION_STATES, word
from cardnet.wiring import current_settings, current_world

_LOOKS = 100
"""So many acts of officers a member sees, the newest first."""


@blueprint.get("/wallet/api/me")
def me() -> ResponseReturnValue:
    """Phone, answers, a pending application, a renewed card that begins later."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/loss")
def report_loss() -> ResponseReturnValue:
    """Every card of the member stops at once; the status list follows with its next fetch."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        command = issuance.ReportLoss(person_id, issuance.Lost.CARD, "本人在会员卡页面挂失")
        issuance.report_loss(session, world, command)
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/void-print")
def stop_own_print() -> ResponseReturnValue:
    """The printed card's code dies, the phone goes on."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        issuance.stop_own_print(session, world, issuance.StopOwnPrint(person_id))
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/phones/stop")
def stop_own_phone() -> ResponseReturnValue:
    """Another phone of the member is taken off the card; this one and the printed card go on."""
    index = Body().whole("index", 2**32 - 1)
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        issuance.stop_phone(session, world, issuance.StopPhone(index, person_id=person_id))
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/replacement")
def ask_for_replacement() -> ResponseReturnValue:
    """The member asks for another card; it goes to their own unit first."""
    body = Body()
    why, words = body.text("why", 20), body.words("words", 150)
    if why not in list(ReplacementReason):
        raise InvalidInput("invalid_fields", _("请选择补卡的原因。"), [FieldError("/why", _("请选择补卡的原因。"))])
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        card = _card_to_replace(session, person_id, world.now())
        command = issuance.ApplyForReplacement(card.id, ReplacementReason(why), words, person_id=person_id)
        issuance.apply_for_replacement(session, world, command)
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/consents")
def answer_consents() -> ResponseReturnValue:
    """Each purpose that is named, for itself: true agrees, false does not or takes back."""
    body = Body()
    answers = {purpose: given for purpose in Purpose if (given := body.flag(str(purpose))) is not None}
    if not answers:
        raise InvalidInput("invalid_fields", _("请选择要答复的事项。"))
    method = ConsentMethod.ACTIVATION if body.flag("at_activation") else ConsentMethod.SELF_SERVICE
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        issuance.answer_own(session, world, membership.AnswerOwn(person_id, answers, method))
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.get("/wallet/api/looks")
def looks() -> ResponseReturnValue:
    """谁看过我的资料: which officers opened or changed the member's file and cards, and when."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        # Of files that were merged, too: who had opened the other one has looked at the same member.
        files = membership.ids_of_person(session, person_id)
        subjects = [
            one for file in files for one in (file, *(card.id for card in issuance.cards_of_person(session, file)))
        ]
        lines = [line for one in subjects for line in access.trail(session, _acts_on(one), _LOOKS)]
        units = _units(session, lines)
    lines.sort(key=lambda line: line.id, reverse=True)
    told = [
        {
            "what": act_word(line.action),
            "who": line.actor[1],
            "union": units.get(line.actor[0], ""),
            "when": cn_datetime(line.at),
        }
        for line in lines[:_LOOKS]
        if line.actor is not None
    ]
    return answer({"lines": told}, world.now())


@blueprint.post("/wallet/api/phone/code")
def ask_phone_code() -> ResponseReturnValue:
    """Send six digits to a number: the one typed, or the one on record."""
    phone = Body().words("phone", 40)
    _must_have_sms()
    world = current_world()
    with transaction() as session:
        asked = membership.ask_phone_code(session, world, membership.AskPhoneCode(member_of(session), phone or None))
    sent = {
        "phone": phone_for_office(asked.phone),
        "minutes": round((asked.expires_at - world.now()).total_seconds() / 60),
    }
    return answer(sent, world.now())


@blueprint.post("/wallet/api/phone")
def confirm_phone() -> ResponseReturnValue:
    """The digits that arrived: the number is the member's own from now on."""
    code = Body().text("code", 12)
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        done = membership.confirm_phone(session, world, membership.ConfirmPhone(person_id, code))
        found = me_of(session, person_id, world.now())
    if isinstance(done, membership.PhoneCodeRefused):
        # Raised only now: the try that was counted above must stay counted.
        raise done.error()
    return answer(found, world.now())


@blueprint.post("/wallet/api/rebind-code")
def ask_rebind_code() -> ResponseReturnValue:
    """A new phone asks for the digits that bind it. The answer is the same whether any were sent."""
    body = Body()
    number, last4 = body.text("card_number", 40), body.text("id_last4", 8)
    _must_have_sms()
    world = current_world()
    with transaction() as session:
        command = issuance.AskRebindCode(number, last4, request.remote_addr or "")
        issuance.ask_rebind_code(session, world, command)
    return answer({}, world.now())


@blueprint.post("/wallet/api/language")
def choose_language() -> ResponseReturnValue:
    """The page's language from its next load on."""
    wanted = Body().text("language", 20)
    if wanted not in LANGUAGES:
        raise InvalidInput("invalid_fields", _("没有这种语言。"))
    browser["language"] = wanted
    return answer({}, current_world().now())


# ---- pieces ----


def offers_account() -> bool:
    """Whether a member can bind the official account here."""
    settings = current_settings()
    return bool(settings.wechat_token) or settings.simulated_phone


def me_of(session: Session, person_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    """What the page shows of this member."""
    person = membership.person_of_id(session, person_id)
    agreed = membership.agreed_purposes(session, person_id)
    cards = issuance.cards_of_person(session, person_id)
    today = day_of(now)
    later = [card for card in cards if card.valid_from > today and card.state in USABLE_CARD]
    return {
        "phone": {
            "number": phone_for_office(person.phone) if person.phone else "",
            "verified": membership.verified_phone(session, person_id) is not None,
            "can_send": _has_sms(),
        },
        "consents": {
            str(purpose): bool(view and view.counts and view.answer is Answer.GIVEN) for purpose, view in agreed.items()
        },
        "account": {"offered": offers_account(), "bound": _bound(session, person_id)},
        "application": _application_line(session, person_id),
        "renewed": _("%(day)s起用新卡，到时自动更新", day=cn_date(later[-1].valid_from)) if later else "",
        "phones": [
            {"index": one.index, "day": cn_date(one.bound_at)}
            for card in cards
            if card.state in USABLE_CARD
            for one in issuance.phones_of(session, card.id)
        ],
        "has_print": issuance.has_live_print(session, person_id),
        "may_replace": bool(_replaceable(cards, today)) and not _open_application(session, cards),
    }


def _bound(session: Session, person_id: uuid.UUID) -> str:
    """Since when the official account is bound, in words; empty without."""
    at = notices.account_bound_at(session, person_id)
    return str(_("%(day)s绑定", day=cn_date(at))) if at else ""


def _application_line(session: Session, person_id: uuid.UUID) -> str:
    """Where the newest replacement or renewal stands, in one line; empty when there is none."""
    for one in issuance.applications_of_people(session, [person_id]):
        if one.kind != "new":
            kind, state = word(one.kind, "application_kind"), str(APPLICATION_STATES[one.state][1])
            return str(_("%(kind)s：%(state)s（%(day)s提交）", kind=kind, state=state, day=cn_date(one.submitted_at)))
    return ""


def _open_application(session: Session, cards: tuple[CardView, ...]) -> bool:
    return any(issuance.open_application_of(session, card.id) is not None for card in cards)


def _replaceable(cards: tuple[CardView, ...], today: Any) -> list[CardView]:
    return [card for card in cards if card.state in USABLE_CARD and card.valid_from <= today <= card.valid_to]


def _card_to_replace(session: Session, person_id: uuid.UUID, now: datetime) -> CardView:
    """Raises Conflict("no_card")."""
    found = _replaceable(issuance.cards_of_person(session, person_id), day_of(now))
    if not found:
        raise Conflict("no_card", _("名下没有可以补换的会员卡，请联系所在工会。"))
    return found[0]


def _acts_on(subject: uuid.UUID) -> TrailQuery:
    return TrailQuery("/", subject_id=str(subject))


def _units(session: Session, lines: list[TrailLine]) -> dict[str, str]:
    """Of which union each of these officers is."""
    unions = access.unions_of_usernames(session, {line.actor[0] for line in lines if line.actor})
    named = membership.unions_of_ids(session, set(unions.values()))
    return {username: named[union_id].name for username, union_id in unions.items() if union_id in named}


def _has_sms() -> bool:
    return Way.SMS in gateways_of(current_settings(), current_world())


def _must_have_sms() -> None:
    if not _has_sms():
        raise Conflict("no_sms", _("这里还没有开通短信，请到所在工会办理。"))
