"""Many at once, with real commits: an app on a database of its own and acts that start together."""

import os
import threading

from cardnet.kernel.db import transaction
from tests.make.issuance import Office, breaches, make_office

ROUNDS = int(os.environ.get("CARDNET_ROUNDS", "5"))
"""How often a race is run; 200 in the long programme (T3)."""

TRIES = 30
"""How often a race with a planted bug is run until the bug shows: usually once, but a machine may stand still when the
two should meet."""


class Desk:
    """An app whose transactions commit, with the scenario's office in it."""

    def __init__(self, app, world):
        self.app, self.world = app, world
        with self.transaction() as session:
            self.office = make_office(session, world)
        self.serial = 0

    def transaction(self):
        return _Opened(self.app)

    def arrange(self, act):
        """Run `act(office)` in a transaction of its own."""
        with self.transaction() as session:
            return act(self.with_session(session))

    def with_session(self, session):
        return Office(session, self.world, self.office.unions, self.office.officers)

    def at_once(self, *acts):
        """Each act in its own thread and transaction, started together; returns values or exceptions, in order."""
        barrier = threading.Barrier(len(acts))
        results = [None] * len(acts)

        def run(number, act):
            barrier.wait()
            try:
                results[number] = self.arrange(act)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                results[number] = error

        threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive(), "somebody waits for ever"
        return results

    def next_serials(self, count):
        self.serial += count
        return range(self.serial - count, self.serial)

    def breaches(self):
        with self.transaction() as session:
            return breaches(session)


class _Opened:
    def __init__(self, app):
        self.context, self.block = app.app_context(), None

    def __enter__(self):
        self.context.push()
        self.block = transaction()
        return self.block.__enter__()

    def __exit__(self, *error):
        try:
            return self.block.__exit__(*error)
        finally:
            self.context.pop()
