"""Records held for review: the evidence, four eyes, who bears it, and what they raise closed by name."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.benefits import services
from cardnet.benefits.invariants import INVARIANTS
from cardnet.benefits.services import advice_reviews
from cardnet.credential import store
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import KeyUse, shard_of
from cardnet.credential.signing import sign_credential
from cardnet.credential.store import RevokeKey, revoke_key, signing_key
from cardnet.credential.verify import normalise, read
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import CardnetError
from tests.make.issuance import breaches, make_officer, print_cards
from tests.make.membership import id_number
from tests.make.offline import EVENING, MORNING, results, send, sound
from tests.make.redemptions import new_key

LATE = EVENING + timedelta(hours=80)


@pytest.fixture
def finance(shop):
    """A maker, two checkers, and a maker who checks as well."""
    unit = shop.office.unions["C"]
    roles = {
        "maker": (Role.FINANCE_MAKER,),
        "checker": (Role.FINANCE_CHECKER,),
        "both": (Role.FINANCE_MAKER, Role.FINANCE_CHECKER),
        "auditor": (Role.AUDITOR,),
    }
    return {name: make_officer(shop.session, shop.world, unit, name, *held) for name, held in roles.items()}


@pytest.fixture
def desk(shop, finance):
    """The services by short names, as somebody."""

    class Desk:
        def held(self):
            return services.held_advices(shop.session)

        def evidence(self, advice_id):
            return services.advice_evidence(shop.session, shop.world, advice_id)

        def accept(self, advice_id, who="maker", reason="终端断电后时钟错，会员当面确认"):
            command = services.ProposeAcceptance(advice_id, finance[who], reason)
            return services.propose_acceptance(shop.session, shop.world, command)

        def refuse(self, advice_id, who="maker", reason="会员没有来过"):
            return services.refuse_advice(
                shop.session, shop.world, services.RefuseAdvice(advice_id, finance[who], reason)
            )

        def confirm(self, advice_id, who="checker"):
            return services.confirm_acceptance(
                shop.session, shop.world, services.ConfirmAcceptance(advice_id, finance[who])
            )

        def decline(self, advice_id, who="checker", words="请先问会员"):
            return services.decline_acceptance(
                shop.session, shop.world, services.DeclineAcceptance(advice_id, finance[who], words)
            )

    return Desk()


def refused(act) -> str:
    with pytest.raises(CardnetError) as caught:
        act()
    return caught.value.code


def broken(shop) -> set[str]:
    return {name for name, (_, query) in INVARIANTS.items() if shop.session.execute(text(query)).all()}


def held_late(shop, client, clock, made) -> None:
    clock.set(LATE)
    assert results(send(shop, client, made)) == [("held_for_review", "late_submission")]


def test_what_two_people_accept_is_captured_as_of_then_and_booked_today(shop, client, clock, record, desk):
    made = record(list_issued_at="2026-11-20T21:30:00+08:00")
    held_late(shop, client, clock, made)
    (one,) = desk.held()
    assert (one.merchant_ref, one.code, one.given_fen, one.amount_fen) == ("OFF-41", "late_submission", 10_000, 18_000)
    seen = desk.evidence(one.id)
    assert (seen.as_told.outcome, seen.list_age, seen.late) == (None, timedelta(minutes=40), timedelta(hours=80))
    assert (seen.if_accepted.outcome, seen.if_accepted.fen, seen.if_accepted.bearer) == ("captured", 10_000, "program")
    # Looking costs nothing: what was tried is undone.
    assert (shop.count("redemption"), shop.pool_left()) == (0, 50_000_000)
    desk.accept(one.id)
    assert shop.count("redemption") == 0
    done = desk.confirm(one.id)
    row = shop.session.execute(text("select state, event_at, business_date, captured_fen from redemption")).one()
    assert (row.state, row.event_at, str(row.business_date), row.captured_fen) == (
        "captured", EVENING, "2026-11-24", 10_000,
    )  # fmt: skip
    assert desk.held() == []
    assert shop.pool_left() == 49_990_000
    # The till sends it once more and hears what became of it.
    again = send(shop, client, made).json["results"][0]
    assert (again["outcome"], again["first_redemption_id"]) == ("duplicate", str(done.redemption_id))
    assert again["first"]["outcome"] == "captured"
    sound(shop)
    assert breaches(shop.session) == {}


def test_the_maker_cannot_agree_with_himself_and_only_finance_decides(shop, client, clock, record, desk):
    held_late(shop, client, clock, record())
    (one,) = desk.held()
    assert refused(lambda: desk.accept(one.id, "checker")) == "role_missing"
    assert refused(lambda: desk.accept(one.id, reason="  ")) == "reason_missing"
    desk.accept(one.id, "both")
    assert refused(lambda: desk.confirm(one.id, "both")) == "four_eyes"
    assert refused(lambda: desk.confirm(one.id, "maker")) == "role_missing"
    assert refused(lambda: desk.accept(one.id)) == "advice_decided"
    assert refused(lambda: desk.refuse(one.id)) == "advice_decided"
    desk.confirm(one.id)
    assert refused(lambda: desk.confirm(one.id)) == "advice_decided"
    assert shop.count("redemption where state = 'captured'") == 1


def test_a_declined_proposal_waits_again_and_stays_on_record(shop, client, clock, record, desk):
    held_late(shop, client, clock, record())
    (one,) = desk.held()
    desk.accept(one.id)
    desk.decline(one.id)
    assert [held.review for held in desk.held()] == [None]
    desk.refuse(one.id)
    assert desk.held() == []
    assert [(review.kind, review.state) for review in desk.evidence(one.id).reviews] == [
        ("refuse", "done"),
        ("accept", "declined"),
    ]
    assert shop.count("redemption") == 0
    assert [held.id for held in services.held_advices(shop.session, waiting=False)] == [one.id]
    sound(shop)


def test_a_clock_that_was_out_is_corrected_by_what_the_server_measured(shop, client, clock, record, desk, world):
    """The till was an hour fast: the code was signed when it really happened, which is what it is judged as of."""
    really = EVENING
    told = (really + timedelta(hours=1)).astimezone(EVENING.tzinfo).isoformat()
    made = record(occurred_at=told)
    clock.set(MORNING)
    sent_at = (MORNING + timedelta(hours=1)).isoformat()
    assert results(send(shop, client, made, sent_at=sent_at)) == [("held_for_review", "clock_error")]
    (one,) = desk.held()
    seen = desk.evidence(one.id)
    assert (seen.clock_off_seconds, seen.as_told.outcome, seen.corrected.outcome) == (3_600, "stale_proof", None)
    desk.accept(one.id)
    desk.confirm(one.id)
    assert shop.session.scalar(text("select event_at from redemption")) == really
    sound(shop)


def test_a_code_that_was_good_at_neither_time_can_only_be_refused(shop, client, clock, record, desk):
    made = record(occurred_at="2026-11-20T23:30:00+08:00", clock_offset_seconds=300)
    clock.set(MORNING)
    send(shop, client, made)
    (one,) = desk.held()
    seen = desk.evidence(one.id)
    assert (seen.if_accepted.fen, seen.if_accepted.bearer, seen.if_accepted.code) == (0, "merchant", "stale_proof")
    assert refused(lambda: desk.accept(one.id)) == "advice_not_good"
    desk.refuse(one.id)


def test_what_was_used_up_meanwhile_is_borne_by_the_union_and_raises_an_exception(
    shop, client, clock, record, desk, finance
):
    made = record(person=0)
    clock.set(LATE)
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    assert results(send(shop, client, made)) == [("held_for_review", "late_submission")]
    (one,) = desk.held()
    assert desk.evidence(one.id).if_accepted.bearer == "union"
    desk.accept(one.id)
    desk.confirm(one.id)
    (exception,) = services.advice_exceptions(shop.session)
    assert (exception.code, exception.why, exception.fen) == ("E11", "limit_count", 10_000)
    sound(shop)
    assert breaches(shop.session) == {}
    close = services.CloseAdviceException(exception.id, finance["maker"], "按规则由工会承担")
    assert refused(
        lambda: services.close_advice_exception(
            shop.session, shop.world, services.CloseAdviceException(exception.id, finance["auditor"], "看过")
        )
    ) == "role_missing"  # fmt: skip
    done = services.close_advice_exception(shop.session, shop.world, close)
    assert (done.closed_by, done.closing_words) == (finance["maker"].account_id, "按规则由工会承担")
    assert refused(lambda: services.close_advice_exception(shop.session, shop.world, close)) == "exception_closed"
    assert services.advice_exceptions(shop.session) == []
    assert [x.id for x in services.advice_exceptions(shop.session, closed=True)] == [exception.id]
    sound(shop)


def test_a_gap_that_was_given_up_does_not_open_again_and_one_that_is_filled_closes(
    shop, client, clock, record, finance
):
    made = {seq: record(seq=seq) for seq in (41, 44, 45, 46)}
    clock.set(MORNING)
    send(shop, client, made[41], made[44])
    (gap,) = services.advice_exceptions(shop.session)
    close = services.CloseAdviceException(gap.id, finance["maker"], "终端换了主板，两条找不回来")
    services.close_advice_exception(shop.session, shop.world, close)
    assert send(shop, client, made[44], made[45], key=new_key()).json["missing"] == [{"first_seq": 42, "last_seq": 43}]
    assert services.advice_exceptions(shop.session) == []
    sound(shop)


def test_two_records_of_one_number_are_a_fork_noted_once(shop, client, clock, record):
    first, other = record(seq=41), record(seq=41, merchant_ref="OFF-41-b")
    clock.set(MORNING)
    send(shop, client, first)
    for _ in range(2):
        send(shop, client, other, key=new_key())
    assert [(one.code, one.why, one.first_seq) for one in services.advice_exceptions(shop.session)] == [
        ("E12", "fork", 41)
    ]
    sound(shop)


def test_a_key_revoked_after_the_sale_still_counted_at_the_sale(shop, client, clock, record, world):
    """card-credential.md section 6: judged as of scan time. What is scanned after the revocation is refused."""
    before = record(person=0)
    clock.advance(timedelta(minutes=30))
    revoke_key(shop.session, world, RevokeKey(read(normalise(before["code"])).credential.kid, None, "被盗"))
    clock.advance(timedelta(minutes=30))
    after = record(person=0)
    clock.set(MORNING)
    assert results(send(shop, client, before, after)) == [("captured", None), ("refused_advice", "revoked_key")]
    sound(shop)


def test_a_stolen_card_key_dated_back_is_found_by_the_phone_it_does_not_have(shop, client, clock, record, world):
    """A thief's credential under the stolen key, with a phone of the thief's, for a member's index: `not_issued`."""
    made = record(person=0)
    code = read(normalise(made["code"]))
    thief = DeviceKey.make(world)
    stolen = signing_key(shop.session, world, KeyUse.CARD, shard_of(shop.phones[0].index))
    made["code"] = thief.code(sign_credential(stolen, replace(code.credential.claims, device_key=thief.public)), world)
    clock.advance(timedelta(minutes=30))
    revoke_key(shop.session, world, RevokeKey(code.credential.kid, None, "被盗"))
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [("refused_advice", "not_issued")]


