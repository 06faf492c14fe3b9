"""docs/imap.md: its sessions are played, and nothing that the server has is missing there. Scripts of
tests/imap are played, too."""
import pathlib
import re
import tempfile

import pytest

from conftest import ROOT, _factory
from imap_dialogue import ImapDialogue
from test_docs import blocks

PAGE = ROOT / "docs" / "imap.md"
EXAMPLES = blocks(PAGE, "imap")
SCRIPTS = sorted((ROOT / "tests" / "imap").glob("*.txt"))


@pytest.fixture(scope="module")
def server_for():
    """A server with the options that a dialogue needs, and those that have it tell its progress."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    servers = {}

    def of(text):
        options = "\n".join(["progress = 0s", *ImapDialogue.options(text)])
        if options not in servers:
            servers[options] = make(config=f"imap {{\n{options}\n}}")
        return servers[options]
    try:
        yield of
    finally:
        dispose()


@pytest.mark.parametrize("first, text", EXAMPLES, ids=[f"line{n}" for n, _ in EXAMPLES])
def test_a_session_of_the_page(server_for, first, text):
    assert text.startswith("@ ")
    ImapDialogue(server_for(text), text, PAGE.name, first).play()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_script(server_for, path):
    ImapDialogue(server_for(path.read_text()), path.read_text(), path.name).play()


def rows():
    """The words at the beginning of the rows, and the other cells."""
    text = PAGE.read_text()
    text = text[text.index("\n## Extensions\n"):]
    text = text[:text.index("\n## ", 4)]
    return {name: [cell.strip() for cell in cells.split("|")] for names, cells in
            re.findall(r"^\| (`.*?) \|(.*)\|$", text, re.M)
            for name in re.findall(r"`([A-Za-z0-9=+-]+?)=?`", names)}


def sections():
    """The anchors of headings under which there is an example."""
    parts = re.split(r"^##+ (.*)$", PAGE.read_text(), flags=re.M)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
            for heading, body in zip(parts[1::2], parts[2::2]) if "```imap" in body}


def test_the_page_has_all():
    """Each extension that is announced with its standard, its default and an example."""
    source = (ROOT / "src/imap/imap_capability.c").read_text()
    table = source[source.index("capabilities[] = {"):]
    names = set(re.findall(r'\bKEYWORD\("([A-Za-z0-9=+-]+)"\)', table[:table.index("\n};")]))
    there = rows()
    assert len(names) > 20
    assert sorted(names | {"AUTH"}) == sorted(there)
    assert [n for n in there if not there[n][0] or not there[n][1]] == []
    anchors = {n: re.findall(r"\(#([a-z0-9-]+)\)", there[n][-1]) for n in there}
    assert {n: a for n, a in anchors.items() if not a or not set(a) <= sections()} == {}
