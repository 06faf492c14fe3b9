"""Transactions cut to what the remote takes: recipients, size, order."""
import pytest

from conftest import wait_for
from remote import Remote
from test_relay import SLOW, entries, journey, message, report, smarthost, submit, wait_empty

LATER = "queue { retry-first = 1h }"   # what is deferred does not come within the test
TO = [f"x{i}@far.test" for i in range(10)]


@pytest.mark.parametrize("refusal", ["452 4.5.3 too many recipients", "452 too many",
                                     "552 5.5.3 too many", "552 too many"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_one_too_many_goes_on_at_once(make_server, refusal, extensions):
    def script(session, verb, line):
        if verb == "RCPT" and len(session.recipients) >= 4:
            return refusal
    with Remote(script, extensions=extensions) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + LATER)
        submit(a, TO, "m0")
        wait_empty(a)
        assert sorted(r for t in remote.taken for r in t.recipients) == sorted(TO)
        assert [len(t.recipients) for t in remote.taken] == [4, 4, 2]
        assert len(remote.sessions) == 1
        # What it takes is known from then on.
        verbs = remote.sessions[0].verbs
        assert verbs.count("RCPT") == 16 and "RSET" not in verbs
        assert "deferred" not in journey(a, "<m0@a.test>")


def test_full_disk_is_no_crowd(make_server):
    """452 for the first one of a transaction is what it says: later."""
    def script(session, verb, line):
        return "452 4.3.1 no space" if verb == "RCPT" else None
    with Remote(script) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + LATER)
        submit(a, TO, "m0")
        wait_for(lambda: all("4.3.1" in e["last"] for e in entries(a)) and len(entries(a)) == 10,
                 SLOW)
        assert remote.sessions[0].verbs.count("MAIL") == 1


def test_rest_waits_when_the_message_is_refused(make_server):
    """Who was one too many is not offered a message that nobody could have."""
    def script(session, verb, line):
        if verb == "RCPT" and len(session.recipients) >= 4:
            return "452 4.5.3 too many recipients"
        return "451 4.3.0 not now" if verb == "." else None
    with Remote(script) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + LATER)
        submit(a, TO, "m0")
        wait_for(lambda: all(e["attempts"] == 1 for e in entries(a)) and len(entries(a)) == 10, SLOW)
        assert remote.sessions[0].verbs.count("MAIL") == 1


def test_size_is_looked_at_before_data(make_server):
    with Remote(extensions=("SIZE 3000",)) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + LATER)
        submit(a, ["x@far.test"], "m0")
        wait_empty(a)
        with a.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["y@far.test"], message("m1") + "line\n" * 1000)
        wait_for(lambda: len(a.messages("alice")) == 1, SLOW)
        assert report(a.messages("alice")[0])[0]["Status"] == "5.3.4"
        lines = [line for s in remote.sessions for line in s.lines]
        assert sum(line.startswith("MAIL") for line in lines) == 1
        size = int(lines[1].split(" SIZE=")[1].split(" ")[0])
        assert size == len(remote.taken[0].data)
