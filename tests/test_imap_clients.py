"""IMAP with the clients that people have: curl, mutt, neomutt, fetchmail; and what an idle session costs."""
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import PASSWORD, is_sanitized, wait_for
from test_imap import PLAIN, MULTIPART, Raw


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, timeout=120, **options)
    assert result.returncode == 0, (result.stdout, result.stderr)
    return result.stdout


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@pytest.fixture
def mail(make_server):
    server = make_server()
    client = Raw(server)
    client.append(PLAIN)
    client.append(MULTIPART)
    client.close()
    return server


def curl(server, url, *options):
    return run("curl", "-sS", "-k", "-u", f"alice@{server.domain}:{PASSWORD}",
               f"imaps://127.0.0.1:{server.port['imaps']}/{url}", *options)


@needs("curl")
def test_curl(mail, tmp_path):
    assert b'"/" INBOX' in curl(mail, "")
    assert curl(mail, "INBOX;MAILINDEX=1") == PLAIN
    assert curl(mail, "INBOX;UID=2;SECTION=TEXT").startswith(b"preamble")
    assert b"* SEARCH 1" in curl(mail, "INBOX?SUBJECT%20ann")
    (tmp_path / "message").write_bytes(b"Subject: put there\r\n\r\nby curl\r\n")
    curl(mail, "Sent", "-T", str(tmp_path / "message"))
    assert curl(mail, "Sent;MAILINDEX=1") == b"Subject: put there\r\n\r\nby curl\r\n"
    assert b"(UNSEEN 0)" in curl(mail, "", "-X", "STATUS INBOX (UNSEEN)")
    plain = run("curl", "-sS", "-k", "--ssl-reqd", "-u", f"alice@{mail.domain}:{PASSWORD}",
                f"imap://127.0.0.1:{mail.port['imap']}/INBOX;MAILINDEX=1")
    assert plain == PLAIN


@pytest.mark.parametrize("program", [pytest.param("mutt", marks=needs("mutt")),
                                     pytest.param("neomutt", marks=needs("neomutt"))])
def test_mutt(mail, tmp_path, program):
    """Saves a message into another folder, deletes it here, and writes one into Drafts."""
    rc = tmp_path / "muttrc"
    rc.write_text(f"""
set folder="imaps://127.0.0.1:{mail.port['imaps']}/" spoolfile=+INBOX
set imap_user="alice@{mail.domain}" imap_pass="{PASSWORD}"
set ssl_verify_host=no ssl_verify_dates=no ssl_starttls=no certificate_file={tmp_path}/certificates
set quit=yes delete=yes confirmappend=no confirmcreate=no mark_old=yes timeout=5 header_cache=""
set ssl_force_tls=yes sleep_time=0 wait_key=no
push "<limit>~s parts<enter><save-message>=Archive<enter><limit>all<enter><first-entry><flag-message><sync-mailbox><quit>"
""")
    pem = (mail.dir / "certificate.pem").read_text()
    (tmp_path / "certificates").write_text(pem)
    run("script", "-qec", f"{program} -n -F {rc}", "/dev/null", stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "HOME": str(tmp_path)})
    assert mail.messages("alice", "Archive") == [MULTIPART]
    client = Raw(mail)
    client.ok("SELECT INBOX")
    assert len(client.ok("SEARCH ALL")[0].split()) == 3
    assert b"\\Flagged" in client.ok("FETCH 1 FLAGS")[0]
    client.close()


@needs("fetchmail")
def test_fetchmail(mail, tmp_path):
    box = tmp_path / "box"
    rc = tmp_path / "fetchmailrc"
    rc.write_text(f"""poll 127.0.0.1 protocol IMAP port {mail.port['imaps']}
  user "alice@{mail.domain}" password "{PASSWORD}" ssl sslproto "auto" no sslcertck
  fetchall nokeep mda "cat >> {box}"
""")
    rc.chmod(0o600)
    run("fetchmail", "-f", str(rc), "--nosyslog", "-i", str(tmp_path / "ids"),
        "--pidfile", str(tmp_path / "pid"), env={**os.environ, "FETCHMAILHOME": str(tmp_path)})
    text = box.read_text()
    assert "this is the body." in text and "inner body" in text
    wait_for(lambda: mail.messages() == [], what="an empty INBOX")


def memory(server):
    rollup = pathlib.Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def test_an_idle_session_with_a_mailbox_costs_little(make_server):
    """Two sessions share the view; what each adds is its struct."""
    server = make_server(config="imap { auth-without-tls = yes }")
    client = Raw(server)
    for _ in range(20):
        client.append(PLAIN)
    sessions = [idling(server) for _ in range(20)]
    before = memory(server)
    count = 100
    sessions += [idling(server) for _ in range(count)]
    print("KiB a session:", (memory(server) - before) / count)
    if not is_sanitized():
        assert (memory(server) - before) / count < 16, "KiB for a session"
    client.append(PLAIN)
    for session in sessions:
        assert session.line() == b"* 21 EXISTS"
        session.close()


def idling(server):
    session = Raw(server, tls=False)
    session.ok("SELECT INBOX")
    session.start("IDLE")
    assert session.line().startswith(b"+ ")
    return session
