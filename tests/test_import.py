"""Mail of other programs comes into a user's folders: all of it, as it was, and once."""
import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import time

import pytest

from conftest import VEREDUS

ALICE = "alice@example.test"


def run(server, *args, check=True):
    result = server.cli("import", *args, "--json", check=check)
    return json.loads(result.stdout)


def counts(result):
    return tuple(result[key] for key in ("imported", "duplicates", "known", "failed"))


def message(number, body="body"):
    return (f"From: a{number}@remote.test\nSubject: message {number}\n"
            f"Message-ID: <{number}@remote.test>\n\n{body}\n")


def listing(server, folder="INBOX", user="alice"):
    """subject -> (flags, INTERNALDATE) of a folder, and the subjects in their order."""
    imap = server.imap(user)
    status, _ = imap.select(f'"{folder}"', readonly=True)
    assert status == "OK", folder
    _, data = imap.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    result = {}
    for part in data:
        if isinstance(part, tuple):
            head = part[0].decode()
            subject = part[1].decode().split(":", 1)[1].strip()
            result[subject] = (set(re.search(r"FLAGS \(([^)]*)\)", head)[1].split()) - {"\\Recent"},
                               re.search(r'INTERNALDATE "([^"]*)"', head)[1].strip())
    imap.logout()
    return result


@pytest.fixture(params=["stopped", "running"])
def any_server(request, make_server):
    return make_server(start=request.param == "running")


def running(server):
    return server if server.process else server.start()


MBOX = ("From MAILER-DAEMON Thu Jan  1 00:00:00 2026\nSubject: FOLDER INTERNAL DATA\n"
        "X-IMAP: 1 2\n\nDon't delete.\n\n"
        "From a@remote.test Thu Jan  1 10:20:00 2026\n"
        "Status: RO\nX-Status: AF\nX-Keywords: $Work home\n"
        + message(1, "From here on\n>From there\n>>From far") + "\n"
        "From b@remote.test Fri Jan  2 10:20:00 2026 +0200\n" + message(2) + "\n"
        "From c@remote.test Fri Jan  3 10:20:00 2026\nStatus: O\nX-Status: DT\n" + message(3))


def test_mbox(any_server, tmp_path):
    s = any_server
    path = tmp_path / "mail"
    path.write_text(MBOX)
    result = run(s, "mbox", ALICE, path)
    assert counts(result) == (3, 0, 0, 0) and result["bytes"] > 0 and result["rate"] > 0
    # Nothing is brought twice, by what is remembered of the file and by what is there.
    assert counts(run(s, "mbox", ALICE, path)) == (0, 0, 0, 0)
    assert counts(run(s, "mbox", ALICE, path, "--again")) == (0, 3, 0, 0)
    with open(path, "a") as f:
        f.write("\nFrom d@remote.test Sun Jan  4 10:20:00 2026\n" + message(4))
    assert counts(run(s, "mbox", ALICE, path)) == (1, 0, 0, 0)
    running(s)
    assert listing(s) == {
        "message 1": ({"\\Seen", "\\Answered", "\\Flagged", "$Work", "home"},
                      "1-Jan-2026 10:20:00 +0000"),
        "message 2": (set(), "2-Jan-2026 08:20:00 +0000"),
        "message 3": ({"\\Deleted", "\\Draft"}, "3-Jan-2026 10:20:00 +0000"),
        "message 4": (set(), "4-Jan-2026 10:20:00 +0000")}
    first = s.messages()[0]
    assert first == message(1, "From here on\nFrom there\n>From far").replace(
        "\n", "\r\n").encode()


def test_a_file_that_was_written_anew_is_read_again(make_server, tmp_path):
    s = make_server()
    path = tmp_path / "mail"
    path.write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(1))
    assert counts(run(s, "mbox", ALICE, path)) == (1, 0, 0, 0)
    path.write_text("From c@d.test Fri Jan  2 10:20:00 2026\n" + message(2) +
                    "\nFrom a@b.test Thu Jan  1 10:20:00 2026\n" + message(1))
    assert counts(run(s, "mbox", ALICE, path)) == (1, 1, 0, 0)


