"""Messages that were expunged come back with veredus undelete, and go for good after a time."""
import json
import sqlite3

import pytest

from conftest import PASSWORD, wait_for  # noqa: F401

ALICE = "alice@example.test"


def message(number):
    return (f"From: Ann <ann{number}@example.test>\r\nSubject: message {number}\r\n"
            f"Message-ID: <{number}@example.test>\r\n\r\nbody {number}\r\n").encode()


def fill(imap, count, mailbox="INBOX", flags=None):
    for number in range(1, count + 1):
        imap.append(mailbox, flags, None, message(number))


def expunge(imap, numbers, mailbox="INBOX"):
    imap.select(mailbox)
    imap.uid("STORE", numbers, "+FLAGS.SILENT", "(\\Deleted)")
    imap.expunge()


def kept(server, *options):
    return json.loads(server.cli("undelete", "--list", "--json", *options, ALICE).stdout)


def undelete(server, *options):
    out = server.cli("undelete", "--yes", "--json", *options, ALICE).stdout
    return json.loads(out)["messages"]


def subjects(imap, mailbox="INBOX"):
    imap.select(mailbox, readonly=True)
    _, data = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [(part[0].decode(), part[1].decode().strip()) for part in data if isinstance(part, tuple)]


def test_by_message_and_by_folder(make_server):
    server = make_server()
    imap = server.imap()
    fill(imap, 5, flags="(\\Seen Work)")
    fill(imap, 3, "Archive")
    expunge(imap, "2:4")
    expunge(imap, "1:*", "Archive")
    listed = kept(server)
    assert [(k["folder"], k["uid"]) for k in listed] == \
        [("INBOX", 2), ("INBOX", 3), ("INBOX", 4), ("Archive", 1), ("Archive", 2), ("Archive", 3)]
    assert listed[0]["subject"] == "message 2" and listed[0]["from"] == "Ann <ann2@example.test>"
    assert len(kept(server, "--folder", "Archive")) == 3
    assert len(kept(server, "--since", "1h")) == 6
    assert kept(server, "--since", "0s") == []
    assert server.cli("undelete", ALICE, check=False, input="").returncode != 0
    assert undelete(server, "--message", "<3@example.test>", "--folder", "INBOX") == 1
    got = subjects(imap)
    assert [s for _, s in got] == ["Subject: message 1", "Subject: message 5", "Subject: message 3"]
    assert "UID 6" in got[2][0] and "\\Seen" in got[2][0] and "Work" in got[2][0]
    assert "\\Deleted" not in got[2][0]
    assert undelete(server, "--folder", "Archive", "--to", "Found/again") == 3
    assert len(subjects(imap, "Found/again")) == 3
    assert undelete(server) == 2
    assert undelete(server) == 0 and kept(server) == []
    assert len(subjects(imap)) == 5
    imap.logout()
    server.stop()
    assert "0 missing, 0 counted wrong" in server.cli("fsck").stdout


def test_a_deleted_folder(make_server):
    server = make_server()
    imap = server.imap()
    imap.create("old/mail")
    fill(imap, 4, "old/mail")
    expunge(imap, "2", "old/mail")
    imap.unselect()
    imap.delete("old/mail")
    listed = kept(server)
    assert {(k["folder"], k["folder_deleted"]) for k in listed} == {("old/mail", True)}
    assert len(listed) == 4
    assert undelete(server, "--folder", "old/mail") == 4
    assert len(subjects(imap, "old/mail")) == 4
    assert b"old/mail" in b"".join(imap.lsub()[1])
    # A session that has the folder open is told.
    imap.select("old/mail")
    expunge(imap, "1:2", "old/mail")
    assert undelete(server) == 2
    assert imap.noop()[0] == "OK"
    assert imap.untagged_responses["EXISTS"][-1] == b"4"


@pytest.mark.parametrize("running", [True, False])
def test_the_user_goes_and_nothing_is_kept(make_server, running):
    server = make_server(config="imap { index-delay = 0s }")
    imap = server.imap()
    fill(imap, 4)
    expunge(imap, "1:2")
    imap.logout()
    if not running:
        server.stop()
    server.cli("user", "remove", ALICE)
    if not running:
        server.start()
    server.stop()
    with sqlite3.connect(server.dir / "veredus.db") as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM expunged_chunk").fetchone() == (0,)


def test_what_is_kept_no_longer_is_gone_from_the_index_too(make_server):
    server = make_server(config="local { keep-expunged = 0s }\nimap { index-delay = 0s }")
    imap = server.imap()
    imap.create("old")
    fill(imap, 6)
    fill(imap, 2, "old")
    imap.select("INBOX")
    imap.uid("COPY", "1", "Archive")
    server.cli("index", "status", "--wait")

    def indexed():
        return json.loads(server.cli("index", "status", "--json").stdout)[0]["messages"]
    assert indexed() == 8
    expunge(imap, "1:2")
    imap.unselect()
    imap.delete("old")  # what is due is forgotten then
    wait_for(lambda: indexed() == 5, what="an index without what is gone")
    assert kept(server) == []
    imap.select("Archive")
    assert imap.search(None, "FROM", "ann1@")[1] == [b"1"]
    imap.select("INBOX")
    assert imap.search(None, "FROM", "ann1@")[1] == [b""]
    assert imap.search(None, "FROM", "ann3@")[1] == [b"1"]
