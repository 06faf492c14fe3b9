"""How people prove who they are, with the clients that have the mechanisms: gsasl and msmtp (GNU
SASL), and Python's libraries with a SCRAM of our own (RFC 5802, by hashlib)."""
import base64
import hashlib
import hmac
import imaplib
import os
import poplib
import re
import smtplib
import ssl
import stat
import subprocess

import pytest

from conftest import PASSWORD, _factory

SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    make, dispose = _factory(tmp_path_factory.mktemp("veredus"))
    yield make(config="auth { channel-binding = yes }")
    dispose()


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Scram:
    """The client's side."""

    def __init__(self, mechanism, name, password, flag="n", bound=b""):
        self.digest = mechanism.removeprefix("SCRAM-").removesuffix("-PLUS").replace("-", "").lower()
        self.bound = bound
        self.password = password
        self.header = f"{flag},,"
        self.bare = f"n={name},r={base64.b64encode(os.urandom(18)).decode()}"

    def hmac(self, key, text):
        return hmac.digest(key, text, self.digest)

    def first(self):
        return self.header + self.bare

    def final(self, challenge):
        self.salt, self.iterations = re.fullmatch(r"r=[^,]+,s=([^,]+),i=(\d+)", challenge).groups()
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(),
                                     base64.b64decode(self.salt), int(self.iterations))
        key = self.hmac(salted, b"Client Key")
        nonce = challenge.split(",")[0]
        said = f"c={base64.b64encode(self.header.encode() + self.bound).decode()},{nonce}"
        everything = f"{self.bare},{challenge},{said}".encode()
        signature = self.hmac(hashlib.new(self.digest, key).digest(), everything)
        self.expected = self.hmac(self.hmac(salted, b"Server Key"), everything)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        return f"{said},p={proof}"

    def step(self, challenge):
        """For the libraries, which call it with each challenge and want the answer."""
        text = (challenge or b"").decode()
        if text == "":
            return self.first()
        if text.startswith("r="):
            return self.final(text)
        assert text == "v=" + base64.b64encode(self.expected).decode()
        return ""


def smtp_login(server, scram, mechanism, secure):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        if secure:
            smtp.starttls(context=tls())
        smtp.ehlo()
        assert mechanism in smtp.esmtp_features["auth"].split()
        return smtp.auth(mechanism, lambda challenge=None: scram.step(challenge))


def imap_login(server, scram, mechanism, secure):
    imap = imaplib.IMAP4("127.0.0.1", server.port["imap"])
    if secure:
        imap.starttls(tls())
    assert "AUTH=" + mechanism in imap.capabilities and "SASL-IR" in imap.capabilities
    imap.authenticate(mechanism, lambda challenge: scram.step(challenge).encode())
    assert imap.select()[0] == "OK"
    imap.logout()


def pop3_login(server, scram, mechanism, secure):
    pop = poplib.POP3("127.0.0.1", server.port["pop3"])
    if secure:
        pop.stls(tls())
    assert mechanism in pop.capa()["SASL"]
    line = pop._shortcmd("AUTH " + mechanism).decode()
    while line.startswith("+ "):
        answer = scram.step(base64.b64decode(line[2:]))
        line = pop._shortcmd(base64.b64encode(answer.encode()).decode()).decode()
    assert line.startswith("+OK")
    assert pop.stat()[0] >= 0
    pop.quit()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("mechanism", SCRAM)
@pytest.mark.parametrize("login", [smtp_login, imap_login, pop3_login],
                         ids=["smtp", "imap", "pop3"])
def test_scram(server, login, mechanism, secure):
    login(server, Scram(mechanism, "alice@example.test", PASSWORD), mechanism, secure)
    wrong = Scram(mechanism, "alice@example.test", "wrong")
    with pytest.raises((smtplib.SMTPAuthenticationError, imaplib.IMAP4.error, poplib.error_proto)):
        login(server, wrong, mechanism, secure)


def test_imap_takes_the_first_word_at_once(server):
    scram = Scram("SCRAM-SHA-256", "alice@example.test", PASSWORD)
    imap = imaplib.IMAP4("127.0.0.1", server.port["imap"])

    def ask(text):
        imap.send(text + b"\r\n")
        line = imap.readline().decode().rstrip()
        return base64.b64decode(line[2:]) if line.startswith("+ ") else line

    def encoded(text):
        return base64.b64encode(text.encode())

    challenge = ask(b"a AUTHENTICATE SCRAM-SHA-256 " + encoded(scram.step(None)))
    assert scram.step(ask(encoded(scram.step(challenge)))) == ""
    # Who does not believe the server's last word is not logged in.
    assert ask(b"*").startswith("a BAD")
    assert ask(b"b SELECT INBOX").startswith("b BAD")


