"""AUTH= of MAIL: who is believed to name the submitter, and who is told."""
import pathlib
import tempfile

import pytest

from conftest import _factory, wait_for
from remote import Remote
from test_relay import message

USER = {"user": "secret"}


@pytest.fixture(scope="module")
def between():
    """A server that logs in to a smarthost, and to none for other.test."""
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote(users=USER) as remote, Remote() as other:
        server = make(start=False, domain="a.test", accounts=("alice", "bob"))
        (server.dir / "password").write_text("secret\n")
        server.configure(f'''
            smarthost "*" {{ host = "127.0.0.1" port = {remote.port} tls = none
                             user = "user" password-file = "password" }}
            smarthost "other.test" {{ host = "127.0.0.1" port = {other.port} tls = none }}
            relay-networks = {{ "127.0.0.0/8" }}''')
        server.listen("trusted", "smtp", 'xclient-networks = { "127.0.0.0/8" }')
        server.start()
        server.remote, server.other = remote, other
        yield server
    dispose()


def mail_line(remote, before):
    taken = wait_for(lambda: remote.taken[before:], what="the remote")[0]
    return [line for line in taken.session.lines if line.startswith("MAIL")][-1]


def relayed(server, smtp, parameter, sender="alice@a.test", to="x@b.test", remote=None):
    remote = remote or server.remote
    before = len(remote.taken)
    smtp.sendmail(sender, [to], message(), mail_options=[parameter] if parameter else [])
    return mail_line(remote, before)


@pytest.mark.parametrize("given, told", [
    (None, "AUTH=alice@a.test"), ("AUTH=alice@a.test", "AUTH=alice@a.test"), ("AUTH=<>", "AUTH=<>"),
    ("AUTH=alice+2Btag@a.test", "AUTH=alice+2Btag@a.test"), ("AUTH=bob@a.test", "AUTH=<>"),
    ("AUTH=somebody", "AUTH=<>"),
])
def test_from_a_user(between, given, told):
    with between.submission() as smtp:
        assert relayed(between, smtp, given).split()[-1] == told


@pytest.mark.parametrize("given, told", [
    (None, "AUTH=<>"), ("AUTH=e+3Dmc2@c.test", "AUTH=e+3Dmc2@c.test"), ("AUTH=<>", "AUTH=<>"),
    ("AUTH=a+0D+0Ab@c.test", "AUTH=<>"),
])
def test_from_a_host_that_may_relay(between, given, told):
    with between.smtp() as smtp:
        assert relayed(between, smtp, given).split()[-1] == told


def test_from_a_stranger(between):
    """Nothing is believed, even where the mail goes on: here by an alias."""
    between.cli("alias", "add", "away@a.test", "x@b.test")
    with between.smtp("trusted") as smtp:
        smtp.ehlo()
        assert smtp.docmd("XCLIENT", "ADDR=192.0.2.1")[0] == 220
        smtp.ehlo_resp = smtp.helo_resp = None
        line = relayed(between, smtp, "AUTH=alice@a.test", "smith@c.test", "away@a.test")
    assert line.split()[-1] == "AUTH=<>"


def test_who_did_not_ask_for_a_login_is_told_nothing(between):
    with between.submission() as smtp:
        line = relayed(between, smtp, None, to="x@other.test", remote=between.other)
    assert "AUTH=" not in line
