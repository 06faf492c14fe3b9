"""What failed logins cost. The clients come from many addresses, by the PROXY protocol."""
import base64
import re
import socket
import subprocess
import time

import pytest

from conftest import PASSWORD, free_port, wait_for
from test_smtp import Wire

ALICE = "alice@example.test"
FREE = 5   # failures that cost nothing
WAITERS = 16   # of one client


@pytest.fixture
def behind_proxy(make_server):
    def make(config):
        port = free_port()
        server = make_server(accounts=("alice",), config=config + f"""
listen proxied {{
    protocol = submission
    address = {{ "127.0.0.1:{port}" }}
    auth-without-tls = yes
    proxy-networks = {{ "127.0.0.0/8" }}
    max-sessions-per-address = 0
}}""")
        server.proxied = port
        return server
    return make


class Client:
    def __init__(self, server, address):
        self.sock = socket.create_connection(("127.0.0.1", server.proxied), timeout=60)
        self.file = self.sock.makefile("rb")
        self.sock.sendall(f"PROXY TCP4 {address} 198.51.100.1 1000 25\r\n".encode())
        assert self.reply().startswith("220 ")
        assert self.ask("EHLO client.test").startswith("250 ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def reply(self):
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line

    def ask(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.reply()

    def try_login(self, name, password):
        """Without waiting for the reply."""
        token = base64.b64encode(f"\0{name}\0{password}".encode())
        self.sock.sendall(b"AUTH PLAIN " + token + b"\r\n")

    def login(self, name, password):
        """(the reply, seconds)"""
        start = time.monotonic()
        self.try_login(name, password)
        return self.reply(), time.monotonic() - start


def login(server, address, name, password):
    with Client(server, address) as client:
        return client.login(name, password)


def metric(server, name):
    text = subprocess.run(["curl", "-sS", "--unix-socket", server.dir / "control.sock", "http://x/metrics"],
                          text=True, capture_output=True, timeout=60).stdout
    return int(re.search("^" + re.escape(name) + r" (\d+)$", text, re.M)[1])


def test_each_failure_of_a_client_costs_more(behind_proxy):
    server = behind_proxy("auth { refusal-pause = 0 failure-wait-max = 30s }")
    for number in range(FREE + 1):
        reply, seconds = login(server, "192.0.2.1", f"name{number}@example.test", "x")
        assert reply.startswith("535 5.7.8"), reply
    assert login(server, "192.0.2.1", ALICE, "x")[1] >= 0.9
    reply, seconds = login(server, "192.0.2.1", ALICE, PASSWORD)
    assert reply.startswith("235 ") and seconds >= 1.9
    # Neighbours don't pay for it, whatever it comes to.
    for number in range(4):
        with Client(server, "192.0.2.1") as client:
            client.try_login(f"more{number}@example.test", "x")
    wait_for(lambda: metric(server, 'veredus_logins_total{result="refused"}') == FREE + 6)
    assert login(server, "192.0.2.2", ALICE, PASSWORD)[1] < 8


def test_nobody_is_locked_out_by_others(behind_proxy):
    server = behind_proxy("auth { refusal-pause = 0 failure-wait-max = 30s }")
    for name in (ALICE, "nobody@example.test"):
        for number in range(FREE + 3):
            assert login(server, f"198.51.100.{number + 1}", name, "x")[0].startswith("535 ")
    # From where there were no failures it takes a second; more would be the attacker's success.
    reply, seconds = login(server, "192.0.2.1", ALICE, PASSWORD)
    assert reply.startswith("235 ") and 0.9 <= seconds < 15
    # Who does not exist is as dear to guess at.
    reply, seconds = login(server, "192.0.2.3", "nobody@example.test", "x")
    assert reply.startswith("535 ") and 0.9 <= seconds < 15


def test_a_typo_is_forgiven(behind_proxy):
    server = behind_proxy("auth { refusal-pause = 0 failure-wait-max = 30s }")
    for _ in range(3):
        for number in range(FREE):
            assert login(server, "192.0.2.1", ALICE, f"typo{number}")[0].startswith("535 ")
        reply, seconds = login(server, "192.0.2.1", ALICE, PASSWORD)
        # The second time it would be 16.
        assert reply.startswith("235 ") and seconds < 8


def test_only_so_many_wait(behind_proxy, tmp_path):
    """Nothing is checked for those beyond, so nothing can be learnt from the answer."""
    path = tmp_path / "passwords"   # looked up in no time, so that all come while the first wait
    path.write_text(f"{ALICE}:{{PLAIN}}{PASSWORD}\n")
    server = behind_proxy("auth { refusal-pause = 0 failure-wait-max = 8s }\n"
                          f'passdb quick {{ driver = file file = "{path}" }}')
    for number in range(FREE + 4):
        login(server, "192.0.2.1", f"name{number}@example.test", "x")
    clients = [Client(server, "192.0.2.1") for _ in range(30)]
    start = time.monotonic()
    for number, client in enumerate(clients):
        client.try_login(ALICE, PASSWORD if number % 2 else "x")
    wait_for(lambda: metric(server, "veredus_logins_waiting") == WAITERS)
    # Others come through meanwhile.
    assert login(server, "192.0.2.2", ALICE, PASSWORD)[1] < 6
    answers = [(number, client.reply(), time.monotonic() - start)
               for number, client in enumerate(clients)]
    for client in clients:
        client.__exit__()
    told = [a for a in answers if not a[1].startswith("454 4.7.0")]
    assert WAITERS <= len(told) < 25 and all(seconds >= 1.9 for _, _, seconds in told), told
    for number, reply, _ in told:
        assert reply.startswith("235 " if number % 2 else "535 "), (number, reply)
    assert metric(server, 'veredus_logins_total{result="throttled"}') == 30 - len(told)
    assert metric(server, "veredus_logins_waiting") == 0


def test_the_time_tells_nothing(behind_proxy):
    """The pause is counted from the attempt: what it took to look does not add to it."""
    server = behind_proxy("auth { refusal-pause = 300ms failure-wait-max = 0 }")
    seconds = {name: [] for name in (ALICE, "nobody@example.test", "not an address", "x" * 5000)}
    for _ in range(4):
        for name, list_of in seconds.items():
            reply, took = login(server, "192.0.2.1", name, "x")
            assert reply.startswith("535 5.7.8")
            assert took >= 0.3
            list_of.append(took)
    # The quickest of each: the machine may have more to do than this.
    assert all(min(s) < 6 for s in seconds.values()), seconds


def test_the_journey_tells_of_failures(server):
    with Wire(server, "submissions") as wire:
        wire.expect("EHLO client.test", "250")
        for _ in range(2):
            assert wire.login(password="wrong").startswith("535 5.7.8")
        assert wire.login().startswith("235")
        wire.expect(f"MAIL FROM:<{ALICE}>", "250")
        wire.expect(f"RCPT TO:<{ALICE}>", "250")
        wire.expect("DATA", "354")
        wire.expect("Subject: at last\r\n\r\nhello\r\n.", "250")
    assert "as alice@example.test (failed logins before: 2)" in \
        server.cli("trace", "--from", ALICE).stdout