def challenge_of(server, name, mechanism="SCRAM-SHA-256"):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        first = Scram(mechanism, name, "x").first()
        code, text = smtp.docmd("AUTH", f"{mechanism} {base64.b64encode(first.encode()).decode()}")
        assert code == 334
        assert smtp.docmd("*")[0] == 501
        return re.search(r",s=([^,]+),i=(\d+)$", base64.b64decode(text).decode()).groups()


def test_strangers_look_like_accounts(make_server):
    server = make_server()
    alice, nobody = challenge_of(server, "alice"), challenge_of(server, "nobody")
    assert alice == challenge_of(server, "Alice@example.test")
    assert nobody == challenge_of(server, "nobody@EXAMPLE.test")
    assert nobody[0] != alice[0] and nobody[1] == alice[1]
    assert len(nobody[0]) == len(alice[0])
    assert nobody[0] != challenge_of(server, "nobody", "SCRAM-SHA-1")[0]
    key = server.dir / "auth.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    server.stop()
    server.start()
    assert challenge_of(server, "nobody") == nobody


def test_a_client_that_could_bind_is_not_talked_out_of_it(server):
    """The flag "y": I can bind, but saw that you can't (RFC 5802 section 6). Over TLS 1.3 we can."""
    scram = Scram("SCRAM-SHA-256", "alice@example.test", PASSWORD, flag="y")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        smtp_login(server, scram, "SCRAM-SHA-256", True)
    smtp_login(server, Scram("SCRAM-SHA-256", "alice", PASSWORD, flag="y"), "SCRAM-SHA-256", False)


def test_binding_needs_tls(server):
    """By its connection only TLS 1.3; by the server's certificate any (test_auth_binding.py)."""
    for version, code in ((ssl.TLSVersion.TLSv1_2, 535), (ssl.TLSVersion.TLSv1_3, 334)):
        context = tls()
        context.maximum_version = version
        with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
            smtp.ehlo()
            assert "-PLUS" not in smtp.esmtp_features["auth"]
            first = Scram("SCRAM-SHA-256", "alice", "x", flag="p=tls-exporter").first()
            command = "SCRAM-SHA-256-PLUS " + base64.b64encode(first.encode()).decode()
            assert smtp.docmd("AUTH", command)[0] == 504
            smtp.starttls(context=context)
            smtp.ehlo()
            assert "SCRAM-SHA-256-PLUS" in smtp.esmtp_features["auth"].split()
            assert "SCRAM-SHA-1-PLUS" in smtp.esmtp_features["auth"].split()
            assert smtp.docmd("AUTH", command)[0] == code
            assert code != 334 or smtp.docmd("*")[0] == 501


def test_binding_is_off_by_default(make_server):
    """Nor is a client refused then that says that it could (the flag "y")."""
    server = make_server()
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.starttls(context=tls())
        smtp.ehlo()
        assert "-PLUS" not in smtp.esmtp_features["auth"]
    smtp_login(server, Scram("SCRAM-SHA-256", "alice", PASSWORD, flag="y"), "SCRAM-SHA-256", True)


