"""The quarantine: what is held, and what becomes of it."""
import json
import pathlib
import re
import subprocess
import tempfile

import pytest

from conftest import VEREDUS, _factory
from dns_zone import DnsZone
from test_clamd import Scripted
from test_guard import Client, guard_server, metric

CONFIG = """
rule "odd sender" {{ sender = {{ "odd@*" }} verdict = quarantine }}
rule "for dave" {{ sender = {{ "picky@*", "alice@*" }} recipient = {{ "dave@*" }} verdict = quarantine }}
rule "stolen" {{ account = {{ "bob@*" }} verdict = quarantine }}
rule "programs" {{ found = {{ "attachment=executable*" }} verdict = reject }}
rule "no proof" {{ sender = {{ "proven@*" }} found = {{ "!spf=pass*" }} verdict = reject }}
score {{ quarantine = "5" weights = {{ "spf=fail*: 6" }} }}
trust {{ dmarc-quarantine = quarantine }}
filter "virus" {{ kind = clamd address = "{clamd}" on-found = quarantine mail = all }}
quarantine {{ max-messages = 4 }}
guard {{ greeting-wait = 0 rdns = no }}
classifier {{ min-messages = 1 }}
"""
ZONES = {"bad.test": '@ TXT "v=spf1 -all"', "remote.test": "", "client.test": "",
         "wants.test": '_dmarc TXT "v=DMARC1; p=quarantine"', "far.test": ""}


@pytest.fixture(scope="module")
def clamd():
    with Scripted() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def held(clamd):
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with DnsZone(ZONES, signed=()) as dns:
        server = guard_server(make, CONFIG.format(clamd=clamd.address), dns=dns, start=False)
        for name in ("carol", "dave"):
            server.cli("user", "add", f"{name}@example.test", input="secret words\n")
        for target in ("carol@example.test", "dave@example.test", "x@far.test"):
            server.cli("alias", "add", "team@example.test", target)
        yield server.start()
    dispose()


@pytest.fixture(autouse=True)
def nothing_held(held):
    held.cli("quarantine", "drop", "--all", "--yes")


def send(server, sender, to, message="Subject: hello\r\n\r\nhello\r\n"):
    """The queue id."""
    with Client(server) as c:
        c.hello().envelope(sender, to)
        reply = c.message(message)
    assert reply.startswith("250"), reply
    return re.search(r"[0-9A-Za-z]{16}", reply)[0]


def rows(server, *which):
    return json.loads(server.cli("quarantine", "list", "--json", *which).stdout)


def journey(server, queue_id):
    return [(e["event"], e["detail"]) for e in
            json.loads(server.cli("trace", "--json", queue_id).stdout)]


def test_a_rule_holds_and_the_operator_releases(held):
    letter = "From: =?utf-8?Q?J=C3=BCrgen?= <odd@remote.test>\r\nSubject: hello\r\n\r\nIt is me.\r\n"
    before = len(held.messages())
    queue_id = send(held, "odd@remote.test", "alice@example.test", letter)
    row, = rows(held, "--user", "alice@example.test")
    assert (row["reason"], row["why"], row["to"], row["from"], row["queue_id"]) == \
        ("rule", "odd sender", "alice@example.test", "odd@remote.test", queue_id)
    assert row["header_from"] == "Jürgen <odd@remote.test>"
    assert ("quarantined", "rule: odd sender") in journey(held, queue_id)
    assert len(held.messages()) == before
    assert "Junk" not in str(journey(held, queue_id))
    text = held.cli("quarantine", "list").stdout
    assert "rule: odd sender" in text and "Jürgen" in text and "1 held" in text
    # Whoever names no number is asked; without a terminal nothing is done.
    result = held.cli("quarantine", "release", "--user", "alice@example.test", check=False)
    assert result.returncode == 1 and "not done without --yes" in result.stderr
    assert "would be released: 1 message" in \
        held.cli("quarantine", "release", "-n", "--user", "alice@example.test").stdout
    assert "released: 1 message" in held.cli("quarantine", "release", str(row["id"])).stdout
    message = held.messages()[-1]
    assert len(held.messages()) == before + 1
    assert message.endswith(letter.encode()) and message.startswith(b"Return-Path: <odd@remote.test>")
    events = journey(held, queue_id)
    assert [e for e, _ in events][-2:] == ["released", "delivered"]
    assert rows(held, "--user", "alice@example.test") == []
    result = held.cli("quarantine", "release", str(row["id"]), check=False)
    assert result.returncode == 1 and "nothing in quarantine" in result.stderr
    assert metric(held, 'recipients_total{where="quarantine"}') >= 1
    assert metric(held, "quarantine_released_total") >= 1


