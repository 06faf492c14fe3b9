"""veredus queue: what the operator sees and does, with the server running and not."""
import json
import os
import pty
import sqlite3
import threading
import time

import pytest

from conftest import VEREDUS, free_port, wait_for
from remote import Remote
from test_relay import report

CONFIG = """
relay-networks = { "127.0.0.0/8" }
queue { retry-first = 1h retry-max = 1h }
smarthost "*" { host = "127.0.0.1" port = %d tls = none }
"""


def entries(server, *args):
    out = server.cli("queue", "list", "--json", *args).stdout
    return json.loads(out)


@pytest.fixture
def filled(make_server):
    """A server with three recipients that were deferred, and a remote that is better by now."""
    with Remote(lambda session, verb, line: "450 4.2.1 busy" if verb == "RCPT" else None) as remote:
        server = make_server(config=CONFIG % remote.port)
        with server.smtp() as smtp:
            smtp.sendmail("alice@example.test", ["one@far.test", "two@near.test"],
                          "Subject: first\n\nbody")
            smtp.sendmail("", ["three@far.test"], "Subject: second\n\nbody")
        wait_for(lambda: [e["attempts"] for e in entries(server)] == [1, 1, 1])
        remote.script = None
        yield server, remote


def test_list_and_show(filled):
    server, _ = filled
    first, second, third = entries(server)
    assert (first["to"], second["to"], third["to"]) == ("one@far.test", "two@near.test",
                                                        "three@far.test")
    assert first["id"] == second["id"] != third["id"]
    assert first["from"] == "alice@example.test" and third["from"] == ""
    assert first["last"] == "450 4.2.1 busy"
    assert first["state"] == "waiting"
    assert 3200_000 < first["due_ms"] - first["arrived_ms"] < 4100_000
    assert [e["to"] for e in entries(server, "@far.test")] == ["one@far.test", "three@far.test"]
    assert [e["to"] for e in entries(server, "Two@near.test")] == ["two@near.test"]
    assert [e["to"] for e in entries(server, "--from", "<>")] == ["three@far.test"]
    assert first["last_status"] == "4.2.1" and first["last_peer"].startswith("127.0.0.1 (")
    assert first["last_ms"] >= first["arrived_ms"]
    assert len(entries(server, first["id"])) == 2
    assert len(entries(server, "--limit", "1")) == 1
    assert server.cli("queue", "list", "--limit", "1").stdout.endswith("; there may be more\n")
    text = server.cli("queue", "list").stdout
    assert "2 messages for 3 recipients" in text and "450 4.2.1 busy" in text
    shown = server.cli("queue", "show", first["id"]).stdout
    assert "Subject: first" in shown and "two@near.test" in shown and "Return-Path" not in shown
    assert server.cli("queue", "show", "nonsense", check=False).returncode == 1


@pytest.mark.parametrize("running", [True, False])
def test_hold_release_retry_drop(filled, running):
    server, remote = filled
    if not running:
        server.stop()
    one, two, three = entries(server)
    assert server.cli("queue", "hold", "@far.test").stdout == "held: 2 recipients\n"
    assert [e["state"] for e in entries(server)] == ["held", "waiting", "held"]
    assert server.cli("queue", "retry", "all").stdout == "due now: 1 recipient\n"
    if not running:
        server.start()
    wait_for(lambda: [t.recipients for t in remote.taken] == [["two@near.test"]])
    wait_for(lambda: len(entries(server)) == 2)
    if not running:
        server.stop()
    assert server.cli("queue", "release", three["id"]).stdout == "released: 1 recipient\n"
    assert server.cli("queue", "drop", "--yes", one["id"]).stdout == "dropped: 1 recipient\n"
    if not running:
        server.start()
    wait_for(lambda: len(remote.taken) == 2)
    assert remote.taken[1].recipients == ["three@far.test"]
    wait_for(lambda: entries(server) == [])
    assert server.messages("alice") == []
    assert "dropped" in server.cli("trace", one["id"]).stdout
    assert server.cli("queue", "list").stdout == "The queue is empty.\n"
    assert server.cli("fsck").returncode == 0


