"""A milter that answers by a script, for tests of what asks milters.

    with Milter() as milter:                   # milter.address: "127.0.0.1:PORT"
        milter.script = lambda talk, command, data: REJECT if command == b"R" else None

The script is asked at each command (b"O", b"C", b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E") and
returns a list of packets, one packet, None for "continue", CLOSE or SILENCE. A packet is bytes: its
letter and data. `talks` has what each connection said: (command, data) pairs, macros as b"D".
"""
import contextlib
import socket
import struct
import threading

CLOSE, SILENCE = object(), object()
CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD = b"c", b"a", b"r", b"t", b"d"
LEADING_SPACE = 0x100000


def add(name, value):
    return b"h" + name + b"\0" + value + b"\0"


def insert(index, name, value):
    return b"i" + struct.pack("!I", index) + name + b"\0" + value + b"\0"


def change(index, name, value):
    return b"m" + struct.pack("!I", index) + name + b"\0" + value + b"\0"


class Milter:
    def __init__(self, path=None):
        self.script = lambda talk, command, data: None
        self.protocol, self.version, self.actions = 0, 6, 0x1FF
        self.talks = []
        self.stop = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(str(path) if path else ("127.0.0.1", 0))
        self.listener.listen(50)
        self.address = f"unix:{path}" if path else "127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()   # else it might go on with what gets this descriptor next
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        talk = []
        self.talks.append(talk)
        with contextlib.suppress(OSError, struct.error), connection, \
                connection.makefile("rb") as stream:
            self.talk(connection, stream, talk)

    def talk(self, connection, stream, talk):
        while True:
            length, = struct.unpack("!I", stream.read(4))
            packet = stream.read(length)
            command, data = packet[:1], packet[1:]
            talk.append((command, data))
            if command == b"Q":
                return
            if command in b"DA" or self.is_quiet(command):
                continue
            answer = self.script(talk, command, data)
            if answer is None:
                answer = CONTINUE
                if command == b"O":
                    answer = b"O" + struct.pack("!III", self.version, self.actions, self.protocol)
            if answer is CLOSE:
                return
            if answer is SILENCE:
                self.stop.wait(30)
                return
            for each in answer if isinstance(answer, list) else [answer]:
                connection.sendall(struct.pack("!I", len(each)) + each)

    def is_quiet(self, command):
        bits = {b"L": 0x80, b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000,
                b"N": 0x40000, b"B": 0x80000}
        return bool(self.protocol & bits.get(command, 0))


def said(talk, command):
    return [data for c, data in talk if c == command]


def macros(talk, command):
    """What stood in the macros of a command."""
    for data in said(talk, b"D"):
        if data[:1] == command:
            words = data[1:].split(b"\0")[:-1]
            return dict(zip(words[::2], words[1::2]))
    return {}
