"""What EHLO announces: by listener, and by what the session has come to. All of it, in its order."""
import re

import pytest

from test_smtp import Wire

ALWAYS = ["8BITMIME", "BINARYMIME", "CHUNKING", "DELIVERBY", "DSN", "ENHANCEDSTATUSCODES", "HELP",
          "LIMITS MAILMAX=1000 RCPTMAX=1000", "MT-PRIORITY", "PIPELINING", "SIZE 52428800",
          "SMTPUTF8"]
HOLD = "FUTURERELEASE 2592000 DATE"
CLEAR = "AUTH SCRAM-SHA-256 SCRAM-SHA-1"
BURL = "BURL imap imap://mx.example.test"
SECRET = "AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"

# listener, state, what there is beside ALWAYS
TABLE = [
    ("smtp", "clear", [CLEAR, "STARTTLS"]),
    ("smtp", "tls", [SECRET, "REQUIRETLS"]),
    ("smtp", "login", ["ETRN", "REQUIRETLS"]),
    ("submission", "clear", [CLEAR, "STARTTLS", HOLD, "BURL"]),
    ("submission", "tls", [SECRET, "REQUIRETLS", HOLD, "BURL"]),
    ("submission", "login", ["ETRN", "REQUIRETLS", HOLD, BURL]),
    ("submissions", "tls", [SECRET, "REQUIRETLS", HOLD, "BURL"]),
    ("submissions", "login", ["ETRN", "REQUIRETLS", HOLD, BURL]),
]


def ehlo(wire):
    wire.send("EHLO client.test\r\n")
    lines = wire.reply()
    assert lines[0].startswith("250-") and lines[0].endswith("greets client.test")
    assert [l[3] for l in lines] == ["-"] * (len(lines) - 1) + [" "]
    return [re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", "DATE", l[4:]) for l in lines[1:]]


def reach(wire, listener, state):
    if state != "clear" and listener != "submissions":
        wire.starttls()
    wire.expect("EHLO client.test", "250")
    if state == "login":
        assert wire.login().startswith("235")


@pytest.mark.parametrize("listener, state, more", TABLE,
                         ids=[f"{l}-{s}" for l, s, _ in TABLE])
def test_announced(server, listener, state, more):
    with Wire(server, listener) as wire:
        reach(wire, listener, state)
        assert sorted(ehlo(wire)) == sorted(ALWAYS + more)


@pytest.mark.parametrize("listener", ["smtp", "submission"])
def test_nothing_to_helo(server, listener):
    with Wire(server, listener) as wire:
        wire.send("HELO client.test\r\n")
        lines = wire.reply()
        assert len(lines) == 1 and re.fullmatch(r"250 \S+ greets client.test", lines[0])


def test_configured(make_server):
    """What is off is not announced, what is on is."""
    server = make_server(config="smtp { max-message = 1M expn = trusted max-transactions = 0 "
                                'max-recipients = 200 no-soliciting = "*" }')
    with Wire(server, "submission") as wire:
        reach(wire, "submission", "login")
        said = ehlo(wire)
        assert {"SIZE 1048576", "EXPN", "LIMITS RCPTMAX=200", "NO-SOLICITING"} <= set(said)
