"""veredus queue: what the operator sees and does, with the server running and not."""
import json

import pytest

from conftest import wait_for
from remote import Remote

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
    assert len(entries(server, first["id"])) == 2
    assert len(entries(server, "--limit", "1")) == 1
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
    assert server.cli("queue", "drop", one["id"]).stdout == "dropped: 1 recipient\n"
    if not running:
        server.start()
    wait_for(lambda: len(remote.taken) == 2)
    assert remote.taken[1].recipients == ["three@far.test"]
    wait_for(lambda: entries(server) == [])
    assert server.messages("alice") == []
    assert "dropped" in server.cli("trace", one["id"]).stdout
    assert server.cli("queue", "list").stdout == "The queue is empty.\n"
    assert server.cli("fsck").returncode == 0


def test_drop_needs_to_be_told_what(filled):
    server, _ = filled
    result = server.cli("queue", "drop", check=False)
    assert result.returncode == 1 and "say which" in result.stderr
    assert len(entries(server)) == 3
