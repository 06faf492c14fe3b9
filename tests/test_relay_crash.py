"""The server is killed while it delivers: each message arrives, and arrives twice only if a kill
came between the remote's 250 and our record of it."""
import collections
import itertools
import os
import random
import re
import signal
import threading
import time

from conftest import wait_for
from remote import SILENCE, Remote
from test_relay import SLOW, entries, message, smarthost

KILLS = int(os.environ.get("VEREDUS_RELAY_KILLS", "30"))
SOAK = "VEREDUS_SOAK" in os.environ   # again and again, by other dice
MESSAGES = 8          # before each kill


def test_killed_while_delivering(make_server):
    for seed in itertools.count(4711 if not SOAK else time.time_ns()):
        kill_and_count(make_server, random.Random(seed))
        if not SOAK:
            break
        print(f"relay: {KILLS} kills survived, seed {seed}", flush=True)


def kill_and_count(make_server, rng):
    accepted = []

    def script(session, verb, line):
        # A remote that takes its time, so that kills come at every stage.
        time.sleep(rng.random() * 0.01)
        if verb == "RCPT" and rng.random() < 0.1:
            return "450 4.2.0 later"

    with Remote(script) as remote:
        server = make_server(domain="a.test", config=smarthost(remote, extra='helo = "life-0.a.test"')
                             + "queue { retry-first = 50ms retry-max = 200ms }")
        conf = server.dir / "veredus.conf"
        for round_number in range(KILLS):
            killer = threading.Timer(rng.uniform(0.01, 0.4), server.process.kill)
            try:
                with server.smtp() as smtp:
                    try:
                        for i in range(MESSAGES):
                            subject = f"m{round_number}-{i}"
                            smtp.sendmail("alice@a.test", f"{subject}@far.test", message(subject))
                            accepted.append(subject)
                            if i == 0:   # however slow the machine, there is one a life
                                killer.start()
                    finally:
                        killer.join()
            except OSError:
                pass
            except Exception as e:   # smtplib's own: the server went away in a dialogue
                assert "closed" in str(e) or "onnection" in str(e), e
            server.kill()
            # It tells the remote which life it is in.
            conf.write_text(conf.read_text().replace(f"life-{round_number}.", f"life-{round_number + 1}."))
            server.start()
        assert len(accepted) >= KILLS
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")

        lives = collections.defaultdict(list)
        for t in remote.taken:
            subject = re.search(rb"^Subject: (\S+)\r$", t.data, re.M).group(1).decode()
            assert t.recipients == [f"{subject}@far.test"]
            assert t.data.endswith(b"\r\n\r\nThe body.\r\n.dot\r\n")
            lives[subject].append(t.session.lines[0])
        missing = set(accepted) - set(lives)
        assert not missing
        # It came again only after a kill: no life sends a message twice.
        for subject, taken in lives.items():
            assert len(set(taken)) == len(taken), (subject, taken)
        assert server.messages("alice") == []
        assert server.cli("fsck").returncode == 0
        server.stop()


def test_killed_between_two_transactions(make_server):
    """Who has the message does not get it again when another recipient of it is tried again."""
    revived = threading.Event()

    def script(_session, verb, _line):
        if verb == "RCPT" and remote.taken and not revived.is_set():
            return SILENCE

    with Remote(script, extensions=("LIMITS RCPTMAX=1",)) as remote:
        server = make_server(domain="a.test", config=smarthost(remote))
        with server.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["b1@far.test", "b2@far.test"], message("parts"))
        wait_for(lambda: len(entries(server)) == 1, SLOW, "the first transaction to be recorded")
        server.kill()
        revived.set()
        server.start()
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")
        assert sorted(t.recipients for t in remote.taken) == [["b1@far.test"], ["b2@far.test"]]
        server.stop()


def test_a_stop_between_two_transactions(make_server):
    """The one that there is comes to its end; the next one is for the next life."""
    stopping, at_dot = threading.Event(), threading.Event()

    def script(_session, verb, _line):
        if verb == ".":
            at_dot.set()
            stopping.wait(SLOW)

    with Remote(script, extensions=("LIMITS RCPTMAX=1",)) as remote:
        server = make_server(domain="a.test", config=smarthost(remote))
        with server.smtp() as smtp:
            smtp.sendmail("alice@a.test", ["b1@far.test", "b2@far.test"], message("parts"))
            assert at_dot.wait(SLOW)
            server.process.send_signal(signal.SIGTERM)
            assert smtp.getreply()[0] == 421
            stopping.set()
            server.stop()
        assert [t.recipients for t in remote.taken] == [["b1@far.test"]]
        server.start()
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")
        assert [t.recipients for t in remote.taken] == [["b1@far.test"], ["b2@far.test"]]
        server.stop()
