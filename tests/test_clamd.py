"""ClamAV as a filter: the real clamd with a signature of our own, and one that answers by a script."""
import os
import pathlib
import pwd
import socket
import socketserver
import struct
import subprocess
import threading

import pytest

from conftest import wait_for

EVIL = b"This-Is-Malware-For-A-Test-4711"
FAST = "connect-timeout = 1s command-timeout = 1s message-timeout = 1s total-timeout = 3s"
UNSEEN = "451 4.7.1 It can't be looked at now"


def letter(body):
    return b"Subject: x\r\n\r\n" + body + b"\r\n"


def send(server, body):
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("ann@remote.test")
        smtp.rcpt("alice@example.test")
        code, text = smtp.data(letter(body))
        return f"{code} {text.decode()}"


class Scripted:
    """Reads a message by INSTREAM and answers what `answer` says; None: nothing."""

    def __init__(self):
        self.answer, self.taken, outer = b"stream: OK\0", [], self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                if self.rfile.read(10) != b"zINSTREAM\0":
                    return
                message = b""
                while length := struct.unpack("!I", self.rfile.read(4))[0]:
                    message += self.rfile.read(length)
                outer.taken.append(message)
                if outer.answer is None:
                    self.rfile.read(1)
                else:
                    self.wfile.write(outer.answer)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


def test_by_script(make_server):
    with Scripted() as clamd:
        server = make_server(start=False)
        server.configure(f'filter "clamd" {{ kind = clamd address = "{clamd.address}" }}')
        server.start()
        large = b"\r\n".join([b"y" * 70] * 3000)
        assert send(server, large).startswith("250")
        assert clamd.taken[-1].endswith(large + b"\r\n")
        clamd.answer = b"stream: Some.Worm-1 FOUND\0"
        assert send(server, b"x").startswith("550 5.7.1 Malware found: Some.Worm-1")
        for answer in (b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"", b"x" * 5000,
                       b"stream: \r\n FOUND\0"):
            clamd.answer = answer
            assert send(server, b"x").startswith(UNSEEN), answer
        assert len(server.messages()) == 1


def test_one_that_says_nothing(make_server):
    with Scripted() as clamd:
        server = make_server(start=False)
        server.configure(f'filter "clamd" {{ kind = clamd address = "{clamd.address}" {FAST} }}')
        server.start()
        clamd.answer = None
        assert send(server, b"x").startswith(UNSEEN)
        assert server.messages() == []


def clamd_in(directory):
    """The real one, which knows one signature."""
    (directory / "db").mkdir()
    (directory / "db/test.ndb").write_text(f"Test.Malware:0:*:{EVIL.hex()}\n")
    user = pwd.getpwuid(os.getuid()).pw_name
    (directory / "conf").write_text(
        f"LocalSocket {directory}/socket\nDatabaseDirectory {directory}/db\nForeground yes\n"
        f"User {user}\nTemporaryDirectory {directory}\nStreamMaxLength 1M\nMaxThreads 4\n")
    return subprocess.Popen(["clamd", "-c", directory / "conf"], stdout=subprocess.DEVNULL)


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(b"zPING\0")
            return s.recv(10) == b"PONG\0"
    except OSError:
        return False


@pytest.mark.parametrize("on_found", ["reject", "junk", "discard"])
def test_clamd(make_server, tmp_path_factory, on_found):
    directory = pathlib.Path(tmp_path_factory.mktemp("c"))
    process = clamd_in(directory)
    try:
        wait_for(lambda: answers(directory / "socket"), 60, "clamd")
        server = make_server(start=False)
        server.configure(f'filter "clamd" {{ kind = clamd address = "unix:{directory}/socket" '
                         f"on-found = {on_found} }}")
        server.start()
        assert send(server, b"Hello").startswith("250")
        reply = send(server, b"See: " + EVIL)
        assert reply.startswith("550 5.7.1 Malware found: Test.Malware" if on_found == "reject"
                                else "250"), reply
        assert len(server.messages()) == 1
        junk = server.messages(mailbox="Junk") if on_found == "junk" else []
        assert len(junk) == (on_found == "junk")
        # More than it wants to see.
        assert send(server, b"\r\n".join([b"y" * 70] * 30000)).startswith("451")
    finally:
        process.terminate()
        process.wait(30)
