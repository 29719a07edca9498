"""A member's file: found without a name in any address, opened on record, and everything an officer does with it."""

import enum
import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import USABLE_CARD
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.kernel.scans import SCAN_BYTES
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending, Relation
from cardnet.membership.rules import (
    ID_TYPE_NAMES,
    Answer,
    ConsentMethod,
    IdType,
    MembershipKind,
    PersonView,
    Purpose,
    TagKind,
    Tier,
)
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.originals import original_sent
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.words import word
from cardnet.wiring import current_world

MAX_DOCUMENT_BYTES = 20 << 20
_TRAIL = 30
_Word = TypeVar("_Word", bound=enum.StrEnum)


@blueprint.get("/members")
@staff_page(*OFFICERS)
def members(principal: Principal) -> ResponseReturnValue:
    """One box to find somebody, and what waits to be done around members."""
    return _search_page(principal)


@blueprint.post("/members/find")
@staff_page(*OFFICERS)
def find_member(principal: Principal) -> ResponseReturnValue:
    """By full name, document or phone; one person alone opens at once."""
    asked = request.form.get("asked", "").strip()[:60]
    if not asked:
        return _search_page(principal, wrong={"asked": gettext("请输入姓名全称、证件号码或手机号码。")})
    with transaction() as session:
        found = membership.find_people(session, principal, asked)
    if len(found) == 1:
        return redirect(url_for("console.member", person_id=found[0].id), 303)
    return _search_page(principal, asked, found)


@blueprint.get("/members/<person_id>")
@staff_page(*OFFICERS)
def member(principal: Principal, person_id: str) -> ResponseReturnValue:
    """The file; opening it is recorded."""
    return _file_page(principal, whole_id(person_id), {})


@blueprint.post("/members/<person_id>")
@takes_upload(MAX_DOCUMENT_BYTES)
@staff_page(*OFFICERS)
def change_member(principal: Principal, person_id: str) -> ResponseReturnValue:
    """One of the acts of the file, named by `act`."""
    name = request.values.get("act", "")
    act = _ACTS.get(name)
    subject = whole_id(person_id)
    if act is None:
        raise NotFound("not_found", gettext("没有这项办理，请返回重新选择。"))
    try:
        with transaction() as session:
            said = act(_Asked(session, current_world(), principal, subject, name))
    except CardnetError as error:
        if isinstance(error, NotFound) and error.code == "person_unknown":
            raise
        wrong = {f"{name}_{field}" if field else "": text for field, text in wrong_of(error, _FIELDS).items()}
        return _file_page(principal, subject, wrong, name), error.status
    flash(said, "good")
    return redirect(url_for("console.member", person_id=person_id), 303)


@blueprint.get("/members/<person_id>/tags/<tag_id>/original")
@staff_page(*OFFICERS)
def tag_original(principal: Principal, person_id: str, tag_id: str) -> ResponseReturnValue:  # noqa: ARG001
    """The original of the document a tag rests on; that it was opened is recorded."""
    with transaction() as session:
        original = membership.open_tag_original(session, current_world(), principal, whole_id(tag_id))
    return original_sent(original)


# ---- acts ----


@dataclass(frozen=True)
class _Asked:
    """One act: who asks, about whom, and its form, whose fields begin with its name (a page has many forms)."""

    session: Session
    world: World
    officer: Principal
    person_id: uuid.UUID
    name: str

    def word(self, field: str, most: int = 200) -> str:
        return request.form.get(f"{self.name}_{field}", "").strip()[:most]

    def day(self, field: str) -> date | None:
        return typed_day(self.word(field))

    def file(self, field: str) -> bytes | None:
        given = request.files.get(f"{self.name}_{field}")
        return given.read() if given and given.filename else None

    def sha256(self, field: str) -> bytes | None:
        content = self.file(field)
        return hashlib.sha256(content).digest() if content else None


def typed_day(typed: str) -> date | None:
    """A day of a form, None when empty. Raises InvalidInput("date") for what is none, or no day of a working life."""
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        day = date.min
    if not 1900 <= day.year <= 2200:
        raise InvalidInput("date", gettext("日期写成 2026-11-24 这样。"))
    return day


def chosen(words: type[_Word], typed: str) -> _Word:
    """One of the words of an enum. Raises InvalidInput("choice")."""
    try:
        return words(typed)
    except ValueError:
        raise InvalidInput("choice", gettext("请从列出的选项中选择一项。")) from None


