"""A day of Thunderbird: its commands in its order and its spelling, as its log of IMAP shows them."""
import base64
import re
import time

import pytest

from conftest import PASSWORD, wait_for
from test_imap import Raw

HEADERS = "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups " \
          "In-Reply-To Content-Type Reply-To"


@pytest.fixture(scope="module")
def day(server):
    with server.smtp() as smtp:
        for i in range(1, 5):
            smtp.sendmail("ann@else.test", ["alice@example.test"],
                          f"From: ann@else.test\r\nTo: alice@example.test\r\nSubject: letter {i}\r\n"
                          f"Message-ID: <letter{i}@else.test>\r\n\r\nThis is letter {i}.\r\n")
    client = Raw(server, login=False)
    yield client
    client.close()


def uids(lines):
    return [int(re.search(rb"UID (\d+)", line)[1]) for line in lines if b"FETCH" in line]


def test_logs_in(day):
    capabilities = day.ok("capability")[0].split()
    assert {b"IMAP4rev1", b"AUTH=PLAIN", b"SASL-IR", b"ID"} <= set(capabilities)
    token = base64.b64encode(f"\0alice@example.test\0{PASSWORD}".encode()).decode()
    done = day.command(f"authenticate PLAIN {token}")[-1]
    assert b" OK [CAPABILITY IMAP4rev1 " in done
    capabilities = day.ok("capability")[0].split()
    assert {b"IDLE", b"NAMESPACE", b"UIDPLUS", b"MOVE", b"SPECIAL-USE",
            b"LIST-EXTENDED"} <= set(capabilities), capabilities
    assert day.ok('ID ("name" "Thunderbird" "version" "115.4.1")')[0].startswith(b"* ID ")
    assert day.ok("namespace") == [b'* NAMESPACE (("" "/")) (("Shared/" "/")) (("Public/" "/"))']


def test_finds_the_folders(day):
    assert b'LIST (\\HasNoChildren) "/" INBOX' in b"".join(day.ok('list "" "INBOX"'))
    listed = b"\n".join(day.ok('list (subscribed) "" "*" return (special-use)'))
    for name in (b"Sent", b"Drafts", b"Trash", b"Junk", b"Archive"):
        assert re.search(rb'\* LIST \([^)]*\\' + name + rb'[^)]*\) "/" "?' + name, listed), listed
    assert len(day.ok('lsub "" "*"')) >= 5
    assert len(day.ok('list "" "%"')) == 6
    assert day.ok('list "" "%/%"') == []
    selected = b"\n".join(day.ok('list (special-use) "" "*"'))
    assert b"INBOX" not in selected and selected.count(b"* LIST") == 5


def test_lists_the_messages(day):
    selected = b"\n".join(day.ok('select "INBOX"'))
    assert b"* 4 EXISTS" in selected and b"[PERMANENTFLAGS (" in selected and b"\\*)" in selected
    flags = day.ok("UID fetch 1:* (FLAGS)")
    found = uids(flags)
    assert found == sorted(found) and len(found) == 4 and b"\\Seen" not in b"".join(flags)
    lines = day.ok(f"UID fetch {found[0]}:{found[-1]} "
                   f"(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})])")
    assert uids(lines) == found
    for i, line in enumerate(lines, 1):
        assert b"RFC822.SIZE " in line and b"FLAGS (" in line
        assert b"Subject: letter %d\r\n" % i in line and b"Received" not in line
    # Nothing was opened by it.
    assert b"\\Seen" not in b"".join(day.ok("UID fetch 1:* (FLAGS)"))
    assert day.ok(f"UID fetch {found[-1] + 1}:* (FLAGS)")[0].startswith(b"* 4 FETCH")


def test_reads_one(day):
    first = uids(day.ok("UID fetch 1:* (FLAGS)"))[0]
    [line] = day.ok(f"UID fetch {first} (UID RFC822.SIZE BODY.PEEK[])")
    size, body = re.search(rb"RFC822.SIZE (\d+)", line)[1], re.search(rb"\{(\d+)\}", line)[1]
    assert size == body and b"This is letter 1." in line
    assert b"<0> {100}" in day.ok(f"UID fetch {first} (UID BODY.PEEK[]<0.100>)")[0]
    assert b"\\Seen" in day.ok(f"uid store {first} +Flags (\\Seen)")[0]
    [line] = day.ok(f"UID fetch {first} (BODYSTRUCTURE)")
    assert b'"text" "plain"' in line.lower()
    assert b"NonJunk" in day.ok(f"uid store {first} +Flags (NonJunk)")[-1]
    assert b"$Forwarded" in day.ok(f"uid store {first} +Flags ($Forwarded)")[-1]