def test_score_dmarc_and_filters_hold(held, clamd):
    send(held, "x@bad.test", "alice@example.test")
    send(held, "x@remote.test", "alice@example.test",
         "From: a@wants.test\r\nSubject: y\r\n\r\ny\r\n")
    clamd.answer = b"stream: Test.Virus FOUND\0"
    send(held, "x@remote.test", "alice@example.test")
    clamd.answer = b"stream: OK\0"
    found = rows(held, "--user", "alice@example.test")
    assert [(r["reason"], r["why"]) for r in found] == \
        [("score", "6.00"), ("dmarc", "wants.test"), ("filter", "virus: Test.Virus")]
    assert "spf=fail" in found[0]["score_text"] and found[0]["score"] == "6.00"
    assert [r["reason"] for r in rows(held, "--reason", "filter", "--from", "@REMOTE.test")] == \
        ["filter"]
    assert rows(held, "--older", "1h") == [] and len(rows(held, "--newer", "1h")) == 3
    assert "score    6.00" in held.cli("quarantine", "show", str(found[0]["id"])).stdout
    # What is dropped is gone, and may be learned from.
    assert "dropped: 1 message" in held.cli("quarantine", "drop", "--learn", "--yes", "--reason",
                                            "score").stdout
    assert ("dropped", "by the operator") in journey(held, found[0]["queue_id"])
    assert "spam 1" in held.cli("learn", "status", "--user", "alice@example.test").stdout
    # What is released is asked by nobody again.
    assert "released: 2 messages" in held.cli("quarantine", "release", "all", "--yes").stdout


def test_each_recipient_of_an_alias_for_itself(held):
    queue_id = send(held, "odd@remote.test", "team@example.test")
    found = {r["to"]: r for r in rows(held, "--user", "team@example.test")}
    assert sorted(found) == ["carol@example.test", "dave@example.test", "x@far.test"]
    assert not found["x@far.test"]["local"]
    held.cli("quarantine", "release", str(found["carol@example.test"]["id"]))
    assert sorted(r["to"] for r in rows(held)) == ["dave@example.test", "x@far.test"]
    assert [d for e, d in journey(held, queue_id) if e == "delivered"] == \
        ["INBOX, for team@example.test"]
    held.cli("quarantine", "release", str(found["x@far.test"]["id"]))
    assert [d for e, d in journey(held, queue_id) if e == "queued"] == \
        ["far.test, for team@example.test"]
    # The owner's account goes, and with it what was held for it.
    held.cli("user", "remove", "dave@example.test")
    assert rows(held) == []
    held.cli("user", "add", "dave@example.test", input="secret words\n")


def test_a_rule_about_one_recipient_holds_for_that_one(held):
    before = len(held.messages())
    with held.smtp() as smtp:
        smtp.sendmail("picky@remote.test", ["alice@example.test", "dave@example.test"],
                      b"Subject: for two\r\n\r\nhello\r\n")
    message = held.wait_messages(before + 1)[-1]
    row, = rows(held)
    assert (row["to"], row["why"]) == ("dave@example.test", "for dave")
    assert row["queue_id"].encode() in message
    assert [(e, d.split(",")[0]) for e, d in journey(held, row["queue_id"])
            if e in ("received", "delivered", "quarantined")][1:] == \
        [("delivered", "INBOX"), ("quarantined", "rule: for dave")]
    held.cli("quarantine", "release", str(row["id"]))
    assert [e for e, _ in journey(held, row["queue_id"])][-2:] == ["released", "delivered"]


