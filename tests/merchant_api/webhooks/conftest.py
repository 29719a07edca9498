"""A merchant that listens: its server, and its shop."""

import pytest

from tests.make.webhooks import Post, Receiver


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def post(committing_app, world, clock, receiver):
    return Post(committing_app, world, clock, receiver)