def gsasl(server, protocol, port, mechanism, *more, password=PASSWORD):
    certificate = next(server.dir.glob("*.crt"), None) or next(server.dir.glob("*cert*.pem"))
    return subprocess.run(["gsasl", "--" + protocol, "-m", mechanism, "-a", "alice@example.test",
                           "-p", password, "-d", "--x509-ca-file=" + str(certificate), *more,
                           "127.0.0.1", str(server.port[port])], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("mechanism", [m + plus for m in SCRAM for plus in ("", "-PLUS")])
@pytest.mark.parametrize("protocol,port", [("smtp", "submission"), ("imap", "imap")])
def test_gsasl(server, protocol, port, mechanism):
    more = [] if mechanism.endswith("-PLUS") else ["--no-cb"]
    result = gsasl(server, protocol, port, mechanism, *more)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "STARTTLS" in result.stdout
    assert re.search(f"auth.accepted .*mechanism={mechanism}$", server.log_text(), re.M)
    result = gsasl(server, protocol, port, mechanism, *more, password="wrong")
    assert result.returncode != 0


@pytest.mark.parametrize("mechanism", SCRAM)
def test_gsasl_without_tls(server, mechanism):
    for protocol, port in (("smtp", "submission"), ("imap", "imap")):
        result = gsasl(server, protocol, port, mechanism, "--no-starttls")
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def legacy(server):
    """alice has opted in."""
    server.cli("user", "passwd", "alice@example.test", "--allow-legacy-auth", input=PASSWORD + "\n")
    yield server
    server.cli("user", "passwd", "alice@example.test", input=PASSWORD + "\n")


def offered(server):
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        return smtp.esmtp_features["auth"].split()


def test_legacy_only_after_opting_in(make_server):
    server = make_server()
    assert "CRAM-MD5" not in offered(server)
    server.cli("user", "add", "old@example.test", "--allow-legacy-auth", input="long ago\n")
    assert offered(server)[-2:] == ["DIGEST-MD5", "CRAM-MD5"]
    kept = b"".join(p.read_bytes() for p in server.dir.glob("veredus.db*"))
    assert b"old@example.test" in kept and b"long ago" not in kept
    with smtplib.SMTP("127.0.0.1", server.port["submission"]) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = "old@example.test", "long ago"
        assert smtp.auth("CRAM-MD5", smtp.auth_cram_md5)[0] == 235
    server.stop()
    server.start()
    imap = imaplib.IMAP4("127.0.0.1", server.port["imap"])
    imap.login_cram_md5("old@example.test", "long ago")
    imap.logout()
    pop = poplib.POP3("127.0.0.1", server.port["pop3"])
    assert "CRAM-MD5" in pop.capa()["SASL"]
    pop.quit()
    server.cli("user", "passwd", "old@example.test", input="long ago\n")
    assert "CRAM-MD5" not in offered(server)


def test_legacy_without_a_running_server(make_server):
    server = make_server()
    server.stop()
    server.cli("user", "add", "old@example.test", "--allow-legacy-auth", input="long ago\n")
    server.start()
    imap = imaplib.IMAP4("127.0.0.1", server.port["imap"])
    imap.login_cram_md5("old@example.test", "long ago")
    imap.logout()


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "DIGEST-MD5"])
def test_legacy_clients(legacy, tmp_path, mechanism):
    server = legacy
    for protocol, port in (("smtp", "submission"), ("imap", "imap")):
        result = gsasl(server, protocol, port, mechanism, "--no-starttls", "--quality-of-protection=qop-auth")
        assert result.returncode == 0, result.stdout + result.stderr
        assert gsasl(server, protocol, port, mechanism, "--no-starttls", "--quality-of-protection=qop-auth",
                     password="wrong").returncode != 0
    message = tmp_path / "message"
    message.write_text(f"From: alice@example.test\r\nSubject: curl {mechanism}\r\n\r\nhello\r\n")
    for url, more in ((f"smtp://127.0.0.1:{server.port['submission']}",
                       ["--mail-from", "alice@example.test", "--mail-rcpt", "bob@example.test",
                        "--upload-file", message, "-k", "--ssl-reqd"]),
                      (f"imap://127.0.0.1:{server.port['imap']}/INBOX", ["-X", "NOOP"]),
                      (f"pop3://127.0.0.1:{server.port['pop3']}/", [])):
        result = subprocess.run(["curl", "-sS", url, "--login-options", f"AUTH={mechanism}", "--user",
                                 f"alice@example.test:{PASSWORD}", *more], text=True,
                                capture_output=True, timeout=60)
        assert result.returncode == 0, f"{url}: {result.stderr}"
    assert any(f"Subject: curl {mechanism}".encode() in m for m in server.wait_messages(1, "bob"))


def test_legacy_swaks(legacy):
    result = subprocess.run(["swaks", "--server", "127.0.0.1", "--port",
                             str(legacy.port["submission"]), "-tls", "--auth", "CRAM-MD5",
                             "--auth-user", "alice@example.test", "--auth-password", PASSWORD,
                             "--quit-after", "AUTH"], text=True, capture_output=True, timeout=60)
    assert result.returncode == 0 and "235 " in result.stdout, result.stdout


@pytest.mark.parametrize("mechanism", SCRAM)
def test_msmtp(server, tmp_path, mechanism):
    config = tmp_path / "msmtprc"
    config.write_text(f"""
account default
host 127.0.0.1
port {server.port['submission']}
tls on
tls_certcheck off
auth {mechanism.lower()}
user alice@example.test
password "{PASSWORD}"
from alice@example.test
""")
    config.chmod(0o600)
    result = subprocess.run(["msmtp", "-C", config, "bob@example.test"], text=True,
                            input=f"From: alice@example.test\nSubject: {mechanism}\n\nhello\n",
                            capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert any(f"Subject: {mechanism}".encode() in m for m in server.wait_messages(1, "bob"))