def test_filters(filled):
    server, _ = filled
    first = entries(server)[0]["id"]

    def found(*args):
        return [e["to"].split("@")[0] for e in entries(server, *args)]
    assert found("--domain", "far.test") == ["one", "three"]
    assert found("--domain", ".test") == ["one", "two", "three"] and found("--domain", ".far.test") == []
    assert found("--from", "@EXAMPLE.test") == ["one", "two"]
    assert found("--from", "alice@example.test", "--domain", "far.test") == ["one"]
    assert found("--reason", "BUSY") == found("--reason", "4.2.1") == ["one", "two", "three"]
    assert found("--reason", "refused") == found("--older", "1h") == []
    assert found("--newer", "1h", "--state", "waiting") == ["one", "two", "three"]
    assert found("--state", "held") == []
    assert found(first, "three@far.test") == ["one", "two", "three"]
    assert found("@near.test", "three@far.test") == ["two", "three"]
    # As addresses are shown; and what a script's empty variable leaves is not everything.
    assert found("--from", "<alice@example.test>") == ["one", "two"]
    assert found("<one@far.test>") == ["one"]
    assert found("--domain", "@near.test") == ["two"]
    for nothing in ("--from", ""), ("--domain", ""), ("--reason", ""), ("",):
        bad = server.cli("queue", "drop", "--yes", "--state", "waiting", *nothing, check=False)
        assert bad.returncode == 1 and "is empty" in bad.stderr
    assert server.cli("queue", "list", "@x.test").stdout == "Nothing in the queue is meant by that.\n"
    assert json.loads(server.cli("queue", "drop", "-n", "--json", "@far.test").stdout) == \
        [{"recipients": 2, "messages": 2}]
    bad = server.cli("queue", "list", "--state", "lost", check=False)
    assert bad.returncode == 1 and "not 'lost'" in bad.stderr
    assert server.cli("queue", "list", "--older", "soon", check=False).returncode == 2


def test_summary(filled):
    server, remote = filled
    [everything] = json.loads(server.cli("queue", "summary", "--json").stdout)
    assert everything["name"].startswith("smarthost:127.0.0.1:")
    assert (everything["messages"], everything["recipients"], everything["waiting"]) == (2, 3, 3)
    assert everything["last"] == "450 4.2.1 busy" and everything["last_status"] == "4.2.1"
    assert everything["oldest_ms"] == entries(server)[0]["arrived_ms"]
    assert everything["due_ms"] == min(e["due_ms"] for e in entries(server))
    far, near = json.loads(server.cli("queue", "summary", "--by", "domain", "--json").stdout)
    assert (far["name"], far["recipients"], near["name"]) == ("far.test", 2, "near.test")
    senders = json.loads(server.cli("queue", "summary", "--by", "sender", "--json").stdout)
    assert [(g["name"], g["recipients"]) for g in senders] == [("alice@example.test", 2), ("<>", 1)]
    text = server.cli("queue", "summary", "--by", "domain", "--limit", "1").stdout
    assert "far.test: 2 recipients of 2 messages" in text and "450 4.2.1 busy" in text
    assert "next attempt" in text and "near.test" not in text


def test_show_has_the_history(filled):
    server, _ = filled
    first = entries(server)[0]["id"]
    text = server.cli("queue", "show", first).stdout
    assert text.index("to one@far.test") < text.index("Subject: first") < text.index("received")
    assert "deferred  two@near.test  127.0.0.1 (" in text
    items = json.loads(server.cli("queue", "show", first, "--json").stdout)
    assert [i["event"] for i in items if "event" in i] == ["received", "queued", "queued",
                                                          "deferred", "deferred"]
    assert [i["to"] for i in items if "to" in i] == ["one@far.test", "two@near.test"]


