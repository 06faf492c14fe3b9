"""A crowd of messages for a host that is dead: one connection tries it a step, and mail for a host that
lives goes by unhindered. VEREDUS_SOAK=1: 100,000 of them, again and again."""
import itertools
import json
import os
import re
import statistics
import subprocess
import time

from conftest import VEREDUS, wait_for
from remote import CLOSE, Remote
from test_relay import SLOW, submit

SOAK = "VEREDUS_SOAK" in os.environ
MESSAGES, SECONDS, FIRST_STEP, LAST_STEP = (100_000, 900, 30, 120) if SOAK else (3000, 10, 1, 4)
AT_ONCE = 5          # connections to a host that has not failed yet
MOST_SECONDS = 15.0  # for one message of the living, on a machine that may stand still meanwhile
HALF_SECONDS = 1.5   # for half of them
CONFIG = """relay-networks = {{ "127.0.0.0/8" }}
queue {{ retry-first = {first}s retry-max = {last}s first-connections-per-destination = {at_once} }}
smarthost "dead.test" {{ host = "127.0.0.1" port = {dead.port} tls = none }}
smarthost "live.test" {{ host = "127.0.0.1" port = {live.port} tls = none }}
"""


def test_a_dead_host_holds_up_nobody(make_server):
    for round_number in itertools.count():
        dead_and_alive(make_server)
        if not SOAK:
            break
        print(f"relay: {MESSAGES} messages for a dead host survived {round_number + 1} times",
              flush=True)


def dead_and_alive(make_server):
    probes = []

    def closes(session, verb, line):
        probes.append(time.monotonic())
        return CLOSE

    with Remote(closes) as dead, Remote() as live:
        server = make_server(domain="a.test", config=CONFIG.format(
            dead=dead, live=live, first=FIRST_STEP, last=LAST_STEP, at_once=AT_ONCE))
        began = time.monotonic()
        crowd = subprocess.Popen(
            [VEREDUS, "bench", "smtp", "--server", f"127.0.0.1:{server.port['smtp']}",
             "--messages", str(MESSAGES), "--size", "1000", "--from", "alice@a.test",
             "--to", "u%d@dead.test"], stdout=subprocess.DEVNULL)
        sent = live_mail(server, crowd)
        assert crowd.wait() == 0
        wait_for(lambda: len(live.taken) == len(sent), SLOW, "all mail that can go")
        wait_for(lambda: probes[-1] - probes[0] > FIRST_STEP, SLOW, "another try")
        one_a_step(len(probes), time.monotonic() - began)
        took = sorted(t.at - sent[re.search(rb"^Subject: (\S+)\r$", t.data, re.M).group(1).decode()]
                      for t in live.taken)
        assert len(took) == len(sent) and took[-1] < MOST_SECONDS, took[-5:]
        assert statistics.median(took) < HALF_SECONDS, statistics.median(took)
        # Those that were never tried say why, too.
        assert summary(server) == summary(server, "--reason", "4.4.1") == {"dead.test": MESSAGES}
        assert server.messages("alice") == []
        server.stop()


def live_mail(server, crowd):
    """While the crowd comes, and for some steps more. Returns when each was handed in."""
    sent = {}
    until = time.monotonic() + SECONDS
    while crowd.poll() is None or time.monotonic() < until:
        subject = f"m{len(sent)}"
        sent[subject] = time.monotonic()
        submit(server, "bob@live.test", subject)
        time.sleep(0.1)
    return sent


def one_a_step(probes, seconds):
    """Those that were on their way when the first one failed, and then one at the end of each pause,
    of which each is twice the one before, up to the last. Counted: when the remote sees one tells
    little of when it was sent."""
    most, pause = AT_ONCE, FIRST_STEP
    while (seconds := seconds - 0.85 * pause) > 0:
        most, pause = most + 1, min(2 * pause, LAST_STEP)
    assert probes <= most, (probes, most)


def summary(server, *which):
    out = json.loads(server.cli("queue", "summary", "--by", "domain", "--json", *which).stdout)
    return {line["name"]: line["recipients"] for line in out}