def test_directories_of_mboxes(make_server, tmp_path):
    s = make_server()
    (tmp_path / "Work.sbd").mkdir()
    for name, number in (("Work", 1), ("Work.sbd/2026", 2), ("old.mbox", 3), ("Größe", 4)):
        (tmp_path / name).write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(number))
    (tmp_path / "Work.msf").write_text("// no mail")
    (tmp_path / ".hidden").write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(5))
    assert counts(run(s, "mbox", ALICE, tmp_path, "--folder", "Old")) == (4, 0, 0, 0)
    assert list(listing(s, "Old/Work")) == ["message 1"]
    assert list(listing(s, "Old/Work/2026")) == ["message 2"]
    assert list(listing(s, "Old/old")) == ["message 3"]
    assert list(listing(s, "Old/Gr&APYA3w-e")) == ["message 4"]


def make_maildir(path):
    """Three folders, flags, keywords, dates."""
    for folder in ("", ".Work.2026", ".Gr&APYA3w-e"):
        for part in ("cur", "new", "tmp"):
            (path / folder / part).mkdir(parents=True)
    (path / "dovecot-keywords").write_text("0 $Work\n1 home\n")

    def put(name, number, seconds):
        (path / name).write_text(message(number))
        os.utime(path / name, (seconds, seconds))
    put("cur/1767262800.M1P1.host:2,FRSTDPab", 1, 1767262800)
    put("cur/1767262801.M2P1.host,S=100:2,", 2, 1767000000)       # appended, with a date of its own
    put("new/1767262802.M3P1.host", 3, int(time.time()))           # copied without its time
    put(".Work.2026/cur/1767262803.M4P1.host:2,S", 4, 1767262803)
    put(".Gr&APYA3w-e/new/msg.x", 5, 1767262804)


def test_maildir(any_server, tmp_path):
    s = any_server
    path = tmp_path / "Maildir"
    make_maildir(path)
    assert counts(run(s, "maildir", ALICE, path)) == (5, 0, 0, 0)
    assert counts(run(s, "maildir", ALICE, path)) == (0, 0, 5, 0)
    running(s)
    assert listing(s) == {
        "message 1": ({"\\Flagged", "\\Answered", "\\Seen", "\\Deleted", "\\Draft", "$Forwarded",
                       "$Work", "home"}, "1-Jan-2026 10:20:00 +0000"),
        "message 2": (set(), "29-Dec-2025 09:20:00 +0000"),
        "message 3": (set(), "1-Jan-2026 10:20:02 +0000")}
    assert listing(s, "Work/2026") == {"message 4": ({"\\Seen"}, "1-Jan-2026 10:20:03 +0000")}
    assert list(listing(s, "Gr&APYA3w-e")) == ["message 5"]
    # What the user deletes here does not come back; flags in a name do not make it another message.
    imap = s.imap()
    imap.select("Work/2026")
    imap.store("1", "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.logout()
    os.rename(path / "new/1767262802.M3P1.host", path / "cur/1767262802.M3P1.host:2,S")
    (path / "new/1767262805.M6P1.host").write_text(message(6))
    assert counts(run(s, "maildir", ALICE, path)) == (1, 0, 5, 0)
    assert counts(run(s, "maildir", ALICE, path, "--again")) == (1, 5, 0, 0)
    assert list(listing(s, "Work/2026")) == ["message 4"]
    # Names that no folder may have here.
    for folder in (".100%..*", ".\udcff"):
        (path / folder / "cur").mkdir(parents=True)
        (path / folder / "cur/1767262806.M7P1.host:2,").write_text(message(7))
    assert counts(run(s, "maildir", ALICE, path)) == (2, 0, 6, 0)
    assert list(listing(s, "100_/_")) == list(listing(s, "_")) == ["message 7"]


def test_import_is_seen_by_who_is_looking(server, tmp_path):
    imap = server.imap("bob")
    imap.select()
    (tmp_path / "mail").write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(1))
    run(server, "mbox", "bob@example.test", tmp_path / "mail")
    imap.noop()
    assert imap.response("EXISTS")[1][-1] == b"1"
    imap.logout()