def _standing(asked: _Asked) -> str:
    kind = chosen(MembershipKind, asked.word("kind"))
    command = membership.ChangeStanding(asked.person_id, kind, asked.officer, asked.day("on"), asked.word("words"))
    membership.change_standing(asked.session, asked.world, command)
    return gettext("会籍已变更，从生效日起计算。")


def _end(asked: _Asked) -> str:
    ending = chosen(Ending, asked.word("ending"))
    if ending is Ending.TRANSFERRED:
        raise InvalidInput("choice", gettext("转到其他单位请用“转到其他单位”办理，卡会一起转过去。"))
    command = membership.EndMembership(asked.person_id, ending, asked.officer, asked.day("on"), asked.word("words"))
    stopped = issuance.end_membership(asked.session, asked.world, command)
    if stopped:
        return gettext("会籍已结束，%(n)d 张会员卡已停用。", n=stopped)
    return gettext("会籍已结束。")


def _transfer(asked: _Asked) -> str:
    target = membership.union_of_code(asked.session, asked.word("to_code", 80))
    command = membership.StartTransfer(asked.person_id, target.id, asked.officer, asked.day("on"), asked.word("words"))
    done = issuance.transfer_member(asked.session, asked.world, command)
    if done is None:
        return gettext(
            "转接已提出，等原单位答复；%(n)s 个工作日不答复即自动转出。", n=membership.transfer_days(asked.session)
        )
    return gettext("已转到%(name)s，卡和待遇一起转过去，不占名额。", name=target.name)


def _phone(asked: _Asked) -> str:
    seen = asked.word("verified") == "yes"
    command = membership.ChangePhone(asked.person_id, asked.officer, asked.word("phone", 40), seen)
    taken = membership.change_phone(asked.session, asked.world, command)
    if taken:
        return gettext("手机号码已更改；原来验证过这个号码的人需要重新验证。")
    return gettext("手机号码已更改。")


def _tag(asked: _Asked) -> str:
    command = membership.GiveTag(
        asked.person_id, chosen(TagKind, asked.word("kind")), asked.officer, asked.word("grade", 40),
        asked.word("document", 120), asked.day("from_on"), asked.day("to_on"), original=asked.file("file"),
    )  # fmt: skip
    membership.give_tag(asked.session, asked.world, command)
    return gettext("身份已登记，相应的待遇从起始日期起可以享受。")


def _tag_original(asked: _Asked) -> str:
    content = asked.file("file")
    if content is None:
        raise InvalidInput("file_type", gettext("请先选择依据文件的扫描件或照片。"))
    command = membership.KeepTagOriginal(whole_id(asked.word("which")), asked.officer, content)
    membership.keep_tag_original(asked.session, asked.world, command)
    return gettext("原件已加密保存。")


def _end_tag(asked: _Asked) -> str:
    membership.end_tag(asked.session, asked.world, membership.EndTag(whole_id(asked.word("which")), asked.officer))
    return gettext("身份已结束，从今天起不再计算；以前的记录保留。")


def _kin(asked: _Asked) -> str:
    command = membership.AddKin(
        asked.person_id, chosen(Relation, asked.word("relation")), asked.officer, asked.word("name", 60),
        asked.word("phone", 40),
    )  # fmt: skip
    membership.add_kin(asked.session, asked.world, command)
    return gettext("家属已登记。")


def _end_kin(asked: _Asked) -> str:
    membership.end_kin(asked.session, asked.world, whole_id(asked.word("which")), asked.officer)
    return gettext("家属记录已停用。")


def _consent(asked: _Asked) -> str:
    command = membership.RecordConsent(
        asked.person_id, chosen(Purpose, asked.word("purpose")), chosen(Answer, asked.word("answer")),
        chosen(ConsentMethod, asked.word("method")), asked.officer, asked.word("evidence", 120), asked.day("on"),
    )  # fmt: skip
    membership.record_consent(asked.session, asked.world, command)
    return gettext("本人答复已登记。")


def _withdraw_consent(asked: _Asked) -> str:
    purpose = chosen(Purpose, asked.word("which"))
    membership.withdraw_consent(asked.session, asked.world, membership.WithdrawConsent(asked.person_id, purpose, asked.officer))  # fmt: skip
    return gettext("同意已撤回，从现在起不再按它办理。")


