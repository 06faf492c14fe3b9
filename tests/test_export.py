"""A user's mail as files: what other programs read there is what was here, and what comes back."""
import json
import mailbox
import os
import pathlib
import sqlite3

import pytest

from conftest import PASSWORD, wait_for
from test_import import ALICE, counts, listing, make_maildir, message, run, running

BOB = "bob@example.test"


def damage(directory, uid):
    """A byte of a message, however its record keeps it."""
    with sqlite3.connect(f"file:{directory}/veredus.db?mode=ro", uri=True) as db:
        # What is small is in a segment a little later.
        segment, position = wait_for(lambda: db.execute(
            "SELECT segment, position FROM blob JOIN message ON blob_id = blob.id"
            " WHERE message.id % 4294967296 = ? AND segment > 0 LIMIT 1", (uid,)).fetchone())
    with open(pathlib.Path(directory, "segments", f"{segment:08}.seg"), "r+b") as f:
        f.seek(position + 48 + 8)   # behind the record's header
        byte = f.read(1)
        f.seek(position + 48 + 8)
        f.write(bytes([byte[0] ^ 1]))


def export(server, kind, address, path, *options, check=True):
    result = server.cli("export", kind, address, path, *options, "--json", check=check)
    return json.loads(result.stdout)


@pytest.fixture(params=["stopped", "running"])
def filled(request, make_server, tmp_path):
    """Alice has three folders with five messages."""
    s = make_server(start=request.param == "running")
    make_maildir(tmp_path / "source")
    run(s, "maildir", ALICE, tmp_path / "source")
    return s


FOLDERS = ("INBOX", "Work/2026", "Gr&APYA3w-e")


def test_there_and_back(filled, tmp_path):
    s = filled
    for kind in ("mbox", "maildir"):
        out = tmp_path / kind
        result = export(s, kind, ALICE, out)
        assert (result["messages"], result["failed"]) == (5, 0)
        user = f"{kind}@example.test"
        s.cli("user", "add", user, input=PASSWORD + "\n")
        back = run(s, kind, user, out)
        assert counts(back) == (5, 0, 0, 0)
        if kind == "mbox":
            # As any mbox the first goes where a single file would: name the folder.
            assert sorted(p.name for p in out.iterdir() if p.stat().st_size) == \
                ["Größe", "INBOX", "Work.sbd"]
    running(s)
    for kind in ("mbox", "maildir"):
        for folder in FOLDERS:
            was, now = listing(s, folder), listing(s, folder, kind)
            assert now == was
    assert s.messages("alice") == s.messages("mbox")
    # The order of a Maildir is that of the dates.
    assert sorted(s.messages("alice")) == sorted(s.messages("maildir"))


def test_python_reads_it(filled, tmp_path):
    s = filled
    export(s, "maildir", ALICE, tmp_path / "Maildir")
    box = mailbox.Maildir(tmp_path / "Maildir", create=False)
    assert sorted(box.list_folders())[-1] == "Work.2026" and len(box) == 3
    flags = {m["Subject"]: m.get_flags() for m in box}
    assert flags["message 1"] == "DFPRSTab" and flags["message 2"] == ""
    assert (tmp_path / "Maildir/dovecot-keywords").read_text() == "0 $Work\n1 home\n"
    assert "Work.2026" not in (tmp_path / "Maildir/subscriptions").read_text()
    assert "Work/2026" in (tmp_path / "Maildir/subscriptions").read_text()
    for path in (tmp_path / "Maildir/cur").iterdir():
        assert int(path.name.split(".")[0]) == path.stat().st_mtime
        assert f",S={path.stat().st_size}," in path.name
    export(s, "mbox", ALICE, tmp_path / "mbox", "--folder", "INBOX")
    assert [p.name for p in (tmp_path / "mbox").iterdir()] == ["INBOX"]
    box = mailbox.mbox(tmp_path / "mbox/INBOX")
    flags = {m["Subject"]: set(m.get_flags()) for m in box}
    assert flags == {"message 1": set("ROFATD"), "message 2": set("O"), "message 3": set("O")}


