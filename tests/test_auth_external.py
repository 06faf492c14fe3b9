"""EXTERNAL: a client that shows a TLS certificate is the account that this stands for."""
import base64
import datetime
import imaplib
import poplib
import re
import smtplib
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import _factory

DAY = datetime.timedelta(days=1)


class Authority:
    """Makes certificates for clients: PEM files with the key in them."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = directory / f"{name}.pem"
        root = self.sign(self.name, self.key, [(x509.BasicConstraints(True, None), True)])
        self.path.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, key, extensions, until=DAY):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - 2 * DAY).not_valid_after(now + until))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, emails=(), until=DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.RFC822Name(email) for email in emails] or [x509.DNSName("x.test")]
        certificate = self.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key,
                                [(x509.SubjectAlternativeName(names), False)], until)
        path = self.directory / f"{name}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM,
                                serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return path


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory, "authority")


@pytest.fixture(scope="module")
def server(tmp_path_factory, authority):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    server = make(config=f"auth {{ client-ca = \"{authority.path}\" refusal-pause = 10ms"
                         " failure-wait-max = 0 }")
    server.cli("user", "add", "carol@example.test", "--no-password")
    server.cli("user", "disable", "carol@example.test")
    yield server
    dispose()


def context(certificate=None, newest=ssl.TLSVersion.TLSv1_3):
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = newest
    if certificate:
        made.load_cert_chain(certificate)
    return made


def smtp_login(server, tls, identity=""):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.starttls(context=tls)
        smtp.ehlo()
        assert "EXTERNAL" in smtp.esmtp_features["auth"].split()
        initial = base64.b64encode(identity.encode()).decode() or "="
        return smtp.docmd("AUTH", f"EXTERNAL {initial}")[0]


def imap_login(server, tls, identity=""):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=tls)
    assert "AUTH=EXTERNAL" in imap.capabilities
    try:
        imap.authenticate("EXTERNAL", lambda challenge: identity.encode())
        assert imap.select()[0] == "OK"
        return 235
    except imaplib.IMAP4.error:
        return 535
    finally:
        imap.logout()


def pop3_login(server, tls, identity=""):
    pop = poplib.POP3_SSL("127.0.0.1", server.port["pop3s"], context=tls)
    assert "EXTERNAL" in pop.capa()["SASL"]
    try:
        assert pop._shortcmd("AUTH EXTERNAL").startswith(b"+ ")
        pop._shortcmd(base64.b64encode(identity.encode()).decode())
        assert pop.stat()[0] >= 0
        return 235
    except poplib.error_proto:
        return 535
    finally:
        pop.close()


LOGINS = pytest.mark.parametrize("login", [smtp_login, imap_login, pop3_login],
                                 ids=["smtp", "imap", "pop3"])


@LOGINS
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_by_the_name_in_it(server, authority, login, newest):
    tls = context(authority.issue("alice", ["Alice@Example.test"]), newest)
    assert login(server, tls) == 235
    assert login(server, tls, "alice@example.test") == 235
    assert login(server, tls, "bob@example.test") == 535
    assert login(server, tls, "nobody") == 535


def test_of_several_names_the_client_chooses(server, authority):
    both = context(authority.issue("both", ["nobody@example.test", "bob@example.test",
                                            "carol@example.test", "alice@example.test"]))
    for identity, code in [("alice@example.test", 235), ("bob@example.test", 235),
                           ("carol@example.test", 535), ("nobody@example.test", 535), ("", 235)]:
        assert smtp_login(server, both, identity) == code, identity
    assert 'auth.accepted name="CN=both"' in server.log_text()


def test_whom_nobody_of_ours_has_signed(server, authority, directory):
    stranger = Authority(directory, "stranger")
    assert smtp_login(server, context(stranger.issue("eve", ["alice@example.test"]))) == 535
    old = authority.issue("old", ["alice@example.test"], until=-DAY)
    assert smtp_login(server, context(old)) == 535
    assert smtp_login(server, context(authority.issue("none"))) == 535
    carol = authority.issue("carol", ["carol@example.test"])
    assert smtp_login(server, context(carol)) == 535


@LOGINS
def test_by_fingerprint(server, directory, login, request):
    stranger = Authority(directory, f"unknown-{request.node.callspec.id}")
    mine = stranger.issue(f"laptop-{request.node.callspec.id}", ["alice@example.test"])
    tls = context(mine)
    assert login(server, tls) == 535
    server.cli("certificate", "add", "bob@example.test", str(mine), "--note", "laptop")
    assert login(server, tls) == 235
    assert login(server, tls, "bob@example.test") == 235
    assert login(server, tls, "alice@example.test") == 535
    assert "bob@example.test  laptop" in server.cli("certificate", "list").stdout
    server.cli("certificate", "remove", str(mine))
    assert login(server, tls) == 535


def test_commands(server, authority):
    mine = authority.issue("phone")
    text = subprocess.run(["openssl", "x509", "-in", mine, "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    fingerprint = text.split("=")[1].strip()
    server.cli("certificate", "add", "alice@example.test", fingerprint)
    again = server.cli("certificate", "add", "bob@example.test", str(mine), check=False)
    assert again.returncode != 0 and "stands for a user already" in again.stderr
    listed = server.cli("certificate", "list", "--json").stdout
    assert fingerprint.replace(":", "").lower() in listed
    assert smtp_login(server, context(mine)) == 235
    server.cli("certificate", "remove", fingerprint)
    for words, text in [(["add", "alice@example.test", "ab:cd"], "no fingerprint"),
                        (["add", "nobody@example.test", fingerprint], "no user"),
                        (["remove", fingerprint], "not listed"),
                        (["add", "alice@example.test", str(server.dir / "veredus.conf")],
                         "holds no certificate")]:
        failed = server.cli("certificate", *words, check=False)
        assert failed.returncode != 0 and text in failed.stderr, failed


def test_a_certificate_goes_with_its_account(server, authority):
    mine = authority.issue("gone")
    server.cli("user", "add", "dora@example.test", "--no-password")
    server.cli("certificate", "add", "dora@example.test", str(mine))
    server.cli("user", "remove", "dora@example.test")
    assert "dora" not in server.cli("certificate", "list").stdout
    assert smtp_login(server, context(mine)) == 535


def test_not_without_one(server):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        assert "EXTERNAL" not in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "EXTERNAL =")[0] == 504
        smtp.starttls(context=context())
        smtp.ehlo()
        assert "EXTERNAL" not in smtp.esmtp_features["auth"]
        assert smtp.docmd("AUTH", "EXTERNAL =")[0] == 504
        assert "PLAIN" in smtp.esmtp_features["auth"]


def test_nobody_is_asked_by_default(make_server, authority):
    mine = authority.issue("unasked", ["alice@example.test"])
    server = make_server()
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.starttls(context=context(mine))
        smtp.ehlo()
        assert "EXTERNAL" not in smtp.esmtp_features["auth"]


def test_a_bad_file_of_authorities_is_found(make_server):
    server = make_server(start=False)
    for name, text in [("missing.pem", "client-ca:"), ("veredus.conf", "client-ca:")]:
        original = (server.dir / "veredus.conf").read_text()
        server.configure(f"auth {{ client-ca = {name} }}")
        found = server.cli("check", check=False)
        assert found.returncode == 3 and text in found.stderr and name in found.stderr
        (server.dir / "veredus.conf").write_text(original)


def test_listed_ones_need_no_authority(make_server, directory):
    mine = Authority(directory, "own").issue("own-laptop")
    server = make_server(config="auth { client-certificates = yes }")
    server.cli("certificate", "add", "alice@example.test", str(mine))
    assert imap_login(server, context(mine)) == 235


@pytest.mark.parametrize("scheme", ["imaps", "pop3s", "smtps"])
def test_curl(server, authority, scheme):
    mine = authority.issue(f"curl-{scheme}", ["alice@example.test"])
    port = server.port["submissions" if scheme == "smtps" else scheme]
    result = subprocess.run(
        ["curl", "-ksv", f"{scheme}://127.0.0.1:{port}/", "--cert", mine, "--key", mine, "--user",
         "alice@example.test:", "--login-options", "AUTH=EXTERNAL"],
        capture_output=True, text=True, timeout=60)
    assert {"imaps": "OK [CAPABILITY", "pop3s": "< +OK", "smtps": "< 235 2.7.0"}[scheme] \
        in result.stderr
    assert "AUTHENTICATE EXTERNAL" in result.stderr or "AUTH EXTERNAL" in result.stderr


@pytest.mark.parametrize("protocol,port", [("--smtp", "submission"), ("--imap", "imap")])
def test_gsasl(server, authority, protocol, port):
    mine = authority.issue(f"gsasl-{port}", ["alice@example.test"])
    result = subprocess.run(
        ["gsasl", protocol, "-m", "EXTERNAL", "--authorization-id=alice@example.test",
         f"--x509-cert-file={mine}", f"--x509-key-file={mine}",
         f"--x509-ca-file={server.dir / 'certificate.pem'}", "-d",
         "127.0.0.1", str(server.port[port])],
        input="", capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result
    assert re.search("auth.accepted .*mechanism=EXTERNAL$", server.log_text(), re.M)


def test_relaying_by_certificate(make_server, directory):
    mine = Authority(directory, "relays").issue("relay")
    other = Authority(directory, "others").issue("other")
    text = subprocess.run(["openssl", "x509", "-in", mine, "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    server = make_server(config=f'relay-certificates = {{ "{text.split("=")[1].strip()}" }}')
    for certificate, port, code in ((mine, "smtp", 250), (other, "smtp", 550), (None, "smtp", 550),
                                    (mine, "submission", 530)):
        with server.smtp(port) as smtp:
            smtp.starttls(context=context(certificate))
            smtp.ehlo()
            answer = smtp.mail("someone@elsewhere.test")[0]
            if answer == 250:
                answer = smtp.rcpt("anybody@remote.test")[0]
            assert answer == code, (certificate, port)
    server.configure('relay-certificates = { "ab:cd" }')
    assert "is no fingerprint" in server.cli("check", check=False).stderr