@pytest.mark.parametrize("running", [True, False])
def test_bounce(filled, running):
    server, _ = filled
    if not running:
        server.stop()
    assert server.cli("queue", "bounce", "--yes", "one@far.test").stdout == "returned: 1 recipient\n"
    if not running:
        server.start()
    raw = server.wait_messages(1)[0]
    [about] = report(raw)
    assert about["Final-Recipient"] == "rfc822; one@far.test"
    assert (about["Action"], about["Status"]) == ("failed", "5.3.0")
    assert b"the operator of this mail system returned it" in raw
    wait_for(lambda: [e["to"] for e in entries(server)] == ["two@near.test", "three@far.test"])
    told = json.loads(server.cli("trace", "--to", "one@far.test", "--json").stdout)
    assert [(e["event"], e["address"]) for e in told][-2:] == [
        ("bounced", "one@far.test"), ("told", "alice@example.test")]
    # The report has a journey of its own.
    kind, report_id = told[-1]["detail"].split(": ")
    assert kind == "failed" and "delivered" in server.cli("trace", report_id).stdout
    # Nobody is told about a report.
    server.cli("queue", "bounce", "--yes", "three@far.test")
    wait_for(lambda: len(entries(server)) == 1)
    assert len(server.messages()) == 1


@pytest.mark.parametrize("running", [True, False])
def test_reroute(filled, running):
    server, first_remote = filled
    with Remote() as other:
        if not running:
            server.stop()
        way = f"127.0.0.1:{other.port}"
        server.cli("queue", "hold", "two@near.test")
        server.cli("queue", "reroute", "--yes", way, "one@far.test", "two@near.test")
        assert [e["reroute"] for e in entries(server)][-2:] == [way, ""]
        if not running:
            server.start()
        wait_for(lambda: [t.recipients for t in other.taken] == [["one@far.test"]])
        wait_for(lambda: [e["to"] for e in entries(server)] == ["two@near.test", "three@far.test"])
        # A held one stays so, and goes where it was told once it is released.
        server.cli("queue", "release", "two@near.test")
        wait_for(lambda: len(other.taken) == 2)
        # Undone, it goes the usual way.
        server.cli("queue", "reroute", "--yes", f"127.0.0.1:{free_port()}", "all")
        server.cli("queue", "reroute", "--yes", "-", "all")
        wait_for(lambda: [t.recipients for t in first_remote.taken] == [["three@far.test"]])
        assert "rerouted  one@far.test  " + way in server.cli("trace", "--to", "one@far.test").stdout
    for wrong in ["no domain", "x:0", "a:b:25", "[::1"]:
        assert server.cli("queue", "reroute", "--yes", wrong, "all", check=False).returncode == 1


def test_what_is_in_memory_is_held_dropped_and_returned(make_server):
    """One connection, and a remote that is slow: the rest waits in the server's memory."""
    release = threading.Event()

    def slow(session, verb, line):
        if verb == ".":
            release.wait(60)
    with Remote(slow) as remote:
        server = make_server(config=CONFIG % remote.port +
                             "queue { max-connections-per-destination = 1 }")
        with server.smtp() as smtp:
            for name in ["first", "held", "dropped", "returned", "last"]:
                smtp.sendmail("alice@example.test", [f"{name}@far.test"], f"Subject: {name}\n\nx")
                if name == "first":
                    wait_for(lambda: any("DATA" in s.verbs for s in remote.sessions))
        wait_for(lambda: [e["state"] for e in entries(server)] == ["active"] * 5)
        server.cli("queue", "hold", "held@far.test")
        server.cli("queue", "drop", "--yes", "dropped@far.test")
        server.cli("queue", "bounce", "--yes", "returned@far.test")
        server.wait_messages(1)
        wait_for(lambda: [e["state"] for e in entries(server)] == ["active", "held", "active"])
        release.set()
        wait_for(lambda: [e["to"] for e in entries(server)] == ["held@far.test"])
        assert [t.recipients for t in remote.taken] == [["first@far.test"], ["last@far.test"]]
        # What is on the wire is not stopped, but what was wished of it holds afterwards.
        release.clear()
        remote.script = lambda s, verb, line: slow(s, verb, line) or (
            "451 4.3.0 later" if verb == "." else None)
        server.cli("queue", "release", "held@far.test")
        wait_for(lambda: [e["state"] for e in entries(server)] == ["active"])
        wait_for(lambda: remote.sessions[-1].verbs[-1:] == ["DATA"])
        server.cli("queue", "bounce", "--yes", "all")
        release.set()
        server.wait_messages(2)
        wait_for(lambda: entries(server) == [])