def test_who_wants_to_be_told_is_told_when_it_is_released(held):
    """NOTIFY=SUCCESS: nothing is said of what is held, or dropped."""
    def told():
        return [re.search(rb"Original-Recipient: rfc822; (.*)\r", m)[1] for m in held.messages()
                if b"Action: delivered" in m]

    for _ in range(2):
        with held.submission() as smtp:
            smtp.mail("alice@example.test", ["ENVID=4711"])
            smtp.rcpt("dave@example.test", ["NOTIFY=SUCCESS", "ORCPT=rfc822;d@old.test"])
            smtp.rcpt("carol@example.test", ["NOTIFY=SUCCESS", "ORCPT=rfc822;c@old.test"])
            assert smtp.data(b"Subject: held\r\n\r\nhello\r\n")[0] == 250
    assert told() == [b"c@old.test"] * 2
    one, other = rows(held)
    held.cli("quarantine", "release", str(one["id"]))
    assert told() == [b"c@old.test"] * 2 + [b"d@old.test"]
    report = held.messages()[-1]
    assert b"Original-Envelope-Id: 4711\r\n" in report and b"Final-Recipient: rfc822; dave@" in report
    assert one["queue_id"].encode() in report
    held.cli("quarantine", "drop", str(other["id"]), "--yes")
    assert len(told()) == 3


def test_mail_of_users_is_held_too(held):
    with held.submission("bob") as smtp:
        smtp.sendmail("bob@example.test", ["y@far.test", "alice@example.test"],
                      "Subject: from bob\r\n\r\nx\r\n")
    found = rows(held, "--reason", "rule")
    assert sorted(r["to"] for r in found) == ["alice@example.test", "y@far.test"]
    held.cli("quarantine", "release", "--yes", "--all")
    assert len([m for m in held.messages() if b"\r\nSubject: from bob\r\n" in m]) == 1
    assert ("queued", "far.test") in journey(held, found[0]["queue_id"])


def test_what_is_shown_does_not_speak_to_the_terminal(held):
    send(held, "odd@remote.test", "alice@example.test",
         "From: \x1b[2J\x9b31m <a@b.test>\r\nSubject: =?utf-8?B?G1szMW1yZWTigK5hYmM=?=\r\n"
         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain;"
         " charset=utf-8\r\n\r\nHi \x1b]0;title\x07\r\n\u202eevil\u009b1m\0\r\n--b\r\n"
         "Content-Type: application/pdf; name=\"\x1b[1mbill.pdf\"\r\n\r\nGIF89a\r\n--b--\r\n")
    row, = rows(held, "--user", "alice@example.test")
    text = held.cli("quarantine", "show", str(row["id"])).stdout \
        + held.cli("quarantine", "list").stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u202e]", text), repr(text)
    assert "  | Hi ?]0;title?\n" in text and "bill.pdf" in text and "red" in text
    shown = json.loads(held.cli("quarantine", "show", "--json", str(row["id"])).stdout)[0]
    assert shown["parts"] and shown["files"]
    assert re.search(r"\nFiles:\n  \| attachment=mismatch .*bill\.pdf", text), text
    raw = held.dir / "raw.eml"
    with open(raw, "wb") as out:
        subprocess.run([VEREDUS, "-d", held.dir, "quarantine", "show", "--raw", str(row["id"])],
                       stdout=out, check=True)
    assert b"\x1b]0;title\x07" in raw.read_bytes() and b"Return-Path" not in raw.read_bytes()


def stages(server, sender, message, *options):
    (server.dir / "letter.eml").write_bytes(message.encode())
    text = server.cli("policy", "test", "--json", "--client", "192.0.2.1", "--helo", "client.test",
                      "--from", sender, *options, server.dir / "letter.eml").stdout
    return {s["stage"]: s for s in json.loads(text)}


