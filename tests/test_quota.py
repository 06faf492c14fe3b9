"""Quotas: what an account may hold, over IMAP, at delivery, and for the operator."""
import email
import json
import re
import smtplib
import threading

import pytest

from conftest import PASSWORD, wait_for
from test_imap import Raw

MESSAGE = b"Subject: x\r\n\r\n" + b"x" * 998 + b"\r\n"


class User(Raw):
    def __init__(self, server, user):
        super().__init__(server, login=False)
        self.ok(f'LOGIN {user}@{server.domain} "{PASSWORD}"')


@pytest.fixture(scope="module")
def limited(make_server_module):
    return make_server_module(accounts=("alice", "bob", "carol", "dora", "erin"),
                              config="quota { check-every = 1s\n full = refuse\n warn-mail = no }")


@pytest.fixture(scope="module")
def make_server_module():
    import pathlib
    import tempfile

    from conftest import _factory
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield make
    dispose()


def used(server, user):
    item, = json.loads(server.cli("quota", "show", f"{user}@{server.domain}", "--json").stdout)
    return {name: item[name]["used"] for name in ("storage", "messages", "mailboxes")}


def test_resources_over_imap(limited):
    limited.cli("quota", "set", "alice@example.test", "--storage", "10K", "--messages", "5",
                "--mailboxes", "7")
    client = User(limited, "alice")
    assert client.ok("GETQUOTAROOT INBOX") == [
        b'* QUOTAROOT INBOX alice@example.test',
        b'* QUOTA alice@example.test (STORAGE 0 10 MESSAGE 0 5 MAILBOX 6 7)']
    for _ in range(5):
        assert b" OK " in client.append(MESSAGE)
    assert b"[OVERQUOTA]" in client.append(MESSAGE)
    assert client.ok("GETQUOTA alice@example.test") == [
        b'* QUOTA alice@example.test (STORAGE 5 10 MESSAGE 5 5 MAILBOX 6 7)']
    client.ok("CREATE one")
    assert b"[OVERQUOTA]" in client.no("CREATE two")
    client.ok("SELECT INBOX")
    assert b"[OVERQUOTA]" in client.no("COPY 1 one")
    client.ok("MOVE 1 one")  # nothing more is held afterwards
    client.ok("STORE 1:2 +FLAGS (\\Deleted)")
    size = len(MESSAGE)
    assert client.ok("STATUS INBOX (DELETED DELETED-STORAGE)") == [
        b"* STATUS INBOX (DELETED 2 DELETED-STORAGE %d)" % (2 * size)]
    client.ok("EXPUNGE")
    assert client.ok("STATUS INBOX (DELETED-STORAGE)") == [b"* STATUS INBOX (DELETED-STORAGE 0)"]
    assert used(limited, "alice") == {"storage": 3 * size, "messages": 3, "mailboxes": 7}
    client.close()


def test_only_an_administrator_changes_it(limited):
    client = User(limited, "bob")
    assert b"[NOPERM]" in client.no("SETQUOTA bob@example.test (STORAGE 5)")
    assert b"[NOPERM]" in client.no("GETQUOTA carol@example.test")
    assert client.ok("GETQUOTAROOT INBOX") == [b"* QUOTAROOT INBOX"]
    limited.cli("user", "set", "bob@example.test", "--administrator", "yes")
    assert client.ok("SETQUOTA carol@example.test (STORAGE 512 MESSAGE 7)") == [
        b"* QUOTA carol@example.test (STORAGE 0 512 MESSAGE 0 7)"]
    # What is not named is not limited any more.
    assert client.ok("SETQUOTA Carol@Example.TEST (MESSAGE 8)") == [
        b"* QUOTA carol@example.test (MESSAGE 0 8)"]
    assert client.ok("SETQUOTA carol@example.test ()") == [b"* QUOTA carol@example.test ()"]
    assert b"[NONEXISTENT]" in client.no("GETQUOTA nobody@example.test")
    assert b"BAD" in client.command("SETQUOTA carol@example.test (BYTES 5)")[-1]
    assert b"BAD" in client.command("SETQUOTA carol@example.test (STORAGE 99999999999999999999)")[-1]
    limited.cli("user", "set", "bob@example.test", "--administrator", "no")
    assert b"[NOPERM]" in client.no("SETQUOTA carol@example.test (MESSAGE 8)")
    client.close()


def test_delivery_is_refused(limited):
    limited.cli("quota", "set", "erin@example.test", "--messages", "1")
    with limited.smtp() as smtp:
        smtp.sendmail("a@client.test", ["erin@example.test"], MESSAGE)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            smtp.sendmail("a@client.test", ["erin@example.test"], MESSAGE)
    code, text = refused.value.recipients["erin@example.test"]
    assert code == 552 and text.startswith(b"5.2.2 ")