def test_confirmation(filled):
    server, _ = filled
    result = server.cli("queue", "drop", "all", check=False)
    assert result.returncode == 1 and "Drop 3 recipients of 2 messages" in result.stderr
    assert server.cli("queue", "drop", "-n", "@far.test").stdout == \
        "would be dropped: 2 recipients of 2 messages\n"
    for answer, left in [(b"n\n", 3), (b"y\n", 0)]:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(VEREDUS, [VEREDUS, "-d", str(server.dir), "queue", "drop", "all"])
        said = b""
        while b"[y/N]" not in said:
            said += os.read(terminal, 1000)
        assert b"Drop 3 recipients of 2 messages?" in said
        os.write(terminal, answer)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == (0 if left == 0 else 1)
        os.close(terminal)
        assert len(entries(server)) == left


def test_a_long_queue_is_not_in_memory(make_server):
    """Rows as if they had come: looked at and acted on by the page."""
    server = make_server(config="queue { retry-first = 1h }")
    server.stop()
    db = sqlite3.connect(server.dir / "veredus.db")
    later = int(time.time() * 1000) + 3_600_000
    count = 20_000
    db.execute("insert into blob (id, segment, position, length, refs) values (900, 1, 0, 10, ?)", (count,))
    db.executemany("insert into queue_message (id, queue_id, message_id, reverse_path, blob_id,"
                   " skip_bytes, size_bytes, arrived_ms, expires_ms) values"
                   " (?, ?, '<x@y>', 'alice@example.test', 900, 0, 10, 1, ?)",
                   ((i, f"{i:016}", later * 2) for i in range(1, count + 1)))
    db.executemany("insert into queue_recipient (queue_message_id, position, forward_path, domain,"
                   " due_ms) values (?, 0, ?, ?, ?)",
                   ((i, f"u@d{i % 500}.test", f"d{i % 500}.test", later)
                    for i in range(1, count + 1)))
    db.commit()
    db.close()
    server.start()
    groups = json.loads(server.cli("queue", "summary", "--json").stdout)
    assert len(groups) == 500 and all(g["recipients"] == count // 500 for g in groups)
    assert len(entries(server, "@d7.test")) == count // 500
    assert server.cli("queue", "hold", "all").stdout == f"held: {count} recipients\n"
    assert server.cli("queue", "drop", "--yes", "--state", "held").stdout == \
        f"dropped: {count} recipients\n"
    assert entries(server) == []


def test_drop_needs_to_be_told_what(filled):
    server, _ = filled
    result = server.cli("queue", "drop", check=False)
    assert result.returncode == 1 and "say which" in result.stderr
    assert len(entries(server)) == 3


def test_trace_by_time_and_alias(make_server):
    with Remote() as remote:
        server = make_server(config=CONFIG % remote.port)
        server.cli("alias", "add", "team@example.test", "alice@example.test", "bob@far.test")
        with server.smtp() as smtp:
            smtp.sendmail("x@y.test", ["team@example.test"], "Subject: both\n\nbody")

        def events(*args):
            found = json.loads(server.cli("trace", "--json", *args).stdout)
            return [(e["event"], e["address"]) for e in found]
        wait_for(lambda: ("relayed", "bob@far.test") in events("--to", "bob@far.test"))
        all_of_it = events("--to", "team@example.test")
        assert all_of_it[:3] == [("received", "x@y.test"), ("delivered", "alice@example.test"),
                                 ("queued", "bob@far.test")]
        assert "far.test, for team@example.test" in server.cli("trace", "--to", "bob@far.test").stdout
        assert events("--since", "1h", "--from", "X@y.test")[:3] == all_of_it[:3]
        assert events("--since", time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() - 7200)),
                      "--until", "2100-01-01")[:3] == all_of_it[:3]
        assert events("--until", "1h") == events("--since", "2100-01-01") == []
        # Whoever asks otherwise than it wants to be asked is told how.
        assert events("--to", "<team@example.test>") == all_of_it
        assert "whole addresses" in server.cli("trace", "--to", "@far.test").stdout
        assert "give --from or --to" in server.cli("trace", "bob@far.test", check=False).stderr
        bad = server.cli("trace", check=False)
        assert bad.returncode == 2 and "name a message" in bad.stderr and "Sanitizer" not in bad.stderr
        for bad in ["yesterday", "2026-13-01", "2026-01-01x"]:
            result = server.cli("trace", "--since", bad, check=False)
            assert result.returncode == 2 and "neither a time" in result.stderr
