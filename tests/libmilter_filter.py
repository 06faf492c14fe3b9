"""A milter over the real libmilter (python3-milter): does what fields X-Do of a message say.

usage: libmilter_filter.py SOCKET
"""
import sys

import Milter


class Obedient(Milter.Base):
    """Steps that it spares us are said in the negotiation, by decorators."""

    def __init__(self):
        self.id = Milter.uniqueID()
        self.todo, self.seen, self.size = [], [], 0

    @Milter.noreply
    def connect(self, name, family, address):
        self.seen.append(f"{name} {address[0]}")
        return Milter.CONTINUE

    @Milter.nocallback
    def hello(self, name):
        raise AssertionError("it asked not to hear of HELO")

    def envfrom(self, sender, *arguments):
        self.seen.append(sender)
        return Milter.CONTINUE

    @Milter.noreply
    def envrcpt(self, recipient, *arguments):
        self.seen.append(recipient)
        return Milter.CONTINUE

    @Milter.noreply
    def header(self, name, value):
        if name == "X-Do":
            self.todo.append(value.split("|"))
        if name == "Authentication-Results":
            self.seen.append(value.split()[0])
        return Milter.CONTINUE

    def body(self, chunk):
        self.size += len(chunk)
        return Milter.SKIP if self.size > 100000 else Milter.CONTINUE

    def eom(self):
        self.progress()
        for what, *words in self.todo:
            if what == "reply":
                self.setreply(*words)
                return Milter.REJECT
            if what == "discard":
                return Milter.DISCARD
            getattr(self, what)(*[int(w) if w.isdigit() else w for w in words])
        self.addheader("X-Seen", " ".join(self.seen))
        self.addheader("X-Queue-Id", self.getsymval("i"))
        self.addheader("X-Body-Size", str(self.size))
        return Milter.ACCEPT


Milter.factory = Obedient
Milter.set_flags(Milter.ADDHDRS + Milter.CHGHDRS + Milter.CHGBODY + Milter.ADDRCPT + Milter.DELRCPT
                 + Milter.QUARANTINE + Milter.CHGFROM)
Milter.runmilter("obedient", "unix:" + sys.argv[1], 30)
