"""DELIVERBY (RFC 2852): mail that is returned, or told of, when it is not delivered in time."""
import email
import re
import time

import pytest

from conftest import free_port, wait_for
from remote import Remote
from test_relay import SLOW, entries, smarthost, submit, wait_empty
from test_smtp import Wire

SELDOM = "queue { retry-first = 1h retry-max = 1h }"
OFTEN = "queue { retry-first = 100ms retry-max = 100ms }"
KNOWN = ("PIPELINING", "DSN", "DELIVERBY")


def mail_lines(remote):
    return [l for s in remote.sessions for l in s.lines if l.startswith("MAIL")]


def told(server, count=1):
    """Action and status of the reports, oldest first, and when the mail was to be there."""
    raw = server.wait_messages(count, seconds=SLOW)
    result = []
    for m in raw:
        message, recipient = email.message_from_bytes(m).get_payload()[1].get_payload()
        assert message["Deliver-By-Date"]
        result.append((recipient["Action"], recipient["Status"]))
    return result


@pytest.fixture
def down(make_server):
    """Everything goes to a port where nobody listens."""
    def make(extra):
        port = free_port()
        server = make_server(config=f'smarthost "*" {{ host = "127.0.0.1" port = {port} tls = none }}\n'
                             'relay-networks = { "127.0.0.0/8" }\n' + extra)
        server.dead_port = port
        return server
    return make


def test_passed_on(make_server):
    with Remote(extensions=KNOWN) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["far@far.test"], mail_options=["BY=600;R"])
        wait_for(lambda: len(remote.taken) == 1, SLOW, "the first")
        submit(server, ["far@far.test"], mail_options=["BY=-5;n"])
        wait_for(lambda: len(remote.taken) == 2, SLOW, "the second")
        first, second = mail_lines(remote)
        assert 540 < int(re.search(r" BY=(\d+);R$", first)[1]) < 600
        assert -60 < int(re.search(r" BY=(-\d+);N$", second)[1]) < -5
        assert server.messages() == []


def test_host_that_is_down(down):
    """Things happen at their time and not by the schedule, which would try again in an hour; and to
    those who want to hear nothing nothing is said."""
    server = down(SELDOM)
    begun = time.monotonic()
    submit(server, ["r@far.test"], "r", mail_options=["BY=3;R"])
    submit(server, ["n@far.test"], "n", mail_options=["BY=2;N"])
    submit(server, ["never@far.test"], "never", mail_options=["BY=1;R"],
           rcpt_options=["NOTIFY=NEVER"])
    reports = dict(told(server, 2))
    assert sorted(reports) == ["delayed", "failed"] and reports["failed"] == "5.4.7"
    assert time.monotonic() - begun >= 2.9
    wait_for(lambda: [e["to"] for e in entries(server)] == ["n@far.test"], SLOW, "one")
    assert "bounced" in server.cli("trace", "<r@a.test>").stdout
    # The queue shows when it would come back.
    submit(server, ["soon@far.test"], "soon", mail_options=["BY=600;R"], rcpt_options=["NOTIFY=NEVER"])
    lasts = {e["to"]: (e["expires_ms"] - e["arrived_ms"]) / 1000 for e in entries(server)}
    assert 590 < lasts["soon@far.test"] <= 600 < 86400 < lasts["n@far.test"]
    server.cli("queue", "drop", "--yes", "soon@far.test")
    with Remote(port=server.dead_port) as remote:
        server.cli("queue", "retry", "all")
        wait_for(lambda: remote.taken, SLOW, "the message")


def test_host_that_does_not_know(make_server):
    """R: nobody there would return it. N: it goes, and the sender hears that it went."""
    with Remote() as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["far@far.test"], mail_options=["BY=600;R"])
        assert told(server) == [("failed", "5.4.7")]
        assert not mail_lines(remote)
        submit(server, ["far@far.test"], mail_options=["BY=600;N"])
        assert told(server, 2)[1][0] == "relayed"
        assert mail_lines(remote) == ["MAIL FROM:<alice@example.test>"] or \
            mail_lines(remote)[0].startswith("MAIL FROM:<alice@example.test> SIZE=")


def test_host_that_needs_longer(make_server):
    with Remote(extensions=("DELIVERBY 1000",)) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["far@far.test"], mail_options=["BY=600;R"])
        assert told(server) == [("failed", "5.4.7")]
        assert not mail_lines(remote)
        submit(server, ["far@far.test"], mail_options=["BY=600;N"])
        wait_for(lambda: remote.taken, SLOW, "what need not be in time")


def test_trace(make_server):
    with Remote(extensions=KNOWN) as remote:
        server = make_server(config=smarthost(remote))
        submit(server, ["far@far.test"], mail_options=["BY=600;RT"])
        assert told(server) == [("relayed", "2.0.0")]
        assert mail_lines(remote)[0].endswith(";RT")


def test_late_is_told_once(make_server):
    """N: it is tried on."""
    with Remote(script=lambda s, verb, line: "450 4.2.0 later" if verb == "RCPT" else None,
                extensions=KNOWN) as remote:
        server = make_server(config=smarthost(remote) + OFTEN)
        submit(server, ["far@far.test"], mail_options=["BY=1;N"], rcpt_options=["NOTIFY=DELAY"])
        assert told(server) == [("delayed", "4.2.0")]
        before = entries(server)[0]["attempts"]
        wait_for(lambda: entries(server)[0]["attempts"] > before + 3, SLOW, "further attempts")
        assert len(server.messages()) == 1
        remote.script = None
        wait_empty(server)
        assert re.search(r" BY=-\d+;N$", mail_lines(remote)[-1])
        assert len(server.messages()) == 1


def test_deadline_survives_a_restart(down):
    server = down(SELDOM)
    submit(server, ["far@far.test"], mail_options=["BY=4;R"])
    server.stop()
    server.start()
    assert told(server) == [("failed", "5.4.7")]


def test_least_time(make_server):
    server = make_server(config="smtp { min-deliver-by = 1m }")
    with Wire(server) as wire:
        wire.send("EHLO client.test\r\n")
        assert "250-DELIVERBY 60" in wire.reply()
        wire.expect("MAIL FROM:<a@client.test> BY=59;R", "550 5.4.7")
        wire.expect("MAIL FROM:<a@client.test> BY=60;R", "250 2.1.0")
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<a@client.test> BY=1;N", "250 2.1.0")
