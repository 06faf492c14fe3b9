"""The programs that people use, against a real server: swaks, curl, msmtp, mutt, fetchmail,
openssl and Python's libraries. Each sends or reads a message as its user would."""
import os
import pathlib
import re
import subprocess
import tempfile
from email.message import EmailMessage

import pytest

from conftest import PASSWORD


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="veredus-home-") as path:
        yield pathlib.Path(path)


def run(*command, home=None, input=None, check=True):
    env = {**os.environ, **({"HOME": str(home)} if home else {})}
    result = subprocess.run([str(c) for c in command], input=input, text=True,
                            capture_output=True, timeout=120, env=env)
    if check:
        assert result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout}{result.stderr}"
    return result


def subject_of(raw):
    return re.search(rb"^Subject: (.*?)\r$", raw, re.M)[1].decode()


def find(server, subject, user="alice"):
    """The one message with this subject, which must have come exactly once."""
    raws = [m for m in server.wait_messages(1, user) if subject_of(m) == subject]
    assert len(raws) == 1
    return raws[0]


def test_swaks_as_a_stranger(server):
    run("swaks", "--server", "127.0.0.1", "--port", server.port["smtp"], "--from", "s@remote.test",
        "--to", "alice@example.test", "--header", "Subject: swaks plain", "--body", "hello\n.dot")
    raw = find(server, "swaks plain")
    assert raw.startswith(b"Return-Path: <s@remote.test>\r\n")
    assert b"\r\n.dot" in raw


def test_swaks_starttls_and_auth(server):
    for mechanism in ("PLAIN", "LOGIN"):
        result = run("swaks", "--server", "127.0.0.1", "--port", server.port["submission"], "-tls",
                     "--auth", mechanism, "--auth-user", "bob@example.test",
                     "--auth-password", PASSWORD, "--from", "bob@example.test",
                     "--to", "alice@example.test", "--header", f"Subject: swaks {mechanism}")
        assert "235 " in result.stdout
        assert b"with ESMTPSA" in find(server, f"swaks {mechanism}")


def test_swaks_implicit_tls(server):
    run("swaks", "--server", "127.0.0.1", "--port", server.port["submissions"], "--tls-on-connect",
        "--auth", "PLAIN", "--auth-user", "bob@example.test", "--auth-password", PASSWORD,
        "--from", "bob@example.test", "--to", "alice@example.test",
        "--header", "Subject: swaks 465")
    find(server, "swaks 465")


def test_swaks_unknown_user(server):
    result = run("swaks", "--server", "127.0.0.1", "--port", server.port["smtp"], "--from",
                 "s@remote.test", "--to", "nobody@example.test", check=False)
    assert result.returncode != 0
    assert "550 5.1.1" in result.stdout + result.stderr


def test_curl_sends_and_reads(server, home):
    message = home / "message"
    message.write_text("From: bob@example.test\r\nTo: alice@example.test\r\n"
                       "Subject: by curl\r\n\r\nbody of curl\r\n")
    run("curl", "-sS", "-k", "--ssl-reqd", f"smtp://127.0.0.1:{server.port['submission']}",
        "--user", f"bob@example.test:{PASSWORD}", "--mail-from", "bob@example.test",
        "--mail-rcpt", "alice@example.test", "--upload-file", message)
    find(server, "by curl")
    login = ("--user", f"alice@example.test:{PASSWORD}")
    listing = run("curl", "-sS", "-k", *login, f"imaps://127.0.0.1:{server.port['imaps']}/").stdout
    for folder in ("INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive"):
        assert folder in listing
    found = run("curl", "-sS", "-k", *login,
                f"imaps://127.0.0.1:{server.port['imaps']}/INBOX?SUBJECT%20%22by%20curl%22").stdout
    uid = re.search(r"SEARCH (\d+)", found)[1]
    body = run("curl", "-sS", "-k", *login,
               f"imaps://127.0.0.1:{server.port['imaps']}/INBOX;MAILINDEX={uid}").stdout
    assert "body of curl" in body
    popped = run("curl", "-sS", "-k", "--ssl-reqd", *login,
                 f"pop3://127.0.0.1:{server.port['pop3']}/{uid}").stdout
    assert "body of curl" in popped


