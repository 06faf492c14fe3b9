"""REQUIRETLS and TLS-Required (RFC 8689): mail that goes over verified TLS to hosts that promise the
same, or comes back; and mail that goes even where policy would rather have it wait."""
import email
import email.policy

import pytest

from conftest import wait_for
from dns_zone import DnsZone
from remote import Remote
from test_certificates import make_certificate
from test_relay import SLOW, by_mx, entries, report, wait_empty
from test_smtp import Wire

ZONES = {
    "a.test": "@ MX 10 mx\nmx A 127.0.0.1",
    "b.test": "@ MX 10 mx\nmx A 127.0.0.1",
    "two.test": "@ MX 10 other\n@ MX 20 mx\nother A 127.0.0.1\nmx A 127.0.0.1",
    "open.test": "@ MX 10 mx.b.test.",
}
MESSAGE = "From: {}\r\nTo: {}\r\nSubject: secret\r\n{}\r\nThe body.\r\n"
READY = ("PIPELINING", "DSN", "REQUIRETLS")


@pytest.fixture(scope="module")
def dns():
    with DnsZone(ZONES, signed=["a.test", "b.test", "two.test"]) as zone:
        yield zone


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    make_certificate(directory, "mx.b.test", "mx.b.test", "mx.two.test")
    return directory / "mx.b.test.pem", directory / "mx.b.test.key"


@pytest.fixture
def start(make_server, dns, certificate):
    """A server for a.test that trusts the certificate of mx.b.test."""
    def make(port, extra="", trust=True):
        server = make_server(start=False, domain="a.test", config=by_mx(dns, port) + extra)
        return server.start({"SSL_CERT_FILE": str(certificate[0])} if trust else None)
    return make


def submit(server, to, options=("REQUIRETLS",), header="", sender="alice@a.test"):
    with server.smtp() as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.sendmail(sender, [to], MESSAGE.format(sender, to, header), mail_options=list(options))


def bounce(server):
    raw = server.wait_messages(1, seconds=SLOW)[0]
    return raw, report(raw)[0]


def mail_lines(remote):
    return [l for s in remote.sessions for l in s.lines if l.startswith("MAIL")]


def test_between_two_servers(start, make_server, dns):
    b = make_server(start=False, domain="b.test")
    a = make_server(start=False, domain="a.test", config=by_mx(dns, b.port["smtp"]))
    b.start()
    a.start({"SSL_CERT_FILE": str(b.dir / "certificate.pem")})
    submit(a, "bob@b.test")
    got = b.wait_messages(1, "bob", seconds=SLOW)[0]
    assert b" with ESMTPS (TLSv1.3" in got and b"Subject: secret" in got
    wait_empty(a)


def test_passed_on(start, certificate):
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port)
        submit(server, "bob@b.test")
        submit(server, "bob@b.test", options=())
        wait_for(lambda: len(remote.taken) == 2, SLOW, "both messages")
        assert sorted(mail_lines(remote)) == ["MAIL FROM:<alice@a.test>",
                                              "MAIL FROM:<alice@a.test> REQUIRETLS"]
        assert all(t.session.tls for t in remote.taken)


def test_host_that_does_not_promise(start, certificate):
    """It comes back at once, the header alone, whatever RET says; other mail goes there."""
    with Remote(certificate=certificate, extensions=("DSN",)) as remote:
        server = start(remote.port)
        submit(server, "bob@b.test", options=("REQUIRETLS", "RET=FULL"))
        raw, told = bounce(server)
        assert told["Action"] == "failed" and told["Status"] == "5.7.30"
        assert b"Subject: secret" in raw and b"The body." not in raw
        assert not mail_lines(remote)
        submit(server, "bob@b.test", options=())
        wait_for(lambda: remote.taken, SLOW, "other mail")


def test_certificate_that_nobody_knows(start, certificate):
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port, trust=False)
        submit(server, "bob@b.test")
        assert bounce(server)[1]["Status"] == "5.7.10"
        assert not mail_lines(remote)


