"""Copies of submissions in the Sent folder, and clients that file one themselves."""
import email
import email.policy
import os
import shutil
import smtplib
import subprocess
from urllib.parse import quote

import pytest

from conftest import PASSWORD
from test_submission import submit

TEXT = "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: {0}\r\nMessage-ID: <{0}@a.test>\r\n"


@pytest.fixture(scope="module")
def wanting(server):
    assert not user(server, "alice")["sent_copy"]
    server.cli("user", "set", "alice@example.test", "--sent-copy", "yes")
    assert user(server, "alice")["sent_copy"]
    server.cli("user", "add", "carol@example.test", input=PASSWORD + "\n")
    return server


def user(server, name):
    import json
    users = json.loads(server.cli("user", "list", "--json").stdout)
    return next(u for u in users if u["address"] == f"{name}@example.test")


def sent(server, subject, mailbox="Sent"):
    """UID, flags and bytes of each copy."""
    with server.imap() as imap:
        imap.select(mailbox, readonly=True)
        found = []
        for number in imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split():
            parts = imap.fetch(number.decode(), "(UID FLAGS BODY.PEEK[])")[1]
            found.append((parts[0][0].decode(), parts[0][1]))
        return found


def append(server, message, flags="(\\Seen)", mailbox="Sent"):
    with server.imap() as imap:
        status, data = imap.append(mailbox, flags, None, message)
        assert status == "OK"
        return int(imap.response("APPENDUID")[1][0].split()[1])


def test_filed(wanting):
    message = TEXT.format("filed").encode() + b"\r\nhello\r\n"
    submit(wanting, message)
    (what, raw), = sent(wanting, "filed")
    assert "\\Seen" in what
    assert b"\r\nhello\r\n" in raw and b"<filed@a.test>" in raw
    # What was added is in it too.
    m = email.message_from_bytes(raw)
    assert m["Date"]


def test_bcc_is_remembered(wanting):
    """By who sent it, and by nobody else."""
    submit(wanting, TEXT.format("withbcc").encode() + b"Bcc: Carol <carol@example.test>,\r\n"
           b" dave@example.test\r\n\r\nhello\r\n")
    (_, raw), = sent(wanting, "withbcc")
    assert email.message_from_bytes(raw)["Bcc"] == "Carol <carol@example.test>,\r\n dave@example.test"
    with wanting.imap() as imap:
        imap.select("Sent", readonly=True)
        number = imap.search(None, "BCC", '"carol@example.test"')[1][0].split()[-1].decode()
        envelope = imap.fetch(number, "(ENVELOPE RFC822.SIZE)")[1][0]
        assert b'"carol" "example.test"' in envelope
        assert b"RFC822.SIZE %d" % len(raw) in envelope
    assert all(b"carol" not in m for m in wanting.messages("bob") if b"withbcc" in m)


def test_client_files_too(wanting):
    message = TEXT.format("twice").encode() + b"\r\nhello\r\n"
    submit(wanting, message)
    own = message.replace(b"\r\n\r\n", b"\r\nBcc: x@example.test\r\n\r\n", 1)
    uid = append(wanting, own, "(\\Seen \\Flagged)")
    (what, raw), = sent(wanting, "twice")
    assert f"UID {uid} " in what and "\\Flagged" in what
    # It may know more than was sent.
    assert raw == own
    # The note served its turn.
    append(wanting, message)
    assert len(sent(wanting, "twice")) == 2


def test_client_files_first(wanting):
    message = TEXT.format("first").encode() + b"\r\nhello\r\n"
    append(wanting, message)
    submit(wanting, message)
    assert len(sent(wanting, "first")) == 1
    submit(wanting, message)
    assert len(sent(wanting, "first")) == 2


def test_elsewhere_is_filed(wanting):
    """Only Sent is looked at, and a copy that is gone is no copy."""
    message = TEXT.format("elsewhere").encode() + b"\r\nhello\r\n"
    submit(wanting, message)
    append(wanting, message, mailbox="Archive")
    assert len(sent(wanting, "elsewhere", "Archive")) == 1
    with wanting.imap() as imap:
        imap.select("Sent")
        numbers = imap.search(None, "SUBJECT", "elsewhere")[1][0].split()
        imap.store(numbers[0], "+FLAGS", "\\Deleted")
        imap.expunge()
    append(wanting, message)
    assert len(sent(wanting, "elsewhere")) == 1


