"""VRFY, EXPN (RFC 5321) and ETRN (RFC 1985)."""
from conftest import wait_for
from remote import Remote
from test_relay import entries, smarthost
from test_smtp import Wire, running


def test_vrfy_untold_by_default(make_server):
    server = make_server()
    with Wire(server) as wire:
        assert wire.ask("VRFY alice@example.test") == wire.ask("VRFY nobody@example.test")
        wire.expect("VRFY alice@example.test", "252 2.0.0")


def test_expn_for_those_who_logged_in():
    with running("smtp { expn = yes auth-without-tls = yes }") as server:
        server.cli("alias", "add", "both@example.test", "team@example.test", "x@far.test")
        with Wire(server) as wire:
            wire.send("EHLO client.test\r\n")
            assert "250-EXPN" not in wire.reply()
            wire.expect("EXPN team@example.test", "530 5.7.0")
            assert wire.login().startswith("235")
            wire.send("EHLO client.test\r\n")
            assert "250-EXPN" in wire.reply()
            wire.send("EXPN both@example.test\r\n")
            assert wire.reply() == ["250-2.1.5 <alice@example.test>",
                                    "250-2.1.5 <bob@example.test>", "250 2.1.5 <x@far.test>"]
            wire.expect("EXPN nobody@example.test", "550 5.1.1")
            wire.expect("EXPN x@far.test", "252")


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
