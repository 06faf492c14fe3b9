"""VRFY, EXPN (RFC 5321) and ETRN (RFC 1985)."""
import json

from conftest import wait_for
from remote import Remote
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


def test_etrn(make_server):
    """What waits for an hour goes at once, and for one domain only."""
    away = True

    def script(session, verb, line):
        return "450 4.2.0 later" if away and verb == "RCPT" else None
    with Remote(script) as remote:
        server = make_server(config=smarthost(remote) + "queue { retry-first = 1h }")
        with server.smtp() as smtp:
            for to in "a@one.test", "b@two.test":
                smtp.sendmail("alice@example.test", [to], "Subject: etrn\r\n\r\nx\r\n")
        wait_for(lambda: len([e for e in entries(server) if e["attempts"] == 1]) == 2, 20, "tries")
        away = False
        with Wire(server) as wire:
            wire.send("EHLO client.test\r\n")
            assert "250-ETRN" in wire.reply()
            wire.expect("ETRN none.test", "251 2.0.0")
            wire.expect("ETRN @one.test", "459 4.7.1")
            wire.expect("ETRN #queue", "459 4.7.1")
            wire.expect("ETRN ONE.test", "253 2.0.0 1 ")
        wait_for(lambda: remote.taken, 20, "mail")
        assert [t.recipients for t in remote.taken] == [["a@one.test"]]
        wait_for(lambda: len(entries(server)) == 1, 20, "record")
