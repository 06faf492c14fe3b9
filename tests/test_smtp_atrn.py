"""ATRN (RFC 2645) and TURN (RFC 821): mail that waits is fetched over a connection that turns round,
by a client that becomes the server on it (the scripted one of remote.py)."""
import contextlib
import json
import pathlib
import subprocess
import tempfile

import pytest

from conftest import _factory, wait_for
from remote import CLOSE, Remote, Session
from test_relay import entries
from test_smtp import Wire

CONFIG = """
smtp { turn = yes }
auth { client-certificates = yes }
suppression "bob@example.test" { }
"""


@contextlib.contextmanager
def without_listening(script=None, **options):
    """What the client is after the turn."""
    remote = Remote(script, **options)
    remote.listener.close()
    yield remote


@pytest.fixture(scope="module")
def shared():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        yield prepare(make(start=False))
    finally:
        dispose()


@pytest.fixture
def server(shared):
    yield shared
    shared.cli("queue", "drop", "all", "--yes", check=False)
    for user in "alice", "bob":
        with contextlib.closing(shared.imap(user)) as imap:
            imap.select()
            imap.store("1:*", "+FLAGS", r"\Deleted")
            imap.expunge()


def prepare(server):
    server.listen("odmr", "odmr")
    server.configure(CONFIG)
    server.cli("fetch", "add", "far.test", "alice@example.test")
    server.cli("fetch", "add", "further.test", "alice@example.test")
    server.cli("fetch", "add", "bobs.test", "bob@example.test")
    return server.start()


def send(server, *to, count=1):
    with server.smtp() as smtp:
        for i in range(count):
            smtp.sendmail("smith@client.test", to, f"Subject: {to[0]} {i}\r\n\r\nx\r\n")


def waiting(server):
    """Recipients in the queue, by their address, once each was looked at and none is on its way."""
    def settled():
        found = entries(server)
        return all(e["state"] == "waiting" and e["last"] for e in found) and (
            sorted(e["to"] for e in found),)
    return wait_for(settled, what="a queue at rest")[0]


@contextlib.contextmanager
def logged_in(server, user="alice", port="odmr"):
    with Wire(server, port) as wire:
        wire.starttls()
        wire.expect("EHLO client.test", "250")
        assert wire.login(user).startswith("235")
        yield wire


def turn(wire, remote):
    """The rest of the connection: we serve."""
    session = Session(remote, wire.sock, len(remote.sessions) + 1)
    remote.sessions.append(session)
    session.run()
    return session


def taken(remote):
    return sorted(r for t in remote.taken for r in t.recipients)


def test_mail_is_taken_for_it_and_waits(server):
    send(server, "a@far.test")
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("smith@client.test")
        assert smtp.rcpt("a@unknown.test")[0] == 550
        # Below a domain that is fetched is another domain.
        assert smtp.rcpt("a@sub.far.test")[0] == 550
    assert waiting(server) == ["a@far.test"]
    [entry] = entries(server)
    assert entry["attempts"] == 0
    assert entry["last"] == "waits to be fetched (ATRN)"


def test_fetch(server):
    send(server, "a@far.test", count=3)
    send(server, "b@further.test", "c@far.test")
    send(server, "d@bobs.test")
    assert len(waiting(server)) == 6
    with without_listening() as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250 2.0.0 OK, now reversing the connection")
        session = turn(wire, remote)
        assert session.verbs[0] == "EHLO" and session.verbs[-1] == "QUIT"
        assert taken(remote) == ["a@far.test"] * 3 + ["b@further.test", "c@far.test"]
        assert b"Subject: a@far.test 0" in remote.taken[0].data
    # Bob's is not hers.
    assert waiting(server) == ["d@bobs.test"]
    with logged_in(server) as wire:
        wire.expect("ATRN", "453 4.0.0")
        wire.expect("QUIT", "221")
    line = wait_for(lambda: [l for l in server.log_text().splitlines() if "messages=5" in l])
    assert "smtp.turned" in line[0]


def test_fetch_some_domains(server):
    send(server, "a@far.test", "b@further.test", "c@bobs.test")
    assert len(waiting(server)) == 3
    with without_listening() as remote, logged_in(server) as wire:
        wire.expect("ATRN bobs.test", "450 4.7.1")
        wire.expect("ATRN far.test,bobs.test", "450 4.7.1")
        wire.expect("ATRN far.test,", "501 5.5.4")
        wire.expect("ATRN not..one", "501 5.5.4")
        wire.expect("ATRN FURTHER.test", "250")
        turn(wire, remote)
        assert taken(remote) == ["b@further.test"]
    assert waiting(server) == ["a@far.test", "c@bobs.test"]


