"""The server is killed while it delivers: each message arrives, and arrives twice only if the kill
came between the remote's 250 and our record of it."""
import collections
import itertools
import os
import random
import re
import threading
import time

from conftest import wait_for
from remote import Remote
from test_relay import SLOW, entries, message, smarthost

KILLS = int(os.environ.get("VEREDUS_RELAY_KILLS", "30"))
SOAK = "VEREDUS_SOAK" in os.environ   # again and again, by other dice
MESSAGES = 8          # before each kill
RECORD_SECONDS = 3.0  # by then an outcome is recorded, on a slow machine and sanitized


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
        server = make_server(domain="a.test", config=smarthost(remote)
                             + "queue { retry-first = 50ms retry-max = 200ms }")
        kills = []
        for round_number in range(KILLS):
            killer = threading.Timer(rng.uniform(0.01, 0.4), lambda: (
                kills.append(time.monotonic()), server.process.kill()))
            try:
                with server.smtp() as smtp:
                    killer.start()
                    try:
                        for i in range(MESSAGES):
                            subject = f"m{round_number}-{i}"
                            smtp.sendmail("alice@a.test", f"{subject}@far.test", message(subject))
                            accepted.append(subject)
                    finally:
                        killer.join()
            except OSError:
                pass
            except Exception as e:   # smtplib's own: the server went away in a dialogue
                assert "closed" in str(e) or "onnection" in str(e), e
            server.kill()
            server.start()
        assert len(kills) == KILLS and len(accepted) > KILLS
        wait_for(lambda: entries(server) == [], SLOW, "an empty queue")

        times = collections.defaultdict(list)
        for t in remote.taken:
            subject = re.search(rb"^Subject: (\S+)\r$", t.data, re.M).group(1).decode()
            assert t.recipients == [f"{subject}@far.test"]
            assert t.data.endswith(b"\r\n\r\nThe body.\r\n.dot\r\n")
            times[subject].append(t.at)
        missing = set(accepted) - set(times)
        assert not missing
        # A message that came again was taken just before a kill each time but the last.
        for subject, taken in times.items():
            for at in sorted(taken)[:-1]:
                assert any(-0.5 <= kill - at <= RECORD_SECONDS for kill in kills), subject
        assert server.messages("alice") == []
        assert server.cli("fsck").returncode == 0
        server.stop()
