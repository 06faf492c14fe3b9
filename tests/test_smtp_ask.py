"""VRFY, EXPN (RFC 5321) and ETRN (RFC 1985)."""
import contextlib
import json
import sqlite3

from conftest import wait_for
from remote import SILENCE, Remote
from test_relay import entries, smarthost
from test_smtp import Wire, running


def test_vrfy_untold_by_default(make_server):
    server = make_server()
    with Wire(server) as wire:
        assert wire.ask("VRFY alice@example.test") == wire.ask("VRFY nobody@example.test")
        wire.expect("VRFY alice@example.test", "252 2.0.0")


def expand(wire, what):
    wire.send(f"EXPN {what}\r\n")
    return wire.reply()


def test_expn_for_those_who_logged_in():
    with running("smtp { expn = trusted auth-without-tls = yes }") as server:
        server.cli("alias", "add", "both@example.test", "team@example.test", "x@far.test")
        server.cli("alias", "add", "mixed@example.test", "secret@example.test", "x@far.test")
        with Wire(server) as wire:
            wire.send("EHLO client.test\r\n")
            assert "250-EXPN" not in wire.reply()
            wire.expect("EXPN team@example.test", "530 5.7.0")
            assert wire.login().startswith("235")
            wire.send("EHLO client.test\r\n")
            assert "250-EXPN" in wire.reply()
            assert expand(wire, "both@example.test") == [
                "250-2.1.5 <alice@example.test>", "250-2.1.5 <bob@example.test>",
                "250 2.1.5 <x@far.test>"]
            # Hidden members stay hidden in lists that are not.
            assert expand(wire, "mixed@example.test") == [
                "250-2.1.5 <secret@example.test>", "250 2.1.5 <x@far.test>"]
            assert expand(wire, "secret@example.test") == [
                "550 5.7.2 The members of this list are not told"]
            assert expand(wire, "team") == expand(wire, "team@example.test")
            assert expand(wire, "bob")[0].startswith("553-5.1.4")
            wire.expect("EXPN old@example.test", "551 5.1.6")
            wire.expect("EXPN alice@example.test", "250 2.1.5 <alice@example.test>")
            wire.expect("EXPN nobody@example.test", "550 5.1.1")
            wire.expect("EXPN x@far.test", "252")
        server.cli("alias", "add", "--plain", "secret@example.test")
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            assert wire.login().startswith("235")
            assert len(expand(wire, "secret@example.test")) == 2
        listed = {a["address"]: a["kind"]
                  for a in json.loads(server.cli("alias", "list", "--json").stdout)}
        assert listed["old@example.test"] == "moved"
        assert listed["team@example.test"] == "plain"


def test_vrfy_for_trusted_networks(make_server):
    server = make_server(config="relay-networks = { \"127.0.0.0/8\" }\n smtp { vrfy = trusted }")
    with Wire(server) as wire:
        wire.expect("VRFY alice", "250 2.1.5 <alice@example.test>")
        wire.expect("VRFY x@far.test", "252")
        wire.expect("EXPN alice", "502 5.5.1")


def test_moved_takes_no_mail():
    with running("") as server:
        with server.smtp() as smtp:
            smtp.ehlo("client.test")
            smtp.mail("a@client.test")
            assert smtp.rcpt("old@example.test") == (
                551, b"5.1.6 User not local; please try <new@far.test>")
            assert smtp.rcpt("alice@example.test")[0] == 250
            assert smtp.data("Subject: x\r\n\r\nx\r\n")[0] == 250


@contextlib.contextmanager
def waiting(make_server, *to, config=""):
    """A server with mail that is not due for an hour, and the remote that did not take it at first.
    The remote takes mail after remote.away = False."""
    def script(session, verb, line):
        return "450 4.2.0 later" if remote.away and verb == "RCPT" else None
    with Remote(script) as remote:
        remote.away = True
        server = make_server(config=smarthost(remote) + "queue { retry-first = 1h }\n" + config)
        with server.smtp() as smtp:
            for address in to:
                smtp.sendmail("alice@example.test", [address], f"Subject: {address}\r\n\r\nx\r\n")
        wait_for(lambda: len([e for e in entries(server) if e["attempts"] == 1]) == len(to), 20,
                 "tries")
        yield server, remote


def recipients(remote):
    return sorted(r for t in remote.taken for r in t.recipients)


