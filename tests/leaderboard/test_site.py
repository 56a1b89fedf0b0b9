"""The pages: as files, and in a real browser with and without scripts, by keyboard, and as a screen reader is told."""

import html.parser
import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.errors import OutputError
from nb301_ogb.evaluators.submission.form import Exam
from nb301_ogb.leaderboard.build import build, find_submissions, judge_all
from nb301_ogb.leaderboard.exam_data import opener
from nb301_ogb.leaderboard.scores import spread
from nb301_ogb.leaderboard.site.figures import error_bar, scale, scatter
from nb301_ogb.leaderboard.site.page import link
from nb301_ogb.leaderboard.site.write import write_site
from tests.leaderboard.browser import Browser, needs_browser
from tests.submissions import OFFICIAL, save, small_root

HOSTILE = "<script>alert(1)</script>\"'&"
BOARD = "nb201-cifar10-equivalence.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site over a small dataset, with an entry that tries to be markup."""
    root = small_root(tmp_path_factory.mktemp("root"))
    load, folder = opener(root), tmp_path_factory.mktemp("submissions")
    exams = [Exam("ogbg-nb201-cifar10", "equivalence")]
    save(folder / "b.submission", exams, load, sigma=1.0, model="beta", num_params=5000, **OFFICIAL)
    save(folder / "a.submission", exams, load, sigma=3.0, model="alpha", num_params=900_000, seed=1, **OFFICIAL)
    texts = {name: HOSTILE for name in ("contact", "hardware", "note", "external_data")}
    hostile = {"authors": (HOSTILE,), "commands": (HOSTILE,), "code": f"https://example.org/{HOSTILE}".replace(" ", "")}
    save(folder / "c.submission", exams, load, sigma=6.0, model=HOSTILE, seed=2, seeds=3, **texts, **hostile)
    paths = find_submissions(folder)
    results = build(judge_all(paths, load), load)
    output = tmp_path_factory.mktemp("site") / "site"
    write_site(output, results, {path.name: path.read_bytes() for path in paths})
    return output, results, paths


class Outline(html.parser.HTMLParser):
    """The tags of a page that are open at its end, its ids, links and headings."""

    EMPTY = frozenset({"meta", "input", "br", "circle", "path", "rect", "link", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def pages(site):
    return {path.name: path.read_text(encoding="utf-8") for path in site[0].glob("*.html")}


def test_every_page_is_whole(site):
    assert set(pages(site)) == {
        "index.html",
        "leaks.html",
        "nb301.html",
        "nb301-leave-one-optimizer-out.html",
        "nb201.html",
        BOARD,
    }
    for name, text in pages(site).items():
        outline = Outline(text)
        assert outline.open == [], name
        assert len(set(outline.ids)) == len(outline.ids), name
        levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), name


def test_links_lead_somewhere(site):
    for text in pages(site).values():
        outline = Outline(text)
        for address in outline.links:
            if address.startswith("#"):
                assert address[1:] in outline.ids
            elif not address.startswith("https://example.org/"):
                assert (site[0] / address).is_file()


def test_the_submissions_are_there(site):
    for path in site[2]:
        assert (site[0] / "submissions" / path.name).read_bytes() == path.read_bytes()


def test_boards_without_entries_say_so(site):
    for name in ("nb301.html", "nb301-leave-one-optimizer-out.html", "index.html"):
        assert "No reference result yet" in pages(site)[name]
    assert "No entry yet" in pages(site)["nb201.html"]
    assert "No entry has been judged on the random splits yet" in pages(site)["leaks.html"]


def test_what_strangers_write_stays_text(site):
    text = pages(site)[BOARD]
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    outline = Outline(text)
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert link("javascript:alert(1)") == "javascript:alert(1)"


def test_what_a_board_shows(site):
    text = pages(site)[BOARD]
    for words in ("noise ceiling", "Predicted against true", "Error by group", "Diagnostics", "How to reproduce",
                  "content hash", "python train.py --seeds 0-9", "unofficial", "3 of 10", "Welch"):  # fmt: skip
        assert words in text
    assert text.count('class="points"') == 3 * 2
    entry = site[1][3].entries[0]
    assert f"{entry.scores['test']['rmse'].mean:.4f}" in text


def test_a_second_build_gives_the_same_bytes(site, tmp_path):
    output, results, paths = site
    write_site(tmp_path / "again", results, {path.name: path.read_bytes() for path in paths})
    for path in output.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(output)).read_bytes() == path.read_bytes()


def test_only_a_site_is_replaced(site, tmp_path):
    write_site(tmp_path / "site", site[1][:1], {})
    (tmp_path / "site" / "old.html").write_text("")
    write_site(tmp_path / "site", site[1][:1], {})
    assert not (tmp_path / "site" / "old.html").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match="thesis"):
        write_site(tmp_path / "thesis", site[1][:1], {})


# Figures


def test_an_error_bar_is_where_its_values_are():
    bars = [spread([1.0, 3.0]), spread([4.0, 4.5])]
    where = scale(bars, [0.5])
    drawn = error_bar(bars[0], bars[1], 0.5, where)
    assert f'cx="{where.at(2.0)}"' in drawn
    assert f"M{where.at(2 - 2**0.5)} 10H{where.at(2 + 2**0.5)}" in drawn
    assert f"M{where.at(0.5)} 0v" in drawn
    assert where.low < 0.5 < 4.6 < where.high
    assert "test RMSE 2.0000 ± 1.4142" in drawn
    alone = spread([1.0])
    assert "bar" not in error_bar(alone, alone, None, scale([alone], []))


