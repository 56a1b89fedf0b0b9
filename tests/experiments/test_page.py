"""Pages: well-formed, no id twice, everything told in words."""

import xml.etree.ElementTree as ElementTree

import pytest

from nb301_ogb.experiments.page import Figure, Section, Table, Text, to_html, to_markdown

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><defs><path id="a" d="M0 0"/></defs>\
<use href="#a"/><g clip-path="url(#a)"/></svg>'
OWN = SVG.replace("<defs>", '<title id="t">T</title><desc id="d">D</desc><defs>').replace(
    "<svg ", '<svg role="img" aria-labelledby="t d" '
)
SECTIONS = [
    Section("First <one>", [Text("a & b"), Table("Cap|tion", ("k", "n"), [("x|y", "1"), ("<z>", "2")])]),
    Section("Second", [Figure(SVG, 'what "it" shows', "below"), Figure(OWN, "", "own", "a<b")]),
]


@pytest.fixture(scope="module")
def page():
    text = to_html("A & B", SECTIONS, "Mind this", "the end")
    assert text.startswith("<!doctype html>\n")
    return ElementTree.fromstring(text.partition("\n")[2])  # it is XML too, so that an open tag is noticed


def tags(page, name):
    return [one for one in page.iter() if one.tag.rpartition("}")[2] == name]


def test_headings_and_landmarks(page):
    assert page.get("lang") == "en"
    assert [one.text for one in tags(page, "h1")] == ["A & B"]
    assert [one.text for one in tags(page, "h2")] == ["First <one>", "Second"]
    assert len(tags(page, "main")) == 1
    links = {one.get("href")[1:] for one in tags(page, "a")}
    assert links == {one.get("id") for one in tags(page, "h2")} == {"first-one", "second"}
    (note,) = [one for one in page.iter() if one.get("role") == "note"]
    assert note.text == "Mind this"


def test_no_id_stands_twice_and_every_reference_leads_somewhere(page):
    ids = [one.get("id") for one in page.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in page.iter():
        for name in (one.get("aria-labelledby") or "").split():
            assert name in ids
        if one.get("clip-path"):
            assert one.get("clip-path")[5:-1] in ids
        if one.tag.endswith("use"):
            assert one.get("href")[1:] in ids


def test_tables_and_figures_are_told(page):
    (table,) = tags(page, "table")
    assert [one.text for one in tags(table, "caption")] == ["Cap|tion"]
    assert [one.get("scope") for one in tags(table, "th")] == ["col", "col", "row", "row"]
    assert [one.text for one in tags(table, "td")] == ["1", "2"]
    first, second = tags(page, "svg")
    assert (first.get("role"), first.get("aria-label")) == ("img", 'what "it" shows')
    assert second.get("aria-label") is None
    assert len(second.get("aria-labelledby").split()) == 2
    assert [one.text for one in tags(page, "code")] == ["a<b"]


def test_markdown():
    text = to_markdown("A & B", SECTIONS, "Mind this", "the end")
    assert text.startswith("# A & B\n\n> **Mind this**\n\n## First <one>\n")
    assert "Cap|tion\n\n| k | n |\n| --- | ---: |\n| x\\|y | 1 |\n| <z> | 2 |\n" in text
    assert '*below* what "it" shows' in text
    assert "*own* `a<b`" in text
    assert text.endswith("\nthe end\n")
    assert "![seen](a.svg)\n\n*below*" in to_markdown("A", [Section("B", [Figure(SVG, "seen", "below", file="a.svg")])])


def test_a_page_without_note():
    assert 'role="note"' not in to_html("t", SECTIONS)
    assert ">" not in to_markdown("t", SECTIONS[:0])
