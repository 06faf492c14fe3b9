"""Mail from Exim, Sendmail and OpenSMTPD, with the extensions that each of them uses."""
import os
import smtplib

import pytest

from conftest import wait_for
from peers import Exim, OpenSmtpd, Sendmail

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for mounts of their own")
TEXT = "Grüße, and a line\r\n.that begins with a dot\r\n"
SESSION_END = "smtp.session.end"


def in_box(server, account, count=1):
    """The messages in an account, as bytes, once there are so many."""
    def fetch():
        with server.imap(account) as imap:
            imap.select("INBOX")
            numbers = imap.search(None, "ALL")[1][0].split()
            if len(numbers) < count:
                return None
            return [imap.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
    return wait_for(fetch, what=f"{count} messages for {account}")


def ended(server, helo):
    def line():
        return [x for x in server.log_text().splitlines() if SESSION_END in x and helo in x]
    return wait_for(line, what="the session's end")[-1]


def message(who):
    return (f"From: bob@example.test\r\nTo: alice@example.test\r\nSubject: from {who}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: 8bit\r\n\r\n{TEXT}").encode()


def test_exim(make_server):
    server = make_server()
    with Exim(server.port["smtp"]) as exim:
        exim.smtp("EHLO client.test\n"
                  "MAIL FROM:<bob@example.test> RET=HDRS ENVID=exim+2B1\n"
                  "RCPT TO:<alice@example.test> NOTIFY=SUCCESS ORCPT=rfc822;first@exim.test\n"
                  "DATA\n" + message("exim").decode().replace("\r\n", "\n").replace("\n.", "\n..")
                  + ".\nQUIT\n")
        log = exim.log()
    assert "X=TLS1.3" in log and " K " in log and "Completed" in log
    [raw] = in_box(server, "alice")
    assert raw.endswith(TEXT.encode())
    [notice] = in_box(server, "bob")
    assert b"Original-Envelope-Id: exim+1" in notice and b"Action: delivered" in notice
    assert b"Original-Recipient: rfc822; first@exim.test" in notice
    session = ended(server, "mx.exim.test")
    assert "starttls=1" in session and "bdat=1" in session and "data=" not in session


def test_sendmail(make_server):
    server = make_server()
    with Sendmail(server.port["smtp"]) as sendmail:
        said = sendmail.send(message("sendmail").replace(b"\r\n", b"\n"), "-B8BITMIME",
                             "-N", "success,failure", "-V", "sm-1", "-R", "hdrs",
                             "-f", "bob@example.test", "alice@example.test")
    assert "BODY=8BITMIME" in said and "ENVID=sm-1" in said and "RET=HDRS" in said
    [raw] = in_box(server, "alice")
    assert raw.endswith(TEXT.encode())
    [notice] = in_box(server, "bob")
    assert b"Original-Envelope-Id: sm-1" in notice and b"Action: delivered" in notice
    assert "starttls=1" in ended(server, "mx.sendmail.test")


def test_sendmail_to_nobody(make_server):
    server = make_server()
    with Sendmail(server.port["smtp"]) as sendmail:
        said = sendmail.send(message("sendmail").replace(b"\r\n", b"\n"), "-f", "bob@example.test",
                             "nobody@example.test", "alice@example.test",
                             status=os.EX_NOUSER)
    assert "550 5.1.1" in said
    in_box(server, "alice")
    [bounce] = in_box(server, "bob")
    assert b"nobody@example.test" in bounce


def test_opensmtpd(make_server):
    server = make_server()
    with OpenSmtpd(server.port["smtp"]) as peer:
        with smtplib.SMTP("127.0.0.1", peer.port, timeout=60) as smtp:
            for n in range(3):
                smtp.sendmail("bob@example.test", ["alice@example.test"],
                              message(f"opensmtpd {n}"))
        got = in_box(server, "alice", 3)
    assert all(raw.endswith(TEXT.encode()) for raw in got)
    assert len(got) == 3
    assert "starttls=1" in ended(server, "mx.openbsd.test")
