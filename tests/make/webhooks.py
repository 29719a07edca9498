"""A shop whose merchant listens, and the merchant's server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cardnet.kernel.db import transaction
from cardnet.merchant_api import services
from cardnet.merchant_api.jobs import send_due
from cardnet.merchant_api.services import MakeEndpoint
from cardnet.merchant_api.webhooks import (
    Door,
)
from tests.make.redemptions import make_shop
from tests.make.settling import settle


class Receiver:
    """A merchant's server: keeps what it was sent and answers what it is told to."""

    def __init__(self):
        self.heard, self.answers = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


DOOR = Door(inside=True)


class Post:
    """A shop whose merchant M1001 listens at the receiver."""

    def __init__(self, app, world, clock, receiver, kinds=None):
        self.app, self.world, self.clock, self.receiver = app, world, clock, receiver
        self.client = app.test_client()
        with self.transaction() as session:
            self.shop = make_shop(session, world, people=4)
        self.merchant = self.shop.tills["T01"].venue.merchant_id
        with self.transaction() as session:
            self.made = services.make_endpoint(
                session, world, MakeEndpoint(self.merchant, f"{receiver.url}/hook?a=1", kinds), inside=True
            )

    def transaction(self):
        return _In(self.app)

    def sell(self, person=0, till="T01", receipt="R"):
        """A sale whose place in the order is settled."""
        body = self.shop.request(self.shop.phones[person], f"{receipt}-{person}")
        answer = self.shop.post(self.client, "/redemptions", body, till=till)
        with self.app.app_context():
            settle()
        return answer

    def send(self, door=DOOR, run=None):
        with self.app.app_context():
            return send_due(self.world, door, run)

    @property
    def endpoint(self):
        with self.transaction() as session:
            return services.endpoints(session, self.merchant)[0]

    @property
    def deliveries(self):
        with self.transaction() as session:
            return services.deliveries(session, self.made.endpoint_id)


class _In:
    def __init__(self, app):
        self.context, self.block = app.app_context(), transaction()

    def __enter__(self):
        self.context.push()
        return self.block.__enter__()

    def __exit__(self, *error):
        self.block.__exit__(*error)
        self.context.pop()
