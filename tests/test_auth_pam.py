"""PAM as a back end: real modules, named by service files in a directory of the test."""
import imaplib
import smtplib
import subprocess
import time

import pytest

from conftest import PASSWORD, wait_for

ALICE = "alice@example.test"


@pytest.fixture
def with_pam(make_server, tmp_path):
    def make(service, options="", before=""):
        hashed = subprocess.run(["openssl", "passwd", "-6", "in pam"], text=True, capture_output=True,
                                check=True).stdout.strip()
        (tmp_path / "users").write_text(f"alice:{hashed}\ncarol:{hashed}\n{ALICE}:{hashed}\n")
        services = tmp_path / "pam.d"
        services.mkdir()
        (services / "veredus").write_text(service.replace("USERS", str(tmp_path / "users")))
        return make_server(accounts=("alice", "bob"), config=f"""
auth {{ refusal-pause = 0 failure-wait-max = 0 }}
{before}
passdb host {{ driver = pam domain = example.test pam-directory = "{services}" {options} }}""")
    return make


PWDFILE = "auth required pam_pwdfile.so pwdfile=USERS\n"


def login(server, name, password):
    with server.smtp("submission") as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.ehlo()
        smtp.user, smtp.password = name, password
        try:
            code, text = smtp.auth("PLAIN", smtp.auth_plain)
        except smtplib.SMTPAuthenticationError as e:
            code, text = e.smtp_code, e.smtp_error
        return code, text.decode()


def test_names_and_passwords(with_pam):
    server = with_pam(PWDFILE + "account required pam_permit.so\n")
    assert login(server, ALICE, "in pam")[0] == 235
    assert login(server, "alice", "in pam")[0] == 235
    for name, password in ((ALICE, PASSWORD), (ALICE, ""), ("bob", "in pam"), ("carol", "in pam"),
                           ("alice@other.test", "in pam")):
        assert login(server, name, password)[0] == 535, name
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=server.tls_context(), timeout=60)
    assert imap.login("alice", "in pam")[0] == "OK"
    imap.logout()


def test_whole_addresses(with_pam):
    server = with_pam(PWDFILE + "account required pam_permit.so\n", options="full-names = yes")
    assert login(server, "alice", "in pam")[0] == 235
    assert login(server, "carol", "in pam")[0] == 535
    assert "auth.no_account" not in server.log_text()


def test_a_password_to_be_changed(with_pam):
    server = with_pam(PWDFILE + "account required pam_debug.so acct=new_authtok_reqd\n")
    code, text = login(server, ALICE, "in pam")
    assert code == 432 and text.startswith("4.7.12"), text
    assert login(server, ALICE, "wrong")[0] == 535
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.port["imaps"], ssl_context=server.tls_context(), timeout=60)
    with pytest.raises(imaplib.IMAP4.error, match="EXPIRED"):
        imap.login(ALICE, "in pam")


def test_an_account_that_is_closed(with_pam):
    server = with_pam(PWDFILE + "account required pam_deny.so\n")
    assert login(server, ALICE, "in pam")[0] == 535


def test_modules_that_hang(with_pam):
    """They cost their threads, and those who need them; nobody else."""
    server = with_pam("auth required pam_exec.so quiet /bin/sleep 4\naccount required pam_permit.so\n",
                      before="passdb internal { }", options="timeout = 1s threads = 1")
    start = time.monotonic()
    assert login(server, ALICE, "in pam")[0] == 454
    assert login(server, ALICE, "in pam")[0] == 454
    assert time.monotonic() - start < 15
    assert login(server, "bob", PASSWORD)[0] == 235
    assert "auth.back_end_timeout passdb=host" in server.log_text()


def test_a_module_that_is_not_there(with_pam):
    server = with_pam("auth required pam_nowhere.so\naccount required pam_permit.so\n")
    assert login(server, ALICE, "in pam")[0] == 454
    assert "auth.pam passdb=host service=veredus" in server.log_text()


def test_mistakes(make_server):
    server = make_server(start=False, accounts=(), config="passdb x { driver = pam }")
    result = server.cli("check", check=False)
    assert result.returncode != 0 and "there is no domain" in result.stdout + result.stderr
