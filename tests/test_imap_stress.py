"""Many sessions in the same mailbox do what comes to their minds, and each untagged answer is checked
against a model of what its client must believe.

Sessions differ: some know nothing of extensions, some have CONDSTORE, QRESYNC or IMAP4rev2 enabled. In
each round several of them get a command before any answer is read. A client's model is changed by what
the server tells and by nothing else (but for what STORE.SILENT asks it to know); now and then all is
quiet, and every model must be what the mailbox is, and what a client that comes back by QRESYNC makes
of an older state.

VEREDUS_STRESS_SEED and VEREDUS_STRESS_SECONDS make another or a longer run; a failure tells the seed
and what was said on the connection."""
import collections
import os
import random
import re
import time

import pytest

from test_imap import Raw

SEED = int(os.environ.get("VEREDUS_STRESS_SEED", "1"))
SECONDS = float(os.environ.get("VEREDUS_STRESS_SECONDS", "18"))
SESSIONS = 7
FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Red", "$Blue"]
MESSAGES_MAX = 300


class Entry:
    """A message as the client knows it; None is what it was not told yet."""

    def __init__(self, uid=None, flags=None, mod_seq=0):
        self.uid, self.flags, self.mod_seq = uid, flags, mod_seq

    def __repr__(self):
        return f"{self.uid}:{sorted(self.flags or ())}"


def numbers(text):
    """Of a sequence-set, without "*"."""
    for part in text.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def as_set(values):
    return ",".join(str(v) for v in values)