def test_a_maildir_is_brought_up_to_date(make_server, tmp_path):
    s = make_server()
    (tmp_path / "mail").write_text("From a@b.test Thu Jan  1 10:20:00 2026\n" + message(1) +
                                   "\nFrom a@b.test Thu Jan  1 10:20:00 2026\n" + message(2))
    run(s, "mbox", ALICE, tmp_path / "mail")
    out = tmp_path / "Maildir"
    first = export(s, "maildir", ALICE, out, "--folder", "INBOX")
    assert (first["messages"], first["skipped"], first["folders"]) == (2, 0, 1)
    imap = s.imap()
    imap.select()
    imap.store("1", "+FLAGS", "(\\Seen $Work)")
    imap.append("INBOX", None, None, message(3).replace("\n", "\r\n").encode())
    imap.logout()
    second = export(s, "maildir", ALICE, out, "--folder", "INBOX")
    assert (second["messages"], second["skipped"]) == (1, 2)
    assert sorted(m.get_flags() for m in mailbox.Maildir(out, create=False)) == ["", "", "Sa"]
    # What is gone here stays there, and its letters mean what they meant.
    imap = s.imap()
    imap.select()
    imap.store("1", "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.store("1", "+FLAGS", "home")
    imap.logout()
    export(s, "maildir", ALICE, out, "--folder", "INBOX")
    assert sorted(m.get_flags() for m in mailbox.Maildir(out, create=False)) == ["", "Sa", "b"]
    assert (out / "dovecot-keywords").read_text() == "0 $Work\n1 home\n"


def test_names_that_files_cannot_have(make_server, tmp_path):
    s = make_server()
    imap = s.imap()
    names = ("v1.2/notes", "../up", ".hidden", "_.hidden", "Work.sbd", "Work/x", "b.mbox", "b", "b/x",
             "b.mbox/x")
    for name in (*names, "y" * 300):
        assert imap.create(f'"{name}"')[0] == "OK"
        imap.append(f'"{name}"', None, None, message(1).replace("\n", "\r\n").encode())
    imap.logout()
    for kind in ("mbox", "maildir"):
        out = tmp_path / kind / "out"
        out.parent.mkdir()
        result = s.cli("export", kind, ALICE, out, "--json", check=False)
        assert result.returncode == 3 and "yyy: no file can have such a name" in result.stderr
        counted = json.loads(result.stdout)
        assert (counted["messages"], counted["failed"]) == (len(names), 1)
        assert list(out.parent.iterdir()) == [out]   # nothing outside
        s.cli("user", "add", f"{kind}@example.test", input=PASSWORD + "\n")
        assert run(s, kind, f"{kind}@example.test", out)["imported"] == len(names)
        for name in names:
            there = name.replace("..", "_..").replace(".hidden", "_.hidden") if kind == "mbox" else name
            assert list(listing(s, there, kind)) == ["message 1"], (kind, name)


def test_what_cannot_be_exported(server, tmp_path):
    (tmp_path / "INBOX").write_text("mine")
    for args, why in (((ALICE, tmp_path), "exists"), (("nobody@example.test", tmp_path), "no user"),
                      ((ALICE, tmp_path, "--folder", "None"), "no folder"),
                      ((ALICE, tmp_path / "a" / "b"), "No such file")):
        result = server.cli("export", "mbox", *args, check=False)
        assert result.returncode == 1 and why in result.stderr, result
    assert (tmp_path / "INBOX").read_text() == "mine"
    assert not [p for p in tmp_path.rglob("*") if "unfinished" in p.name]


def test_a_damaged_message_is_told_and_the_others_come(make_server, tmp_path):
    s = make_server(start=False)
    (tmp_path / "mail").write_text("".join(
        f"From a@b.test Thu Jan  1 10:20:00 2026\n{message(i)}\n" for i in range(3)))
    run(s, "mbox", ALICE, tmp_path / "mail")
    damage(s.dir, 2)
    result = s.cli("export", "maildir", ALICE, tmp_path / "out", "--json", check=False)
    assert result.returncode == 3 and "UID 2" in result.stderr
    assert json.loads(result.stdout)["messages"] == 2
    assert os.path.isdir(tmp_path / "out/cur")
