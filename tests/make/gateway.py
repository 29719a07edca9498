"""An SMS gateway on loopback that keeps what it is sent and answers as it is told."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Gateway:
    """`answers` are (status, body) or (status, body, {wait, drip, headers}), in order, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers) or [(200, b'{"id": "P-1"}')]
        self.requests, self.most_at_once, self._now = [], 0, 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.take(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/send?from=cardnet"

    @property
    def keys(self):
        """How often each key came."""
        return Counter(headers["Idempotency-Key"] for _, headers, _ in self.requests)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.requests.append((handler.path, dict(handler.headers), body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            self.give(handler, *answer[:2], **(answer[2] if len(answer) > 2 else {}))
        except OSError:
            pass
        finally:
            with self.lock:
                self._now -= 1

    def give(self, handler, status, body, *, wait=0, drip=0, headers=()):
        time.sleep(wait)
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for one in (body[at : at + 1] for at in range(len(body))) if drip else (body,):
            time.sleep(drip)
            handler.wfile.write(one)

    def documents(self):
        return [json.loads(body) for _, _, body in self.requests]
