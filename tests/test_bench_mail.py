"""The load generators for IMAP and POP3: they ask, check, and count."""
import contextlib
import json
import socket
import threading

import pytest

from conftest import PASSWORD


def bench(server, protocol, port, *options, check=True):
    result = server.cli("bench", protocol, "--server", f"127.0.0.1:{port}", "--seconds", "2",
                        "--user", f"user%d@example.test,{PASSWORD}", "--json", *options, check=check)
    return json.loads(result.stdout)


def bench_until(done, *args):
    """For longer, where two seconds are too short for this machine."""
    for seconds in "2", "10", "50":
        result = bench(*args, "--seconds", seconds, check=False)
        if result["errors"] or done(result["ops"]):
            break
    return result


@pytest.fixture(scope="module")
def filled(server):
    for i in range(4):
        server.cli("user", "add", f"user{i}@example.test", input=PASSWORD + "\n")
        with server.smtp() as smtp:
            for n in range(5):
                smtp.sendmail("a@remote.test", [f"user{i}@example.test"],
                              f"Subject: {n}\r\n\r\n.dot\r\n..\r\n" + "x" * 3000 + "\r\n")
    return server


SAFE = ("--tls", "starttls", "--sessions", "4", "--users", "4")


def test_imap_mix(filled):
    asked = {"login", "select", "flags", "envelope", "body", "store", "append"}
    result = bench_until(lambda ops: set(ops) == asked, filled, "imap", filled.port["imap"], *SAFE)
    assert result["errors"] == 0, result
    assert set(result["ops"]) == asked
    assert result["ops"]["login"]["count"] == 4 and result["bytes"] > 0
    for op in result["ops"].values():
        assert 0 < op["p50_ms"] <= op["p99_ms"] <= op["max_ms"]


def test_imap_logins_and_appends(filled):
    result = bench(filled, "imap", filled.port["imaps"], "--tls", "implicit", "--mode", "login",
                   "--users", "4")
    assert result["errors"] == 0 and set(result["ops"]) == {"login"}, result
    result = bench_until(lambda ops: ops["append"]["count"] > 4, filled, "imap",
                         filled.port["imap"], *SAFE, "--mode", "append", "--folder", "Archive",
                         "--size", "10000")
    assert result["errors"] == 0 and result["ops"]["append"]["count"] > 4, result
    imap = filled.imap("user0")
    assert int(imap.select("Archive")[1][0]) > 0
    imap.logout()


def test_imap_idle(filled):
    result = bench_until(lambda ops: ops.get("notice", {"count": 0})["count"] >= 5, filled, "imap",
                         filled.port["imap"], "--tls", "starttls", "--mode", "idle", "--sessions",
                         "6")
    assert result["errors"] == 0, result
    assert result["ops"]["notice"]["count"] >= 5 <= 5 * result["ops"]["append"]["count"]


def test_pop3(filled):
    asked = {"login", "list", "body"}
    result = bench_until(lambda ops: set(ops) == asked, filled, "pop3", filled.port["pop3"], *SAFE)
    assert result["errors"] == 0 and set(result["ops"]) == asked, result
    result = bench(filled, "pop3", filled.port["pop3s"], "--tls", "implicit", "--mode", "login",
                   "--sessions", "4", "--users", "4")
    assert result["errors"] == 0 and set(result["ops"]) == {"login"}, result


def test_what_is_wrong_is_told(filled):
    """A wrong password, and a server that answers something else than it was asked."""
    result = bench(filled, "imap", filled.port["imaps"], "--tls", "implicit", "--sessions", "1",
                   "--user", "user0@example.test,wrong", check=False)
    assert result["errors"] > 0 and "login" in next(iter(result["failures"]))
    liar = socket.create_server(("127.0.0.1", 0))

    def lie():
        with contextlib.suppress(OSError):
            while True:
                lie_to(liar.accept()[0])

    def lie_to(connection):
        # Who is lied to hangs up, in the middle of an answer or with one unread.
        with connection, connection.makefile("rwb", buffering=0) as f, \
                contextlib.suppress(ConnectionError):
            f.write(b"* OK\r\n")
            for line in f:
                tag, verb = line.split()[:2]
                if verb == b"SELECT":
                    f.write(b"* 3 EXISTS\r\n")
                if verb == b"FETCH":
                    f.write(b"* 1 FETCH (UID 1 RFC822.SIZE 5 BODY[] {3}\r\nabc)\r\n")
                f.write(tag + b" OK\r\n")
    with liar:
        thread = threading.Thread(target=lie, daemon=True)
        thread.start()
        result = bench_until(lambda ops: False, filled, "imap", liar.getsockname()[1], "--sessions",
                             "1")
        liar.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=20)
        assert not thread.is_alive()
    assert result["errors"] > 0 and any("wrong" in f for f in result["failures"]), result
    assert filled.cli("bench", "imap", "--server", "127.0.0.1:1", check=False).returncode == 2
