"""Addresses beyond ASCII (RFC 6531), end to end."""
import base64
import pathlib
import re
import tempfile
import unicodedata

import pytest

from conftest import _factory, wait_for
from remote import Remote
from test_relay import smarthost, wait_empty
from test_smtp import Wire

UMLAUT = "jürgen@bücher.test"


@pytest.fixture(scope="module")
def remotes():
    with Remote(extensions=("PIPELINING", "8BITMIME", "SMTPUTF8")) as modern, Remote() as old:
        yield modern, old


@pytest.fixture(scope="module")
def server(remotes):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    modern, old = remotes
    try:
        server = make(start=False, config=smarthost(modern, "modern.test") +
                      smarthost(old, "old.test").split("relay-networks")[0])
        server.cli("domain", "add", "bücher.test")
        server.cli("user", "add", UMLAUT, input="secret words\n")
        server.cli("alias", "add", "grüße@example.test", UMLAUT)
        yield server.start()
    finally:
        dispose()


def taken_by(remote, subject):
    """The message with this subject, when the remote has it."""
    field = f"Subject: {subject}\r\n".encode()
    return wait_for(lambda: [t for t in remote.taken if field in t.data], 20, subject)[-1]


def send(server, sender, *to, options=" SMTPUTF8", header="Subject: plain"):
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect(f"MAIL FROM:<{sender}>{options}", "250")
        for address in to:
            wire.expect(f"RCPT TO:<{address}>", "250 2.1.5")
        wire.expect("DATA", "354")
        return wire.expect(f"{header}\r\n\r\nx\r\n.", "250 2.0.0").split()[-1]


def trace(server, queue_id):
    return server.cli("trace", queue_id).stdout


@pytest.mark.parametrize("to", [UMLAUT, "jürgen@xn--bcher-kva.test", "jürgen@BÜCHER.test",
                                "grüße@example.test", "jürgen+x@bücher.test",
                                "JÜRGEN@bücher.test", unicodedata.normalize("NFD", UMLAUT),
                                "GRÜßE@example.test"])
def test_delivered_by_any_spelling(server, to):
    told = trace(server, send(server, "größe@client.test", to))
    assert "UTF8SMTP" in told
    assert re.search(r"delivered.*jürgen@xn--bcher-kva\.test", told), told


def test_trace_field(server):
    send(server, "größe@client.test", "alice@example.test", header="Subject: spur")
    message = next(m for m in server.messages("alice") if b"Subject: spur" in m).decode()
    assert message.startswith("Return-Path: <größe@client.test>\r\n")
    assert "(Veredus) with UTF8SMTP\r\n" in message


def test_relayed_as_it_came(server, remotes):
    modern, _ = remotes
    send(server, "größe@client.test", "käthe@modern.test", header="Subject: grüße")
    lines = [l.encode("latin-1").decode() for l in taken_by(modern, "grüße").session.lines]
    assert any(re.match("MAIL FROM:<größe@client.test>.* SMTPUTF8$", l) for l in lines), lines
    assert "RCPT TO:<käthe@modern.test>" in lines


def test_not_to_a_host_without(server, remotes):
    """What is not ASCII comes back with 5.6.7."""
    _, old = remotes

    def reports():
        return [m for m in server.messages("alice") if b"multipart/report" in m]

    before = len(reports())
    send(server, "alice@example.test", "käthe@old.test", header="Subject: back1")
    send(server, "alice@example.test", "carol@old.test", header="Subject: zurück2")
    wait_for(lambda: len(reports()) == before + 2, 20, "reports")
    for report in reports()[before:]:
        assert b"\r\nAction: failed\r\nStatus: 5.6.7\r\n" in report
    assert any(b"Final-Recipient: utf-8; k\\x{E4}the@old.test" in r for r in reports()[before:])
    assert not any(b"back1" in t.data or b"ck2" in t.data for t in old.taken)


def test_what_is_ascii_needs_no_smtputf8(server, remotes):
    """Though the client said so; and the domain travels as A-labels."""
    _, old = remotes
    send(server, "alice@example.test", "carol@old.test", header="Subject: ascii")
    assert not any("SMTPUTF8" in l for l in taken_by(old, "ascii").session.lines)


def test_sender_of_an_idna_domain(server, remotes):
    """Whose local part is ASCII can write to any host: the domain becomes A-labels."""
    _, old = remotes
    send(server, "smith@bücher.test", "carol@old.test", header="Subject: alabel")
    assert taken_by(old, "alabel").sender == "smith@xn--bcher-kva.test"


def test_original_recipient(server, remotes):
    """RFC 6533 section 3: as it is to hosts with SMTPUTF8, in ASCII to others, and in reports."""
    modern, old = remotes
    wait_empty(server)   # or our hanging up takes away an answer
    for remote, options in (modern, "käthe@modern.test"), (old, "carol@old.test"):
        remote.extensions += ("DSN",)
        remote.hang_up()
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            wire.expect("MAIL FROM:<alice@example.test> SMTPUTF8", "250")
            wire.expect(f"RCPT TO:<{options}> ORCPT=utf-8;grün@r.test", "250 2.1.5")
            wire.expect("DATA", "354")
            wire.expect("Subject: orcpt\r\n\r\nx\r\n.", "250")
    lines = [l.encode("latin-1").decode() for l in taken_by(modern, "orcpt").session.lines]
    assert "RCPT TO:<käthe@modern.test> ORCPT=utf-8;grün@r.test" in lines
    assert "RCPT TO:<carol@old.test> ORCPT=utf-8;gr\\x{FC}n@r.test" in \
        taken_by(old, "orcpt").session.lines
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("MAIL FROM:<alice@example.test>", "250")
        wire.expect("RCPT TO:<bob@example.test> ORCPT=utf-8;grün@r.test", "553 5.6.7")
        wire.expect("RCPT TO:<bob@example.test> ORCPT=utf-8;gr\\x{FC", "501 5.5.4")
        wire.expect("RCPT TO:<bob@example.test> ORCPT=utf-8;gr\\x{FC}n@r.test NOTIFY=SUCCESS",
                    "250 2.1.5")
        wire.expect("DATA", "354")
        wire.expect("Subject: told\r\n\r\nx\r\n.", "250")
    wait_for(lambda: any(b"Original-Recipient: utf-8; gr\\x{FC}n@r.test" in m
                         for m in server.messages("alice")), 20, "the report")


@pytest.mark.parametrize("name", [UMLAUT, "jürgen@xn--bcher-kva.test", "JÜRGEN@BÜCHER.test"])
def test_login_and_own_sender(server, name):
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        token = base64.b64encode(f"\0{name}\0secret words".encode()).decode()
        wire.expect(f"AUTH PLAIN {token}", "235")
        wire.expect("MAIL FROM:<Jürgen@xn--bcher-kva.test> SMTPUTF8", "250")
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<käthe@bücher.test> SMTPUTF8", "553 5.7.1")


def test_veredus_send(server, tmp_path):
    mail = tmp_path / "mail"
    mail.write_text("From: größe@client.test\nSubject: gesandt über CLI\n\nx\n")
    port = server.port["smtp"]
    result = server.cli("send", "--server", f"127.0.0.1:{port}", "--tls", "none", "--verbose",
                        "--to", UMLAUT, str(mail))
    assert re.search("MAIL FROM:<größe@client.test>.* SMTPUTF8", result.stderr), result.stderr
    assert "250 2.0.0 Accepted" in result.stderr
