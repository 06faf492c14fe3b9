"""Remotes that misbehave: the queue stays sane, memory stays bounded, nothing is lost."""
import time

import pytest

from conftest import wait_for
from remote import CLOSE, SILENCE, Remote
from test_relay import SLOW, entries, report, smarthost, submit, wait_empty

# Times that no remote of ours needs, though the machine stands still for a while.
FAST = """queue { retry-first = 100ms retry-max = 300ms connect-timeout = 6s command-timeout = 6s
                  data-timeout = 6s }"""
STAGES = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."]


def resident_kib(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


@pytest.fixture(scope="module")
def pair():
    """One server and one remote for all scenarios; each sets the remote's script."""
    import pathlib
    import tempfile
    from conftest import _factory
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote() as remote:
        try:
            yield make(domain="a.test", config=smarthost(remote) + FAST), remote
        finally:
            dispose()


def endure(pair, misbehave, times=2, subject="hostile"):
    """The remote misbehaves so many times, then no more: the message must arrive, once."""
    server, remote = pair
    remote.taken.clear()
    remote.hang_up()
    state = {"left": times}

    def script(session, verb, line):
        if state["left"] > 0 and (reply := misbehave(session, verb, line)) is not None:
            state["left"] -= 1
            return reply
    remote.script = script
    submit(server, "x@far.test", subject)
    wait_for(lambda: state["left"] == 0 and remote.taken, SLOW)
    wait_empty(server)
    assert [t.recipients for t in remote.taken] == [["x@far.test"]]
    return server.cli("trace", f"<{subject}@a.test>").stdout


@pytest.mark.parametrize("stage", STAGES)
def test_421_at_each_stage(pair, stage):
    events = endure(pair, lambda s, verb, line: "421 4.3.2 closing" if verb == stage else None,
                    subject=f"at-{STAGES.index(stage)}-421")
    assert "421 4.3.2 closing" in events


@pytest.mark.parametrize("stage", STAGES)
def test_hanging_up_at_each_stage(pair, stage):
    events = endure(pair, lambda s, verb, line: CLOSE if verb == stage else None,
                    subject=f"at-{STAGES.index(stage)}-close")
    assert "the connection was lost" in events


def once(reply, at):
    said = []

    def script(session, verb, line):
        if verb == at and not said:
            said.append(session)
            return reply
    return script


def test_silence(make_server):
    """At three stages, all waited for at the same time."""
    with Remote(once(SILENCE, "CONNECT")) as connect, Remote(once(SILENCE, "MAIL")) as mail, \
            Remote(once(SILENCE, ".")) as end:
        remotes = {"connect.test": connect, "mail.test": mail, "end.test": end}
        server = make_server(domain="a.test", config=FAST + "".join(
            "\n" + smarthost(r, domain).split("\n")[0] for domain, r in remotes.items())
                             + '\nrelay-networks = { "127.0.0.0/8" }')
        for domain in remotes:
            submit(server, f"x@{domain}", domain)
        wait_empty(server)
        for domain, remote in remotes.items():
            assert [t.recipients for t in remote.taken] == [[f"x@{domain}"]]
            assert "no answer in time" in server.cli("trace", f"<{domain}@a.test>").stdout


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": bytes(5000) + b"\r\n",
    "codes": b"250-one\r\n550 two\r\n",
    "early": b"199 soon\r\n",
    "binary": bytes(range(256)) * 20 + b"\r\n",
}


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "RCPT", "."])
@pytest.mark.parametrize("garbage", sorted(GARBAGE))
def test_garbage(pair, garbage, stage):
    endure(pair, lambda s, verb, line: GARBAGE[garbage] if verb == stage else None, times=1,
           subject=f"{garbage}-{STAGES.index(stage)}")


def test_endless_replies_cost_no_memory(pair):
    server, _ = pair
    before = resident_kib(server)

    def endless(session, verb, line):
        if verb != "EHLO":
            return None
        # One line without end, then lines without end; the client hangs up long before.
        end = time.monotonic() + 10
        chunk = b"x" * 65536 if session.number % 2 else b"250-more\r\n" * 6000
        session.sock.sendall(b"250-")
        while time.monotonic() < end:
            session.sock.sendall(chunk)
        return CLOSE
    events = endure_calls(pair, endless)
    assert "longer than any should be" in events or "no answer in time" in events
    assert resident_kib(server) - before < 50_000


def endure_calls(pair, misbehave):
    """As endure(), for scripts that may be cut off while they send."""
    server, remote = pair
    remote.taken.clear()
    remote.hang_up()
    calls = []

    def script(session, verb, line):
        if verb == "EHLO" and len(calls) < 2:
            calls.append(session)
            return misbehave(session, verb, line)
    remote.script = script
    submit(server, "x@far.test", "endless")
    wait_for(lambda: remote.taken, SLOW)
    wait_empty(server)
    return server.cli("trace", "<endless@a.test>").stdout


def test_replies_that_forge_nothing(pair):
    """What a remote says is shown to people: no control characters, no lines of its own."""
    server, remote = pair
    remote.taken.clear()
    remote.hang_up()
    remote.script = lambda s, verb, line: (
        b"550-5.7.1 \x1b[2Jclear\x07\r\n550 5.7.1 second\rAction: delivered\r\n"
        if verb == "RCPT" else None)
    count = len(server.messages("alice"))
    submit(server, "x@far.test", "forged")
    raw = server.wait_messages(count + 1, "alice", seconds=SLOW)[-1]
    [about] = report(raw)
    assert about["Action"] == "failed" and about["Status"] == "5.7.1"
    assert b"\x1b" not in raw and b"\x07" not in raw
    assert "\x1b" not in server.cli("trace", "<forged@a.test>").stdout
    wait_empty(server)


def test_354_for_nobody(pair):
    """All recipients refused, and DATA accepted nevertheless: the message is not sent."""
    server, remote = pair
    remote.taken.clear()
    remote.hang_up()
    count = len(server.messages("alice"))
    remote.script = lambda s, verb, line: {"RCPT": "550 5.1.1 no", "DATA": "354 go on"}.get(verb)
    submit(server, "x@far.test", "nobody")
    server.wait_messages(count + 1, "alice", seconds=SLOW)
    assert all(t.data == b"" for t in remote.taken)
    wait_empty(server)
