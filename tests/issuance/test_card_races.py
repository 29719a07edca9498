"""Races of cards with real commits: loss against activation, two tables scanning one person, digits used twice, and more.

Every race has a planted bug beside it that loses the race, so that a test that proves nothing would be noticed.
"""

import importlib
import time

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.models import Card, Handout
from cardnet.issuance.rules import HandoutKind, ReplacementReason, ScanOutcome
from cardnet.issuance.services import activation, letters, losing, rebinding, replacing
from cardnet.kernel.errors import CardnetError, Conflict
from tests.make import membership as make_membership
from tests.make.issuance import activate
from tests.make.racing import ROUNDS, TRIES, Desk

# The package of services has functions of the same names.
handouts = importlib.import_module("cardnet.issuance.services.handouts")
issuing = importlib.import_module("cardnet.issuance.services.issue")


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


def new_card(desk):
    """A card nobody has activated, and how its holder's document ends."""
    (serial,) = desk.next_serials(1)
    return desk.arrange(lambda office: office.issue(serial))[0], make_membership.id_number(serial)[-4:]


def codes_of(results):
    return [r.code for r in results if isinstance(r, CardnetError)]


# ---- loss against activation ----


def loss_against_activation(desk):
    card, last4 = new_card(desk)
    lost = services.ReportLoss(card.person_id, services.Lost.CARD, "激活单丢失", desk.office["U1"])
    _, activated = desk.at_once(
        lambda office: services.report_loss(office.session, office.world, lost),
        lambda office: activate(office.session, office.world, card, last4),
    )
    with desk.transaction() as session:
        view = services.card_of_number(session, card.number)
        live = session.scalar(
            text("select count(*) from binding where card_id = :c and state = 'live'"), {"c": card.card_id}
        )
    # Whoever came first: the card is suspended in the end, and no phone can pay with it.
    assert (view.state, live) == ("suspended", 0)
    if isinstance(activated, CardnetError):
        assert (activated.code, view.activated_at) == ("illegal_transition", None)
    else:
        assert view.activated_at is not None
    assert desk.breaches() == {}


def test_a_loss_reported_while_somebody_activates_always_wins(desk):
    for _ in range(ROUNDS):
        loss_against_activation(desk)


def test_planted_bug_reading_the_cards_without_their_locks_lets_a_finder_in(desk, monkeypatch):
    def unlocked(session, card_id):
        card = session.get(Card, card_id)
        time.sleep(0.3)
        return card

    monkeypatch.setattr(losing, "locked_card", unlocked)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            loss_against_activation(desk)


# ---- replacement against finding it again ----


def replaced_while_found(desk):
    card, last4 = new_card(desk)

    def lost(office):
        activate(office.session, office.world, card, last4)
        reported = services.ReportLoss(card.person_id, services.Lost.CARD, "遗失", office["U1"])
        services.report_loss(office.session, office.world, reported)

    desk.arrange(lost)
    results = desk.at_once(
        lambda o: services.replace_card(o.session, o.world, services.ReplaceCard(card.card_id, o["C1"], "遗失")),
        lambda o: services.resume_card(o.session, o.world, services.ChangeCard(card.card_id, "找到了", o["U1"])),
        lambda o: services.replace_card(o.session, o.world, services.ReplaceCard(card.card_id, o["C2"], "遗失")),
    )
    made = [r for r in results if isinstance(r, services.IssuedCard)]
    assert len(made) == 1
    assert set(codes_of(results)) == {"illegal_transition"}
    with desk.transaction() as session:
        states = sorted(view.state for view in services.cards_of_person(session, card.person_id))
    assert states == ["ordered", "replaced"]
    assert desk.breaches() == {}


def test_two_replacements_and_a_finder_at_once_make_one_new_card_and_no_second_life(desk):
    for _ in range(ROUNDS):
        replaced_while_found(desk)


# ---- applications for the place of a card ----


def applied_for_and_replaced(desk):
    """Two clerks of the unit apply, and a desk above replaces the card at that moment."""
    card, _ = new_card(desk)

    def applying(name):
        command = lambda o: services.ApplyForReplacement(card.card_id, ReplacementReason.LOST, "", o[name])  # noqa: E731
        return lambda o: services.apply_for_replacement(o.session, o.world, command(o))

    results = desk.at_once(
        applying("U1"),
        applying("A1"),
        lambda o: services.replace_card(o.session, o.world, services.ReplaceCard(card.card_id, o["C1"], "到场")),
    )
    assert len([r for r in results if isinstance(r, services.IssuedCard)]) == 1
    assert set(codes_of(results)) <= {"application_open", "illegal_transition", "already_renewed"}
    with desk.transaction() as session:
        open_now = services.open_application_of(session, card.card_id)
        views = services.cards_of_person(session, card.person_id)
    assert open_now is None and sorted(view.state for view in views) == ["ordered", "replaced"]
    assert desk.breaches() == {}


