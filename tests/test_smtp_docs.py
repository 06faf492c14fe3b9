"""docs/smtp.md: its sessions are played, and nothing that the server has is missing there."""
import pathlib
import re
import tempfile

import pytest

from conftest import PASSWORD, ROOT, _factory, free_port, wait_for
from test_docs import blocks
from test_relay import entries
from test_smtp import Dialogue

PAGE = ROOT / "docs" / "smtp.md"
EXAMPLES = blocks(PAGE, "smtp")
OPTIONS = """
smtp {
    vrfy = everybody
    expn = everybody
    etrn = everybody
    turn = yes
    terminals = everybody
    utmp = "utmp"
    sendmail-commands = everybody
    no-soliciting = "net.example:ADV"
}
smarthost "example.net" { host = "127.0.0.1" port = %d tls = none }
"""
LOCAL = "127.0.0.0/8"


def prepare(server):
    server.listen("lmtp", "lmtp")
    server.listen("odmr", "odmr")
    server.listen("trusted", "smtp", f'xclient-networks = {{ "{LOCAL}" }}')
    server.listen("proxied", "smtp", f'proxy-networks = {{ "{LOCAL}" }}')
    server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@example.test")
    server.cli("alias", "add", "--hidden", "secret@example.test", "alice@example.test")
    server.cli("alias", "add", "--moved", "old@example.test", "new@far.test")
    server.cli("alias", "add", "away@example.test", "away@far.test")
    server.cli("fetch", "add", "far.example", "alice@example.test")
    server.cli("user", "add", "carol@example.test", "--quota", "100", input=PASSWORD + "\n")
    server.cli("domain", "add", "b\u00fccher.test")
    return server.start()


def draft(server):
    """A message that alice has made over IMAP."""
    with server.imap() as imap:
        imap.append("Drafts", "(\\Draft)", None, b"From: alice@example.test\r\nTo: bob@example.test\r\n"
                    b"Subject: a draft\r\n\r\nhello\r\n")


def wait_in_queue(server):
    """Mail that a host does not take now, and mail that is fetched."""
    with server.submission() as smtp:
        for to in [["a@example.net"]] * 3 + [["hermes@far.example"]]:
            smtp.sendmail("alice@example.test", to, "Subject: waits\r\n\r\nhello\r\n")
    wait_for(lambda: all(e["last"] and e["state"] == "waiting" for e in entries(server)),
             what="a queue at rest")


@pytest.fixture(scope="module")
def servers():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        plain = prepare(make(start=False))
        draft(plain)
        opened = make(start=False, config=OPTIONS % free_port())
        (opened.dir / "utmp").touch()
        wait_in_queue(prepare(opened))
        yield plain, opened
    finally:
        dispose()


@pytest.mark.parametrize("first, text", EXAMPLES, ids=[f"line{n}" for n, _ in EXAMPLES])
def test_a_session_of_the_page(servers, first, text):
    assert text.startswith("@ ")
    server = servers["with options" in text.splitlines()[0]]
    Dialogue(server, text, PAGE.name, first, exact=True).play()


def table(heading):
    """The words at the beginning of the rows, and the other cells."""
    text = PAGE.read_text()
    text = text[text.index(f"\n## {heading}\n"):]
    text = text[:text.index("\n## ", 4)]
    return {name: [cell.strip() for cell in cells.split("|")] for names, cells in
            re.findall(r"^\| (`.*?) \|(.*)\|$", text, re.M)
            for name in re.findall(r"`([A-Z0-9-]+)", names)}


def in_code(path, macro):
    return set(re.findall(rf'\b{macro}\("([A-Z0-9-]+)"\)', (ROOT / path).read_text()))


def said(pattern):
    return {m for _, text in EXAMPLES for m in re.findall(pattern, text, re.M)}


@pytest.mark.parametrize("heading, source, macro, example", [
    ("Commands", "src/smtp/smtp_command.c", "VERB", r"^C: ([A-Z]+)"),
    ("Extensions", "src/smtp/smtp_extension.c", "KEYWORD", r"^S: 250[- ]([A-Z0-9-]+)"),
])
def test_the_page_has_all(heading, source, macro, example):
    """Each with its standard, its default and an example."""
    rows, names = table(heading), in_code(source, macro)
    assert len(names) > 20
    assert sorted(names) == sorted(rows)
    assert [n for n in names if not rows[n][0] or not rows[n][1]] == []
    assert sorted(names - said(example)) == []


def test_each_has_a_page_of_help():
    pages = set(re.findall(r'\{ *"([A-Z0-9-]+)",', (ROOT / "src/smtp/smtp_help.c").read_text()))
    there = in_code("src/smtp/smtp_command.c", "VERB") | in_code("src/smtp/smtp_extension.c", "KEYWORD")
    assert pages == there