def test_who_may(server):
    with Wire(server, "odmr") as wire:
        wire.expect("ATRN", "503 5.5.1")
        wire.send("EHLO client.test\r\n")
        offered = wire.reply()
        assert "250-ATRN" in offered and not any("SIZE" in line for line in offered)
        wire.expect("ATRN", "530 5.7.0")
        wire.expect("MAIL FROM:<a@client.test>", "502 5.5.1")
    server.cli("user", "add", "carol@example.test", input="correct horse\n")
    with logged_in(server, "carol") as wire:
        wire.expect("ATRN", "450 4.7.1")
        wire.expect("ATRN far.test", "450 4.7.1")
    with logged_in(server, port="submission") as wire:
        wire.expect("ATRN", "502 5.5.1")


def test_etrn_has_nowhere_to_send_it(server):
    send(server, "a@far.test")
    assert waiting(server) == ["a@far.test"]
    with logged_in(server, port="submission") as wire:
        wire.expect("ETRN far.test", "251")
    assert waiting(server) == ["a@far.test"]


def test_a_smarthost_of_its_own_is_a_way(make_server):
    with Remote() as remote:
        server = make_server(config=f'smarthost "far.test" {{ host = "127.0.0.1" tls = none '
                                    f'port = {remote.port} }}')
        server.cli("fetch", "add", "far.test", "alice@example.test")
        send(server, "a@far.test")
        wait_for(lambda: taken(remote) == ["a@far.test"])


def test_what_the_client_refuses_and_puts_off(server):
    """Once each, whatever it says; a report for what it will not have."""
    def script(session, verb, line):
        return {"RCPT TO:<later@far.test>": "450 4.2.0 later",
                "RCPT TO:<never@far.test>": "550 5.1.1 never"}.get(line)
    for to in "later@far.test", "never@far.test", "now@far.test":
        with server.submission() as smtp:
            smtp.sendmail("alice@example.test", [to], "Subject: x\r\n\r\nx\r\n")
    assert len(waiting(server)) == 3
    with without_listening(script) as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        session = turn(wire, remote)
        assert session.lines.count("RCPT TO:<later@far.test>") == 1
        assert taken(remote) == ["now@far.test"]
    assert b"Final-Recipient: rfc822; never@far.test" in server.wait_messages(1)[0]
    assert waiting(server) == ["later@far.test"]
    with without_listening() as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        assert taken(remote) == ["later@far.test"]
    assert waiting(server) == []


def test_suppressed(server):
    """Who mail of the sender does not go to any more does not get it so either."""
    with server.submission("bob") as smtp:
        smtp.sendmail("bob@example.test", ["gone@far.test", "here@far.test"], "Subject: x\r\n\r\nx\r\n")
        smtp.sendmail("bob@example.test", ["gone@far.test"], "Subject: y\r\n\r\ny\r\n")
    send(server, "gone@far.test")
    assert len(waiting(server)) == 4
    server.cli("suppression", "add", "bob@example.test", "gone@far.test", "--reason", "who?")
    with without_listening() as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        assert sorted(t.recipients for t in remote.taken) == [["gone@far.test"], ["here@far.test"]]
        assert {t.sender for t in remote.taken if t.recipients == ["gone@far.test"]} == \
            {"smith@client.test"}
    for raw in server.wait_messages(2, "bob"):
        assert b"Final-Recipient: rfc822; gone@far.test" in raw
        assert b"suppressed: no mail of this sender" in raw
    assert waiting(server) == []
    server.cli("suppression", "remove", "bob@example.test", "gone@far.test")


def test_limits_of_the_client(server):
    """What its LIMITS (RFC 9422) leave no room for waits for the next time."""
    with server.smtp() as smtp:
        smtp.sendmail("smith@client.test", [f"{n}@far.test" for n in "abc"], "Subject: x\r\n\r\nx\r\n")
    assert len(waiting(server)) == 3
    limits = ("PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=1")
    with without_listening(extensions=limits) as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        assert taken(remote) == ["a@far.test", "b@far.test"]
    assert waiting(server) == ["c@far.test"]
    with without_listening(extensions=limits) as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        assert taken(remote) == ["c@far.test"]


