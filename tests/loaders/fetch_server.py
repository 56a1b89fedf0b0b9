"""A loopback server that answers by script, and what the tests of fetching share."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nb301_ogb.loaders.fetch import Cache, Policy, Resource, fetch

QUICK = Policy(connect_timeout=2, read_timeout=2, attempts=3, backoff=0.001, max_wait=0.01, lock_timeout=20)
BODY = bytes(range(256)) * 2000

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self):
        with self.server.guard:
            self.server.requests.append((self.path, dict(self.headers)))
            answers = self.server.routes.get(self.path, [status(404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def head(self, code, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_args):
        pass


class Loopback(ThreadingHTTPServer):
    """Each path has a list of answers, given one after the other; the last is repeated."""

    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.guard = threading.Lock()
        self.routes: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.stopping = threading.Event()
        self.scheme = "http"

    def __enter__(self):
        self.environment = pytest.MonkeyPatch()
        for scheme in ("http", "https", "all"):  # a proxy of the user does not lead back to this machine
            self.environment.delenv(f"{scheme}_proxy", raising=False)
            self.environment.delenv(f"{scheme.upper()}_PROXY", raising=False)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_exception):
        self.stopping.set()
        self.shutdown()
        self.thread.join()
        self.server_close()
        self.environment.undo()

    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of the script

    def on(self, path, *answers):
        self.routes[path] = list(answers)
        return self.url(path)

    def url(self, path=""):
        return f"{self.scheme}://127.0.0.1:{self.server_port}{path}"

    def count(self, path):
        return sum(asked == path for asked, _ in self.requests)

    def secure(self, certificate: Path, key: Path):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https"


def body(data=BODY, **headers):
    """The whole, as it should be."""

    def answer(handler):
        handler.head(200, Content_Length=len(data), **headers)
        handler.wfile.write(data)

    return answer


def status(code, **headers):
    return lambda handler: handler.head(code, Content_Length=0, **headers)


def endless(data=BODY):
    """No length at all: the end of the connection is the end of the body."""

    def answer(handler):
        handler.head(200)
        handler.wfile.write(data)

    return answer


def chunked(data=BODY):
    def answer(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(data), 50_000):
            piece = data[start : start + 50_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def compressed(data=BODY):
    packed = gzip.compress(data)

    def answer(handler):
        handler.head(200, Content_Encoding="gzip", Content_Length=len(packed))
        handler.wfile.write(packed)

    return answer


def redirect(to):
    return lambda handler: handler.head(302, Location=to, Content_Length=0)


def silent(after=0, data=BODY):
    """Sends the head and some bytes, then nothing until the server stops."""

    def answer(handler):
        handler.head(200, Content_Length=len(data))
        handler.wfile.write(data[:after])
        handler.server.stopping.wait(30)

    return answer


def paused(gate: threading.Event, after=100_000, data=BODY):
    """Sends some bytes, then waits for the gate."""

    def answer(handler):
        handler.head(200, Content_Length=len(data))
        handler.wfile.write(data[:after])
        gate.wait(30)
        handler.wfile.write(data[after:])

    return answer


def cut(after, data=BODY, ranges=True, honest=True, **headers):
    """Promises the whole, or the rest that a range asks for, and breaks off after so many bytes of it.

    `ranges` says whether it understands ranges, `honest` whether it minds `If-Range`.
    """

    def answer(handler):
        start, code = 0, 200
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        known = handler.headers.get("If-Range")
        if ranges and wanted and not (honest and known and known != headers.get("ETag")):
            start, code = int(wanted[1]), 206
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        else:
            headers.pop("Content_Range", None)
        rest = data[start:]
        handler.head(code, Content_Length=len(rest), **headers)
        handler.wfile.write(rest if after is None else rest[:after])

    return answer


def resource_of(*urls, data=BODY, name="raw/file.bin", **changes):
    """A resource that knows everything of its data, but for the changes."""
    known = {
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }
    return Resource(name, urls, **(known | changes))


def unknown_of(*urls, name="raw/file.bin"):
    return Resource(name, urls)


def get(resource, folder, **options):
    """`fetch` without the environment, quick; the folder may be a cache."""
    cache = folder if isinstance(folder, Cache) else Cache(folder)
    return fetch(resource, **({"cache": cache, "offline": False, "mirrors": (), "policy": QUICK} | options))


def listing(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def closed_port() -> int:
    """A port on which nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        return server.server_port


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own in memory; skips the test where mounting is not allowed."""
    folder.mkdir()
    made = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("mounting a file system needs root and the permission to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
