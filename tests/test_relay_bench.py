"""veredus bench: the load generator and the sink, against each other and against a server."""
import json
import subprocess

import pytest

from conftest import PASSWORD, VEREDUS, wait_for
from remote import Remote


@pytest.fixture
def sink():
    process = subprocess.Popen([VEREDUS, "bench", "sink", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().split()[-1])
    yield port, process
    if process.poll() is None:
        process.terminate()
    assert process.wait(30) == 0


def bench(port, *args, status=0):
    result = subprocess.run([VEREDUS, "bench", "smtp", "--server", f"127.0.0.1:{port}", "--json",
                             *args], capture_output=True, text=True, timeout=120)
    assert result.returncode == status, result.stderr + result.stdout
    return json.loads(result.stdout)


# A session that comes late on a busy machine finds nothing left to send.
@pytest.mark.parametrize("options, least, most", [
    ([], 1, 4), (["--no-pipelining"], 1, 4), (["--no-reuse"], 200, 200),
    (["--workers", "2"], 1, 4)])
def test_bench_and_sink(sink, options, least, most):
    port, process = sink
    result = bench(port, "--to", "u%d@x.test", "--sessions", "4", "--messages", "200",
                   "--recipients", "3", "--size", "2000", *options)
    assert (result["messages"], result["recipients"], result["errors"]) == (200, 600, 0)
    assert least <= result["connections"] <= most
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    process.terminate()
    assert process.stdout.read().startswith("200 messages, ")


def test_what_is_sent():
    with Remote() as remote:
        bench(remote.port, "--to", "u%d@x.test", "--from", "s%d@y.test", "--users", "3",
              "--messages", "5", "--sessions", "1", "--size", "5000")
        wait_for(lambda: len(remote.taken) == 5)
        assert [t.recipients[0] for t in remote.taken] == [f"u{i % 3}@x.test" for i in range(5)]
        assert [t.sender for t in remote.taken] == [f"s{i}@y.test" for i in range(5)]
        assert len({t.data for t in remote.taken}) == 5   # each has its own Message-ID
        assert all(4900 <= len(t.data) <= 5200 and t.data.endswith(b"\r\n") for t in remote.taken)


def test_errors_are_counted():
    def script(session, verb, line):
        return "550 5.1.1 no such user" if verb == "RCPT" and "u1@" in line else None
    with Remote(script) as remote:
        result = bench(remote.port, "--to", "u%d@x.test", "--users", "2", "--messages", "10",
                       "--sessions", "1", status=1)
        assert (result["messages"], result["errors"]) == (5, 5)
        assert result["failures"] == {"550 5.1.1 no such user": 5}


def test_against_a_server_with_tls_and_login(server):
    result = bench(server.port["submission"], "--to", "bob@example.test", "--from",
                   "alice@example.test", "--messages", "20", "--sessions", "2", "--tls", "starttls",
                   "--user", f"alice@example.test,{PASSWORD}")
    assert (result["messages"], result["errors"]) == (20, 0)
    assert len(server.messages("bob")) == 20
    result = bench(server.port["submissions"], "--to", "bob@example.test", "--from",
                   "alice@example.test", "--seconds", "1", "--sessions", "2", "--tls", "implicit",
                   "--user", f"alice@example.test,{PASSWORD}")
    assert result["messages"] > 0 and result["errors"] == 0
    result = bench(server.port["submission"], "--to", "bob@example.test", "--messages", "2",
                   "--sessions", "1", "--tls", "starttls", "--user", "alice@example.test,wrong",
                   status=1)
    assert (result["messages"], result["errors"]) == (0, 2)
    [why] = result["failures"]
    assert "535 5.7.8" in why


def test_no_server():
    result = subprocess.run([VEREDUS, "bench", "smtp", "--server", "127.0.0.1:1", "--to", "x@y.test",
                             "--messages", "3"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "connection refused" in result.stdout