def test_two_clerks_who_apply_while_a_desk_replaces_make_one_card_and_leave_nothing_open(desk):
    for _ in range(ROUNDS):
        applied_for_and_replaced(desk)


def test_planted_bug_a_desk_that_forgets_the_application_leaves_it_open(desk, monkeypatch):
    monkeypatch.setattr(replacing, "end_open", lambda *_: 0)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            applied_for_and_replaced(desk)


def issued_and_replaced(desk):
    """The application is approved; two issuers and a desk make the new card at once."""
    card, _ = new_card(desk)

    def approved(office):
        command = services.ApplyForReplacement(card.card_id, ReplacementReason.DAMAGED, "", office["U1"])
        batch = services.apply_for_replacement(office.session, office.world, command).batch_id
        office.approve_all_the_way(batch)
        return batch

    batch = desk.arrange(approved)
    issue = lambda o: services.issue_cards(o.session, o.world, services.IssueCards(batch, o["C1"]))  # noqa: E731
    results = desk.at_once(
        issue,
        issue,
        lambda o: (services.replace_card(o.session, o.world, services.ReplaceCard(card.card_id, o["C2"], "到场")),),
    )
    # One makes the card, and the other two are told why they do not: nobody issues nothing.
    refused = [error for error in results if isinstance(error, Conflict)]
    assert {error.code for error in refused} <= {"nothing_to_issue", "illegal_transition"}
    assert sorted(len(made) for made in results if isinstance(made, tuple)) == [1] and len(refused) == 2
    with desk.transaction() as session:
        views = services.cards_of_person(session, card.person_id)
        assert services.open_application_of(session, card.card_id) is None
    assert sorted(view.state for view in views) == ["ordered", "replaced"]
    assert desk.breaches() == {}


def test_two_issuers_and_a_desk_at_once_make_one_new_card(desk):
    for _ in range(ROUNDS):
        issued_and_replaced(desk)


def test_planted_bug_issuers_who_do_not_hold_the_applications_issue_nothing(desk, monkeypatch):
    held = str(issuing._APPROVED)
    loose = held.replace("for no key update of a", "").replace(
        "from application a", "from application a, pg_sleep(0.3)"
    )
    assert len({held, held.replace("for no key update of a", ""), loose}) == 3
    monkeypatch.setattr(issuing, "_APPROVED", text(loose))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            issued_and_replaced(desk)


# ---- two tables ----


def two_tables(desk):
    card, _ = new_card(desk)

    def opened(office):
        command = services.OpenHandout(office["U1"], HandoutKind.CARD, "发卡")
        return services.open_handout(office.session, office.world, command)

    handout = desk.arrange(opened)
    scans = desk.at_once(
        *(
            lambda o, who=name: services.sign_by_scan(
                o.session, o.world, services.Scan(o[who], handout.id, card.number)
            )
            for name in ("U1", "A1", "D1u", "C1")
        )
    )
    outcomes = sorted(str(one.outcome) for one in scans)
    assert outcomes == [str(ScanOutcome.SIGNED), *[str(ScanOutcome.SIGNED_BEFORE)] * 3]
    with desk.transaction() as session:
        receipts = session.scalar(
            text("select count(*) from card_event where card_id = :c and action = 'deliver'"), {"c": card.card_id}
        )
    assert receipts == 1
    assert desk.breaches() == {}


def test_four_tables_scanning_one_person_record_one_receipt(desk):
    for _ in range(ROUNDS):
        two_tables(desk)


def test_planted_bug_signing_without_looking_again_signs_twice(desk, monkeypatch):
    naive = str(handouts._SIGN).replace("and signed_at is null", "").replace("for no key update", "")
    naive = naive.replace("from mine where", "from mine, pg_sleep(0.2) where")
    assert naive != str(handouts._SIGN)
    handable = str(handouts._HANDABLE).replace("and l.signed_at is null", "").replace("for no key update of c", "")
    monkeypatch.setattr(handouts, "_SIGN", text(naive))
    monkeypatch.setattr(handouts, "_HANDABLE", text(handable))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_tables(desk)


def closing_while_signing(desk):
    cards = [new_card(desk)[0] for _ in range(3)]

    def opened(office):
        command = services.OpenHandout(office["U1"], HandoutKind.CARD, "发卡")
        return services.open_handout(office.session, office.world, command)

    handout = desk.arrange(opened)
    results = desk.at_once(
        lambda o: services.close_handout(o.session, o.world, o["U1"], handout.id),
        *(lambda o, c=card: services.sign_by_scan(o.session, o.world, services.Scan(o["A1"], handout.id, c.number)) for card in cards),
    )  # fmt: skip
    closed, scans = results[0], results[1:]
    assert not isinstance(closed, Exception)
    signed = [one for one in scans if not isinstance(one, Exception)]
    assert {error.code for error in scans if isinstance(error, CardnetError)} <= {"handout_closed"}
    with desk.transaction() as session:
        view = services.handout_of(session, desk.office["U1"], handout.id)
    # What the closing officer was told is what stands.
    assert (closed.signed, view.signed) == (len(signed), len(signed))
    assert desk.breaches() == {}


