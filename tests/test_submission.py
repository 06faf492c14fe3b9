"""Submission: what our users hand in is completed and mended (RFC 6409 section 8)."""
import email
import email.policy
import shutil
import smtplib
import subprocess

import pytest

from conftest import PASSWORD, wait_for


def submit(server, message, sender="alice@example.test", to=("bob@example.test",), options=(),
           user="alice@example.test", secret=PASSWORD):
    with smtplib.SMTP_SSL("127.0.0.1", server.port["submissions"],
                          context=server.tls_context()) as smtp:
        smtp.login(user, secret)
        smtp.sendmail(sender, list(to), message, mail_options=list(options))


def received(server, subject, user="bob"):
    """The newest message with this subject, behind our own trace fields."""
    with server.imap(user) as imap:
        imap.select("INBOX")
        found = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        raw = imap.fetch(found[-1].decode(), "(BODY.PEEK[])")[1][0][1]
    head, _, rest = raw.partition(b"for <")
    assert head.startswith(b"Return-Path: <")
    return rest.partition(b"\r\n")[2]


def refused(server, message, code, text, **kwargs):
    with pytest.raises(smtplib.SMTPDataError) as e:
        submit(server, message, **kwargs)
    assert e.value.smtp_code == code and text in e.value.smtp_error.decode()


FULL = (b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: %s\r\n"
        b"Date: Sat, 1 Jan 2000 00:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n")


def test_right_is_left_alone(server):
    message = FULL % b"right" + b"Received: by\r\n\todd; (x)\r\n\r\n..text\r\n\xe4\r\n"
    submit(server, message)
    assert received(server, "right") == message


def test_completed(server):
    submit(server, b"Subject: completed\r\nTo: bob, Carol <carol@other.test>\r\n"
                   b"Bcc: secret@example.test\r\nReturn-Path: <x@y.test>\r\n"
                   b"Authentication-Results: mx.example.test; dkim=pass\r\n"
                   b"Authentication-Results: mx.other.test; dkim=pass\r\n\r\nhello\r\n")
    raw = received(server, "completed")
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert m["Date"].datetime is not None
    assert m["Message-ID"].endswith("@mx.example.test>")
    assert m["From"] == "alice@example.test"
    assert m["Sender"] is None
    assert m["To"] == "bob@example.test, Carol <carol@other.test>"
    assert m.get_all("Authentication-Results") == ["mx.other.test; dkim=pass"]
    assert b"Bcc" not in raw and b"secret" not in raw and b"Return-Path" not in raw


def test_sender(server):
    """Only where From is not who logged in. An alias that leads to the account is."""
    server.cli("alias", "add", "sales@example.test", "alice@example.test")
    for subject, author, want in (
            ("own", "alice@example.test", None), ("bare", "Alice <alice>", None),
            ("alias", "sales@example.test", None), ("tag", "alice+x@example.test", None),
            ("boss", "boss@other.test", "alice@example.test"),
            ("two", "alice@example.test, sales@example.test", "alice@example.test"),
            ("bob", "bob@example.test", "alice@example.test")):
        submit(server, f"From: {author}\r\nSubject: sender-{subject}\r\n\r\n".encode())
        m = email.message_from_bytes(received(server, f"sender-{subject}"))
        assert m["Sender"] == want, subject
    submit(server, b"From: boss@other.test\r\nSender: bob@example.test\r\n"
                   b"Subject: sender-false\r\n\r\n")
    m = email.message_from_bytes(received(server, "sender-false"))
    assert m.get_all("Sender") == ["alice@example.test"]


def test_resent(server):
    """As Mutt bounces: the message stays what it was."""
    original = b"From: boss@other.test\r\n" + FULL.split(b"\r\n", 1)[1] % b"resent" + b"\r\nhi\r\n"
    submit(server, b"Resent-From: alice@example.test\r\nResent-To: bob@example.test\r\n" + original)
    raw = received(server, "resent")
    assert raw.endswith(b"Resent-From: alice@example.test\r\nResent-To: bob@example.test\r\n" + original)
    m = email.message_from_bytes(raw)
    assert m["Resent-Date"] and m["Resent-Message-ID"] and not m["Sender"]