class Client:
    def __init__(self, server, name, enable, rng):
        self.raw, self.name, self.rng = Raw(server), name, rng
        self.qresync, self.rev2 = "QRESYNC" in enable, "IMAP4rev2" in enable
        self.condstore = self.qresync or "CONDSTORE" in enable
        self.said = collections.deque(maxlen=60)
        self.pending = self.silent = None
        self.idling = False
        self.doubts = []
        self.highest = 0
        if enable:
            self.raw.ok("ENABLE " + " ".join(enable))
        self.select()

    def fail(self, why):
        raise AssertionError(f"seed {SEED}, {self.name}: {why}\nmodel: {self.box}\n" +
                             "\n".join(self.said))

    def expect(self, condition, why):
        if not condition:
            self.fail(why)

    # --- what the server says ------------------------------------------------------------

    def untagged(self, line, holds):
        text = line.decode()
        self.said.append(f"S: {text}")
        if m := re.fullmatch(r"\* (\d+) EXISTS", text):
            self.exists(int(m[1]))
        elif m := re.fullmatch(r"\* (\d+) EXPUNGE", text):
            self.expect(not self.qresync, "EXPUNGE with QRESYNC")
            self.expect(not holds, "EXPUNGE while numbers must stay")
            self.expect(1 <= int(m[1]) <= len(self.box), "EXPUNGE of no message")
            del self.box[int(m[1]) - 1]
        elif m := re.fullmatch(r"\* VANISHED ([\d,:]+)", text):
            self.expect(self.qresync and not holds, "VANISHED at a wrong time")
            self.vanished(set(numbers(m[1])))
        elif m := re.fullmatch(r"\* (\d+) FETCH \((.*)\)", text, re.S):
            self.expect(1 <= int(m[1]) <= len(self.box), "FETCH of no message")
            self.fetched(self.box[int(m[1]) - 1], m[2])
            self.check_order(int(m[1]) - 1)
        elif m := re.fullmatch(r"\* SEARCH((?: \d+)*)(?: \(MODSEQ \d+\))?", text):
            self.found = [int(n) for n in m[1].split()]
        elif m := re.fullmatch(r"\* ESEARCH \(TAG \"\w+\"\)(?: UID)?(?: ALL ([\d,:]+))?", text):
            self.found = list(numbers(m[1])) if m[1] else []
        elif re.match(r"\* (\d+ RECENT|FLAGS|OK|LIST|BYE|STATUS)", text):
            self.expect("BYE" not in text, "good-bye")
        else:
            self.fail(f"unknown answer: {text}")

    def exists(self, count):
        self.expect(count >= len(self.box), f"EXISTS shrinks from {len(self.box)} to {count}")
        self.box += [Entry() for _ in range(count - len(self.box))]

    def vanished(self, uids):
        """A message whose UID was not told yet is one between those next to it; which one is not
        known, nor any more what flags the others there have."""
        known = {e.uid for e in self.box if e.uid}
        for uid in sorted(uids - known):
            first = max((i + 1 for i, e in enumerate(self.box) if e.uid and e.uid < uid), default=0)
            last = first
            while last < len(self.box) and not self.box[last].uid:
                self.box[last] = Entry()
                last += 1
            self.expect(last > first, f"{uid} vanishes and is not there")
            del self.box[first]
        self.box = [e for e in self.box if e.uid not in uids]

    def fetched(self, entry, items):
        if m := re.search(r"\bUID (\d+)", items):
            self.expect(entry.uid in (None, int(m[1])), f"UID {m[1]} was {entry.uid}")
            entry.uid = int(m[1])
        if m := re.search(r"\bFLAGS \(([^)]*)\)", items):
            entry.flags = frozenset(m[1].split()) - {"\\Recent"}
            self.expect("MODSEQ" in items or not self.condstore, "flags without MODSEQ")
        if m := re.search(r"\bMODSEQ \((\d+)\)", items):
            self.expect(int(m[1]) >= entry.mod_seq, "MODSEQ goes backwards")
            entry.mod_seq = int(m[1])

    def check_order(self, index):
        uid = self.box[index].uid
        before = max((e.uid for e in self.box[:index] if e.uid), default=0)
        after = min((e.uid for e in self.box[index + 1:] if e.uid), default=uid and uid + 1)
        self.expect(uid is None or before < uid < after, f"UIDs out of order at {index + 1}")

    # --- what the client says ------------------------------------------------------------

    def start(self, text, holds=False):
        self.said.append(f"C: {text}")
        self.pending = (self.raw.start(text), holds)
        self.found = None

    def finish(self, ok=True):
        tag, holds = self.pending
        while True:
            line = self.raw.line()
            self.expect(line, "the connection is gone")
            if line.startswith(tag + b" "):
                break
            if not line.startswith(b"+ "):
                self.untagged(line, holds)
        self.said.append(f"S: {line.decode()}")
        self.pending = None
        status = line.split()[1]
        self.expect(status == b"OK" or not ok or b"[EXPUNGEISSUED]" in line, "not OK")
        if m := re.search(rb"\[HIGHESTMODSEQ (\d+)\]", line):
            self.expect(int(m[1]) >= self.highest, "HIGHESTMODSEQ goes backwards")
            self.highest = int(m[1])
        return line.decode()

    def ask(self, text, **options):
        self.start(text, **options)
        return self.finish()

    def select(self):
        self.box, self.doubts = [], []
        self.said.append("C: SELECT")
        lines = self.raw.ok("SELECT INBOX")
        for line in lines:
            if b"EXISTS" in line:
                self.box = [Entry() for _ in range(int(line.split()[1]))]
        if self.box:
            self.ask("FETCH 1:* (UID FLAGS)", holds=True)

    def some_seqs(self):
        count = self.rng.randint(1, min(6, len(self.box)))
        picked = sorted(self.rng.sample(range(1, len(self.box) + 1), count))
        if self.rng.random() < 0.2:
            return list(range(picked[0], len(self.box) + 1)), f"{picked[0]}:*"
        return picked, as_set(picked)

    def some_uids(self):
        known = [e.uid for e in self.box if e.uid]
        if not known:
            return [1], "1"
        picked = sorted(self.rng.sample(known, self.rng.randint(1, min(6, len(known)))))
        return picked, as_set(picked)

    def store(self):
        by_uid = self.rng.random() < 0.5
        picked, text = self.some_uids() if by_uid else self.some_seqs()
        sign = self.rng.choice(["+", "-", "", "+"])
        flags = frozenset(self.rng.sample(FLAGS, self.rng.randint(1, 2)))
        silent = self.rng.random() < 0.4
        known = [e for i, e in enumerate(self.box, 1)
                 if (e.uid if by_uid else i) in picked and e.flags is not None]
        self.start(f"{'UID ' * by_uid}STORE {text} {sign}FLAGS{'.SILENT' * silent} "
                   f"({' '.join(sorted(flags))})", holds=not by_uid)
        if silent:
            for e in known:
                e.flags = e.flags | flags if sign == "+" else e.flags - flags if sign else flags

    def search(self):
        flag = self.rng.choice(FLAGS)
        key = f"KEYWORD {flag}" if flag[0] == "$" else flag[1:].upper()
        by_uid = self.rng.random() < 0.5
        if self.rng.random() < 0.3:
            key = "NOT " + key
        sure = {(e.uid if by_uid else i): e for i, e in enumerate(self.box, 1)
                if e.flags is not None and (e.uid or not by_uid)}
        wanted = {n for n in sure if (flag in sure[n].flags) != key.startswith("NOT")}
        self.start(f"{'UID ' * by_uid}SEARCH {key}", holds=not by_uid)
        return wanted, sure

    def act(self):
        """Starts a command; returns what is to be checked when it is done."""
        kinds = ["append", "noop", "idle", "select"] + \
            ["store", "store", "store", "search", "fetch", "expunge", "copy", "move"] * bool(self.box)
        if len(self.box) > MESSAGES_MAX:
            kinds = ["move", "expunge"]
        kind = self.rng.choice(kinds)
        if kind == "append":
            flags = " ".join(self.rng.sample(FLAGS, 2))
            text = b"Subject: x\r\n\r\nbody\r\n"
            more = b" {%d+}\r\n%b" % (len(text), text) if self.rng.random() < 0.3 else b""
            self.start(b"APPEND INBOX (%b) {%d+}\r\n%b%b" % (flags.encode(), len(text), text, more))
        elif kind == "store":
            self.store()
        elif kind == "search":
            return self.search()
        elif kind == "fetch":
            text = self.some_seqs()[1]
            items = self.rng.choice(["FLAGS", "(UID FLAGS)", "(UID ENVELOPE)", "(UID BODY[TEXT]<0.1>)",
                                     "(UID FLAGS) (CHANGEDSINCE 20)"])
            self.condstore |= "CHANGED" in items
            self.start(f"FETCH {text} {items}", holds=True)
        elif kind == "expunge":
            self.start(self.rng.choice(["EXPUNGE", f"UID EXPUNGE {self.some_uids()[1]}"]))
        elif kind in ("copy", "move"):
            target = "INBOX" if kind == "copy" else "Trash"
            self.start(f"UID {kind} {self.some_uids()[1]} {target}")
        elif kind == "idle":
            self.start("IDLE")
            self.expect(self.raw_line().startswith(b"+ "), "no IDLE")
            self.idling = True
        elif kind == "select":
            self.start("CHECK")
        else:
            self.start("NOOP")
        return None

    def raw_line(self):
        line = self.raw.line()
        while not line.startswith(b"+ "):
            self.untagged(line, False)
            line = self.raw.line()
        return line

    def settle(self, check):
        if self.idling:
            self.raw.send(b"DONE\r\n")
            self.idling = False
        self.finish(ok=check is None)
        if check and self.found is not None:
            self.compare(*check)


    def compare(self, wanted, sure):
        """Of what was expunged meanwhile, and not told yet, STORE.SILENT changes nothing more."""
        for number in (set(self.found) & set(sure)) ^ wanted:
            self.doubts.append(sure[number])

    def resolve(self):
        self.expect(not any(e in self.box for e in self.doubts), f"wrongly found: {self.doubts}")
        self.doubts = []


