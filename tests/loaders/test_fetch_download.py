"""What servers do to a download."""

import hashlib
import os
import subprocess
import time
from email.utils import formatdate

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import DownloadError, FileFormatError
from nb301_ogb.loaders.fetch import Policy
from nb301_ogb.loaders.fetch.download import CHUNK
from tests.loaders.fetch_server import (
    BODY,
    QUICK,
    Loopback,
    body,
    chunked,
    closed_port,
    compressed,
    cut,
    endless,
    get,
    listing,
    redirect,
    resource_of,
    silent,
    status,
    unknown_of,
)

FILES = ["raw/file.bin", "raw/file.bin.origin.json"]


@pytest.fixture
def server():
    with Loopback() as loopback:
        yield loopback


def refused(resource, folder, **options):
    """The message of a download that fails, after which nothing must be left."""
    with pytest.raises(DownloadError) as caught:
        get(resource, folder, **options)
    assert listing(folder) == []
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("answer", [body, chunked, endless, compressed, lambda: cut(None, ETag='"a"')])
def test_good_answers(server, tmp_path, answer):
    path = get(resource_of(server.on("/f", answer())), tmp_path)
    assert path == tmp_path / "raw/file.bin"
    assert path.read_bytes() == BODY
    assert listing(tmp_path) == FILES


@pytest.mark.parametrize("answer", [body, chunked, compressed])
def test_nothing_known_but_the_url(server, tmp_path, answer):
    assert get(unknown_of(server.on("/f", answer())), tmp_path).read_bytes() == BODY


def test_the_second_call_needs_no_server(tmp_path):
    with Loopback() as server:
        resource = resource_of(server.on("/f", body()))
        first = get(resource, tmp_path)
    assert get(resource, tmp_path) == first


def test_a_body_without_any_length_is_refused_where_nothing_is_known(server, tmp_path):
    assert "does not say how long" in refused(unknown_of(server.on("/f", endless())), tmp_path)


def test_a_length_that_is_no_number(server, tmp_path):
    def odd(handler):
        handler.head(200, Content_Length="many")
        handler.wfile.write(BODY)

    assert get(resource_of(server.on("/f", odd)), tmp_path).read_bytes() == BODY


def test_a_compression_that_is_none(server, tmp_path):
    resource = resource_of(server.on("/f", body(b"x" * 99, Content_Encoding="gzip"), compressed()))
    assert get(resource, tmp_path).read_bytes() == BODY


def test_an_error_of_the_callback_is_not_a_source_that_failed(server, tmp_path):
    def stumble(done, total):
        raise ValueError(done)

    with pytest.raises(ValueError, match="0"):
        get(resource_of(server.on("/f", body())), tmp_path, progress=stumble)
    assert listing(tmp_path) == []


def test_empty_file(server, tmp_path):
    assert get(resource_of(server.on("/f", body(b"")), data=b""), tmp_path).read_bytes() == b""


@pytest.mark.parametrize("code", [401, 403, 404, 410, 202, 204])
def test_a_refusal_is_not_repeated(server, tmp_path, code):
    message = refused(resource_of(server.on("/f", status(code))), tmp_path)
    assert f"HTTP {code}" in message
    assert server.url("/f") in message
    assert server.count("/f") == 1


@pytest.mark.parametrize("code", [500, 502, 503, 429, 408])
def test_a_passing_trouble_is_waited_out(server, tmp_path, code):
    resource = resource_of(server.on("/f", status(code), status(code), body()))
    assert get(resource, tmp_path).read_bytes() == BODY
    assert server.count("/f") == 3


def test_a_lasting_trouble_ends(server, tmp_path):
    assert "HTTP 503" in refused(resource_of(server.on("/f", status(503))), tmp_path)
    assert server.count("/f") == QUICK.attempts


@pytest.mark.parametrize("value", ["7", "date"])
def test_retry_after_is_kept(server, tmp_path, monkeypatch, value):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    value = formatdate(time.time() + 8, usegmt=True) if value == "date" else value
    resource = resource_of(server.on("/f", status(429, Retry_After=value), body()))
    get(resource, tmp_path, policy=Policy(backoff=0.001, max_wait=10))
    assert 5 < max(pauses) <= 8


def test_retry_after_beyond_patience(server, tmp_path):
    message = refused(resource_of(server.on("/f", status(429, Retry_After=3600), body())), tmp_path)
    assert "try again in 3600 s" in message
    assert server.count("/f") == 1


