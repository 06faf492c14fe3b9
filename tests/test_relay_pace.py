"""How fast a destination is served: as many connections as it takes, and no more than it is to get
in a time."""
import threading
import time

from conftest import wait_for
from remote import Remote
from test_relay import SLOW, journey, message, smarthost, wait_empty

LATER = "retry-first = 1h"   # what is deferred does not come within the test


def send(server, count):
    with server.smtp() as smtp:
        for i in range(count):
            smtp.sendmail("alice@a.test", f"x{i}@far.test", message(f"m{i}"))


class Crowd:
    """A remote that counts who is connected, and takes its time."""

    def __init__(self, most=1000):
        self.most, self.most_seen, self.refused = most, 0, 0
        self.inside = set()
        self.lock = threading.Lock()

    def __call__(self, session, verb, line):
        if verb == "CONNECT":
            with self.lock:
                self.inside = {s for s in self.inside if s.is_alive()}
                if len(self.inside) >= self.most:
                    self.refused += 1
                    return "421 4.7.0 too many connections"
                self.inside.add(session)
                self.most_seen = max(self.most_seen, len(self.inside))
        if verb == ".":
            time.sleep(0.3)
        return None


def test_grows_as_messages_get_through(make_server):
    crowd = Crowd()
    with Remote(crowd) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + "queue { "
                        "first-connections-per-destination = 1 max-connections-per-destination = 4 }")
        remote.let_in.clear()   # whoever hangs up for want of mail is not seen to be gone at once
        send(a, 40)
        remote.let_in.set()
        wait_for(lambda: len(remote.taken) == 40, SLOW)
        assert 2 <= crowd.most_seen <= 4
        wait_empty(a)


def test_what_is_refused_goes_over_those_that_work(make_server):
    """A host that takes two connections at a time is not down: nothing waits for another step."""
    crowd = Crowd(most=2)
    with Remote(crowd) as remote:
        a = make_server(domain="a.test", config=smarthost(remote) + "queue { "
                        f"first-connections-per-destination = 2 {LATER} }}")
        remote.let_in.clear()
        send(a, 30)
        remote.let_in.set()
        wait_for(lambda: len(remote.taken) == 30, SLOW)
        wait_empty(a)
        assert crowd.most_seen == 2
        # It is not asked for a third one again and again.
        assert crowd.refused <= 6
        assert "deferred" not in "".join(journey(a, f"<m{i}@a.test>") for i in range(30))


def since(began, remote):
    """Until the last was taken: which may be seen late, but not too early."""
    return max(t.at for t in remote.taken) - began


def test_messages_in_a_minute(make_server):
    """600 a minute are ten a second: those of the first second at once, then one by one."""
    with Remote() as remote:
        a = make_server(domain="a.test", config=smarthost(remote)
                        + "queue { destination-messages-per-minute = 600 }")
        began = time.monotonic()
        send(a, 40)
        wait_for(lambda: len(remote.taken) == 40, SLOW)
        assert since(began, remote) >= 2.5
        wait_empty(a)


def test_recipients_in_a_minute_by_route(make_server):
    """All domains that go by it share it."""
    with Remote() as remote:
        a = make_server(domain="a.test", config=smarthost(remote,
                                                          extra="recipients-per-minute = 600"))
        began = time.monotonic()
        with a.smtp() as smtp:
            for i in range(8):
                smtp.sendmail("alice@a.test", [f"{n}@far{i}.test" for n in "abcde"],
                              message(f"m{i}"))
        wait_for(lambda: len(remote.taken) == 8, SLOW)
        assert since(began, remote) >= 2
        wait_empty(a)


def test_connections_in_a_minute(make_server):
    """One every second, though each is good for one message only."""
    def script(session, verb, line):
        return "421 4.7.0 one is enough" if verb == "MAIL" and session.verbs.count("MAIL") > 1 \
            else None
    with Remote(script) as remote:
        a = make_server(domain="a.test", config=smarthost(remote, extra="connections-per-minute = 60")
                        + f"queue {{ {LATER} }}")
        began = time.monotonic()
        send(a, 4)
        wait_for(lambda: len(remote.taken) == 4, SLOW)
        assert since(began, remote) >= 2.5
        wait_empty(a)
