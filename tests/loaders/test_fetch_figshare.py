"""Articles of figshare, played on loopback."""

import hashlib
import json

import pytest

from nb301_ogb.errors import DatasetNameError, DownloadError, OfflineError
from nb301_ogb.loaders.fetch import Article, Cache, article_files, fetch_article
from tests.loaders.fetch_server import BODY, QUICK, Loopback, body, closed_port, listing, status

ARTICLE = Article("10.6084/m9.figshare.13246952", "an article")


@pytest.fixture
def server():
    with Loopback() as loopback:
        yield loopback


def entry(server, number, data=BODY, name=None, **changes):
    """One file as figshare lists it, which the server then has."""
    url = server.on(f"/files/{number}", body(data))
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    fields = {"id": number, "name": name or f"file_{number}.zip", "size": len(data), "is_link_only": False}
    return fields | {"download_url": url, "supplied_md5": md5, "computed_md5": md5} | changes


def publish(server, *entries, path="/v2/articles/13246952"):
    server.on(path, body(json.dumps({"id": 13246952, "files": list(entries)}).encode()))
    return server.url("/v2")


def options(folder, **changes):
    return {"cache": Cache(folder), "mirrors": (), "offline": False, "policy": QUICK} | changes


@pytest.mark.parametrize(
    ("doi", "number", "version"),
    [
        ("10.6084/m9.figshare.13246952", 13246952, None),
        ("10.6084/m9.figshare.13246952.v3", 13246952, 3),
        ("10.25384/SAGE.9981017.v1", 9981017, 1),
    ],
)
def test_numbers(doi, number, version):
    article = Article(doi)
    assert (article.id, article.version) == (number, version)


@pytest.mark.parametrize("doi", ["", "13246952", "10.6084/m9.figshare.", "10.6084/m9.figshare.x", "https://x/"])
def test_what_is_no_doi(doi):
    with pytest.raises(DatasetNameError, match="no DOI of figshare"):
        Article(doi)


def test_an_article(server, tmp_path):
    api = publish(server, entry(server, 1), entry(server, 2, BODY[::-1]))
    calls = []
    given = fetch_article(ARTICLE, api=api, progress=lambda *call: calls.append(call), **options(tmp_path))
    assert given == [tmp_path / f"figshare/13246952/file_{i}.zip" for i in (1, 2)]
    assert [path.read_bytes() for path in given] == [BODY, BODY[::-1]]
    assert calls[-1] == (2 * len(BODY), 2 * len(BODY))
    sidecar = json.loads((tmp_path / "figshare/13246952/file_1.zip.origin.json").read_bytes())
    assert sidecar["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert sidecar["md5"] == hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    assert sidecar["url"] == server.url("/files/1")


def test_what_is_here_is_never_asked_for_again(tmp_path):
    with Loopback() as server:
        api = publish(server, entry(server, 1))
        first = fetch_article(ARTICLE, api=api, **options(tmp_path))
    assert fetch_article(ARTICLE, api=api, **options(tmp_path)) == first
    assert fetch_article(ARTICLE, api=api, **options(tmp_path, offline=True)) == first


def test_the_environment_names_the_interface(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NB301_OGB_FIGSHARE", publish(server, entry(server, 1)) + "/")
    assert len(fetch_article(ARTICLE, **options(tmp_path))) == 1


def test_a_version(server, tmp_path):
    api = publish(server, entry(server, 1), path="/v2/articles/7/versions/2")
    (path,) = fetch_article(Article("10.6084/m9.figshare.7.v2"), api=api, **options(tmp_path))
    assert path == tmp_path / "figshare/7.v2/file_1.zip"


def test_a_download_host_that_asks_for_a_browser(server, tmp_path):
    api = publish(server, entry(server, 5))
    server.on("/files/5", status(202, x_amzn_waf_action="challenge"))
    server.on("/v2/file/download/5", body())
    (path,) = fetch_article(ARTICLE, api=api, **options(tmp_path))
    assert path.read_bytes() == BODY


def test_more_files_than_the_article_lists(server, tmp_path):
    entries = [entry(server, number, b"%d" % number) for number in range(12)]
    api = publish(server, *entries[:10])
    server.on("/v2/articles/13246952/files?page_size=1000", body(json.dumps(entries).encode()))
    assert len(fetch_article(ARTICLE, api=api, **options(tmp_path))) == 12


@pytest.mark.parametrize("field", ["computed_md5", "size"])
def test_a_file_that_is_not_the_listed_one(server, tmp_path, field):
    wrong = {"computed_md5": "0" * 32, "size": len(BODY) + 1}[field]
    api = publish(server, entry(server, 1, **{field: wrong}))
    with pytest.raises(DownloadError, match="instead of"):
        fetch_article(ARTICLE, api=api, **options(tmp_path))
    assert listing(tmp_path) == ["figshare/13246952.json", "figshare/13246952.json.origin.json"]


def test_a_listing_without_md5(server, tmp_path):
    api = publish(server, entry(server, 1, computed_md5="", supplied_md5=None))
    (resource,) = article_files(ARTICLE, api=api, **options(tmp_path))
    assert resource.md5 is None
    assert resource.size == len(BODY)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>please log in</html>",
        b"{}",
        b'{"files": []}',
        b'{"files": null}',
        b'{"files": [1]}',
        b'{"files": [{"name": "x"}]}',
        b'{"files": [{"name": "../x", "size": 1, "download_url": "http://x.invalid/"}]}',
        b'{"files": [{"name": "..", "size": 1, "download_url": "http://x.invalid/"}]}',
        b'{"files": [{"name": "x", "size": -1, "download_url": "http://x.invalid/"}]}',
        b'{"files": [{"name": "x", "size": "1", "download_url": "http://x.invalid/"}]}',
        b'{"files": [{"name": "x", "size": 1, "download_url": "http://x.invalid/", "computed_md5": "no"}]}',
    ],
)
def test_what_is_no_listing_is_not_kept(server, tmp_path, answer):
    server.on("/v2/articles/13246952", body(answer))
    with pytest.raises(DownloadError, match=r"figshare/13246952\.json could not be had"):
        fetch_article(ARTICLE, api=server.url("/v2"), **options(tmp_path))
    assert listing(tmp_path) == []


