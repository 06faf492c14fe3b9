"""A backup has all that was accepted before it began, and what it has comes back."""
import contextlib
import fcntl
import imaplib
import json
import os
import shutil
import smtplib
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import VEREDUS, wait_for
from test_export import damage
from test_import import ALICE, counts, listing, make_maildir, message, run


def backup(server, path, *options):
    return json.loads(server.cli("backup", path, "--json", *options).stdout)


def restore(server, path, *options):
    return json.loads(server.cli("restore", path, "--json", *options).stdout)


@pytest.fixture
def filled(make_server, tmp_path):
    s = make_server()
    make_maildir(tmp_path / "source")
    run(s, "maildir", ALICE, tmp_path / "source")
    return s


def nothing_waits(server):
    """All mail lies in segments: nothing will be added to them behind the test's back."""
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db")) as db:
        return db.execute("SELECT count(*) FROM fresh_blob").fetchone() == (0,)


def elsewhere(server, path, make_server):
    """Another server whose data directory is what a restore makes of the backup."""
    other = make_server(start=False)
    conf = (other.dir / "veredus.conf").read_text()
    shutil.rmtree(other.dir)
    other.cli("restore", path)
    (other.dir / "veredus.conf").write_text(conf)
    return other.start()


def test_everything_comes_back(filled, make_server, tmp_path):
    s = filled
    made = backup(s, tmp_path / "backup", "--verify")
    assert made["verified"] and made["segments"] == 1 and made["segments_copied"] >= 1
    generation = tmp_path / "backup" / made["backup"]
    assert {p.name for p in generation.iterdir()} >= {"veredus.db", "veredus.conf", "auth.key",
                                                      "certificate.key", "segments"}
    assert (generation / "certificate.key").stat().st_mode & 0o77 == 0
    other = elsewhere(s, tmp_path / "backup", make_server)
    for folder in ("INBOX", "Work/2026", "Gr&APYA3w-e"):
        assert listing(other, folder) == listing(s, folder)
    with other.smtp() as smtp:   # it takes more
        smtp.sendmail("a@remote.test", [ALICE], message(9).replace("\n", "\r\n"))
    assert len(other.messages()) == 4
    other.stop()
    other.cli("fsck")


def test_the_second_takes_what_is_new(filled, tmp_path):
    s = filled
    first = backup(s, tmp_path / "backup")
    wait_for(lambda: nothing_waits(s), what="all mail in segments")
    for path in (s.dir / "segments").iterdir():   # what was just written is copied once more
        os.utime(path, (time.time() - 60, time.time() - 60))
    backup(s, tmp_path / "backup", "--keep", "3")
    third = backup(s, tmp_path / "backup", "--keep", "3")
    assert third["segments_copied"] == 0
    listed = json.loads(s.cli("backup", "--list", "--json", tmp_path / "backup").stdout)
    assert len(listed) == 3 and listed[0]["backup"] == first["backup"]
    with s.smtp() as smtp:
        smtp.sendmail("a@remote.test", [ALICE], message(9).replace("\n", "\r\n"))
    fourth = backup(s, tmp_path / "backup", "--keep", "2")
    listed = s.cli("backup", "--list", tmp_path / "backup").stdout.split()
    assert listed == [third["backup"], fourth["backup"]]
    assert s.cli("backup", "--check", tmp_path / "backup").returncode == 0
    # What came is in it, in a segment or on its way there; an older one is good still.
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE, "--message", "<9@remote.test>",
                          "--into", "New")) == (1, 0, 0, 0)
    result = restore(s, tmp_path / "backup", "--user", ALICE, "--into", "Old", "--at",
                     third["backup"])
    assert counts(result) == (5, 0, 0, 0)


def test_parts_come_back_while_the_server_runs(filled, tmp_path):
    s = filled
    backup(s, tmp_path / "backup")
    before = {folder: listing(s, folder) for folder in ("INBOX", "Work/2026")}
    imap = s.imap()
    imap.select()
    imap.store("1:*", "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.select("Work/2026")
    imap.store("1:*", "+FLAGS", "\\Deleted")
    imap.expunge()
    # One message, by its Message-ID and by its UID; then the folder, without what is there.
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE, "--message",
                          "<2@remote.test>")) == (1, 0, 0, 0)
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE, "--folder", "INBOX",
                          "--message", "3")) == (1, 0, 0, 0)
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE, "--folder", "INBOX")) \
        == (1, 2, 0, 0)
    assert listing(s) == before["INBOX"]
    imap.select("Work/2026")
    assert imap.noop()[0] == "OK" and imap.untagged_responses["EXISTS"] == [b"0"]
    # The account, into the session that looks.
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE)) == (1, 4, 0, 0)
    imap.noop()
    assert imap.untagged_responses["EXISTS"][-1] == b"1"
    imap.logout()
    assert listing(s, "Work/2026") == before["Work/2026"]
    # An account that is gone, with its password.
    s.cli("user", "remove", ALICE)
    result = s.cli("restore", tmp_path / "backup", "--user", ALICE)
    assert "there again" in result.stderr
    assert listing(s) == before["INBOX"]