def test_etrn(make_server):
    """What waits for an hour goes at once, and for one domain only."""
    with waiting(make_server, "a@one.test", "b@two.test") as (server, remote):
        remote.away = False
        with Wire(server) as wire:
            wire.send("EHLO client.test\r\n")
            assert "250-ETRN" in wire.reply()
            wire.expect("ETRN none.test", "251 2.0.0 OK, no messages waiting for node none.test")
            wire.expect("ETRN test", "251")
            wire.expect("ETRN #nothing", "459 4.5.4 Node not allowed")
            wire.expect("ETRN ONE.test",
                        "253 2.0.0 OK, 1 pending messages for node one.test started")
        wait_for(lambda: remote.taken, 20, "mail")
        assert recipients(remote) == ["a@one.test"]
        wait_for(lambda: len(entries(server)) == 1, 20, "record")


def test_etrn_while_the_queue_cannot_be_read(make_server):
    server = make_server(config='relay-networks = { "127.0.0.0/8" }')
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db", timeout=20)) as db:
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            db.execute("ALTER TABLE queue_recipient RENAME TO away")
            wire.expect("ETRN none.test", "458 4.3.0")
            db.execute("ALTER TABLE away RENAME TO queue_recipient")
            wire.expect("ETRN none.test", "251 2.0.0")


def test_etrn_subdomains_and_queues(make_server):
    to = ["a@one.test", "b@sub.one.test", "c@notone.test", "d@two.test"]
    with waiting(make_server, *to) as (server, remote):
        remote.away = False
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            wire.expect("ETRN @one.test", "253 2.0.0 OK, 2 pending messages")
            wait_for(lambda: recipients(remote) == ["a@one.test", "b@sub.one.test"], 20, "two")
            wait_for(lambda: len(entries(server)) == 2, 20, "record")
            wire.expect("ETRN #127.0.0.1", "250 2.0.0 OK, queuing for node 127.0.0.1 started")
            wait_for(lambda: recipients(remote) == to, 20, "all")
            wire.expect("ETRN #ALL", "250 2.0.0 OK, queuing")


def test_etrn_goes_over_a_new_connection(make_server):
    """The one that is open and idle may lead to where the host was before."""
    with waiting(make_server, "a@one.test") as (server, remote):
        remote.away = False
        with Wire(server) as wire, server.smtp() as smtp:
            wire.expect("EHLO client.test", "250")
            smtp.sendmail("alice@example.test", ["b@two.test"], "Subject: x\r\n\r\nx\r\n")
            wait_for(lambda: remote.taken, 20, "the connection")
            wire.expect("ETRN one.test", "253")
            wait_for(lambda: len(remote.taken) == 2, 20, "mail")
        assert remote.taken[0].session.number != remote.taken[1].session.number


def test_etrn_while_it_is_being_sent(make_server):
    """252: nothing to start, it is on its way."""
    with waiting(make_server, "a@one.test") as (server, remote):
        remote.script = lambda session, verb, line: SILENCE if verb == "MAIL" else None
        with Wire(server) as wire:
            wire.expect("EHLO client.test", "250")
            wire.expect("ETRN one.test", "253")
            wait_for(lambda: sum(s.verbs.count("MAIL") for s in remote.sessions) == 2, 20,
                     "an attempt")
            wire.expect("ETRN one.test",
                        "252 2.0.0 OK, pending messages for node one.test started")


def test_etrn_for_whom_it_is_meant(make_server):
    nobody, all_may = (make_server(config=f"smtp {{ etrn = {who} }}")
                       for who in ("nobody", "everybody"))
    with Wire(nobody) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("ETRN one.test", "502 5.5.1")
    with Wire(all_may) as wire:
        wire.expect("EHLO client.test", "250")
        wire.expect("ETRN one.test", "251 2.0.0")


def test_every_keyword_has_its_page(make_server):
    """HELP knows what EHLO announces, and nothing that is turned off."""
    plain = make_server()
    server = make_server(config="""
        relay-networks = { "127.0.0.0/8" }
        smtp { vrfy = everybody expn = everybody etrn = everybody turn = yes terminals = everybody
               sendmail-commands = everybody auth-without-tls = yes }""")
    pages = {}
    for s in (plain, server):
        with Wire(s) as wire:
            wire.send("EHLO client.test\r\n")
            keywords = [line[4:].split(" ")[0] for line in wire.reply()[1:]]
            wire.send("HELP\r\n")
            pages[s] = " ".join(line[10:] for line in wire.reply()[1:-1]).split()
            assert set(keywords) <= set(pages[s])
            for page in pages[s]:
                wire.send(f"HELP {page.lower()}\r\n")
                lines = wire.reply()
                assert lines[-1].startswith("214 2.0.0 "), page
                assert all(len(line) <= 92 for line in lines)
    assert {"VERB", "SAML", "TURN", "EXPN"} <= set(pages[server]) - set(pages[plain])
    assert "ATRN" not in pages[server]
