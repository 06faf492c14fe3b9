"""Application passwords: made once, good for what they are for, until a date, and to be seen in use."""
import imaplib
import json
import poplib
import re
import smtplib
import subprocess
import time

import pytest

from conftest import PASSWORD, START_SECONDS, wait_for

ALICE = "alice@example.test"
ERRORS = (smtplib.SMTPAuthenticationError, imaplib.IMAP4.error, poplib.error_proto)


def make(server, *options, address=ALICE):
    return server.cli("user", "app-password", "add", address, *options).stdout.strip()


def listed(server, address=ALICE):
    return {a["name"]: a for a in
            json.loads(server.cli("user", "app-password", "list", address, "--json").stdout)}


def smtp_login(server, password, name=ALICE, mechanism="PLAIN"):
    with server.smtp("submission") as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo()
        smtp.user, smtp.password = name, password
        return smtp.auth(mechanism, getattr(smtp, "auth_" + mechanism.lower()))


def imap_login(server, password, name=ALICE):
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=server.tls_context(), timeout=60)
    try:
        return imap.login(name, password)
    finally:
        imap.logout()


def pop3_login(server, password, name=ALICE):
    pop = poplib.POP3_SSL("127.0.0.1", server.port["pop3s"], context=server.tls_context(), timeout=60)
    try:
        pop.user(name)
        return pop.pass_(password)
    finally:
        pop.close()


LOGINS = {"smtp": smtp_login, "imap": imap_login, "pop3": pop3_login}


@pytest.fixture
def quick(make_server):
    """Refusals take no time."""
    return lambda **options: make_server(accounts=("alice",), config="auth { refusal-pause = 0 }", **options)


def test_scopes(quick):
    server = quick()
    for scope in LOGINS:
        password = make(server, "--name", scope, "--scope", scope)
        assert re.fullmatch(r"([a-z2-7]{4}-){4}[a-z2-7]{4}", password)
        for service, login in LOGINS.items():
            if service == scope:
                login(server, password)
            else:
                with pytest.raises(ERRORS):
                    login(server, password)
    both = make(server, "--scope", "imap,smtp")
    smtp_login(server, both, mechanism="LOGIN")
    smtp_login(server, both.replace("-", "").upper(), name="alice")
    imap_login(server, both.replace("-", " "))
    with pytest.raises(ERRORS):
        pop3_login(server, both)
    apps = listed(server)
    assert {n: a["scopes"] for n, a in apps.items()} == {
        "smtp": "smtp", "imap": "imap", "pop3": "pop3", "app-1": "smtp,imap"}
    for app in apps.values():
        assert abs(app["used_ms"] / 1000 - time.time()) < 60 and app["used_from"] == "127.0.0.1"
        assert app["expires_ms"] == 0
    text = server.cli("user", "app-password", "list", ALICE).stdout
    assert re.search(r"^app-1 +smtp,imap +until removed +used .* from 127.0.0.1$", text, re.M), text
    # The account's own goes on, and no secret is anywhere.
    imap_login(server, PASSWORD)
    server.stop()
    kept = b"".join(p.read_bytes() for p in server.dir.glob("veredus.db*"))
    for secret in (both, both.replace("-", "")):
        assert secret.encode() not in kept and secret not in server.log_text()


def test_swaks_sends_with_one(quick):
    server = quick()
    result = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(server.port["submission"]),
                             "-tls", "--auth", "PLAIN", "--auth-user", ALICE, "--auth-password",
                             make(server), "--from", ALICE, "--to", ALICE], text=True,
                            capture_output=True, timeout=60)
    assert result.returncode == 0, result.stdout
    assert len(server.wait_messages(1)) == 1


def test_life(quick):
    server = quick()
    phone = make(server, "--name", "phone")
    brief = make(server, "--name", "brief", "--expires", "2s")
    assert listed(server)["phone"]["used_ms"] == 0
    assert abs(listed(server)["brief"]["expires_ms"] / 1000 - time.time()) < START_SECONDS
    assert "never used" in server.cli("user", "app-password", "list", ALICE).stdout
    imap_login(server, phone)
    time.sleep(2)
    with pytest.raises(ERRORS):
        imap_login(server, brief)
    assert "why=expired" in server.log_text()
    assert " expired " in server.cli("user", "app-password", "list", ALICE).stdout
    server.cli("user", "app-password", "remove", ALICE, "--name", "phone")
    with pytest.raises(ERRORS):
        imap_login(server, phone)
    for wrong in (["add", ALICE, "--name", "brief"], ["add", ALICE, "--scope", "all"],
                  ["add", ALICE, "--expires", "soon"], ["add", "nobody@example.test"],
                  ["remove", ALICE], ["remove", ALICE, "--name", "phone"],
                  ["list", "nobody@example.test"], ["show", ALICE]):
        assert server.cli("user", "app-password", *wrong, check=False).returncode in (1, 2), wrong
    server.cli("user", "disable", ALICE)
    other = make(server, "--name", "late")
    with pytest.raises(ERRORS):
        imap_login(server, other)


def test_last_use_survives(quick):
    """It is gathered, and written down when the server ends; also without one running."""
    server = quick()
    server.stop()
    password = make(server, "--name", "tablet", "--json")
    made = json.loads(password)
    assert made["name"] == "tablet"
    server.start()
    for _ in range(3):
        imap_login(server, made["password"])
    server.stop()
    assert listed(server)["tablet"]["used_ms"] > 0


def test_nothing_else_will_do(quick):
    """534 5.7.9: the password is right, but this account wants one of an application."""
    server = quick()
    server.cli("user", "passwd", ALICE, "--allow-legacy-auth", input=PASSWORD + "\n")
    server.cli("user", "set", ALICE, "--app-passwords-only", "yes")
    assert "app passwords only" in server.cli("user", "list").stdout
    password = make(server)
    for login in LOGINS.values():
        with pytest.raises(ERRORS) as refusal:
            login(server, PASSWORD)
        assert "pplication password" in str(refusal.value)
        login(server, password)
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        smtp_login(server, PASSWORD)
    assert refusal.value.smtp_code == 534 and refusal.value.smtp_error.startswith(b"5.7.9")
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        smtp_login(server, "wrong")
    assert refusal.value.smtp_code == 535
    for mechanism in ("CRAM-MD5", "SCRAM-SHA-256"):
        result = subprocess.run(["gsasl", "--smtp", "--no-starttls", "-m", mechanism, "-a", ALICE, "-p",
                                 PASSWORD, "-d", "127.0.0.1", str(server.port["submission"])],
                                text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        assert result.returncode != 0 and "535 " in result.stdout + result.stderr, mechanism
    server.cli("user", "set", ALICE, "--app-passwords-only", "no")
    smtp_login(server, PASSWORD)
    assert server.cli("user", "set", ALICE, "--app-passwords-only", "maybe", check=False).returncode == 2
    assert server.cli("user", "set", ALICE, check=False).returncode == 2


def test_many_logins_few_commits(quick):
    server = quick()
    password = make(server)
    metric = r"veredus_store_commits_total (\d+)"

    def commits():
        text = subprocess.run(["curl", "-sS", "--unix-socket", server.dir / "control.sock",
                               "http://x/metrics"], text=True, capture_output=True, timeout=60).stdout
        return int(re.search(metric, text)[1])

    imap_login(server, password)
    wait_for(lambda: commits() > 0)
    before = commits()
    for _ in range(10):
        imap_login(server, password)
    assert commits() - before <= 2
