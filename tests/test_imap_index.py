"""The index of words: what SEARCH finds is the same with it, without it and while it lags."""
import base64
import json
import random
import sqlite3

import pytest

from conftest import wait_for

WORDS = {
    "utf-8": "größe naïve façade Жук ЩИТ 北京 東京 straße Ωmega plain WORDS zyzzyva".split(),
    "iso-8859-1": "größe naïve façade plain WORDS".split(),
    "koi8-r": "Жук щит ЩУКА plain".split(),
    "gb2312": "北京 中国 plain".split(),
    "us-ascii": "the quick brown FOX jumps over a lazy dog needle-in-it".split(),
}
KEYS = ("TEXT", "BODY", "SUBJECT", "FROM", "HEADER X-Odd")
TRICKY = ['"', "or not", "the quick", "ck br", "\\\\", "京", "北京", "жу", "ЖУК", "ß", "example.test",
          "<user3@example.test>", "no such text", "zyzz"]


def message(number):
    pick = random.Random(number)
    charset = pick.choice(list(WORDS))
    words = WORDS[charset]
    body = " ".join(pick.choice(words) for _ in range(pick.randint(1, 60))).encode(charset)
    encoding = pick.choice(("8bit", "base64", "quoted-printable"))
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable":
        body = b"".join(b"=%02X" % c if c > 126 or c == 61 else bytes([c]) for c in body)
    subject = f"=?{charset}?B?" + base64.b64encode(
        " ".join(pick.choice(words) for _ in range(3)).encode(charset)).decode() + "?="
    part = (f"Content-Type: text/plain; charset={charset}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode() + body + b"\r\n"
    head = (f"From: \"User {number}\" (a comment) <user{number}@example.test>\r\n"
            f"To: a@b.test,\r\n c{number}@d.test\r\nCc: Some=?utf-8?q?_Gr=C3=B6=C3=9Fe?= <e@f.test>\r\n"
            f"Subject: {subject} {number}\r\nX-Odd: folded\r\n\tvalue {number}\r\n").encode()
    if number % 5 == 0:
        part = b"Content-Type: message/rfc822\r\n\r\nSubject: inside " + \
            str(number).encode() + b"\r\n\r\n" + "straße 京".encode() + b"\r\n"
    elif number % 7 == 0:
        head += b"X-Broken: \xff\xfe\x00 raw bytes\r\n"
    return head + b"MIME-Version: 1.0\r\n" + part


def fill(imap, numbers, mailbox="INBOX"):
    for number in numbers:
        assert imap.append(mailbox, None, None, message(number))[0] == "OK"


def search(imap, key, text):
    imap.literal = text.encode()
    status, data = imap.uid("SEARCH", "CHARSET", "UTF-8", *key.split())
    assert status == "OK", data
    return data[0]


def ask_all(imap, needles, mailbox="INBOX"):
    imap.select(mailbox, readonly=True)
    return {(key, needle): search(imap, key, needle) for key in KEYS for needle in needles}


def needles(count):
    pick = random.Random(7)
    texts = [" ".join(pick.choice(words) for _ in range(4)) for words in WORDS.values()
             for _ in range(count)]
    cut = []
    for text in texts:
        start = pick.randrange(len(text) - 2)
        cut.append(text[start:start + pick.randint(1, 9)].strip() or "x")
    return TRICKY + cut


def status(server, *options):
    return json.loads(server.cli("index", "status", "--json", *options).stdout)


def of_alice(server, *options):
    return next(s for s in status(server, *options) if s["account"].startswith("alice"))


def wait_indexed(server):
    return of_alice(server, "--wait")


def index_files(server):
    return sorted((server.dir / "index").glob("*.db"))


def test_the_same_is_found_with_it_and_without(make_server):
    plain = make_server(config="imap { index = no }")
    server = make_server(config="imap { index-delay = 0s index-share = 100 index-max-message = 2K }")
    many = needles(1)
    imap, other = server.imap(), plain.imap()
    for client in (imap, other):
        fill(client, range(30))
        client.append("INBOX", None, None, message(60) + b"filler " * 500 + b"at the end\r\n")
    lagging = ask_all(imap, many)
    told = wait_indexed(server)
    assert told["waiting"] == 0 and told["skipped"] == 1 and told["messages"] == 30
    want = ask_all(other, many)
    assert sum(1 for found in want.values() if found) > 20
    assert lagging == want
    assert ask_all(imap, many) == want
    assert search(imap, "BODY", "at the end") == b"31"
    few = ["жу", "user3", "the quick", "京"]
    # Later mail, and mail in another place.
    for client in (imap, other):
        fill(client, range(100, 110))
        client.select("INBOX")
        client.uid("COPY", "5:25", "Archive")
        client.uid("MOVE", "15:20", "Trash")
    for mailbox in ("INBOX", "Archive", "Trash"):
        assert ask_all(imap, few, mailbox) == ask_all(other, few, mailbox)
    wait_indexed(server)
    for mailbox in ("INBOX", "Archive", "Trash"):
        assert ask_all(imap, few, mailbox) == ask_all(other, few, mailbox)
    assert not (plain.dir / "index").exists()
    assert plain.cli("index", "status", check=False).returncode != 0


def test_it_is_used_and_can_be_rebuilt(make_server):
    server = make_server(config="imap { index-delay = 0s }")
    imap = server.imap()
    fill(imap, range(20))
    wait_indexed(server)
    imap.select("INBOX")
    found = search(imap, "FROM", "user3@example")
    assert found == b"4"
    imap.logout()
    server.stop()
    with sqlite3.connect(index_files(server)[0]) as db:
        db.execute("DELETE FROM place")
    server.start()
    imap = server.imap()
    imap.select("INBOX")
    assert search(imap, "FROM", "user3@example") in (b"", None)
    server.cli("index", "rebuild", f"alice@{server.domain}")
    wait_for(lambda: search(imap, "FROM", "user3@example") == found, what="the new index")
    assert server.cli("index", "rebuild", "nobody@example.test", check=False).returncode != 0
    imap.logout()
    server.stop()
    server.cli("index", "rebuild")
    assert index_files(server) == []


@pytest.mark.parametrize("damage", ["garbage", "older", "of another database"])
def test_one_that_is_of_no_use_is_made_anew(make_server, damage):
    server = make_server(config="imap { index-delay = 0s }")
    imap = server.imap()
    fill(imap, range(10))
    wait_indexed(server)
    imap.logout()
    server.stop()
    path = index_files(server)[0]
    if damage == "garbage":
        path.write_bytes(b"\0garbage" * 4000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99" if damage == "older"
                       else "UPDATE done SET uid_validity = 1")
    server.start()
    imap = server.imap()
    imap.select("INBOX")
    assert search(imap, "FROM", "user3@example") == b"4"

    def is_new():
        result = server.cli("index", "status", "--json", check=False)
        return result.returncode == 0 and \
            all(s["waiting"] == 0 for s in json.loads(result.stdout))
    wait_for(is_new, what="a new index")
    assert search(imap, "FROM", "user3@example") == b"4"


def test_kills_leave_one_that_goes_on(make_server):
    server = make_server(config="imap { index-delay = 0s }")
    imap = server.imap()
    fill(imap, range(30))
    for _ in range(3):
        server.kill()
        server.start()
        imap = server.imap()
        imap.select("INBOX")
        assert search(imap, "HEADER X-Odd", "value 12") == b"13"
        fill(imap, range(30, 60))
    told = wait_indexed(server)
    assert told["waiting"] == 0 and told["messages"] == 120
    imap.select("INBOX")
    assert len(search(imap, "HEADER X-Odd", "value 45").split()) == 3


def test_the_index_of_who_goes_goes_too(make_server):
    """That of a user at once, that of the public folders when none is left or kept."""
    server = make_server(config="imap { index-delay = 0s }\nlocal { keep-expunged = 0s }")
    server.cli("public", "add", "News")
    server.cli("share", "set", "Public/News", f"alice@{server.domain}", "lrswi")
    imap = server.imap()
    fill(imap, range(3))
    assert imap.append("Public/News", None, None, message(9))[0] == "OK"
    imap.logout()
    wait_indexed(server)
    wait_for(lambda: len(index_files(server)) == 2, what="both")
    server.cli("user", "remove", f"alice@{server.domain}")
    assert [p.name for p in index_files(server)] == ["-1.db"]
    server.cli("public", "remove", "News")
    server.stop()
    server.start()
    wait_for(lambda: index_files(server) == [], what="its end")
