"""Back ends: who else is asked about passwords. Here a file, as other programs write it."""
import base64
import os
import smtplib
import subprocess
import time

import pytest

from conftest import PASSWORD
from test_relay_hostile import resident_kib

ALICE = "alice@example.test"


def crypted(password):
    return subprocess.run(["openssl", "passwd", "-6", password], text=True, capture_output=True,
                          check=True).stdout.strip()


def login(server, name, password, mechanism="PLAIN"):
    """The reply's code and text."""
    with server.smtp("submission") as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo()
        smtp.user, smtp.password = name, password
        try:
            code, text = smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism.lower()))
        except smtplib.SMTPAuthenticationError as e:
            code, text = e.smtp_code, e.smtp_error
        return code, text.decode()


def offered(server):
    with server.smtp("submission") as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo()
        return smtp.esmtp_features["auth"].split()


@pytest.fixture
def with_file(make_server, tmp_path):
    def make(lines, options="", before="", accounts=("alice",)):
        path = tmp_path / "passwords"
        path.write_text("\n".join(lines) + "\n")
        server = make_server(accounts=accounts, config=f"""
auth {{ refusal-pause = 0 failure-wait-max = 0 }}
{before}
passdb others {{ driver = file file = "{path}" {options} }}""")
        server.passwords = path
        return server
    return make


def test_a_file_instead_of_our_own(with_file):
    server = with_file(["# comment", "", f"{ALICE}:{{SHA512-CRYPT}}{crypted('other')}:1000:1000::/home:/bin/sh",
                        f"nobody@example.test:{crypted('other')}",
                        "odd@example.test:{NTLM}abcdef", ":x"])
    assert login(server, ALICE, "other")[0] == 235
    assert login(server, "Alice@EXAMPLE.test", "other", "LOGIN")[0] == 235
    for name, password in ((ALICE, PASSWORD), (ALICE, ""), ("alice", "other"), ("carol@example.test", "other"),
                           ("nobody@example.test", "other"), ("odd@example.test", "abcdef")):
        assert login(server, name, password)[0] == 535, name
    assert "auth.no_account account=nobody@example.test passdb=others" in server.log_text()
    assert 'line=5 why="unknown scheme"' in server.log_text()
    # Proofs need our own verifiers, which are not asked here.
    assert offered(server) == ["PLAIN", "LOGIN"]
    server.cli("user", "disable", ALICE)
    assert login(server, ALICE, "other")[0] == 535


def test_in_order(with_file):
    server = with_file([f"{ALICE}:{crypted('other')}"], before="passdb internal { }",
                       accounts=("alice", "bob"))
    assert offered(server) == ["PLAIN", "LOGIN"]
    assert login(server, ALICE, "other")[0] == 235
    assert login(server, ALICE, PASSWORD)[0] == 235
    assert login(server, "bob", PASSWORD)[0] == 235
    assert login(server, "bob@example.test", "other")[0] == 535
    # One that does not answer leaves it open who is right, but for those whom another knows.
    server.passwords.unlink()
    assert login(server, ALICE, PASSWORD)[0] == 235
    code, text = login(server, ALICE, "other")
    assert code == 454 and text.startswith("4.7.0"), text


def test_read_again(with_file):
    server = with_file([f"{ALICE}:{crypted('one')}"])
    assert login(server, ALICE, "one")[0] == 235
    server.passwords.write_text(f"{ALICE}:{crypted('two')}\n")
    assert login(server, ALICE, "one")[0] == 535
    assert login(server, ALICE, "two")[0] == 235
    server.passwords.write_text("")
    assert login(server, ALICE, "two")[0] == 535


def test_read_again_without_a_sign(with_file):
    """Changes within a tick of the file system's clock show neither in the time nor in the size."""
    server = with_file([])
    now = time.time() + 3600   # so that nothing depends on how soon this is looked at
    for password in ("one", "two"):
        server.passwords.write_text(f"{ALICE}:{{PLAIN}}{password}\n")
        os.utime(server.passwords, (now, now))
        assert login(server, ALICE, password)[0] == 235


def test_accounts_at_first_login(with_file):
    server = with_file([f"carol:{crypted('other')}", f"dave@other.test:{crypted('other')}",
                        f"team:{crypted('other')}"],
                       options="domain = Example.TEST create-accounts = yes")
    server.cli("alias", "add", "team@example.test", ALICE)
    assert login(server, "carol", "wrong")[0] == 535
    assert "carol" not in server.cli("user", "list").stdout
    assert login(server, "carol", "other")[0] == 235
    assert "carol@example.test" in server.cli("user", "list").stdout
    assert login(server, "CAROL@example.test", "other")[0] == 235
    for name in ("dave@other.test", "dave", "team", "carol@other.test"):
        assert login(server, name, "other")[0] == 535, name
    with server.smtp() as smtp:
        smtp.sendmail("x@client.test", ["carol@example.test"], "Subject: hello\r\n\r\nhello\r\n")
    # Application passwords go with any account.
    app = server.cli("user", "app-password", "add", "carol@example.test").stdout.strip()
    assert login(server, "carol@example.test", app)[0] == 235


def test_remembered(with_file):
    server = with_file([f"{ALICE}:{crypted('one')}"], options="remember = 1h")
    assert login(server, ALICE, "one")[0] == 235
    server.passwords.write_text("")
    assert login(server, ALICE, "one")[0] == 235
    assert login(server, ALICE, "two")[0] == 535


def test_remembered_for_a_time(with_file):
    server = with_file([f"{ALICE}:{crypted('one')}"], options="remember = 1s")
    assert login(server, ALICE, "one")[0] == 235
    server.passwords.write_text("")
    time.sleep(1)
    assert login(server, ALICE, "one")[0] == 535


@pytest.mark.parametrize("section,why", [
    ("passdb x { driver = file }", "there is no file"),
    ("passdb x { driver = file file = f domain = \"a b\" }", "domain: 'a b' is none"),
    ("passdb x { create-accounts = yes }", "create-accounts"),
    ("passdb x { }\npassdb y { }", "stands twice"),
    ("passdb x { driver = oracle }", "must be internal"),
])
def test_mistakes(make_server, section, why):
    server = make_server(start=False, accounts=(), config=section)
    result = server.cli("check", check=False)
    assert result.returncode != 0 and why in result.stdout + result.stderr


def test_tries_that_nobody_answers_leave_nothing_behind(with_file, monkeypatch):
    """454 is no failure of the client, so that it may try on; the session must not grow by it."""
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    server = with_file([f"{ALICE}:{{PLAIN}}secret"], before="smtp { auth-without-tls = yes }")
    server.passwords.unlink()
    line = base64.b64encode(b"x" * 8000 + b"\0" + ALICE.encode() + b"\0secret")
    with server.smtp("submission") as smtp:
        smtp.ehlo()

        def try_often(batches):
            for _ in range(batches):
                smtp.send((b"AUTH PLAIN " + line + b"\r\n") * 20)
                assert {smtp.getreply()[0] for _ in range(20)} == {454}
        try_often(5)
        before = resident_kib(server)
        try_often(50)
        assert resident_kib(server) - before < 6000