def _document(asked: _Asked) -> str:
    command = membership.CorrectDocument(
        asked.person_id, chosen(IdType, asked.word("id_type")), asked.word("id_number", 40), asked.officer,
        asked.word("evidence", 120), asked.sha256("file"),
    )  # fmt: skip
    membership.correct_document(asked.session, asked.world, command)
    return gettext("证件号码已更正；会员卡、次数和待遇都不变，激活和核对用新号码的后四位。")


def _tie(asked: _Asked) -> str:
    command = issuance.TieCard(
        asked.person_id, asked.officer, asked.word("number", 40), asked.word("issuer", 60), asked.day("valid_to")
    )  # fmt: skip
    issuance.tie_card(asked.session, asked.world, command)
    return gettext("已有的卡已绑定，不占名额。")


_ACTS: Mapping[str, Callable[[_Asked], str]] = {
    "standing": _standing,
    "end": _end,
    "transfer": _transfer,
    "phone": _phone,
    "tag": _tag,
    "tag_original": _tag_original,
    "end_tag": _end_tag,
    "kin": _kin,
    "end_kin": _end_kin,
    "consent": _consent,
    "withdraw_consent": _withdraw_consent,
    "document": _document,
    "tie": _tie,
}
_FIELDS = {
    "phone_format": "phone",
    "phone_unchanged": "phone",
    "document_missing": "document",
    "file_empty": "file",
    "file_type": "file",
    "file_too_large": "file",
    "evidence_missing": "evidence",
    "unit_unknown": "to_code",
    "already_in_union": "to_code",
    "not_a_unit": "to_code",
    "date": "on",
    "answered_on": "on",
    "period": "to_on",
    "effective_in_future": "on",
    "effective_before_membership": "on",
    "name_missing": "name",
    "id_format": "id_number",
    "id_checksum": "id_number",
    "id_birth_date": "id_number",
    "id_precision_lost": "id_number",
    "document_taken": "id_number",
    "document_unchanged": "id_number",
    "issuer_missing": "issuer",
    "card_number_missing": "number",
    "card_number_format": "number",
    "card_number_precision_lost": "number",
    "card_taken": "number",
    "already_tied": "number",
}
"""Which field an error's code is about."""


# ---- pages ----


def _search_page(
    principal: Principal,
    asked: str = "",
    found: tuple[PersonView, ...] | None = None,
    wrong: dict[str, str] | None = None,
) -> ResponseReturnValue:
    world = current_world()
    today = day_of(world.now())
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        counts = membership.confirmation_counts(session, own.path, today.year)
        leaving = membership.open_transfers(session, own.id)
    page = render_template(
        "console/members.html", own=own, asked=asked, found=found, wrong=wrong or {}, leaving=leaving, year=today.year,
        unconfirmed=sum(line.waiting for line in counts), all_members=sum(line.total for line in counts),
        district=own.tier is Tier.DISTRICT,
    )  # fmt: skip
    return page, 422 if wrong else 200


def _file_page(principal: Principal, person_id: uuid.UUID, wrong: dict[str, str], act_name: str = "") -> str:
    world = current_world()
    with transaction() as session:
        file = membership.open_file(session, world, principal, person_id)
        cards = [card for one in file.ids for card in issuance.cards_of_person(session, one)]
        applications = issuance.applications_of_people(session, file.ids)
        tags = [tag for one in file.ids for tag in membership.tags_of(session, one)]
        query = access.TrailQuery("/", system=True, subject_id=str(person_id))
        return render_template(
            "console/member.html",
            file=file,
            person=file.person,
            scan_mb=SCAN_BYTES >> 20,
            cards=cards,
            applications=applications,
            tags=tags,
            tag_choices=[(str(tag.id), _tag_words(tag)) for tag in tags],
            kin=membership.kin_of(session, person_id),
            consents=membership.consents_of(session, person_id),
            trail=access.trail(session, query, _TRAIL),
            late=benefits.grants_of_old_union(session, person_ids=file.ids),
            past_uses=[use for one in file.ids for use in benefits.past_uses_of_person(session, one)],
            wrong=wrong,
            act_name=act_name,
            id_types=[(str(one), word(str(one), "id_type")) for one in ID_TYPE_NAMES],
            has_card=any(card.state in USABLE_CARD for card in cards),
            today=day_of(world.now()),
        )


def _tag_words(tag: membership.TagView) -> str:
    """A tag as a list of them names it."""
    return " ".join(filter(None, (str(word(tag.kind, "tag")), tag.grade, tag.document)))
