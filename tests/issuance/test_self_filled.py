"""扫码自填: six columns and one's own answer on the phone; the officer ticks off; nothing is told to strangers."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance.services import self_filled
from cardnet.issuance.services.self_filled import FillIn, OpenPoster, TakeEntries
from cardnet.kernel.errors import InvalidInput, NotAllowed, NotFound, TooManyRequests
from tests.make import membership as make_membership
from tests.make.issuance import make_office
from tests.make.web import form_token

LAST_DAY = date(2026, 12, 20)


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def poster(office, session, world):
    office.give_unit("B1", 3)
    return self_filled.open_poster(session, world, OpenPoster(office["U1"], "B1", LAST_DAY))


def typed(serial=0, **other):
    return {
        "name": "周桂林",
        "id_type": "居民身份证",
        "id_number": make_membership.id_number(serial),
        "phone": f"199{serial:08d}",
        "employment": "合同",
        "consent": "是",
    } | other


def fill(office, poster, serial=0, address="10.0.0.1", **other):
    self_filled.fill_in(office.session, office.world, FillIn(poster.token, typed(serial, **other), address))


def entries(office, officer="U1"):
    return self_filled.entries_of(office.session, office.world, office[officer], office.unions["B1"])


def take(office, *ids, officer="U1"):
    return self_filled.take_entries(office.session, office.world, TakeEntries(office[officer], ids))


def test_what_members_fill_in_becomes_a_batch_with_their_own_consent(office, session, poster):
    for serial in range(4):
        fill(office, poster, serial)
    fill(office, poster, 9, consent="否")
    waiting = entries(office)
    assert [entry.checked.status for entry in waiting] == ["valid"] * 3 + ["warning", "declined"]
    receipt = take(office, *(entry.id for entry in waiting))
    assert (receipt.submitted, receipt.waitlisted, receipt.declined) == (3, 1, 1)
    methods = session.execute(text("select answer, method from consent order by answer")).all()
    assert methods == [("declined", "self_service")] + [("given", "self_service")] * 4
    assert session.execute(text("select origin, rows from batch")).one() == ("self_filled", 5)
    assert entries(office) == ()
    assert session.scalar(text("select count(*) from self_fill_entry where fields is not null")) == 0
    assert office.breaches() == {}


def test_the_officer_ticks_some_and_the_rest_waits(office, poster):
    for serial in range(3):
        fill(office, poster, serial)
    first, second, third = entries(office)
    assert take(office, second.id).submitted == 1
    assert [entry.id for entry in entries(office)] == [first.id, third.id]
    with pytest.raises(InvalidInput, match="nothing_chosen"):
        take(office, second.id)


def test_the_same_document_again_replaces_what_it_said_and_is_counted(office, poster):
    fill(office, poster, phone="13800000001")
    fill(office, poster, phone="13800000002", id_number=" " + make_membership.id_number(0).lower())
    (entry,) = entries(office)
    assert (entry.times, entry.fields["phone"]) == (2, "13800000002")


def test_who_cannot_apply_is_shown_to_the_officer_and_stays_when_ticked(office, poster):
    office.issue(5)
    fill(office, poster, 5)
    fill(office, poster, 6)
    holder, fresh = entries(office)
    assert holder.checked.codes == ("already_has_card",)
    assert take(office, holder.id, fresh.id).submitted == 1
    assert [entry.id for entry in entries(office)] == [holder.id]
    with pytest.raises(InvalidInput, match="roster_nothing_valid"):
        take(office, holder.id)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "name_missing"),
        ("name", "合计", None),
        ("name", "示例", None),
        ("name", "=1+1", "name_invalid"),
        ("id_type", "驾驶证", "id_type_unknown"),
        ("id_number", "123", "id_format"),
        ("id_number", make_membership.id_number(0)[:-1] + "0", "id_checksum"),
        ("phone", "12345", "phone_format"),
        ("employment", "退休", "employment_not_eligible"),
        ("consent", "", "consent_missing"),
    ],
)
def test_each_field_is_told_beside_itself(office, poster, field, value, code):
    if code is None:
        fill(office, poster, **{field: value})
        assert len(entries(office)) == 1
        return
    with pytest.raises(InvalidInput, match="fields_invalid") as raised:
        fill(office, poster, **{field: value})
    assert [(error.pointer, error.code) for error in raised.value.errors] == [(f"/{field}", code)]


def test_everything_missing_is_told_at_once(office, poster):
    with pytest.raises(InvalidInput) as raised:
        self_filled.fill_in(office.session, office.world, FillIn(poster.token, {}, "10.0.0.1"))
    assert {error.pointer for error in raised.value.errors} >= {
        "/name",
        "/id_type",
        "/phone",
        "/employment",
        "/consent",
    }


def test_a_member_a_stranger_a_holder_and_a_repeater_get_the_same_answer(office, poster, client):
    """The page's every byte, but the token of its form, is the same for all of them."""
    office.issue(3)
    make_membership.people(office.session, office.world, 1)
    seen = set()
    for serial in (0, 3, 77, 77):
        answer = client.post(f"/fill/{poster.token}", data=typed(serial) | {"_token": form_token(client)})
        thanks = client.get(answer.headers["Location"])
        seen.add((answer.status_code, answer.headers["Location"], thanks.status_code, thanks.data))
    assert len(seen) == 1
    assert len(entries(office)) == 3


