"""What a killed process had a lease of: taken over at once by its next life, and by another process when
it has not been heard of for lease-time."""
import collections
import re
import threading
import time

from conftest import wait_for
from remote import CLOSE, Remote
from test_relay import SLOW, entries, smarthost, submit

LEASE_SECONDS = 4
MESSAGES = 6
CONFIG = ("queue {{ lease-time = {lease} retry-first = 100ms retry-max = 400ms "
          "max-connections-per-destination = 2 }}\n")


class Gate:
    """A remote that takes two messages, and keeps the others waiting for a reply until it is opened."""
    def __init__(self):
        self.opened, self.lock, self.begun = threading.Event(), threading.Lock(), 0

    def script(self, session, verb, line):
        if verb == "MAIL":
            with self.lock:
                self.begun += 1
                must_wait = self.begun > 2
            if must_wait and not self.opened.wait(SLOW):
                return CLOSE
        return None


def counts(remote):
    return collections.Counter(re.search(rb"^Subject: (\S+)\r$", t.data, re.M).group(1).decode()
                               for t in remote.taken)


def states(server):
    return collections.Counter(e["state"] for e in entries(server))


def kill_with_leases(server, gate, remote):
    """Two are out and recorded, the others leased, when it is killed."""
    for i in range(MESSAGES):
        submit(server, "bob@far.test", f"m{i}")
    wait_for(lambda: gate.begun > 2 and states(server) == {"active": MESSAGES - 2}, SLOW,
             "leases on all that is left")
    server.kill()
    remote.hang_up()


def each_once(remote):
    assert counts(remote) == {f"m{i}": 1 for i in range(MESSAGES)}


def test_another_process_waits_for_lease_time(make_server):
    gate = Gate()
    with Remote(gate.script) as remote:
        server = make_server(domain="a.test", config=smarthost(remote)
                             + CONFIG.format(lease=f"{LEASE_SECONDS}s"))
        kill_with_leases(server, gate, remote)
        # Whoever has this directory next is another one.
        lock = server.dir / "store.lock"
        node = lock.read_text()
        assert re.fullmatch("[0-9a-f]{16}", node)
        lock.write_text(f"{int(node, 16) ^ 1:016x}")
        gate.opened.set()
        began = time.monotonic()
        server.start()
        submit(server, "carol@far.test", "new")
        wait_for(lambda: counts(remote)["new"] == 1, SLOW, "mail that is its own")
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")
        assert time.monotonic() - began >= LEASE_SECONDS
        assert "queue.lease.taken_over owner=" in server.log_text()
        remote.taken = [t for t in remote.taken if t.recipients == ["bob@far.test"]]
        each_once(remote)
        server.stop()


def test_the_next_life_does_not(make_server):
    gate = Gate()
    with Remote(gate.script) as remote:
        server = make_server(domain="a.test", config=smarthost(remote) + CONFIG.format(lease="1h"))
        kill_with_leases(server, gate, remote)
        gate.opened.set()
        server.start()
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")
        each_once(remote)
        server.stop()