def test_renamed_and_missing(wanting):
    with wanting.imap() as imap:
        assert imap.rename("Sent", "Gesendet")[0] == "OK"
    submit(wanting, TEXT.format("renamed").encode() + b"\r\nx\r\n")
    assert len(sent(wanting, "renamed", "Gesendet")) == 1
    with wanting.imap() as imap:
        assert imap.delete("Gesendet")[0] == "OK"
    submit(wanting, TEXT.format("missing").encode() + b"\r\nx\r\n")
    assert len(sent(wanting, "missing")) == 1
    with wanting.imap() as imap:
        assert any(b"\\Sent" in line for line in imap.list('""', "%")[1])


def test_full(wanting):
    """The message goes, the copy does not."""
    wanting.cli("user", "add", "erin@example.test", "--quota", "1K", input=PASSWORD + "\n")
    wanting.cli("user", "set", "erin@example.test", "--sent-copy", "yes")
    submit(wanting, b"Subject: toobig\r\n\r\n" + b"x\r\n" * 1000, sender="erin@example.test",
           user="erin@example.test")
    assert any(b"Subject: toobig" in m for m in wanting.messages("bob"))
    assert wanting.messages("erin", "Sent") == []


def test_not_wanted(wanting):
    with smtplib.SMTP("127.0.0.1", wanting.port["smtp"]) as smtp:
        smtp.sendmail("alice@example.test", ["bob@example.test"], TEXT.format("stranger") + "\r\n")
    assert sent(wanting, "stranger") == []
    wanting.cli("user", "set", "alice@example.test", "--sent-copy", "no")
    submit(wanting, TEXT.format("unwanted").encode() + b"\r\nx\r\n")
    assert sent(wanting, "unwanted") == []
    wanting.cli("user", "set", "alice@example.test", "--sent-copy", "yes")
    result = wanting.cli("user", "set", "alice@example.test", "--sent-copy", "perhaps", check=False)
    assert result.returncode == 2
    result = wanting.cli("user", "set", "alice@example.test", check=False)
    assert result.returncode == 2


def test_kept_over_crash_and_recovery(wanting):
    """It came with the message, in one commit; and the segments know where it belongs."""
    wanting.cli("user", "set", "alice@example.test", "--sent-copy", "yes")
    submit(wanting, TEXT.format("durable").encode() + b"Bcc: x@example.test\r\n\r\nx\r\n")
    submit(wanting, TEXT.format("shared").encode() + b"\r\nx\r\n")
    wanting.kill()
    wanting.start()
    assert len(sent(wanting, "durable")) == 1 and len(sent(wanting, "shared")) == 1
    wanting.cli("fsck")
    trace = wanting.cli("trace", "<durable@a.test>").stdout
    assert "alice@example.test" in trace and "Sent" in trace


@pytest.mark.skipif(not shutil.which("mutt"), reason="mutt is not installed")
def test_mutt(wanting, tmp_path):
    """Which submits, with Bcc, and then files its own copy."""
    wanting.cli("user", "set", "alice@example.test", "--sent-copy", "yes")
    imap = f"imaps://alice%40example.test:{quote(PASSWORD)}@127.0.0.1:{wanting.port['imaps']}"
    rc = tmp_path / "muttrc"
    rc.write_text(f"""
set from="alice@example.test" realname="Alice Ä" use_from=yes envelope_from=yes
set smtp_url="smtps://alice%40example.test:{quote(PASSWORD)}@127.0.0.1:{wanting.port['submissions']}/"
set folder="{imap}/" record="{imap}/Sent" copy=yes confirmcreate=no
set ssl_force_tls=yes ssl_verify_host=no ssl_verify_dates=no ssl_starttls=no
set certificate_file={tmp_path}/certificates header_cache="" sleep_time=0
""")
    shutil.copy(wanting.dir / "certificate.pem", tmp_path / "certificates")
    result = subprocess.run(["mutt", "-n", "-F", rc, "-s", "by mutt, grüße", "-b",
                             "carol@example.test", "bob@example.test"], input="hello\n", text=True,
                            capture_output=True, timeout=120,
                            env={**os.environ, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})
    assert result.returncode == 0, result.stdout + result.stderr
    (what, raw), = sent(wanting, "by mutt")
    m = email.message_from_bytes(raw, policy=email.policy.default)
    assert "\\Seen" in what and m["Subject"] == "by mutt, grüße"
    assert m["Bcc"] == "carol@example.test" and m["Sender"] is None
    assert any(b"by mutt" in text for text in wanting.messages("bob"))
    assert all(b"Bcc" not in text for text in wanting.messages("bob") if b"by mutt" in text)