def test_an_unreadable_retry_after_is_ignored(server, tmp_path):
    get(resource_of(server.on("/f", status(503, Retry_After="soon"), body())), tmp_path)
    assert server.count("/f") == 2


def test_a_cut_body_then_a_whole_one(server, tmp_path):
    resource = resource_of(server.on("/f", cut(1000, ranges=False), body()))
    assert get(resource, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("make", [resource_of, unknown_of])
def test_a_body_that_is_always_cut_is_never_accepted(server, tmp_path, make):
    message = refused(make(server.on("/f", cut(100_000, ranges=False))), tmp_path)
    assert f"broke after {CHUNK} of {len(BODY)} bytes" in message
    assert server.count("/f") == QUICK.attempts


def test_a_cut_body_without_a_length_is_noticed_by_the_size(server, tmp_path):
    resource = resource_of(server.on("/f", endless(BODY[:-1]), body()))
    assert get(resource, tmp_path).read_bytes() == BODY
    assert "broke" in refused(resource_of(server.on("/g", endless(BODY[:-1])), name="g"), tmp_path / "g")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(CHUNK, 200_000), max_size=6), tag=st.sampled_from(['"x"', 'W/"x"', None]))
def test_resumption_gives_the_same_bytes(tmp_path_factory, cuts, tag):
    headers = {} if tag is None else {"ETag": tag}
    with Loopback() as server:
        resource = resource_of(server.on("/f", *(cut(at, **headers) for at in cuts), cut(None, **headers)))
        # Every connection that breaks brings something new, so that none of them is an attempt in vain.
        policy = Policy(attempts=2, backoff=0)
        assert get(resource, tmp_path_factory.mktemp("home"), policy=policy).read_bytes() == BODY
        starts = [int(asked.get("Range", "bytes=0-")[6:-1]) for _, asked in server.requests]
        assert starts == [sum(at // CHUNK * CHUNK for at in cuts[:i]) for i in range(len(starts))]


def test_resumption_asks_whether_the_file_is_the_same(server, tmp_path):
    other = BODY[::-1]
    resource = unknown_of(server.on("/f", cut(300_000, ETag='"old"'), cut(None, data=other, ETag='"new"')))
    assert get(resource, tmp_path).read_bytes() == other
    assert server.requests[1][1]["If-Range"] == '"old"'


def test_without_hash_and_validator_nothing_is_resumed(server, tmp_path):
    assert get(unknown_of(server.on("/f", cut(100_000), cut(None))), tmp_path).read_bytes() == BODY
    assert "Range" not in server.requests[1][1]


def test_joined_pieces_of_two_files_are_fetched_again(server, tmp_path):
    other = BODY[::-1]
    resource = resource_of(server.on("/f", cut(100_000, data=other), cut(None), cut(None)))
    assert get(resource, tmp_path).read_bytes() == BODY
    assert ["Range" in asked for _, asked in server.requests] == [False, True, False]


def test_a_server_that_answers_with_another_piece(server, tmp_path):
    def confused(handler):
        handler.head(206, Content_Length=5, Content_Range=f"bytes 0-4/{len(BODY)}")
        handler.wfile.write(BODY[:5])

    resource = resource_of(server.on("/f", cut(100_000), confused, body()))
    assert get(resource, tmp_path).read_bytes() == BODY


def test_a_file_that_shrank_meanwhile(server, tmp_path):
    resource = resource_of(server.on("/f", cut(100_000), status(416), body()))
    assert get(resource, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_wrong_hash(server, tmp_path, algorithm):
    digits = {"sha256": 64, "md5": 32}[algorithm]
    resource = resource_of(server.on("/f", body()), **{algorithm: "0" * digits})
    message = refused(resource, tmp_path)
    assert getattr(hashlib, algorithm)(BODY).hexdigest() in message
    assert "0" * digits in message
    assert server.count("/f") == 1


def test_a_wrong_size(server, tmp_path):
    assert "instead of" in refused(resource_of(server.on("/f", body(BODY + b"x"))), tmp_path)
    message = refused(resource_of(server.on("/g", chunked(BODY + b"x")), sha256=None, md5=None), tmp_path)
    assert f"more than the expected {len(BODY)} bytes" in message


def test_a_compressed_file_that_passes_for_a_compressed_transfer(server, tmp_path):
    import gzip

    packed = gzip.compress(BODY)
    resource = resource_of(server.on("/f", compressed()), data=packed, name="file.gz")
    assert get(resource, tmp_path).read_bytes() == packed


def test_no_compression_is_asked_for(server, tmp_path):
    get(resource_of(server.on("/f", body())), tmp_path)
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_redirect(server, tmp_path):
    server.on("/there", body())
    assert get(resource_of(server.on("/f", redirect("/there"))), tmp_path).read_bytes() == BODY


def test_redirects_in_a_circle(server, tmp_path):
    refused(resource_of(server.on("/f", redirect("/f"))), tmp_path)


def test_a_silent_server(server, tmp_path):
    policy = Policy(read_timeout=0.1, attempts=2, backoff=0.001)
    message = refused(resource_of(server.on("/f", silent())), tmp_path, policy=policy)
    assert "fell silent after 0" in message
    assert server.count("/f") == 2
    server.on("/f", silent(after=1000), cut(None))
    assert get(resource_of(server.url("/f")), tmp_path, policy=policy).read_bytes() == BODY


def test_the_second_source_after_a_dead_first(server, tmp_path):
    dead = f"http://127.0.0.1:{closed_port()}"
    server.on("/mirror/raw/file.bin", body())
    path = get(resource_of("http://unused.invalid/f"), tmp_path, mirrors=(dead, server.url("/mirror/")))
    assert path.read_bytes() == BODY
    assert server.url("/mirror/raw/file.bin") in (path.parent / "file.bin.origin.json").read_text(encoding="utf-8")


def test_a_dead_source_is_tried_again_only_if_it_is_the_last(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    dead = f"http://127.0.0.1:{closed_port()}/f"
    get(resource_of(dead, server.on("/f", body())), tmp_path)
    assert pauses == []
    refused(resource_of(dead), tmp_path / "home")
    assert len(pauses) == QUICK.attempts - 1


def test_all_failures_are_told_together(server, tmp_path):
    dead = f"http://127.0.0.1:{closed_port()}/f"
    resource = resource_of(
        dead, server.on("/gone", status(404)), server.on("/bad", body(BODY[::-1])), "nonsense", "http://[x/f"
    )
    message = refused(resource, tmp_path)
    for expected in (
        f"{dead}: could not connect: Connection refused",
        "/gone: HTTP 404",
        "/bad: a file with",
        "nonsense",
        "cannot be read",
    ):
        assert expected in message
    assert "NB301_OGB_MIRROR" in message


def test_a_resource_without_a_source(tmp_path):
    assert "names none" in refused(resource_of(), tmp_path)


def test_passwords_and_signatures_are_not_told(server, tmp_path):
    url = server.on("/f?signature=secret", status(404)).replace("//", "//user:secret@")
    assert "secret" not in refused(resource_of(url), tmp_path)
    url = server.on("/f?signature=secret", body()).replace("//", "//user:secret@")
    path = get(resource_of(url), tmp_path)
    assert "secret" not in (path.parent / "file.bin.origin.json").read_text(encoding="utf-8")
    assert server.requests[-1][1]["Authorization"].startswith("Basic ")


def test_a_check_of_the_caller(server, tmp_path):
    seen = []

    def check(path):
        seen.append(path.read_bytes())
        if seen[-1] == b"<html>":
            msg = "it is a page."
            raise FileFormatError(msg)

    url = server.on("/f", body(b"<html>"))
    assert "it is a page" in refused(unknown_of(url), tmp_path, check=check)
    server.on("/f", body())
    assert get(unknown_of(url), tmp_path, check=check).read_bytes() == BODY
    (tmp_path / "raw/file.bin").write_bytes(b"<html>")
    assert get(unknown_of(url), tmp_path, check=check).read_bytes() == BODY


def test_progress(server, tmp_path):
    calls = []
    resource = resource_of(server.on("/f", cut(200_000), cut(None)))
    get(resource, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, len(BODY))
    assert calls[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert {total for _, total in calls} == {len(BODY)}


def test_a_proxy(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url())
    server.on("http://far.invalid/f", body())
    assert get(resource_of("http://far.invalid/f"), tmp_path).read_bytes() == BODY
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    assert "the proxy could not be used: Connection refused" in refused(
        resource_of("http://far.invalid/f", name="g"), tmp_path / "g"
    )


def test_certificates_are_checked(server, tmp_path, monkeypatch):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl makes no certificate here: {error}")
    with Loopback() as secure:
        secure.secure(certificate, key)
        resource = resource_of(secure.on("/f", body()))
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        assert "no trustworthy TLS connection" in refused(resource, tmp_path / "home")
        assert secure.count("/f") == 0
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.fspath(tmp_path / "none.pem"))
        assert "none.pem" in refused(resource, tmp_path / "home")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.fspath(certificate))
        assert get(resource, tmp_path / "home").read_bytes() == BODY