def test_what_cannot_be_imported(server, tmp_path):
    path = tmp_path / "mail"
    path.write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(1) +
                    "\nFrom a@b.test Thu Jan  1 10:20:00 2026\n" + message(2, "x" * 3000000) +
                    "\nFrom a@b.test Thu Jan  1 10:20:00 2026\n" + message(3))
    result = server.cli("import", "mbox", ALICE, path, "--max-message", "10K", "--json",
                        check=False)
    assert result.returncode == 3 and "too large" in result.stderr
    assert counts(json.loads(result.stdout)) == (2, 0, 0, 1)
    for args in (("nobody@example.test", path), (ALICE, tmp_path / "none")):
        result = server.cli("import", "mbox", *args, check=False)
        assert result.returncode == 1 and result.stderr.startswith("veredus: "), result
    result = server.cli("import", "mbox", ALICE, path, "--folder", "a//b", check=False)
    assert result.returncode == 1 and "no name for a folder" in result.stderr


def test_an_import_that_is_killed_goes_on(make_server, tmp_path):
    """Whenever it ends, the next run brings the rest, and nothing twice."""
    s = make_server()
    for part in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / part).mkdir(parents=True)
    for i in range(1200):
        (tmp_path / f"Maildir/new/1767262800.M{i}P1.host").write_text(message(i, "x" * 500))
    command = [VEREDUS, "-d", s.dir, "import", "maildir", ALICE, tmp_path / "Maildir"]
    for seconds in (0.1, 0.3, 0.5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
    result = run(s, "maildir", ALICE, tmp_path / "Maildir")
    assert result["imported"] + result["known"] == 1200 and result["duplicates"] == 0
    imap = s.imap()
    assert imap.select()[1] == [b"1200"]
    imap.logout()
    s.stop()
    s.cli("fsck")


def test_what_two_runs_bring_at_once_is_known(make_server):
    """As when a run was killed whose last messages are still being put away: the next one knows them.
    They are no duplicates, which were there by another way."""
    s = make_server()
    text = message(1).replace("\n", "\r\n").encode()
    request = json.dumps({"command": "import.put", "address": ALICE, "folder": "INBOX", "source": "x:y",
                          "messages": [{"bytes": len(text), "at_ms": 0, "flags": 0, "key": "one"}],
                          "body_bytes": len(text)}).encode() + b"\n"

    def connect():
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(60)
        sock.connect(str(s.dir / "control.sock"))
        return stack.enter_context(sock)

    def ends(sock, count):
        line = sock.makefile("r").readline()
        assert [json.loads(line)["item"][key] for key in ("imported", "known", "duplicates")] == count, line

    with contextlib.ExitStack() as stack:
        first, second = connect(), connect()
        first.sendall(request + text[:1])
        second.sendall(request + text)
        ends(second, [1, 0, 0])
        first.sendall(text[1:])
        ends(first, [0, 1, 0])
    s.stop()
    with sqlite3.connect(s.dir / "veredus.db") as db:
        assert db.execute("SELECT brought FROM import_item").fetchall() == [(1,)]


def test_memory_is_bounded(make_server, tmp_path):
    """The size of the source does not count, only that of its largest message."""
    s = make_server(start=False)
    with open(tmp_path / "mail", "w") as f:
        for i in range(40):
            f.write(f"From a@b.test Thu Jan  1 10:20:00 2026\n{message(i, ('y' * 70 + chr(10)) * 29000)}\n")
    small, large = tmp_path / "small", tmp_path / "mail"
    small.write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(1))
    peak = {}
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"
    for path in (small, large):
        process = subprocess.Popen([VEREDUS, "-d", s.dir, "import", "mbox", ALICE, path],
                                   stdout=subprocess.DEVNULL,
                                   env={**os.environ, "ASAN_OPTIONS": options})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0
        peak[path] = usage.ru_maxrss
    assert peak[large] - peak[small] < 100 * 1024, peak