def metadata(imap, folder, name):
    imap.xatom("GETMETADATA", folder, name)
    return str(imap.untagged_responses.pop("METADATA", []))


def test_settings_come_back(filled, tmp_path):
    """With an account that is gone all that belonged to it; beside one that is there what is
    missing, if it is asked for."""
    s = filled
    bob = "bob@example.test"
    (tmp_path / "script").write_text('require "fileinto"; fileinto "Work/2026";\n')
    s.cli("sieve", "put", ALICE, "sort", tmp_path / "script")
    s.cli("sieve", "activate", ALICE, "sort")
    s.cli("alias", "add", "--hidden", "sales@example.test", ALICE, bob)
    s.cli("quota", "set", ALICE, "--storage", "1G", "--messages", "500")
    s.cli("user", "set", ALICE, "--sent-copy", "yes", "--send-as", "boss@remote.test",
          "--pop3-expire", "30")
    s.cli("share", "set", f"{ALICE}/Work/2026", bob, "lr")
    s.cli("share", "set", bob, ALICE, "lrs")
    app = json.loads(s.cli("user", "app-password", "add", ALICE, "--name", "phone", "--scope",
                           "imap", "--json").stdout)
    imap = s.imap()
    imap.create("Empty")
    imap.subscribe("Elsewhere")
    for folder, name, value in (("Work/2026", "/private/comment", "mine"),
                                ("Work/2026", "/shared/comment", "all"),
                                ('""', "/private/me", "here")):
        assert imap.xatom("SETMETADATA", folder, f'({name} "{value}")')[0] == "OK"
    imap.logout()
    backup(s, tmp_path / "backup")

    s.cli("user", "remove", ALICE)
    assert counts(restore(s, tmp_path / "backup", "--user", ALICE)) == (5, 0, 0, 0)
    assert s.cli("sieve", "get", ALICE, "sort").stdout.startswith("require")
    assert "active" in s.cli("sieve", "list", ALICE).stdout
    quota = json.loads(s.cli("quota", "show", ALICE, "--json").stdout)
    assert "1073741824" in str(quota) and "500" in str(quota)
    assert "boss@remote.test" in s.cli("user", "send-as", ALICE).stdout
    pop = s.pop3()
    assert pop.capa()["EXPIRE"] == ["30"] and "LOGIN-DELAY" not in pop.capa()
    pop.quit()
    assert bob in s.cli("share", "list", f"{ALICE}/Work/2026").stdout
    assert "lrs" in s.cli("share", "list", bob).stdout
    imap = imaplib.IMAP4_SSL("127.0.0.1", s.port["imaps"], ssl_context=s.tls_context(), timeout=60)
    imap.login(ALICE, app["password"])
    assert any(b"Elsewhere" in line for line in imap.lsub()[1])
    assert imap.select("Empty")[0] == "OK"
    assert "mine" in metadata(imap, "Work/2026", "/private/comment")
    assert "all" in metadata(imap, "Work/2026", "/shared/comment")
    assert "here" in metadata(imap, '""', "/private/me")
    imap.logout()
    with s.smtp() as smtp:
        smtp.sendmail("a@remote.test", ["sales@example.test"], message(9).replace("\n", "\r\n"))
    assert "message 9" in listing(s, "Work/2026")

    # What was taken away from one who is there stays away, until it is asked for.
    s.cli("user", "app-password", "remove", ALICE, "--name", "phone")
    s.cli("share", "set", f"{ALICE}/Work/2026", bob, "l")
    s.cli("sieve", "activate", ALICE)
    s.cli("sieve", "delete", ALICE, "sort")
    s.cli("alias", "remove", "sales@example.test", ALICE)
    assert restore(s, tmp_path / "backup", "--user", ALICE)["settings"] == 0
    assert "phone" not in s.cli("user", "app-password", "list", ALICE).stdout
    result = restore(s, tmp_path / "backup", "--user", ALICE, "--settings", "--no-mail", "--folder",
                     "Work")
    assert result["settings"] == 0 and counts(result) == (0, 0, 0, 0)
    assert restore(s, tmp_path / "backup", "--user", ALICE, "--settings")["settings"] == 3
    assert "phone" in s.cli("user", "app-password", "list", ALICE).stdout
    assert "active" in s.cli("sieve", "list", ALICE).stdout
    assert "lr" not in s.cli("share", "list", f"{ALICE}/Work/2026").stdout

    # What the segments don't know, a backup does.
    s.stop()
    for path in s.dir.glob("veredus.db*"):
        path.unlink()
    s.cli("recover")
    result = s.cli("restore", tmp_path / "backup", "--user", ALICE, "--settings", "--no-mail")
    assert "has the password" in result.stderr
    s.start()
    assert "message 1" in listing(s)
    assert "sales@example.test" in s.cli("alias", "list").stdout