def test_a_scatter_stays_small():
    rng = np.random.default_rng(0)
    true = rng.normal(90, 2, 100_000)
    drawn = scatter(true, true + rng.normal(0, 0.2, len(true)), "model", "all rows")
    assert len(drawn) < 60_000
    assert "100,000 points" in drawn
    assert "nan" not in scatter(np.full(5, 3.0), np.full(5, 3.0), "constant", "all rows")


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def address(site, name=BOARD):
    return Path(site[0], name).as_uri()


def models(browser):
    rows = "[...document.querySelectorAll('table.sortable tbody tr')].filter((row) => row.offsetParent)"
    return browser.run(f"{rows}.map((row) => row.cells[1].querySelector('a').textContent)")


def wait(browser, expression):
    end = time.monotonic() + 20
    while not browser.run(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


@needs_browser
def test_pages_load_nothing_and_break_nothing(browser, site):
    for name in pages(site):
        browser.open(address(site, name))
        assert browser.complaints() == []
        assert browser.requests() == [address(site, name)]
        assert browser.run("document.documentElement.scrollWidth <= window.innerWidth"), name


@needs_browser
@pytest.mark.parametrize("width", [360, 768, 1920])
def test_pages_fit_any_width(browser, site, width):
    for name in (BOARD, "index.html", "leaks.html"):
        browser.open(address(site, name), width=width)
        assert browser.run("document.documentElement.scrollWidth <= window.innerWidth"), name


@needs_browser
def test_sorting_by_keyboard(browser, site):
    browser.open(address(site))
    assert models(browser) == ["beta", "alpha", HOSTILE]
    heading = "document.querySelectorAll('table.sortable thead th')"
    browser.run(f"{heading}[1].querySelector('button').focus()")
    browser.press("Enter")
    wait(browser, f"{heading}[1].getAttribute('aria-sort') === 'ascending'")
    assert models(browser) == [HOSTILE, "alpha", "beta"]
    assert browser.run("document.querySelector('[role=status]').textContent") == "Sorted by Model, ascending."
    browser.press(" ")
    wait(browser, f"{heading}[1].getAttribute('aria-sort') === 'descending'")
    assert models(browser) == ["beta", "alpha", HOSTILE]
    browser.press("Tab", 2)
    assert browser.run("document.activeElement.textContent") == "Test Kendall τ"
    browser.press("Enter")
    wait(browser, f"{heading}[3].getAttribute('aria-sort') === 'descending'")
    assert models(browser) == ["beta", "alpha", HOSTILE]
    # What has no rank comes last in any order.
    for order in ("ascending", "descending"):
        browser.run(f"{heading}[0].querySelector('button').click()")
        assert browser.run(f"{heading}[0].getAttribute('aria-sort')") == order
        assert models(browser)[-1] == HOSTILE


@needs_browser
@pytest.mark.parametrize("script", [True, False])
def test_the_filter_works_without_scripts(browser, site, script):
    browser.open(address(site), script=script)
    # A script from outside the page still reads it where the page's own scripts are off.
    assert browser.run("document.querySelectorAll('thead button').length > 0") == script
    assert models(browser) == ["beta", "alpha", HOSTILE]
    browser.press("Tab", 1)
    assert browser.run("document.activeElement.textContent") == "Skip to the content"
    for _ in range(10):
        browser.press("Tab")
        if browser.run("document.activeElement.id") == "small":
            break
    browser.press(" ")
    wait(browser, "document.getElementById('small').checked")
    assert models(browser) == ["beta", HOSTILE]
    entries = "[...document.querySelectorAll('.entry')].filter((one) => one.offsetParent).length"
    assert browser.run(entries) == 2


@needs_browser
def test_what_a_screen_reader_is_told(browser, site):
    browser.open(address(site))
    told = browser.tree()
    roles = {role for role, _ in told}
    assert {"banner", "navigation", "main", "contentinfo", "table", "columnheader", "rowheader", "status"} <= roles
    names = dict.fromkeys(name for role, name in told if role in ("image", "img"))
    assert any(re.match(r"test RMSE [\d.]+ ± [\d.]+, validation", name) for name in names)
    assert any(name.startswith("Predicted against true for beta on nb201-cifar10, all rows") for name in names)
    assert all(name for role, name in told if role in ("image", "img", "link", "button", "checkbox", "region", "table"))
    assert ("checkbox", "only models with at most 500,000 parameters, ranked among themselves") in told
    assert ("columnheader", "Test RMSE") in told


CONTRAST = """
(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((one) => one / 255);
    const part = (one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$|^transparent$/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.offsetParent && [...one.childNodes].some((text) => text.nodeType === 3 && text.data.trim()))
    .map((one) => {
      const [high, low] = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a);
      return [Math.round(((high + 0.05) / (low + 0.05)) * 10) / 10, one.tagName, one.textContent.slice(0, 30)];
    })
    .filter(([ratio]) => ratio < 4.5);
})()
"""


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out_from_what_is_behind_them(browser, site, dark):
    """The contrast that WCAG 2.2 asks for at level AA."""
    for name in (BOARD, "index.html"):
        browser.open(address(site, name), dark=dark)
        assert browser.run(CONTRAST) == []