def test_what_would_become_of_a_message(held):
    letter = "From: a@wants.test\r\nSubject: y\r\n\r\ny\r\n"
    to = "--to", "alice@example.test"
    before = rows(held)
    found = stages(held, "x@bad.test", letter.replace("wants", "far"), *to)
    assert list(found) == ["connect", "helo", "mail", "rcpt", "message", "score", "filters",
                           "then"]
    assert (found["filters"]["verdict"], found["filters"]["why"]) == ("unasked", "virus")
    assert (found["score"]["verdict"], found["score"]["why"]) == ("quarantine", "6.00")
    assert [(x["name"], x["weight"]) for x in found["score"]["lines"]] == [("spf=fail", "6.00")]
    found = stages(held, "x@remote.test", letter, *to)
    assert (found["dmarc"]["verdict"], found["dmarc"]["why"]) == ("quarantine", "wants.test")
    assert found["then"]["verdict"] == "quarantine" and found["score"]["verdict"] == "deliver"
    found = stages(held, "odd@remote.test", letter.replace("wants", "far"), *to)
    assert found["mail"]["quarantine"] == "odd sender" and "dmarc" not in found
    assert found["then"]["verdict"] == "quarantine"
    # A rule about what checks found.
    found = stages(held, "proven@remote.test", letter.replace("wants", "far"), *to)
    assert found["message"]["verdict"] == "reject" and found["message"]["rule"] == "no proof"
    assert list(found)[-1] == "message"
    # Files are looked at as soon as a rule asks for them; users are not checked.
    found = stages(held, "x@remote.test", "Subject: x\r\nContent-Type: application/zip; name=a.exe\r\n"
                   "\r\nMZ\r\n", *to)
    assert found["message"]["rule"] == "programs"
    found = stages(held, "alice@example.test", letter, "--user", "alice@example.test",
                   "--to", "y@far.test")
    assert list(found)[-3:] == ["rcpt", "filters", "then"] and found["then"]["verdict"] == "deliver"
    text = held.cli("policy", "test", "--client", "192.0.2.1", "--from", "x@bad.test",
                    held.dir / "letter.eml").stdout
    assert "score     quarantine  6.00\n" in text, text
    assert text.endswith("filters   unasked  virus\nthen      quarantine\n"), text
    text = held.cli("explain", held.dir / "letter.eml").stdout
    assert text.endswith("\nfilters unasked: virus\n"), text
    (held.dir / "letter.eml").write_text(letter)
    text = held.cli("explain", held.dir / "letter.eml").stdout
    assert "score   0.00\n        then    quarantine, as DMARC asks for\n" in text, text
    # A rule about one recipient is about all only if there is no other.
    for others, then in ((), "quarantine"), (("--to", "alice@example.test"), "deliver"):
        found = stages(held, "picky@remote.test", letter.replace("wants", "far"), "--to",
                       "dave@example.test", *others)
        assert found["then"]["verdict"] == then
    assert rows(held) == before


def test_one_recipient_fills_only_its_own(held):
    send(held, "odd@remote.test", "alice@example.test")
    ids = [send(held, "odd@remote.test", "carol@example.test", f"Subject: {i}\r\n\r\nx\r\n")
           for i in range(6)]
    assert [r["subject"] for r in rows(held, "--user", "carol@example.test")] == list("2345")
    assert journey(held, ids[0])[-1] == ("dropped", "the quarantine of this recipient is full")
    assert "quarantine.full" in held.log_text()
    assert rows(held, "--user", "alice@example.test")


def test_it_survives_and_is_backed_up(held, tmp_path):
    for user in ("alice", "carol"):
        send(held, "odd@remote.test", f"{user}@example.test")
    before = rows(held)
    assert len(before) == 2
    held.kill()
    assert rows(held) == before           # from the store itself
    result = held.cli("quarantine", "release", "all", "-y", check=False)
    assert "start it first" in result.stderr
    held.cli("fsck")
    held.start()
    assert rows(held) == before
    held.cli("backup", tmp_path / "copy")
    held.cli("quarantine", "drop", "--all", "--yes")
    assert rows(held) == []

    def other(*args):
        return subprocess.run([VEREDUS, "-d", tmp_path / "other", *args], check=True,
                              capture_output=True, text=True).stdout
    other("restore", tmp_path / "copy")
    other("fsck")
    assert json.loads(other("quarantine", "list", "--json")) == before