@pytest.fixture
def paper(shop, clock):
    """The text of a printed card that was handed out, and its holder's last four."""
    shop.office.session, shop.office.world = shop.session, shop.world
    (card,) = shop.office.issue(70)
    issuance.hand_out_cards(shop.session, shop.world, issuance.HandOutCards(shop.office["C1"], numbers=(card.number,)))
    return print_cards(shop.office, card.number)[0].code_text, id_number(70)[-4:]


def small(record, paper, **more):
    """A printed card's sale below the floor of paper (10 yuan)."""
    return record(900, person=0, code=paper[0], decision=None, **more)


def test_paper_under_a_key_revoked_after_the_sale_waits_for_a_person(shop, client, clock, record, paper, desk, world):
    made = small(record, paper, id_last4=paper[1])
    clock.advance(timedelta(minutes=30))
    for (kid,) in shop.session.execute(
        text("select kid from issuer_key where use = 'print' and print_run_id is not null")
    ).all():
        revoke_key(shop.session, world, RevokeKey(bytes(kid), None, "丢失"))
    clock.set(MORNING)
    assert results(send(shop, client, made)) == [("held_for_review", "revoked_key")]
    (one,) = desk.held()
    seen = desk.evidence(one.id)
    assert (seen.assurance, seen.confirmed, seen.if_accepted.fen) == ("printed", True, 900)
    desk.accept(one.id)
    desk.confirm(one.id)
    assert shop.count("redemption where state = 'captured' and assurance = 'printed'") == 1
    sound(shop)