def test_what_is_refused(filled, tmp_path):
    s = filled
    (tmp_path / "empty").mkdir()
    backup(s, tmp_path / "backup")
    for args, why in (((tmp_path / "backup",), "veredus.db is there"),
                      ((tmp_path / "empty",), "no whole backup"),
                      ((tmp_path / "none",), "No such file"),
                      ((tmp_path / "backup", "--at", "20000101T000000Z"), "no whole backup 2000"),
                      ((tmp_path / "backup", "--user", "nobody@example.test"), "no user"),
                      ((tmp_path / "backup", "--user", ALICE, "--folder", "None"), "no folder"),
                      ((tmp_path / "backup", "--user", ALICE, "--message", "<no@x>"),
                       "no such message")):
        result = s.cli("restore", *args, check=False)
        assert result.returncode == 1 and why in result.stderr, result
    # Segments without a database may be somebody's only mail.
    s.stop()
    for path in s.dir.glob("veredus.db*"):
        path.unlink()
    result = s.cli("restore", tmp_path / "backup", check=False)
    assert result.returncode == 1 and "segments" in result.stderr
    assert list((s.dir / "segments").glob("*.seg"))


def test_all_that_was_acknowledged_is_there(make_server, tmp_path):
    """Mail comes while backups are made."""
    s = make_server()
    acknowledged, stop, errors = [], threading.Event(), []

    def send(number):
        try:
            with smtplib.SMTP("127.0.0.1", s.port["smtp"], timeout=60) as smtp:
                count = 0
                while not stop.is_set():
                    name = f"m{number}x{count}x"
                    smtp.sendmail("a@remote.test", [ALICE],
                                  f"Subject: {name}\r\n\r\n" + "z" * 20000 + "\r\n")
                    acknowledged.append(name)
                    count += 1
        except Exception as e:
            errors.append(e)
    threads = [threading.Thread(target=send, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(3):
            wait_for(lambda: errors or len(acknowledged) >= 10 * (i + 1), 60, "mail")
            before = set(acknowledged)
            made = backup(s, tmp_path / "backup", "--keep", "2", "--verify")
            assert made["verified"]
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not errors and before
    other = elsewhere(s, tmp_path / "backup", make_server)
    there = {m.split(b"Subject: ")[1].split(b"\r")[0].decode() for m in other.messages()}
    assert before <= there
    other.stop()
    other.cli("fsck")


def test_one_that_was_interrupted_is_none(filled, make_server, tmp_path):
    s = filled
    good = backup(s, tmp_path / "backup")["backup"]
    with open(s.dir / "large", "wb") as f:   # so that there is something to interrupt
        f.truncate(32 << 20)
    for delay in (0.03, 0.06, 0.12):
        process = subprocess.Popen([VEREDUS, "-d", s.dir, "backup", tmp_path / "backup",
                                    "--keep", "100"], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        for name in s.cli("backup", "--list", tmp_path / "backup").stdout.split():
            assert (tmp_path / "backup" / name / "veredus.db").exists()
        assert s.cli("backup", "--check", tmp_path / "backup").returncode == 0
    listed = s.cli("backup", "--list", tmp_path / "backup").stdout.split()
    assert good in listed
    backup(s, tmp_path / "backup", "--keep", "100")
    assert not list((tmp_path / "backup").glob("*.partial"))
    assert len(listing(elsewhere(s, tmp_path / "backup", make_server))) == 3


def test_another_store_does_not_write_over_it(filled, make_server, tmp_path):
    s = filled
    backup(s, tmp_path / "backup")
    other = make_server()
    with other.smtp() as smtp:
        smtp.sendmail("a@remote.test", [ALICE], message(9).replace("\n", "\r\n"))
    result = other.cli("backup", tmp_path / "backup", check=False)
    assert result.returncode == 1 and "another store" in result.stderr
    assert s.cli("backup", "--check", tmp_path / "backup").returncode == 0


def test_two_at_once_and_a_backup_while_it_is_stopped(filled, tmp_path):
    s = filled
    s.stop()
    assert backup(s, tmp_path / "backup", "--verify")["verified"]

    with open(tmp_path / "backup/backup.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = s.cli("backup", tmp_path / "backup", check=False)
        assert result.returncode == 1 and "goes on" in result.stderr
    # Damage is found.
    generation = s.cli("backup", "--list", tmp_path / "backup").stdout.split()[-1]
    damage(tmp_path / "backup" / generation, 1)
    result = s.cli("backup", "--check", tmp_path / "backup", check=False)
    assert result.returncode == 3 and "damaged" in result.stderr