def test_nothing_is_signed_after_the_closing_officer_was_told_the_count(desk):
    for _ in range(ROUNDS):
        closing_while_signing(desk)


def test_planted_bug_a_table_that_only_looks_whether_it_is_open_signs_after_the_closing(desk, monkeypatch):
    def unheld(session, _officer, handout_id, *, closing=False):
        if closing:
            time.sleep(0.1)
        handout = session.get(Handout, handout_id)
        if handout.closed_at is not None:
            raise Conflict("handout_closed", "这次发放已经结束。")
        if not closing:
            time.sleep(0.4)
        return handout

    monkeypatch.setattr(handouts, "_open_one", unheld)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            closing_while_signing(desk)


# ---- six digits ----


def digits_twice(desk):
    card, last4 = new_card(desk)

    def given(office):
        activate(office.session, office.world, card, last4)
        command = services.GiveRebindCode(card.card_id, office["U1"])
        return services.give_rebind_code(office.session, office.world, command).code

    code = desk.arrange(given)
    coded = services.IssuedCard(card.card_id, card.number, code, card.person_id, card.union_id, None, card.valid_to)
    results = desk.at_once(*[lambda o: activate(o.session, o.world, coded, last4)] * 3)
    bound = [r for r in results if isinstance(r, services.Activation)]
    assert len(bound) == 1
    assert {r.code for r in results if isinstance(r, services.ActivationRefused)} == {"activation_locked"}
    assert desk.breaches() == {}


def test_six_digits_used_by_three_phones_at_once_bind_one(desk):
    for _ in range(ROUNDS):
        digits_twice(desk)


def test_planted_bug_digits_that_are_not_used_up_bind_three_phones(desk, monkeypatch):
    real = rebinding.try_rebind_code

    def reusable(session, card, code, at, *, id_right, same_phone):
        return real(session, card, code, at, id_right=id_right, same_phone=True)

    monkeypatch.setattr(activation, "try_rebind_code", reusable)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            digits_twice(desk)


# ---- letters ----


def letters_at_once(desk):
    cards = [new_card(desk) for _ in range(3)]
    numbers = tuple(card.number for card, _ in cards)
    command = lambda office: services.MakeLetters(office["U1"], numbers=numbers)  # noqa: E731
    made = desk.at_once(*[lambda o: services.make_letters(o.session, o.world, command(o))] * 3)
    assert [m for m in made if isinstance(m, Exception)] == []

    def count_working(office):
        working = 0
        for batch in made:
            for letter in batch:
                last4 = next(ends for card, ends in cards if card.number == letter.number)
                coded = services.IssuedCard(
                    letter.card_id, letter.number, letter.code, letter.card_id, letter.union_id, None, letter.valid_to
                )
                try:
                    done = activate(office.session, office.world, coded, last4)
                except Conflict:
                    # Right code, but the card came into use by it already.
                    continue
                working += isinstance(done, services.Activation)
        return working

    assert desk.arrange(count_working) == len(cards)
    assert desk.breaches() == {}


def test_of_letters_made_three_times_at_once_one_set_works(desk):
    for _ in range(ROUNDS):
        letters_at_once(desk)


def test_planted_bug_numbering_a_cards_history_without_its_lock_breaks_it(desk, monkeypatch):
    blind = str(letters._TO_ACTIVATE).replace("for no key update of c", "")
    stale = (
        str(letters._WRITE)
        .replace("set events = c.events + 1", "set events = 2")
        .replace("from coded where", "from coded, pg_sleep(0.2) where")
    )
    assert stale != str(letters._WRITE)
    monkeypatch.setattr(letters, "_TO_ACTIVATE", text(blind))
    monkeypatch.setattr(letters, "_WRITE", text(stale))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            letters_at_once(desk)


# ---- guesses sent together ----


def refused_of_guesses_at_once(desk, monkeypatch):
    """How many of sixteen wrong reports of one address were heard; each takes its time to be written down."""
    real = losing.audit.record

    def slow(*given):
        time.sleep(0.02)
        real(*given)

    monkeypatch.setattr(losing.audit, "record", slow)
    guess = services.ReportLossByDocument("无此人", "310101199001011234", "192.0.2.7")
    results = desk.at_once(*[lambda office: services.report_loss_by_document(office.session, office.world, guess)] * 16)
    assert set(codes_of(results)) <= {"too_many_tries"}
    return results.count(None)


def test_guesses_sent_together_are_counted_one_after_the_other(desk, monkeypatch):
    assert refused_of_guesses_at_once(desk, monkeypatch) == losing.TRIES_AN_HOUR


def test_guesses_that_are_counted_side_by_side_are_caught(desk, monkeypatch):
    monkeypatch.setattr("cardnet.kernel.audit._one_at_a_time", lambda *_: None)
    assert refused_of_guesses_at_once(desk, monkeypatch) > losing.TRIES_AN_HOUR