@pytest.mark.parametrize("measured", [True, False])
def test_paper_told_from_the_future_is_judged_by_the_corrected_clock_or_not_at_all(
    shop, client, clock, record, paper, desk, measured
):
    """A till two days fast: paper carries no time of its own and would be good in any future."""
    fast = timedelta(days=2)
    told = (EVENING + fast).isoformat()
    made = small(record, paper, id_last4=paper[1], occurred_at=told)
    clock.set(MORNING)
    sent = {"sent_at": (MORNING + fast).isoformat()} if measured else {}
    assert results(send(shop, client, made, **sent)) == [("held_for_review", "clock_error")]
    (one,) = desk.held()
    seen = desk.evidence(one.id).if_accepted
    if not measured:
        assert (seen.code, seen.fen, refused(lambda: desk.accept(one.id))) == ("clock_error", 0, "advice_not_good")
        return
    desk.accept(one.id)
    desk.confirm(one.id)
    assert shop.session.execute(text("select event_at, day from redemption r join printed_day d on d.redemption_id = r.id")).one() == (
        EVENING, EVENING.date(),
    )  # fmt: skip
    sound(shop)


def test_a_day_of_service_that_is_still_to_come_hides_no_record_from_its_judges(shop, client, clock, record, desk):
    """The till was a day and more fast: the page of the record must open, and offer to refuse it."""
    tomorrow = {"amount_fen": 18_000, "service_code": "health_check", "service_on": "2026-11-22"}
    made = record(purchase=tomorrow)
    clock.set(MORNING)
    sent_at = (MORNING + timedelta(days=1)).isoformat()
    assert results(send(shop, client, made, sent_at=sent_at)) == [("held_for_review", "clock_error")]
    (one,) = desk.held()
    assert (desk.evidence(one.id).if_accepted.fen, refused(lambda: desk.accept(one.id))) == (0, "advice_not_good")