def test_a_robot_that_fills_in_everything_is_thanked_and_kept_by_nobody(office, poster, client):
    data = typed() | {"website": "http://x", "_token": form_token(client)}
    assert client.post(f"/fill/{poster.token}", data=data).status_code == 303
    assert entries(office) == ()


def test_a_wrong_field_keeps_what_was_typed_and_leads_to_it(poster, client):
    data = typed(phone="1") | {"_token": form_token(client)}
    answer = client.post(f"/fill/{poster.token}", data=data)
    assert answer.status_code == 422
    assert 'href="#phone"' in answer.text
    assert 'value="周桂林"' in answer.text


def test_never_made_over_and_taken_down_look_the_same(office, session, world, clock, poster, client):
    def page(token):
        answer = client.get(f"/fill/{token}")
        return answer.status_code, answer.data.replace(token.encode(), b"")

    never = page("0" * 24)
    assert page(poster.token)[0] == 200
    self_filled.close_poster(session, world, office["U1"], poster.id)
    assert page(poster.token) == never
    again = self_filled.open_poster(session, world, OpenPoster(office["U1"], "B1", LAST_DAY))
    assert again.token != poster.token
    clock.advance(timedelta(days=40))
    assert page(again.token) == never
    with pytest.raises(NotFound, match="poster_closed"):
        fill(office, again)
    assert (
        self_filled.open_poster(session, world, OpenPoster(office["U1"], "B1", date(2027, 1, 31))).token != again.token
    )


def test_opening_again_lets_the_same_poster_hang_longer(office, session, world, poster):
    longer = self_filled.open_poster(session, world, OpenPoster(office["A1"], "B1", LAST_DAY + timedelta(days=20)))
    assert (longer.token, longer.closes_at - poster.closes_at) == (poster.token, timedelta(days=20))
    for wrong in (date(2026, 11, 20), date(2027, 6, 1)):
        with pytest.raises(InvalidInput, match="last_day_invalid"):
            self_filled.open_poster(session, world, OpenPoster(office["U1"], "B1", wrong))


def test_only_the_unit_itself_opens_sees_and_takes(office, session, world, poster):
    fill(office, poster)
    with pytest.raises(NotAllowed, match="out_of_scope"):
        self_filled.open_poster(session, world, OpenPoster(office["U2"], "B1", LAST_DAY))
    with pytest.raises(InvalidInput, match="not_a_unit"):
        self_filled.open_poster(session, world, OpenPoster(office["C1"], "C", LAST_DAY))
    for officer in ("U2", "D1u", "C1"):
        with pytest.raises(NotAllowed):
            entries(office, officer)
    (entry,) = entries(office)
    with pytest.raises(InvalidInput, match="nothing_chosen"):
        take(office, entry.id, officer="U2")


def test_floods_are_told_to_wait_and_nothing_is_lost(office, session, world, clock, poster):
    for serial in range(self_filled.PER_ADDRESS_AN_HOUR):
        fill(office, poster, serial)
    with pytest.raises(TooManyRequests) as raised:
        fill(office, poster, 900)
    assert raised.value.retry_after_seconds == 3600
    fill(office, poster, 901, address="10.0.0.2")
    clock.advance(timedelta(hours=1))
    fill(office, poster, 902)
    session.execute(text("update self_fill_poster set most = 62"))
    with pytest.raises(TooManyRequests):
        fill(office, poster, 903, address="10.0.0.3")


def test_put_aside_or_forgotten_what_was_typed_is_gone(office, session, world, clock, poster):
    fill(office, poster, 0)
    fill(office, poster, 1)
    first, _ = entries(office)
    command = TakeEntries(office["U1"], [first.id])
    assert self_filled.dismiss_entries(session, world, command) == 1
    assert self_filled.dismiss_entries(session, world, command) == 0
    clock.advance(self_filled.WAITS)
    assert self_filled.forget_old_entries(session, world) == 1
    assert session.scalar(text("select count(*) from self_fill_entry where fields is not null")) == 0


def test_what_was_typed_stands_nowhere_in_the_clear(office, session, poster):
    fill(office, poster, name="欧阳无痕")
    for row in session.scalars(text("select self_fill_entry::text from self_fill_entry")):
        assert not any(
            word.encode().hex() in row or word in row for word in ("欧阳无痕", make_membership.id_number(0), "10.0.0.1")
        )
