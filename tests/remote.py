"""An SMTP server that answers by a script, for tests of what sends mail.

    with Remote() as remote:
        remote.script = lambda session, verb, line: "450 4.2.0 later" if verb == "RCPT" else None

The script is asked before each reply ("CONNECT" for the greeting, "." for the end of a message).
It returns the reply's text, None for a friendly one, CLOSE to hang up without a word, SILENCE to
say nothing until the client goes, or bytes to be sent as they are. After a 421 the server hangs up.
Messages that were answered 250 are in `taken`, as they came, with time and envelope. Nobody is greeted
while the event `let_in` is cleared.
"""
import dataclasses
import socket
import ssl
import threading
import time

CLOSE, SILENCE = object(), object()


@dataclasses.dataclass
class Taken:
    sender: str
    recipients: list
    data: bytes
    at: float
    session: "Session"


class Session(threading.Thread):
    """One connection. `number` counts connections from 1, `verbs` what the client said."""

    def __init__(self, remote, sock, number):
        super().__init__(daemon=True)
        self.remote, self.sock, self.number = remote, sock, number
        self.verbs = []
        self.lines = []
        self.tls = None
        self.resumed = False
        self.user = None
        try:
            self.peer = sock.getpeername()[0] if sock.family != socket.AF_UNIX else None
        except OSError:     # it has gone again
            self.peer = None

    def run(self):
        try:
            self.talk()
        except (OSError, ValueError):
            pass
        finally:
            with self.remote.lock:
                self.remote.open.discard(self)
            self.hang_up()
            self.sock.close()

    def hang_up(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def talk(self):
        self.file = self.sock.makefile("rb")
        self.reset()
        self.remote.let_in.wait()
        if not self.answer("CONNECT", ""):
            return
        while raw := self.file.readline(100_000):
            line = raw.decode("latin-1").rstrip("\r\n")
            verb = line.split(" ")[0].upper()[:8]
            self.lines.append(line)
            self.verbs.append(verb)
            if not (self.take_chunk(line) if verb == "BDAT" else self.answer(verb, line)):
                return

    def reset(self):
        self.sender, self.recipients, self.chunks = None, [], b""

    def answer(self, verb, line):
        reply = self.remote.script(self, verb, line) if self.remote.script else None
        if reply is None:
            reply = self.friendly(verb, line)
        if not self.say(reply):
            return False
        return isinstance(reply, bytes) or self.follow(verb, line, reply)

    def say(self, reply):
        """False: hang up."""
        if reply is SILENCE:
            while self.sock.recv(65536):
                pass
        if reply is CLOSE or reply is SILENCE:
            return False
        self.sock.sendall(reply if isinstance(reply, bytes) else reply.encode() + b"\r\n")
        return isinstance(reply, bytes) or not reply.startswith("421")

    def friendly(self, verb, line):
        if verb == "CONNECT":
            return "220 remote.test ESMTP"
        if verb == "EHLO":
            offered = list(self.remote.extensions)
            if self.remote.certificate and not self.tls:
                offered.append("STARTTLS")
            if self.remote.users:
                offered.append("AUTH PLAIN LOGIN")
            words = ["remote.test", *offered]
            return "\r\n".join(f"250{'-' if i < len(words) - 1 else ' '}{w}"
                               for i, w in enumerate(words))
        if verb == "DATA" and not self.recipients:
            return "503 5.5.1 nobody to send to"
        return {"DATA": "354 go on", "QUIT": "221 2.0.0 bye", "STARTTLS": "220 2.0.0 go on",
                ".": "250 2.0.0 taken", "AUTH": self.authenticate(line)}.get(verb, "250 2.0.0 ok")

    def authenticate(self, line):
        import base64
        words = line.split(" ")
        if len(words) == 3 and words[1].upper() == "PLAIN":
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
            if self.remote.users.get(user) == password:
                self.user = user
                return "235 2.7.0 welcome"
        return "535 5.7.8 no"

    def follow(self, verb, line, reply):
        """What a command that was answered kindly leads to."""
        if verb == "MAIL":
            self.reset()
            self.sender = line[line.find("<") + 1:line.find(">")]
        elif verb == "RCPT" and reply.startswith("2"):
            self.recipients.append(line[line.find("<") + 1:line.find(">")])
        elif verb == "RSET":
            self.reset()
        elif verb == "QUIT":
            return False
        elif verb == "STARTTLS" and reply.startswith("220"):
            # A socket that can be hung up while it is at it.
            self.sock = self.remote.tls_context().wrap_socket(self.sock, server_side=True,
                                                              do_handshake_on_connect=False)
            self.sock.do_handshake()
            self.file = self.sock.makefile("rb")
            self.tls = self.sock.version()
            self.resumed = self.sock.session_reused
        elif verb == "DATA" and reply.startswith("354"):
            return self.take()
        return True

    def take_chunk(self, line):
        """BDAT: the script is asked at the last one, as for the end of a message."""
        words = line.split(" ")
        size = int(words[1])
        chunk = self.file.read(size)
        if len(chunk) < size:
            return False
        if not self.recipients:
            return self.say("503 5.5.1 nobody to send to")
        self.chunks += chunk
        if words[-1].upper() != "LAST":
            return self.say("250 2.0.0 more")
        return self.taken(self.chunks)

    def take(self):
        data = b""
        while not (data.endswith(b"\r\n.\r\n") or data == b".\r\n"):
            line = self.file.readline()
            if not line:
                return False
            data += line
        data = data[:-3].replace(b"\r\n..", b"\r\n.")
        self.data = data[1:] if data.startswith(b".") else data
        return self.taken(self.data)

    def taken(self, data):
        taken = Taken(self.sender, self.recipients, data, time.monotonic(), self)
        reply = self.remote.script(self, ".", "") if self.remote.script else None
        if reply is None or (isinstance(reply, str) and reply.startswith("2")):
            with self.remote.lock:
                self.remote.taken.append(taken)
        self.reset()
        return self.say(reply or "250 2.0.0 taken")


class Remote:
    def __init__(self, script=None, extensions=("PIPELINING", "8BITMIME", "SIZE 10000000"),
                 certificate=None, users=None, address="127.0.0.1", port=0):
        self.script, self.extensions = script, extensions
        self.certificate, self.users = certificate, users or {}
        self.taken, self.sessions, self.open = [], [], set()
        self.lock = threading.Lock()
        self.let_in = threading.Event()
        self.let_in.set()
        self.context = None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=200)
        self.port = self.listener.getsockname()[1]

    def tls_context(self):
        """One for all sessions, so that they can be resumed; set `context` to None for another."""
        with self.lock:  # a session on another thread never sees one without its certificate
            if not self.context:
                self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.context.load_cert_chain(*self.certificate)
            return self.context

    def __enter__(self):
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()   # else it might go on with what gets this descriptor next
        self.listener.close()
        self.let_in.set()
        self.hang_up()

    def hang_up(self):
        """Ends all connections that are open."""
        with self.lock:
            for session in self.open:
                session.hang_up()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                return
            with self.lock:
                session = Session(self, sock, len(self.sessions) + 1)
                self.sessions.append(session)
                self.open.add(session)
            session.start()