def test_a_damaged_listing_is_asked_for_again(server, tmp_path):
    api = publish(server, entry(server, 1))
    article_files(ARTICLE, api=api, **options(tmp_path))
    (tmp_path / "figshare/13246952.json").write_bytes(b"{")
    assert len(article_files(ARTICLE, api=api, **options(tmp_path))) == 1
    assert server.count("/v2/articles/13246952") == 2


def test_offline(tmp_path):
    with pytest.raises(OfflineError) as caught:
        fetch_article(ARTICLE, **options(tmp_path, offline=True))
    message = str(caught.value)
    for expected in (
        "https://api.figshare.com/v2/articles/13246952",
        str(tmp_path / "figshare/13246952.json"),
        "https://doi.org/10.6084/m9.figshare.13246952",
        "figshare/13246952 ",
    ):
        assert expected in message
    assert message.endswith(".")


def test_offline_with_files_that_were_brought_by_hand(server, tmp_path):
    publish(server, entry(server, 1))
    (tmp_path / "figshare/13246952").mkdir(parents=True)
    listed = json.dumps({"files": [entry(server, 1)]})
    (tmp_path / "figshare/13246952.json").write_text(listed, encoding="utf-8")
    with pytest.raises(OfflineError, match=r"file_1\.zip"):
        fetch_article(ARTICLE, **options(tmp_path, offline=True))
    (tmp_path / "figshare/13246952/file_1.zip").write_bytes(BODY)
    assert fetch_article(ARTICLE, **options(tmp_path, offline=True)) == [tmp_path / "figshare/13246952/file_1.zip"]
    assert server.requests == []


def test_a_cache_folder_behind_a_web_server_is_a_mirror(server, tmp_path):
    api = publish(server, entry(server, 1, name="a file (1).zip"))
    fetch_article(ARTICLE, api=api, **options(tmp_path / "first"))
    server.routes.clear()
    server.on("/m/figshare/13246952.json", body((tmp_path / "first/figshare/13246952.json").read_bytes()))
    server.on("/m/figshare/13246952/a%20file%20%281%29.zip", body())
    dead = f"http://127.0.0.1:{closed_port()}/v2"
    (path,) = fetch_article(ARTICLE, api=dead, **options(tmp_path / "second", mirrors=[server.url("/m")]))
    assert path.read_bytes() == BODY