class Stress:
    def __init__(self, server):
        self.server, self.rng = server, random.Random(SEED)
        enables = [[], ["CONDSTORE"], ["QRESYNC"], ["IMAP4rev2"], ["QRESYNC", "IMAP4rev2"], [], ["QRESYNC"]]
        self.clients = [Client(server, f"client {i} {enable}", enable, self.rng)
                        for i, enable in zip(range(SESSIONS), enables)]
        self.old_states = []
        self.commands = 0

    def round(self):
        busy = self.rng.sample(self.clients, self.rng.randint(1, 4))
        started = [(client, client.act()) for client in busy]
        self.rng.shuffle(started)
        for client, check in started:
            client.settle(check)
        self.commands += len(started)
        if self.rng.random() < 0.03:
            self.rng.choice(self.clients).select()

    def quiet(self):
        """Every model is the mailbox."""
        for client in self.clients:
            client.ask("NOOP")
            client.resolve()
        truth = None
        for client in self.clients:
            before = [(e.uid, e.flags) for e in client.box]
            if client.box:
                client.ask("FETCH 1:* (UID FLAGS)", holds=True)
            now = [(e.uid, e.flags) for e in client.box]
            for (uid, flags), (uid_now, flags_now) in zip(before, now):
                client.expect(uid in (None, uid_now) and flags in (None, flags_now),
                              f"believed {uid} {flags}, is {uid_now} {flags_now}")
            client.expect(truth is None or now == truth, f"others see {truth}")
            truth = now
        self.come_back(dict(truth))

    def come_back(self, truth):
        """QRESYNC makes the mailbox out of any older state."""
        client = Client(self.server, "comes back", ["QRESYNC"], self.rng)
        lines = client.raw.ok("SELECT INBOX")
        highest, = (int(m[1]) for line in lines if (m := re.search(rb"HIGHESTMODSEQ (\d+)", line)))
        validity, = (m[1] for line in lines if (m := re.search(rb"UIDVALIDITY (\d+)", line)))
        for mod_seq, state in self.old_states:
            state = dict(state)
            lines = client.raw.ok(f"SELECT INBOX (QRESYNC ({validity.decode()} {mod_seq}))")
            for line in lines:
                if m := re.match(rb"\* VANISHED \(EARLIER\) (.*)", line):
                    for uid in numbers(m[1].decode()):
                        state.pop(uid, None)
                elif m := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line):
                    state[int(m[1])] = frozenset(m[2].decode().split()) - {"\\Recent"}
            assert state == truth, (SEED, mod_seq, lines)
        client.raw.close()
        self.old_states = self.rng.sample(self.old_states, min(4, len(self.old_states)))
        self.old_states.append((highest, truth))


@pytest.mark.parametrize("what", ["random sessions"])
def test_what_is_told_is_what_is(server, what):
    stress = Stress(server)
    end = time.monotonic() + SECONDS
    rounds = 0
    while time.monotonic() < end or stress.commands <= 200:
        for _ in range(25):
            stress.round()
        stress.quiet()
        rounds += 25
    print(f"{stress.commands} commands in {rounds} rounds")
    for client in stress.clients:
        client.raw.close()
