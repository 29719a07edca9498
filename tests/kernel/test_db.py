from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from cardnet.kernel import audit
from cardnet.kernel.db import transaction


def test_the_audit_trail_can_be_written_but_not_changed(session, world):
    audit.record(session, world, audit.Act("card.issue", "card", "1"))
    session.flush()
    assert session.scalar(select(audit.AuditEvent.at)) == datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text("update audit_event set action = 'x'"))


def test_the_trigger_stops_even_the_owner(fresh_database):
    import psycopg

    with psycopg.connect(fresh_database) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("delete from audit_event")


def test_a_transaction_inside_another_is_refused(app):
    with app.app_context(), transaction(), pytest.raises(RuntimeError, match="already open"), transaction():
        pass
