"""SORT and THREAD by packed keys: what they say is the same with them, without them, and beside them."""
import contextlib
import random
import sqlite3

from conftest import wait_for
from test_imap import Raw

COMMANDS = ["SORT (DATE) UTF-8 ALL", "SORT (REVERSE DATE SIZE) UTF-8 ALL", "SORT (SIZE REVERSE ARRIVAL) UTF-8 ALL",
            "UID SORT (REVERSE SIZE) UTF-8 UNSEEN",
            "SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "SORT (REVERSE FROM) UTF-8 ALL", "SORT (DISPLAYFROM CC) UTF-8 ALL",
            "SORT (TO DISPLAYTO SIZE) UTF-8 2:590", "SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL",
            "THREAD REFERENCES UTF-8 ALL", "THREAD REFS UTF-8 ALL", "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
            "THREAD REFS UTF-8 100:580",
            "SORT (DATE) UTF-8 5,300,550"]  # so few that rows are read


def append(client, numbers):
    messages = []
    for i in numbers:
        pick = random.Random(i)
        parent = pick.randrange(max(1, i))
        refers = pick.choice([f"References: <{parent // 2}@x>\r\n <{parent}@x>\r\n", f"In-Reply-To: <{parent}@x>\r\n", "",
                              f"References: {' '.join(f'<{n}@y>' for n in range(i % 300))} <{parent}@x>\r\n"])
        name = pick.choice(["", "", '"Us all" ', "=?utf-8?q?=C3=84nne?= ", "zed "])
        text = (f"From: {name}<{pick.choice('Abcd')}{pick.randrange(9)}@x.test>\r\nCc: {pick.choice(['a@x.test', 'B@x.test'])}\r\n"
                f"To: {pick.choice('xYz')}@x.test, other@x.test\r\n"
                f"Subject: {pick.choice(['', 'Re: '])}{pick.randrange(80)}\r\nMessage-ID: <{i}@x>\r\n{refers}"
                f"Date: {pick.randint(1, 28)} {pick.choice(['Jan', 'Feb'])} {pick.choice([1965, 1999, 2025])} 10:00:00 +0100\r\n\r\n"
                f"{'x' * pick.randrange(50)}")
        messages.append(f" {{{len(text)}+}}\r\n{text}")
    client.ok("APPEND INBOX" + "".join(messages))


def ask(server):
    client = Raw(server)
    client.ok("SELECT INBOX")
    answers = [client.ok(command) for command in COMMANDS]
    client.close()
    return answers


def database(server, statement):
    with contextlib.closing(sqlite3.connect(server.dir / "veredus.db")) as db, db:
        return db.execute(statement).fetchall()


def packed(server):
    return [number for number, in database(server, "SELECT id % 16777216 FROM key_chunk ORDER BY id")]


def change(server, *statements):
    server.stop()
    for statement in statements:
        database(server, statement)
    server.start()


def test_the_same_with_and_without(make_server):
    server = make_server(config="imap { index = no }")
    client = Raw(server)
    for first in range(1, 601, 100):
        append(client, range(first, first + 100))
    client.ok("SELECT INBOX")
    client.ok("STORE 2:580 +FLAGS.SILENT (\\Seen)")
    client.ok("STORE 3,300:310 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    client.close()
    want = ask(server)
    dates = database(server, "SELECT id % 4294967296, envelope FROM message ORDER BY id")
    assert len(dates) == 600 and packed(server) == []

    # An older store is packed when it is opened; what is full, and no more.
    conf = server.dir / "veredus.conf"
    conf.write_text(conf.read_text().replace("index = no", "index = yes index-delay = 0s index-share = 100"))
    change(server)
    wait_for(lambda: packed(server) == [0, 1], what="packed keys")
    assert ask(server) == want

    # Rows that are of no use, or say that they are none: as without.
    change(server, "UPDATE key_chunk SET numbers = substr(numbers, 1, 1001), threads = substr(threads, 1, 999),"
                   " texts = substr(texts, 1, 2999)"
                   " WHERE id % 16777216 = 0",
           "UPDATE key_chunk SET numbers = x'', threads = x'', texts = x'' WHERE id % 16777216 = 1")
    assert ask(server) == want

    # They are read, not the messages' rows; those behind them are. New mail comes in beside them.
    change(server, "DELETE FROM key_chunk")
    wait_for(lambda: packed(server) == [0, 1], what="packed keys")
    change(server, "UPDATE message SET envelope = x'', ref_ids = x'' WHERE id % 4294967296 <= 512")
    assert ask(server)[:-1] == want[:-1]
    client = Raw(server)
    append(client, range(601, 651))
    client.ok("SELECT INBOX")
    number, = client.ok("SORT RETURN (COUNT) (DATE) UTF-8 ALL")
    assert number.endswith(b" COUNT 638")
    # What has gone altogether is packed no longer when there is something new.
    client.ok("STORE 1:256 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    append(client, range(651, 751))
    append(client, range(751, 801))
    wait_for(lambda: packed(server) == [1, 2], what="the first row to go")

    # Long texts are not gathered for a row that has no room for them.
    long = f"Subject: {'long ' * 4000}\r\n\r\n"
    for _ in range(3):
        client.ok("APPEND INBOX" + f" {{{len(long)}+}}\r\n{long}" * 80)
    wait_for(lambda: packed(server) == [1, 2, 3], what="a row that says nothing")
    assert database(server, "SELECT length(numbers), length(texts) FROM key_chunk ORDER BY id")[2] == (0, 0)
    number, = client.ok("SORT RETURN (COUNT) (SUBJECT DATE) UTF-8 ALL")
    assert number.endswith(b" COUNT 772")
    client.close()