def test_a_record_is_judged_by_the_limits_a_till_could_know_when_it_happened(
    shop, client, clock, record, desk, finance
):
    held_late(shop, client, clock, record())
    lower = store.ProposeLimits(
        replace(store.OfflineLimits(), given_fen=5_000), "云工〔2026〕30号", finance["maker"].account_id
    )
    proposed = store.propose_limits(shop.session, shop.world, lower)
    decision = store.DecideLimits(proposed.id, True, "同意", finance["checker"].account_id)
    store.decide_limits(shop.session, shop.world, decision)
    (one,) = desk.held()
    assert (desk.evidence(one.id).if_accepted.outcome, desk.evidence(one.id).if_accepted.fen) == ("captured", 10_000)
    desk.accept(one.id)
    assert desk.confirm(one.id).outcome == "captured"


def test_guessed_last_fours_count_on_the_day_they_come_however_old_the_sale(shop, client, clock, record, paper):
    """Three days back there were fifteen more guesses: the planted bug was the code itself."""
    old = []
    for days in range(3):
        clock.set(EVENING + timedelta(days=days))
        old += [small(record, paper, id_last4=f"{n}{days}XX"[:4].replace("X", str(n))) for n in range(4)]
    clock.set(EVENING + timedelta(days=2, hours=12))
    found = [results(send(shop, client, one, key=new_key()))[0] for one in old]
    assert {code for _, code in found} == {"confirm_required"}
    wrong = shop.session.execute(text("select day::text, wrong from printed_day where wrong > 0")).all()
    assert [tuple(row) for row in wrong] == [("2026-11-23", 5)]
    # And the right ones do not help any more today, at whatever day's sale.
    right = small(record, paper, id_last4=paper[1], occurred_at="2026-11-22T22:00:00+08:00")
    assert results(send(shop, client, right)) == [("refused_advice", "confirm_required")]


