"""The bar of the command line."""

import io

from rich.console import Console

from nb301_ogb.loaders.fetch import ProgressBar
from tests.loaders.fetch_server import Loopback, body, get, resource_of


def drawn(tmp_path, terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    with Loopback() as server, ProgressBar("some [file]", console) as progress:
        get(resource_of(server.on("/f", body())), tmp_path, progress=progress)
    return out.getvalue()


def test_on_a_terminal(tmp_path):
    text = drawn(tmp_path, terminal=True)
    assert "some [file]" in text
    assert "512.0/512.0 kB" in text


def test_elsewhere_nothing_is_drawn(tmp_path):
    assert drawn(tmp_path, terminal=False) == ""


def test_an_unknown_end():
    out = io.StringIO()
    with ProgressBar("file", Console(file=out, force_terminal=True, width=120)) as progress:
        progress(1000, None)
    assert "1.0 kB/?" in out.getvalue() or "1.0/? kB" in out.getvalue()