def test_the_log_warns(limited):
    limited.cli("quota", "set", "dora@example.test", "--storage", str(len(MESSAGE) * 10))
    client = User(limited, "dora")

    def told(pattern):
        return len(re.findall(pattern + r" account=dora@example\.test", limited.log_text()))
    for n in range(8):
        client.append(MESSAGE)
    wait_for(lambda: told("mailbox.quota.nearly") == 1, what="the warning")
    assert "percent=80 mark=80" in limited.log_text()
    client.append(MESSAGE)
    client.append(MESSAGE)
    wait_for(lambda: "percent=100 mark=100" in limited.log_text(), what="the last warning")
    client.ok("SELECT INBOX")
    client.ok("STORE 1:9 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    wait_for(lambda: told("mailbox.quota.below") == 1, what="the all-clear")
    client.close()


def test_a_letter_warns(make_server):
    """One for each mark that is come past, none where there is no room, and none twice."""
    server = make_server(accounts=("alice", "bob"),
                         config="quota { check-every = 1s\n warn-at = 50\n warn-again-at = 75 }")
    server.cli("quota", "set", "alice@example.test", "--messages", "8")
    alice, inbox = User(server, "alice"), User(server, "alice")
    inbox.ok("SELECT INBOX")
    for _ in range(4):
        alice.append(MESSAGE, "Sent")
    letter, = server.wait_messages(1)
    assert inbox.ok("NOOP")[-2:] == [b"* 1 EXISTS", b"* 1 RECENT"]
    inbox.close()
    mail = email.message_from_bytes(letter)
    assert mail["Subject"] == "Your mailbox is 50 % full" and mail["Return-Path"] == "<>"
    assert mail["From"] == "postmaster@example.test" and mail["To"] == "alice@example.test"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"] and mail["Date"]
    assert "4 messages, of 8" in mail.get_payload()
    alice.append(MESSAGE, "Sent")    # 6 of 8, with the letter
    assert b"75 %" in server.wait_messages(2)[1]
    alice.append(MESSAGE, "Sent")    # full: nothing more fits in
    wait_for(lambda: "percent=100 mark=100" in server.log_text(), what="the last warning")
    assert len(server.messages()) == 2
    alice.ok("SELECT Sent")
    alice.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    alice.ok("EXPUNGE")
    wait_for(lambda: "mailbox.quota.below" in server.log_text(), what="the all-clear")
    assert len(server.messages()) == 2 and server.messages("bob") == []
    alice.close()


def test_exact_with_many_at_once(make_server):
    """Appends, copies, moves, expunges, deliveries and deleted folders at the same time: the counters
    are what a recount finds, before a kill and after it; and the limit is never passed."""
    server = make_server(accounts=("alice",))
    server.cli("quota", "set", "alice@example.test", "--messages", "60")
    over = []

    def work(n):
        client = User(server, "alice")
        client.command(f"CREATE box{n}")
        client.ok("SELECT INBOX")
        for i in range(12):
            client.append(MESSAGE)
            client.command(f"COPY 1:3 box{n}")
            client.command(f"MOVE 1 box{n}")
            if i % 4 == 3:
                client.command("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
                client.command("EXPUNGE")
                client.command(f"DELETE box{n}")
                client.command(f"CREATE box{n}")
            if used(server, "alice")["messages"] > 60:
                over.append(n)
        client.close()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for n in range(10):
        with server.smtp() as smtp:
            try:
                smtp.sendmail("a@client.test", ["alice@example.test"], MESSAGE)
            except smtplib.SMTPException as e:
                assert "452" in str(e)
    for t in threads:
        t.join()
    assert not over
    before = used(server, "alice")
    assert "right" in server.cli("quota", "recount", "alice@example.test").stdout
    server.kill()
    server.start()
    assert used(server, "alice") == before
    assert "right" in server.cli("quota", "recount", "alice@example.test").stdout


def test_defaults_of_new_accounts(make_server):
    server = make_server(accounts=(), config="quota { default-messages = 3\n default-mailboxes = 2 }")
    server.cli("user", "add", "alice@example.test", input=PASSWORD + "\n")
    client = User(server, "alice")
    assert client.ok("GETQUOTAROOT INBOX")[1:] == [
        b"* QUOTA alice@example.test (MESSAGE 0 3 MAILBOX 2 2)"]
    client.close()
    result = server.cli("quota", "set", "alice@example.test", check=False)
    assert result.returncode == 2
    assert "there is no user" in server.cli("quota", "show", "x@example.test", check=False).stderr