@pytest.mark.parametrize("at", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_connection_is_lost(server, at):
    """At any point of the second message: the first is there once, the others wait, and are fetched
    later. None is lost, none comes twice."""
    def script(session, verb, line):
        return CLOSE if verb == at and (at in ("CONNECT", "EHLO") or remote.taken) else None
    to = [f"{n}@far.test" for n in "abcd"]
    for address in to:
        send(server, address)
    assert waiting(server) == to
    with without_listening(script) as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        first = taken(remote)
        assert first == ([] if at in ("CONNECT", "EHLO") else ["a@far.test"])
    assert waiting(server) == [a for a in to if a not in first]
    with without_listening() as remote, logged_in(server) as wire:
        wire.expect("ATRN", "250")
        turn(wire, remote)
        assert sorted(first + taken(remote)) == to
    assert waiting(server) == []


def test_no_greeting_that_makes_sense(server):
    """What stands behind ATRN in one packet is no greeting; nothing is sent to who does not turn."""
    send(server, "a@far.test")
    assert waiting(server) == ["a@far.test"]
    with logged_in(server) as wire:
        wire.send("ATRN\r\nNOOP\r\n")
        assert wire.reply()[-1].startswith("250")
        assert wire.is_closed()
    assert waiting(server) == ["a@far.test"]


def test_turn_by_login(server):
    with logged_in(server, "bob", "submission") as wire:
        wire.send("EHLO client.test\r\n")
        assert "250-TURN" in wire.reply()
    with Wire(server) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("TURN", "502 5.5.1")
        wire.expect("TURN round", "501 5.5.4")
    send(server, "a@far.test", "b@bobs.test")
    with without_listening() as remote, logged_in(server, "bob", "submission") as wire:
        wire.expect("TURN", "250 2.0.0")
        turn(wire, remote)
        assert taken(remote) == ["b@bobs.test"]
    with without_listening() as remote, logged_in(server, "bob", "submission") as wire:
        wire.expect("TURN", "250 2.0.0")
        assert turn(wire, remote).verbs == ["EHLO", "QUIT"]
    assert waiting(server) == ["a@far.test"]


def test_turn_by_certificate(server, tmp_path):
    """One that the operator has put down for an account is as good as its login."""
    key, chain = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", chain,
                    "-subj", "/CN=bobs.test", "-addext", "subjectAltName=DNS:bobs.test"],
                   check=True, capture_output=True)
    send(server, "a@far.test", "b@bobs.test")
    context = server.tls_context()
    context.load_cert_chain(chain, key)

    def connect():
        wire = Wire(server)
        wire.expect("EHLO client.test", "250")
        wire.expect("STARTTLS", "220")
        wire.sock = context.wrap_socket(wire.sock)
        wire.file = wire.sock.makefile("rb")
        wire.expect("EHLO client.test", "250")
        return wire
    with connect() as wire:
        # It names the domain, but nobody vouches for it.
        wire.expect("TURN", "502 5.5.1")
    server.cli("certificate", "add", "bob@example.test", chain)
    with without_listening() as remote, connect() as wire:
        wire.expect("TURN", "250 2.0.0")
        turn(wire, remote)
        assert taken(remote) == ["b@bobs.test"]


def test_expires_while_it_waits(make_server):
    server = make_server(config="queue { retry-first = 10ms retry-max = 10ms expire = 1s }")
    server.cli("fetch", "add", "far.test", "alice@example.test")
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["a@far.test"], "Subject: x\r\n\r\nx\r\n")
    assert b"waits to be fetched" in server.wait_messages(1)[0]
    assert waiting(server) == []


def test_commands(make_server):
    server = make_server(start=False)
    for user in "alice", "bob":
        server.cli("fetch", "add", "far.test", f"{user}@example.test")
    server.cli("fetch", "add", "further.test", "bob@example.test")
    listed = {f["domain"]: f["users"]
              for f in json.loads(server.cli("fetch", "list", "--json").stdout)}
    assert listed == {"far.test": ["alice@example.test", "bob@example.test"],
                      "further.test": ["bob@example.test"]}
    for args in (("add", "far.test", "alice@example.test"), ("add", "far.test", "no@example.test"),
                 ("add", "example.test", "alice@example.test"), ("remove", "none.test")):
        assert server.cli("fetch", *args, check=False).returncode == 1
    server.cli("fetch", "remove", "far.test", "alice@example.test")
    assert "far.test <- bob@example.test\n" in server.cli("fetch", "list").stdout
    server.cli("user", "remove", "bob@example.test")
    assert server.cli("fetch", "list").stdout == ""
