"""The classifier is taught at the command line, with the server stopped and with it running."""
import json
import pathlib
import re
import tempfile

import pytest

from conftest import _factory, wait_for
from test_guard import Client, guard_server

SPAM = "Message-ID: <{}@spam.example>\nSubject: cheap pills {}\n\nBuy cheap pills now!\n"
HAM = "Message-ID: <{}@ham.example>\nSubject: minutes {}\n\nThe minutes of our meeting.\n"


@pytest.fixture(params=["stopped", "running"])
def any_server(request, make_server):
    return make_server(start=request.param == "running")


def learn(server, *args, **kwargs):
    return json.loads(server.cli("learn", *args, "--json", **kwargs).stdout)


def status(server, *args):
    item, = json.loads(server.cli("learn", "status", "--json", *args).stdout)
    return item["spam"], item["ham"]


def test_files_directories_and_standard_input(any_server, tmp_path):
    s = any_server
    for i in range(5):
        (tmp_path / "cur" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cur" / f"{i}").write_text(SPAM.format(i, i))
    (tmp_path / "cur" / "deep" / "one").write_text("From x Thu Jan  1 10:00:00 2026\n" +
                                                   SPAM.format(1, 1).replace("\n", "\r\n"))
    (tmp_path / "cur" / ".hidden").write_text(SPAM.format(9, 9))
    result = learn(s, "spam", str(tmp_path))
    assert (result["messages"], result["new"], result["known"]) == (6, 5, 1)
    assert status(s) == (5, 0)
    assert learn(s, "spam", str(tmp_path / "cur"))["known"] == 6
    assert learn(s, "ham", "-", input=HAM.format(1, 1))["new"] == 1
    assert status(s) == (5, 1)
    # It was a mistake.
    assert learn(s, "ham", str(tmp_path / "cur" / "0"))["changed"] == 1
    assert status(s) == (4, 2)
    assert learn(s, "forget", str(tmp_path / "cur" / "0"))["forgotten"] == 1
    assert learn(s, "forget", str(tmp_path / "cur" / "0"))["unknown"] == 1
    assert status(s) == (4, 1)


def test_users_have_their_own(any_server):
    s = any_server
    alice = ("--user", "alice@example.test")
    learn(s, "spam", "-", *alice, input=SPAM.format(1, 1))
    assert status(s) == (0, 0) and status(s, *alice) == (1, 0)
    learn(s, "ham", "-", input=SPAM.format(1, 1))
    assert status(s) == (0, 1) and status(s, *alice) == (1, 0)
    assert "spam 1, ham 0" in s.cli("learn", "status", *alice).stdout
    s.cli("learn", "forget", "--all")
    assert status(s) == (0, 0) and status(s, *alice) == (1, 0)
    s.cli("user", "remove", "alice@example.test")
    s.cli("user", "add", "alice@example.test", input="a new one\n")
    assert status(s, *alice) == (0, 0)


def test_what_is_wrong_is_told(any_server, tmp_path):
    s = any_server
    nobody = s.cli("learn", "status", "--user", "nobody@example.test", check=False)
    assert nobody.returncode == 1 and "there is no user nobody@example.test" in nobody.stderr
    missing = s.cli("learn", "spam", str(tmp_path / "missing"), check=False)
    assert missing.returncode == 1 and "missing" in missing.stderr
    assert s.cli("learn", "forget", check=False).returncode == 2
    assert s.cli("learn", "forget", "--all", str(tmp_path), check=False).returncode == 2


# --- the verdict ------------------------------------------------------------------------------

CONFIG = """
score { tag = "2" junk = "4" }
classifier { min-messages = 6 spam = "4" ham = "-1.5" }
guard { greeting-wait = 0 }
"""
BAD = "Subject: cheap pills\r\n\r\nBuy cheap pills now!\r\n"
GOOD = "Subject: minutes\r\n\r\nThe minutes of our meeting.\r\n"


def receive(server, text, *recipients):
    with Client(server, "198.51.100.7") as c:
        c.hello()
        c.say("MAIL FROM:<x@remote.test>")
        for recipient in recipients:
            assert c.say(f"RCPT TO:<{recipient}@example.test>")[0] == "2"
        assert c.message(text).startswith("250")


def opinion(server, text, *args):
    path = server.dir / "letter.eml"
    path.write_text(text)
    found = json.loads(server.cli("explain", "--json", *args, path).stdout)
    lines = [line for v in found if v["method"] == "score" for line in v["lines"]]
    return next((line["weight"] for line in lines if line["name"] == "bayes"), None)


def teach(server, kind, text, numbers, *args):
    for i in numbers:
        learn(server, kind, "-", *args, input=text.format(i, i))


def test_it_counts_once_enough_was_learned():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    try:
        s = guard_server(make, CONFIG)
        teach(s, "spam", SPAM, range(6))
        teach(s, "ham", HAM, range(5))
        assert opinion(s, BAD) is None
        teach(s, "ham", HAM, range(5, 6))
        assert opinion(s, BAD) == 4 and opinion(s, GOOD) == -1.5
        assert opinion(s, "Subject: nothing\r\n\r\nknown\r\n") == 0
        receive(s, BAD, "alice")
        message, = wait_for(lambda: s.messages(mailbox="Junk"), what="Junk")
        assert re.search(r"X-Veredus-Score: \S+; 4.00: bayes 4.00 \(\S+ by \d+: .*pills 0.9",
                         message.decode().replace("\r\n\t", " "))
        receive(s, GOOD, "alice")
        wait_for(lambda: len(s.messages()) == 1, what="INBOX")
        # Alice wants them; nobody else does.
        teach(s, "ham", SPAM, range(20, 32), "--user", "alice@example.test")
        assert opinion(s, BAD, "--to", "alice@example.test") <= 0
        assert opinion(s, BAD, "--to", "bob@example.test") == 4
        receive(s, BAD, "alice")
        wait_for(lambda: len(s.messages()) == 2, what="INBOX")
        receive(s, BAD, "alice", "bob")
        wait_for(lambda: len(s.messages(mailbox="Junk")) == 2, what="Junk")
        # Rules see the whole score.
        s.stop()
        s.configure('rule "too much" { score = "4" verdict = defer reply = "450 4.7.1 Later" }')
        s.start()
        with Client(s, "198.51.100.7") as c:
            c.hello()
            c.say("MAIL FROM:<x@remote.test>")
            c.say("RCPT TO:<bob@example.test>")
            assert c.message(BAD).startswith("450 4.7.1 Later")
        receive(s, GOOD, "bob")
        s.stop()
        assert opinion(s, BAD) == 4
        text = s.cli("explain", s.dir / "letter.eml").stdout
        assert re.search(r"^ +4.00  bayes  \S+ by \d+: .*pills 0.9", text, re.M)
        assert re.search(r"^ +then    junk: tag from 2.00, junk from 4.00$", text, re.M)
    finally:
        dispose()


# --- moves ------------------------------------------------------------------------------------

def test_moves_over_imap_teach(make_server):
    s = make_server(config="classifier { learn-shared = yes }")
    alice = ("--user", "alice@example.test")

    def learned(*expected):
        wait_for(lambda: status(s, *alice) == expected, what=f"spam and ham {expected}")

    imap = s.imap()
    for i in range(6):
        imap.append("INBOX", None, None, SPAM.format(i, i).replace("\n", "\r\n").encode())
    imap.append("Junk", None, None, SPAM.format(9, 9).replace("\n", "\r\n").encode())
    imap.select("INBOX")
    assert imap.uid("MOVE", "1:2", "Junk")[0] == "OK"
    assert imap.uid("COPY", "3", "Junk")[0] == "OK"
    learned(3, 0)
    assert status(s) == (3, 0)   # everybody's
    # The same message once more, by another road.
    assert imap.uid("STORE", "3", "+FLAGS", "($Junk)")[0] == "OK"
    assert imap.uid("STORE", "4:5", "+FLAGS.SILENT", "($NotJunk)")[0] == "OK"
    learned(3, 2)
    # It was a mistake; Trash says nothing.
    imap.select("Junk")
    assert imap.uid("MOVE", "2", "INBOX")[0] == "OK"
    assert imap.uid("MOVE", "3", "Trash")[0] == "OK"
    learned(2, 3)
    # What came by SMTP has it in its journey.
    with s.smtp() as smtp:
        smtp.sendmail("x@far.test", ["alice@example.test"],
                      SPAM.format(77, 77).replace("\n", "\r\n").encode())
    imap.select("INBOX")
    number = wait_for(lambda: imap.search(None, "HEADER", "Return-Path", "x@far.test")[1][0].decode())
    assert imap.copy(number, "Junk")[0] == "OK"
    learned(3, 3)
    assert re.search(r"learned +alice@example.test +as spam, by its user",
                     s.cli("trace", "--to", "alice@example.test").stdout)
    # What was not learned when the server was killed is learned by the next.
    imap.select("INBOX")
    imap.uid("MOVE", "6", "Junk")
    s.kill()
    s.start()
    learned(4, 3)
    s.stop()
    assert "classifier.learned" in s.log_text()
