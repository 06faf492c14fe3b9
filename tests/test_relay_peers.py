"""To Exim, OpenSMTPD and Haraka, and on from there; and from Haraka to us."""
import os
import pathlib
import smtplib
import tempfile

import pytest

from conftest import _factory, wait_for
from relay_peers import EximServer, Haraka, OpenSmtpdServer
from remote import Remote
from test_relay import SLOW, entries, report

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for mounts of their own")

PEERS = {"exim": EximServer, "opensmtpd": OpenSmtpdServer, "haraka": Haraka}
BODY = "Grüße\n.one dot\n..two\n" + "x" * 70 + "\n" * 3
LONG = "".join(f"{i} {'y' * 60}\n" for i in range(4000))


def message(subject, body):
    return (f"From: alice@a.test\nTo: x@peer.test\nSubject: {subject}\nMessage-ID: <{subject}@a.test>\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
            f"Content-Transfer-Encoding: 8bit\n\n{body}").replace("\n", "\r\n").encode()


@pytest.fixture(scope="module", params=sorted(PEERS))
def chain(request):
    """A server of ours, the peer that has its mail, and a remote that has the peer's."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    kind = PEERS[request.param]
    tls = "none" if kind is OpenSmtpdServer else "required"
    front = make(start=False, domain="a.test")
    certificate = (front.dir / "certificate.pem", front.dir / "certificate.key")
    try:
        with Remote() as sink, kind(sink.port, certificate) as peer:
            front.configure(f"""
                relay-networks = {{ "127.0.0.0/8" }}
                queue {{ retry-first = 1h }}
                smarthost "peer.test" {{ host = "127.0.0.1" port = {peer.port} tls = {tls} }}""")
            front.start()
            yield request.param, front, sink
    finally:
        dispose()


def submit(front, to, subject, body):
    with front.smtp() as smtp:
        smtp.sendmail("alice@a.test", to, message(subject, body), mail_options=["BODY=8BITMIME"])


def test_messages_arrive_as_they_were(chain):
    name, front, sink = chain
    sink.taken.clear()
    for subject, body in [("short", BODY), ("long", LONG)]:
        submit(front, ["x@peer.test", "y@peer.test"], subject, body)
        wait_for(lambda: {r for t in sink.taken for r in t.recipients
                          if f"Subject: {subject}\r\n".encode() in t.data} ==
                 {"x@peer.test", "y@peer.test"}, SLOW)
        for taken in sink.taken:
            if f"Subject: {subject}\r\n".encode() in taken.data:
                assert taken.sender == "alice@a.test"
                assert taken.data.endswith(body.replace("\n", "\r\n").encode())
        # The peer may have passed it on before we have heard that it was taken.
        wait_for(lambda: entries(front) == [], SLOW, "an empty queue")
        told = front.cli("trace", f"<{subject}@a.test>").stdout
        assert told.count("relayed") == 2 and "  250 " in told
        assert ("TLSv1.3" in told) == (name != "opensmtpd")


def test_many_over_few_connections(chain):
    name, front, sink = chain
    sink.taken.clear()
    for i in range(30):
        submit(front, [f"u{i}@peer.test"], f"many-{i}", BODY)
    wait_for(lambda: {r for t in sink.taken for r in t.recipients} ==
             {f"u{i}@peer.test" for i in range(30)}, SLOW)
    wait_for(lambda: entries(front) == [], SLOW)


def test_refused_recipients(chain):
    name, front, sink = chain
    sink.taken.clear()
    count = len(front.messages("alice"))
    later = [] if name == "opensmtpd" else ["later@peer.test"]
    submit(front, ["nobody@peer.test", "z@peer.test", *later], "mixed", BODY)
    raw = front.wait_messages(count + 1, "alice", seconds=SLOW)[-1]
    [about] = report(raw)
    assert about["Final-Recipient"] == "rfc822; nobody@peer.test"
    assert about["Action"] == "failed" and about["Status"].startswith("5.")
    assert about["Diagnostic-Code"].startswith("smtp; 5")
    wait_for(lambda: [t.recipients for t in sink.taken] == [["z@peer.test"]], SLOW)
    wait_for(lambda: [(e["to"], e["state"]) for e in entries(front)] ==
             [(to, "waiting") for to in later], SLOW, "what is left")
    waiting = entries(front)
    if later:
        assert waiting[0]["last"].startswith("4") and "not now" in waiting[0]["last"]
        assert waiting[0]["last_status"].startswith("4.")
        front.cli("queue", "drop", "--yes", "all")


def test_from_haraka(make_server):
    """Its own queue sends to us, with STARTTLS, and brings what we refuse back."""
    server = make_server()
    certificate = (server.dir / "certificate.pem", server.dir / "certificate.key")
    with Haraka(server.port["smtp"], certificate, tls_out=True) as haraka:
        with smtplib.SMTP("127.0.0.1", haraka.port, timeout=30) as smtp:
            smtp.sendmail("bob@example.test", ["alice@example.test", "no.such@example.test"],
                          message("from-haraka", BODY))
        [raw] = server.wait_messages(1, "alice", seconds=SLOW)
        assert raw.endswith(BODY.replace("\n", "\r\n").encode())
        assert b"TLS" in raw.split(b"Subject:")[0]
        [notice] = server.wait_messages(1, "bob", seconds=SLOW)
        assert b"no.such@example.test" in notice and b"delivery-status" in notice