def test_host_without_tls(start):
    with Remote(extensions=READY) as remote:
        server = start(remote.port)
        submit(server, "bob@b.test")
        assert bounce(server)[1]["Status"] == "5.7.10"
        assert not mail_lines(remote)


def test_names_that_cannot_be_believed(start, certificate):
    """No DNSSEC for the MX: anybody may have said which host it is."""
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port)
        submit(server, "bob@open.test")
        assert bounce(server)[1]["Status"] == "5.7.10"
        assert not remote.sessions


def test_next_host(start, certificate):
    """Of two MX hosts the first has no certificate for its name."""
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port)
        submit(server, "bob@two.test")
        wait_for(lambda: remote.taken, SLOW, "the message")
        assert len(remote.sessions) == 2 and mail_lines(remote)[0].endswith(" REQUIRETLS")


def test_host_that_is_down(start, certificate):
    """That may pass: it is tried again."""
    with Remote(certificate=certificate, extensions=READY) as remote:
        remote.script = lambda s, verb, line: "421 4.3.2 later" if verb == "CONNECT" else None
        server = start(remote.port)
        submit(server, "bob@b.test")
        wait_for(lambda: entries(server)[0]["attempts"] >= 1, SLOW, "an attempt")
        remote.script = None
        server.cli("queue", "retry", "all")
        wait_for(lambda: remote.taken, SLOW, "the message")


def test_report_goes_as_safely(start, certificate):
    """And where it can't, it goes all the same."""
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port)
        submit(server, "bob@open.test", sender="smith@b.test")
        wait_for(lambda: len(remote.taken) == 1, SLOW, "the report")
        wait_empty(server)   # it has our reply
        remote.extensions = ("DSN",)
        remote.hang_up()
        submit(server, "bob@open.test", sender="smith@b.test")
        wait_for(lambda: len(remote.taken) == 2, SLOW, "the second report")
        assert mail_lines(remote) == ["MAIL FROM:<> REQUIRETLS", "MAIL FROM:<>"]


def test_relayed_for_an_alias(start, certificate):
    with Remote(certificate=certificate, extensions=READY) as remote:
        server = start(remote.port)
        server.cli("alias", "add", "out@a.test", "far@b.test")
        submit(server, "out@a.test")
        wait_for(lambda: remote.taken, SLOW, "the message")
        assert mail_lines(remote) == ["MAIL FROM:<alice@a.test> REQUIRETLS"]


# --- TLS-Required: No --------------------------------------------------------------------------


def test_tls_required_no(start, certificate):
    """Over the policy for a smarthost; mail without the field waits."""
    with Remote(certificate=certificate) as remote:
        server = start(remote.port, trust=False, extra=(
            f'smarthost "b.test" {{ host = "localhost" port = {remote.port} tls = verified }}'))
        submit(server, "bob@b.test", options=())
        wait_for(lambda: entries(server)[0]["last"], SLOW, "a failure")
        submit(server, "bob@b.test", options=(), header="TLS-Required: No\r\n")
        wait_for(lambda: remote.taken, SLOW, "the message")
        assert remote.taken[0].session.tls
        message = email.message_from_bytes(remote.taken[0].data, policy=email.policy.default)
        assert message["TLS-Required"] == "No"
        wait_for(lambda: len(entries(server)) == 1, SLOW, "its end")


def test_requiretls_counts_more(start, certificate):
    """RFC 8689 section 4.1: with the parameter the field is not looked at."""
    with Remote(certificate=certificate) as remote:
        server = start(remote.port)
        submit(server, "bob@b.test", header="TLS-Required: No\r\n")
        assert bounce(server)[1]["Status"] == "5.7.30"


def test_offered_under_tls(start):
    server = start(1)
    with Wire(server) as wire:
        wire.starttls()
        wire.expect("EHLO client.test", "250")
        wire.expect("MAIL FROM:<a@client.test> REQUIRETLS", "250 2.1.0")
        wire.expect("RSET", "250")
        wire.expect("MAIL FROM:<a@client.test> REQUIRETLS REQUIRETLS", "501 5.5.4")
