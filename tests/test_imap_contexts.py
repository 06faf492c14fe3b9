"""Results that are kept up to date: what ADDTO and REMOVEFROM make of a result is what the same search
finds, whatever several sessions do."""
import os
import random
import re
import time

import pytest

from test_imap import Raw
from test_imap_stress import numbers

SEED = int(os.environ.get("VEREDUS_STRESS_SEED", "1"))
SECONDS = float(os.environ.get("VEREDUS_STRESS_SECONDS", "6"))
SEARCHES = ["UID SEARCH RETURN (%s) UNSEEN", "UID SEARCH RETURN (%s) OR FLAGGED SUBJECT odd",
            "UID SORT RETURN (%s) (REVERSE SUBJECT ARRIVAL) UTF-8 UNDELETED"]
PLACED = "SORT"


class Watcher:
    def __init__(self, server):
        self.raw, self.results = Raw(server), {}
        self.raw.ok("SELECT INBOX")
        for n, search in enumerate(SEARCHES):
            self.results[str(n)] = []
            self.raw.send(f"{n} {search % 'UPDATE ALL'}\r\n".encode())
            self.take(str(n).encode())

    def take(self, tag):
        line = self.raw.line()
        while not line.startswith(tag + b" "):
            self.untagged(line)
            line = self.raw.line()
        assert line.startswith(tag + b" OK"), line

    def untagged(self, line):
        assert b"NOUPDATE" not in line, line
        m = re.match(rb'\* ESEARCH \(TAG "(\w+)"\) UID(?: (ALL) ([\d,:]+)| (ADDTO|REMOVEFROM) \((.*)\))?$', line)
        if not m:
            return
        tag = m[1].decode()
        placed = PLACED in SEARCHES[int(tag)]
        if m[2]:
            self.results[tag] = list(numbers(m[3].decode()))
        elif m[4]:
            words = m[5].decode().split()
            for place, uids in zip(words[::2], words[1::2]):
                self.change(self.results[tag], m[4] == b"ADDTO", int(place), list(numbers(uids)), placed)

    @staticmethod
    def change(result, add, place, uids, placed):
        assert bool(place) == placed
        if add and placed:
            assert place <= len(result) + 1
            result[place - 1:place - 1] = uids
        elif placed:
            assert result[place - 1:place - 1 + len(uids)] == uids, (result, place, uids)
            del result[place - 1:place - 1 + len(uids)]
        elif add:
            assert not set(uids) & set(result)
            result[:] = sorted(result + uids)
        else:
            assert set(uids) <= set(result)
            result[:] = [uid for uid in result if uid not in uids]

    def check(self):
        self.raw.send(b"noop NOOP\r\n")
        self.take(b"noop")
        for n, search in enumerate(SEARCHES):
            line, = [x for x in self.raw.ok(search % "ALL") if x.startswith(b"* ESEARCH")]
            m = re.search(rb"ALL ([\d,:]+)", line)
            assert self.results[str(n)] == (list(numbers(m[1].decode())) if m else []), (SEED, n, line)


def act(raw, rng, uid_next):
    """One change; True if a message came."""
    uids = ",".join(str(rng.randint(1, uid_next)) for _ in range(rng.randint(1, 6)))
    kind = rng.choice(["append", "append", "store", "store", "store", "expunge", "copy", "noop"])
    if kind == "append":
        text = f"Subject: {rng.choice(['odd', 'even', 'Re: odd', 'zoo'])} {rng.randint(1, 9)}\r\n\r\n"
        raw.ok(f"APPEND INBOX ({rng.choice(['', chr(92) + 'Seen'])}) {{{len(text)}+}}\r\n{text}")
    elif kind == "store":
        flag = rng.choice(["\\Seen", "\\Flagged", "\\Deleted"])
        raw.ok(f"UID STORE {uids} {rng.choice('+-')}FLAGS{rng.choice(['', '.SILENT'])} ({flag})")
    elif kind == "expunge":
        raw.ok(rng.choice(["EXPUNGE", f"UID EXPUNGE {uids}"]))
    elif kind == "copy":
        raw.ok(f"UID COPY {uids} INBOX")
    else:
        raw.ok("NOOP")
    return 1 if kind == "append" else 6 if kind == "copy" else 0


def test_results_are_what_a_search_finds(server):
    rng = random.Random(SEED)
    watchers = [Watcher(server) for _ in range(2)]
    others = [Raw(server) for _ in range(2)]
    for raw in others:
        raw.ok("SELECT INBOX")
    uid_next, end = 1, time.monotonic() + SECONDS
    while time.monotonic() < end:
        for _ in range(8):
            uid_next += act(rng.choice(others), rng, uid_next)
        for watcher in watchers:
            watcher.check()
    for raw in [w.raw for w in watchers] + others:
        raw.close()


@pytest.mark.parametrize("search", SEARCHES)
def test_idle_tells_them(server, search):
    watcher, other = Watcher(server), Raw(server)
    other.ok("SELECT INBOX")
    watcher.raw.send(b"idle IDLE\r\n")
    watcher.raw.line()
    before = {tag: list(result) for tag, result in watcher.results.items()}
    text = "Subject: odd 5\r\n\r\n"
    other.ok(f"APPEND INBOX (\\Flagged) {{{len(text)}+}}\r\n{text}")
    tag = str(SEARCHES.index(search))
    while watcher.results[tag] == before[tag]:
        watcher.untagged(watcher.raw.line())
    watcher.raw.send(b"DONE\r\n")
    watcher.take(b"idle")
    watcher.check()
    watcher.raw.close()
    other.close()