def test_the_audit_finds_an_accepted_record_without_its_redemption(shop, client, clock, record, desk):
    """The planted bug: the review says done, and the redemption is somebody else's."""
    held_late(shop, client, clock, record())
    (one,) = desk.held()
    desk.accept(one.id)
    desk.confirm(one.id)
    shop.session.execute(text("update redemption set merchant_ref = 'other'"))
    assert "A1" in broken(shop)


def test_the_audit_finds_a_gap_nobody_noted(shop, client, clock, record, monkeypatch):
    """The planted bug: gaps are computed and not written down."""
    monkeypatch.setattr("cardnet.benefits.services.note_gaps", lambda *_a: [])
    made = record(seq=41), record(seq=43)
    clock.set(MORNING)
    send(shop, client, *made)
    assert "A2" in broken(shop)


def test_a_review_that_forgets_the_other_pair_of_eyes_is_stopped_by_the_database(
    shop, client, clock, record, desk, monkeypatch
):
    """The planted bug: the service does not look. The CHECK does."""
    held_late(shop, client, clock, record())
    (one,) = desk.held()
    desk.accept(one.id, "both")
    monkeypatch.setattr(advice_reviews, "_other_eyes", lambda *_a: None)
    with pytest.raises(Exception, match="four_eyes"):
        desk.confirm(one.id, "both")


def undo(shop, client, merchant_ref, key=None):
    body = {"advice_merchant_ref": merchant_ref, "reason": "cashier"}
    return shop.post(client, "/reversals", body, key or new_key())


def test_what_the_till_undid_is_accepted_by_nobody_however_far_people_have_come(shop, client, clock, record, desk):
    made = [record(), record(), record()]
    clock.set(LATE)
    send(shop, client, *made)
    fresh, proposed, accepted = desk.held()
    desk.accept(proposed.id)
    desk.accept(accepted.id)
    done = desk.confirm(accepted.id)
    answers = [undo(shop, client, one.merchant_ref) for one in (fresh, proposed, accepted, fresh)]
    assert [(one.status_code, one.json["outcome"], one.json["redemption_id"]) for one in answers] == [
        (200, "withdrawn", None),
        (200, "withdrawn", None),
        (200, "reversed", str(done.redemption_id)),
        (200, "withdrawn", None),
    ]
    for one in (fresh, proposed):
        for act in (desk.accept, desk.refuse, desk.confirm, desk.decline):
            assert refused(lambda act=act, one=one: act(one.id)) == "advice_decided"
    assert desk.held() == []
    seen = desk.evidence(proposed.id)
    assert [(one.kind, one.state, one.maker_id is None) for one in seen.reviews] == [
        ("withdraw", "done", True),
        ("accept", "declined", False),
    ]
    assert seen.if_accepted is None
    # The till sends it again and hears that it stands undone.
    again = send(shop, client, made[0]).json["results"][0]
    assert (again["outcome"], again["first"]["outcome"], again["first"]["code"]) == (
        "duplicate", "refused_advice", "withdrawn",
    )  # fmt: skip
    assert shop.pool_left() == 50_000_000
    sound(shop)
    assert broken(shop) == set()


def test_undoing_by_number_finds_what_was_captured_and_nothing_else(shop, client, clock, record, desk):
    good, beyond = record(), record(25_000)
    send(shop, client, good, beyond)
    assert undo(shop, client, "OFF-41").json["outcome"] == "reversed"
    assert undo(shop, client, "OFF-42").json["outcome"] == "nothing_to_reverse"
    unknown = undo(shop, client, "OFF-43")
    assert (unknown.status_code, unknown.json["code"]) == (404, "not_found")
    both = shop.post(client, "/reversals", {"advice_merchant_ref": "OFF-41", "redemption_id": str(uuid.uuid4())})
    assert both.status_code == 422
    assert shop.pool_left() == 50_000_000
