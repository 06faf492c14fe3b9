"""How many may connect at a time: in all, and from one address; each limit with its own answer."""
import contextlib
import socket

import pytest

from conftest import wait_for

TOTAL = {"smtp": b"421 4.3.2 ", "pop3": b"-ERR [SYS/TEMP] too many connections,",
         "imap": b"* BYE [UNAVAILABLE] "}
PER_ADDRESS = {"smtp": b"421 4.7.0 ", "pop3": b"-ERR [SYS/TEMP] too many connections from your",
               "imap": b"* BYE [LIMIT] "}


def limit(server, option):
    """The limit in each section listen, which init has written."""
    path = server.dir / "veredus.conf"
    lines = [line for line in path.read_text().splitlines() if "max-sessions" not in line]
    text = "\n".join(f"{option}\n{line}" if line.lstrip().startswith("address =") else line
                     for line in lines)
    path.write_text(text + "\n")


def greeting(server, name, host="127.0.0.1"):
    client = socket.create_connection((host, server.port[name]), timeout=60)
    return client, client.makefile("rb").readline()


@pytest.mark.parametrize("option, answers", [
    ("max-sessions = 2\nmax-sessions-per-address = 0", TOTAL),
    ("max-sessions-per-address = 2", PER_ADDRESS)], ids=["total", "per-address"])
def test_one_too_many(make_server, option, answers):
    server = make_server(start=False)
    limit(server, option)
    server.start()
    for name, answer in answers.items():
        def taken():
            client, line = greeting(server, name)
            if line.startswith(answer):
                client.close()
                return None
            return client
        with contextlib.ExitStack() as stack:
            # Those that looked whether the server runs may still be leaving.
            clients = [stack.enter_context(wait_for(taken, what="a free place")) for _ in "12"]
            refused, line = greeting(server, name)
            stack.enter_context(refused)
            assert line.startswith(answer)
            assert refused.recv(100) == b""
            # IPv6 has a count of its own: another address, another socket.
            other, line = greeting(server, name, "::1")
            stack.enter_context(other)
            assert not line.startswith(answer)
            clients[0].close()
            stack.enter_context(wait_for(taken, what="the place of who left"))