def test_hears_of_new_mail(day, server):
    tag = day.start("IDLE")
    assert day.line().startswith(b"+ ")
    with server.smtp() as smtp:
        smtp.sendmail("ann@else.test", ["alice@example.test"], "Subject: letter 5\r\n\r\nfive\r\n")
    while (line := day.line()) != b"* 5 EXISTS":
        assert line.startswith(b"* "), line
    day.send("DONE\r\n")
    assert b" OK " in day.answer(tag)[-1]
    day.ok("noop")


def test_files_what_it_sent(day):
    message = b"Message-ID: <sent1@example.test>\r\nSubject: answer\r\n\r\nDear Ann\r\n"
    done = day.append(message, '"Sent"', "(\\Seen) ")
    uid = re.search(rb"\[APPENDUID \d+ (\d+)\]", done)[1].decode()
    draft = day.append(message.replace(b"sent1", b"draft1"), '"Drafts"',
                       '(\\Seen \\Draft) "' + time.strftime("%d-%b-%Y %H:%M:%S +0000") + '" ')
    assert b"[APPENDUID " in draft
    [line] = day.ok('STATUS "Sent" (UIDNEXT MESSAGES UNSEEN RECENT)')
    assert b"MESSAGES 1" in line and b"UNSEEN 0" in line
    day.ok('select "Sent"')
    [line] = day.ok("UID SEARCH UNDELETED HEADER Message-ID <sent1@example.test>")
    assert line == f"* SEARCH {uid}".encode()
    [line] = day.ok(f"UID fetch {uid} (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({HEADERS})])")
    assert b"\\Seen" in line and b"Subject: answer" in line


def test_moves_copies_and_deletes(day):
    day.ok('select "INBOX"')
    first, second, third, *_ = uids(day.ok("UID fetch 1:* (FLAGS)"))
    moved = day.ok(f'uid move {first} "Trash"')
    assert any(b"[COPYUID " in line for line in moved) and b"* 1 EXPUNGE" in moved
    # Without MOVE it copies, marks and expunges.
    assert b"[COPYUID " in day.command(f'uid copy {second}:{third} "Archive"')[-1]
    day.ok(f"uid store {second}:{third} +FLAGS (\\Seen \\Deleted)")
    assert day.ok(f"uid expunge {second}") == [b"* 1 EXPUNGE"]
    assert day.ok("EXPUNGE") == [b"* 1 EXPUNGE"]
    day.ok('select "Trash"')
    [line] = day.ok("UID fetch 1:* (FLAGS)")
    assert b"NonJunk" in line and b"$Forwarded" in line and b"\\Seen" in line
    day.ok('select "Archive"')
    assert len(day.ok("UID fetch 1:* (FLAGS)")) == 2


def test_makes_and_removes_folders(day):
    day.ok('create "Letters"')
    day.ok('subscribe "Letters"')
    day.ok('create "Letters/Entw&APw-rfe"')
    assert day.ok('list "" "Letters/%"') == [
        b'* LIST (\\HasNoChildren) "/" Letters/Entw&APw-rfe']
    day.ok('rename "Letters" "Post"')
    day.ok('unsubscribe "Letters"')
    day.ok('subscribe "Post"')
    day.ok('select "Post/Entw&APw-rfe"')
    day.ok("close")
    day.ok('unsubscribe "Post"')
    day.ok('delete "Post/Entw&APw-rfe"')
    day.ok('delete "Post"')


def test_says_good_bye(day, server):
    day.ok('select "INBOX"')
    day.ok("close")
    assert day.ok("logout")[0].startswith(b"* BYE")
    wait_for(lambda: b"" == day.file.read(1), what="the end")
    assert len(server.messages()) == 2