def test_8bit_headers(server):
    submit(server, "From: Älice <alice@example.test>\r\nSubject: grüße 8bit\r\nX-Y: ä\r\n"
                   "Content-Type: application/pdf; name=\"ä.pdf\"\r\n\r\nx\r\n".encode())
    raw = received(server, "8bit")
    assert raw.isascii()
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert m["Subject"] == "grüße 8bit" and m["X-Y"] == "ä"
    assert m["From"].addresses[0].display_name == "Älice"
    assert m.get_content_type() == "application/pdf" and m.get_filename() == "ä.pdf"
    refused(server, "From: älice@example.test\r\n\r\n".encode(), 550, "5.6.7")
    submit(server, "From: Älice <alice@example.test>\r\nSubject: smtputf8 ä\r\n\r\n".encode(),
           options=["SMTPUTF8"])
    assert "Subject: smtputf8 ä\r\n".encode() in received(server, "smtputf8")


def test_long_lines(server):
    text = "word " * 1000 + "ä\r\nend\r\n"
    submit(server, FULL % b"longtext" + b"MIME-Version: 1.0\r\n"
           b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
           + text.encode())
    raw = received(server, "longtext")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert m.get_payload(decode=True).decode() == text
    submit(server, FULL % b"longhead" + b"References: " + b"<a@b.test> " * 500 + b"\r\n\r\n")
    raw = received(server, "longhead")
    assert max(map(len, raw.split(b"\r\n"))) <= 998 and raw.count(b"<a@b.test>") == 500
    long = b"x" * 1200 + b"\r\n"
    for head in (b"DKIM-Signature: v=1; h=From; b=x\r\n\r\n",
                 b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n",
                 b"Message-ID: "):
        refused(server, FULL % b"refused" + head + long, 550, "5.6.2")


def test_large(server):
    """Through files: more than is kept in memory."""
    part = b"".join(b"%07d\r\n" % i for i in range(300_000)) + b"y" * 2000 + b"\r\n"
    submit(server, b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
           b"--b\r\nContent-Type: application/x\r\n\r\n" + part + b"\r\n--b--\r\n")
    m = email.message_from_bytes(received(server, "large"))
    assert m.get_payload()[0].get_payload(decode=True) == part
    assert list((server.dir / "tmp").glob("*")) == []


def test_not_elsewhere(server):
    """What strangers send is none of our business; nor anything if so configured."""
    message = b"Subject: strange\r\nBcc: x\r\n\r\n" + b"long " * 500 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", server.port["smtp"]) as smtp:
        smtp.sendmail("a@client.test", ["bob@example.test"], message)
    assert received(server, "strange") == message


def test_turned_off(make_server):
    server = make_server(config="smtp { fix-submissions = no }")
    message = b"Subject: off\r\nBcc: x\r\n\r\nx\r\n"
    submit(server, message)
    assert received(server, "off") == message


@pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not installed")
def test_swaks(server):
    subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(server.port["submissions"]),
                    "--tls-on-connect", "--auth-user", "alice@example.test", "--auth-password",
                    PASSWORD, "--from", "alice@example.test", "--to", "bob@example.test",
                    "--data", "Subject: from swaks\\nTo: bob\\n\\nhi\\n", "--silent", "2"],
                   check=True, timeout=60, capture_output=True)
    m = email.message_from_bytes(received(server, "from swaks"))
    assert m["To"] == "bob@example.test" and m["From"] == "alice@example.test" and m["Date"]


@pytest.mark.skipif(not shutil.which("msmtp"), reason="msmtp is not installed")
def test_msmtp(server, tmp_path):
    subprocess.run(["msmtp", "--host=127.0.0.1", f"--port={server.port['submissions']}",
                    "--tls=on", "--tls-starttls=off", "--tls-certcheck=off", "--auth=plain",
                    "--user=alice@example.test", f"--passwordeval=echo {PASSWORD}",
                    "--from=alice@example.test", "bob@example.test"],
                   input=b"To: bob\nBcc: x@example.test\nSubject: from msmtp\n\nhi\n", check=True,
                   timeout=60, capture_output=True, env={"HOME": str(tmp_path)})
    raw = received(server, "from msmtp")
    m = email.message_from_bytes(raw)
    assert m["To"] == "bob@example.test" and m["Bcc"] is None and m["Date"]
