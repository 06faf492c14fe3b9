"""GSSAPI: a Kerberos ticket logs in. A real KDC, and the clients gsasl and curl."""
import base64
import imaplib
import os
import re
import smtplib
import subprocess

import pytest

from conftest import _factory
from kerberos import REALM, Realm

SERVICES = ("smtp/mx.example.test", "imap/mx.example.test", "pop/mx.example.test")
CONFIG = f"""kerberos {{ keytab = krb5.keytab realm = {REALM} }}
auth {{ refusal-pause = 10ms failure-wait-max = 0 }}"""


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    realm = Realm(tmp_path_factory.mktemp("realm"))
    try:
        for name in ("alice", "Carol", "bob/admin", "nobody"):
            realm.add_user(name)
        yield realm
    finally:
        realm.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, realm):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    server = make(start=False)
    server.cli("user", "add", "carol@example.test", "--no-password")
    realm.make_keytab(server.dir / "krb5.keytab", *SERVICES)
    server.configure(CONFIG)
    server.start(env={"KRB5_CONFIG": realm.env["KRB5_CONFIG"]})
    yield server
    dispose()


def gsasl(server, env, protocol, port, identity="", *more):
    return subprocess.run(
        ["gsasl", "--" + protocol, "-m", "GSSAPI", "-z", identity, "-a", "", "-d",
         "--hostname", "mx.example.test", "--service", protocol, "--quality-of-protection=qop-auth",
         f"--x509-ca-file={server.dir / 'certificate.pem'}", *more,
         "127.0.0.1", str(server.port[port])],
        env=env, input="", text=True, errors="replace", capture_output=True, timeout=60)


@pytest.mark.parametrize("more", [[], ["--no-starttls"]], ids=["tls", "plain"])
@pytest.mark.parametrize("protocol,port", [("smtp", "submission"), ("imap", "imap")])
def test_gsasl(server, realm, protocol, port, more):
    result = gsasl(server, realm.ticket("alice"), protocol, port, "", *more)
    assert result.returncode == 0, result
    assert re.search(f'auth.accepted name="?alice@{REALM}"? .*service={protocol} mechanism=GSSAPI',
                     server.log_text())


@pytest.mark.parametrize("name,identity,good", [
    ("alice", "alice@example.test", True), ("alice", "alice", True),
    ("alice", "bob@example.test", False), ("alice", "nobody@example.test", False),
    ("Carol", "", True), ("bob/admin", "", False), ("bob/admin", "bob@example.test", False),
    ("nobody", "", False),
])
def test_whose_account(server, realm, name, identity, good):
    result = gsasl(server, realm.ticket(name), "smtp", "submission", identity)
    assert (result.returncode == 0) == good, result


@pytest.mark.parametrize("scheme,listener", [("smtp", "submission"), ("imap", "imap"),
                                             ("pop3", "pop3")])
def test_curl(server, realm, scheme, listener):
    port = server.port[listener]
    result = subprocess.run(
        ["curl", "-ksv", f"{scheme}://mx.example.test:{port}/", "--resolve",
         f"mx.example.test:{port}:127.0.0.1", "--ssl-reqd", "--user", "alice@example.test:",
         "--login-options", "AUTH=GSSAPI"],
        env=realm.ticket("alice"), capture_output=True, text=True, errors="replace", timeout=60)
    assert re.search("AUTH(ENTICATE)? GSSAPI", result.stderr), result
    assert re.search(f"auth.accepted .*service={scheme} mechanism=GSSAPI", server.log_text()), \
        result


def test_the_wrong_tickets(server, realm, tmp_path):
    # For another service of ours: its key is in the keytab, but not for this.
    result = gsasl(server, realm.ticket("alice"), "smtp", "submission", "", "--service", "imap")
    assert result.returncode != 0
    # No ticket at all.
    assert gsasl(server, realm.env, "smtp", "submission").returncode != 0
    # Of a realm that has the same name, and other keys.
    other = Realm(tmp_path)
    try:
        other.add_user("alice")
        other.make_keytab(tmp_path / "keytab", "smtp/mx.example.test")
        assert gsasl(server, other.ticket("alice"), "smtp", "submission").returncode != 0
    finally:
        other.stop()
    assert "auth.kerberos why=" in server.log_text()


def test_tokens_that_are_none(server):
    for token in (b"", b"x", b"`" * 3000, bytes(range(256)) * 30):
        with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
            smtp.ehlo()
            assert "GSSAPI" in smtp.esmtp_features["auth"].split()
            assert smtp.docmd("AUTH", "GSSAPI") == (334, b"")
            assert smtp.docmd(base64.b64encode(token).decode())[0] == 535
            assert smtp.docmd("AUTH", "GSSAPI") == (334, b"")
            assert smtp.docmd("*")[0] == 501


def test_only_services_with_a_key(make_server, realm):
    server = make_server(start=False)
    realm.make_keytab(server.dir / "krb5.keytab", "imap/mx.example.test")
    server.configure(CONFIG)
    # MIT's library (1.20) forgets to free the name of a key that it does not find.
    server.start(env={"KRB5_CONFIG": realm.env["KRB5_CONFIG"],
                      "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})
    with server.smtp("submission") as smtp:
        smtp.ehlo()
        assert "GSSAPI" not in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "GSSAPI")[0] == 504
    with imaplib.IMAP4("127.0.0.1", server.port["imap"]) as imap:
        assert "AUTH=GSSAPI" in imap.capabilities
    assert "auth.kerberos_key principal=" in server.log_text()
    assert gsasl(server, realm.ticket("alice"), "imap", "imap").returncode == 0


def test_configuration(make_server):
    server = make_server(start=False)
    original = (server.dir / "veredus.conf").read_text()
    for text, why in [("keytab = missing realm = A.TEST", "can't be opened"),
                      ("keytab = veredus.conf", "there is no realm"),
                      ("realm = A.TEST", "there is no keytab"),
                      ('keytab = veredus.conf realm = "no domain"', "set domain")]:
        server.configure(f"kerberos {{ {text} }}")
        found = server.cli("check", check=False)
        assert found.returncode == 3 and why in found.stderr, (text, found)
        (server.dir / "veredus.conf").write_text(original)
    (server.dir / "empty.keytab").write_bytes(b"\5\2")
    server.configure(f"kerberos {{ keytab = empty.keytab realm = {REALM} }}")
    server.cli("check")
    failed = server.cli("serve", check=False)
    assert failed.returncode != 0 and "part=kerberos" in failed.stderr
    assert "No key table entry found" in failed.stderr or "empty.keytab" in failed.stderr
