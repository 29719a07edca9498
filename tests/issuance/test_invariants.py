"""Each invariant of quota and cards finds what it is there for: a planted breach each, on real rows."""

import psycopg
import pytest

from cardnet.issuance import services
from cardnet.issuance.invariants import INVARIANTS
from cardnet.issuance.rules import HandoutKind
from cardnet.kernel.db import transaction
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office, print_cards

TAMPERED = [
    ("Q1", "alter table quota_node drop constraint ck_quota_node_bounds; update quota_node set used = used + 1000 where used > 0"),
    ("Q1", "alter table quota_node drop constraint ck_quota_node_signs; update quota_node set held = -1 where held = 0"),
    ("Q2", "update quota_node set received = received + 1 where parent_id is null"),
    ("Q2", "update quota_node set received = received + 1 where used > 0"),
    ("Q3", "update quota_node set passed_down = passed_down - 1 where parent_id is null"),
    ("Q4", "update quota_node set used = used + 1, held = held - 1 where held > 0"),
    ("Q4", "update application set quota_node_id = null where state = 'issued'"),
    ("Q4", "update card set quota_year = quota_year - 1 where quota_year is not null"),
    ("Q5", "update application set quota_node_id = null where state = 'submitted'"),
    ("Q5", "update application set state = 'withdrawn', review_path = null where state = 'submitted'"),
    ("Q5", "update quota_node set held = held - 1 where held > 0"),
    ("Q6", "update quota_node set received = received + 3 where held > 0"),
    ("Q2", "alter table quota_entry disable trigger quota_entry_append_only; delete from quota_entry where kind = 'grant'"),
    ("Q5", "alter table application drop constraint ck_application_offer; update application set offer_until = null where offer_until is not null"),
    ("Q5", "update quota_node set kind = 'recuperation' where held > 0"),
    ("Q6", "update quota_year set state = 'closed'"),
    ("Q7", "update quota_node set received = received + 1, passed_down = passed_down + 1 where parent_id is null"),
    ("Q7", "insert into quota_entry (id, node_id, kind, held, at) select gen_random_uuid(), id, 'hold', 1, now() from quota_node limit 1"),
    ("K1", "alter table card drop constraint ex_card_one_usable; update card set state = 'active' where state = 'replaced'"),
    ("K2", "update card set replaces_id = null where replaces_id is not null"),
    ("K2", "update card set person_id = (select id from person p where p.id <> card.person_id limit 1), state = 'cancelled' where replaces_id is not null"),
    ("K3", "update card set quota_year = 2026 where replaces_id is not null"),
    ("K4", "drop index uq_binding_live; update binding set state = 'live' where state = 'revoked'"),
    ("K4", "update card_status set status = 0 where status = 1"),
    ("K4", "insert into card_status (card_index, status, changed_at) select card_index, 2, now() from binding where state = 'live' limit 1"),
    ("K5", "update card set valid_to = valid_to - 1 where replaces_id is not null"),
    ("K6", "alter table card drop constraint ck_card_activated; update card set activated_channel = null where state = 'active'"),
    ("K6", "update binding set print_run_id = null where print_run_id is not null"),
    ("K7", "update card set delivered_at = null where delivered_at is not null"),
    ("K8", "insert into notice (id, kind, person_id, union_id, subject_id, words, way, state, reason, day, created_at) "
           "select gen_random_uuid(), 'card_issued', person_id, union_id, id, '', 'paper', 'waiting', 'chosen', current_date, "
           "activated_at - interval '1 hour' from card where activated_at is not null"),
    ("K9", "update application set replaces_card_id = (select id from card limit 1) where kind = 'new' and state = 'issued'"),
    ("R1", "update batch set rows = rows + 1"),
    ("V1", "insert into application_event (application_id, seq, at, action, from_state, to_state, review_path, round, actor_id) "
           "select application_id, 90, now(), 'pass_on', 'in_review', 'in_review', '/C/', 1, actor_id from application_event where action = 'pass_on' and review_path = '/C/D1/B1/'"),
    ("V2", "update application set hold_until = now() where state = 'submitted'"),
    ("V2", "update application set escalated_at = now() where state = 'issued'"),
    ("H1", "update application set state = 'rejected', quota_node_id = null, review_path = null where state = 'submitted'"),
    ("H1", "update card set events = events + 1"),
]  # fmt: skip


@pytest.fixture
def lived_in(committing_app, world, fresh_database):
    """A database in which everything happened once: cards issued, activated, replaced; rows in review and waiting."""
    with committing_app.app_context(), transaction() as session:
        office = make_office(session, world)
        card, other = office.issue(0, 1)
        last4 = make_membership.id_number(0)[-4:]
        activate(session, world, card, last4)
        activate(
            session,
            world,
            services.replace_card(session, world, services.ReplaceCard(card.card_id, office["C1"], "遗失")),
            last4,
        )
        print_cards(office, other.number)
        handout = services.open_handout(session, world, services.OpenHandout(office["U1"], HandoutKind.CARD, "发卡"))
        services.sign_by_scan(session, world, services.Scan(office["U1"], handout.id, other.number))
        office.give_unit("B1", 1)
        office.submit(office.roster(5, 6, 7))
        # Row 6 gets an offer, row 7 goes on waiting.
        office.give_unit("B1", 1)
    return fresh_database


def breached(connection):
    return {code for code, (_, sql) in INVARIANTS.items() if connection.execute(sql).fetchone()}


def test_every_invariant_holds_and_finds_its_planted_breach(lived_in):
    with psycopg.connect(lived_in) as connection:
        assert breached(connection) == set()
        assert {code for code, _ in TAMPERED} == set(INVARIANTS)
        for code, tampering in TAMPERED:
            for statement in tampering.split("; "):
                assert connection.execute(statement).rowcount != 0, tampering
            assert code in breached(connection), tampering
            connection.rollback()