def test_msmtp(server, home):
    config = home / "msmtprc"
    config.write_text(f"""
account default
host 127.0.0.1
port {server.port['submission']}
tls on
tls_starttls on
tls_certcheck off
auth plain
user bob@example.test
password {PASSWORD}
from bob@example.test
""")
    config.chmod(0o600)
    run("msmtp", "-C", config, "alice@example.test", home=home,
        input="From: bob@example.test\nTo: alice@example.test\nSubject: by msmtp\n\nhello\n")
    find(server, "by msmtp")


def test_mutt_sends_and_reads(make_server, home):
    server = make_server()
    rc = home / "muttrc"
    rc.write_text(f"""
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file="{home}/certificates"
unset ssl_verify_host
unset ssl_verify_dates
set smtp_url="smtps://bob@example.test@127.0.0.1:{server.port['submissions']}/"
set smtp_pass="{PASSWORD}"
set from="bob@example.test"
set use_from=yes
set copy=no
""")
    certificate = next(server.dir.glob("**/*.crt"), None) or next(server.dir.glob("**/*cert*.pem"))
    (home / "certificates").write_bytes(certificate.read_bytes())
    attachment = home / "notes.txt"
    attachment.write_text("attached by mutt\n")
    run("mutt", "-n", "-F", rc, "-s", "by mutt", "-a", attachment, "--", "alice@example.test",
        home=home, input="hello from mutt\n")
    raw = find(server, "by mutt")
    assert b"notes.txt" in raw and b"hello from mutt" in raw


def test_fetchmail_takes_all_once(make_server, home):
    server = make_server()
    with server.smtp() as smtp:
        for i in range(5):
            smtp.sendmail("s@remote.test", ["alice@example.test"],
                          f"Subject: fetch {i}\r\n\r\nnumber {i}\r\n")
    out = home / "mbox"
    rc = home / "fetchmailrc"
    rc.write_text(f"""
poll 127.0.0.1 proto POP3 port {server.port['pop3s']}
    user "alice@example.test" password "{PASSWORD}" ssl no sslcertck
    mda "cat >> {out}" no keep
""")
    rc.chmod(0o600)
    run("fetchmail", "-f", rc, "--nosyslog", "--pidfile", home / "pid", home=home)
    text = out.read_text()
    assert [text.count(f"number {i}") for i in range(5)] == [1] * 5
    assert server.messages() == []


def test_openssl_s_client(server):
    for starttls, port in (("smtp", "smtp"), ("pop3", "pop3"), ("imap", "imap")):
        result = run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port[port]}",
                     "-starttls", starttls, "-brief", "-ign_eof", check=False,
                     input="a LOGOUT\r\n" if starttls == "imap" else "QUIT\r\n")
        assert "TLSv1.3" in result.stderr + result.stdout


def test_python_libraries_in_every_direction(server):
    message = EmailMessage()
    message["From"], message["To"] = "bob@example.test", "alice@example.test"
    message["Subject"] = "by Python"
    message.set_content("grüße\n")
    message.add_attachment(b"\0\1\2" * 1000, maintype="application", subtype="octet-stream",
                           filename="daten-ä.bin")
    with server.submission("bob") as smtp:
        smtp.send_message(message)
    sent = find(server, "by Python")
    pop = server.pop3()
    number = len(pop.list()[1])
    for i in range(1, number + 1):
        raw = b"\r\n".join(pop.retr(i)[1]) + b"\r\n"
        if subject_of(raw) == "by Python":
            assert raw == sent
            break
    else:
        pytest.fail("not seen over POP3")
    pop.quit()
