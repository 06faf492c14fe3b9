"""How the server starts, is spoken to over its control socket, and ends."""
import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import PASSWORD, VEREDUS, wait_for


def ask(server, *lines):
    """Sends lines over the control socket; returns what came back, as text."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(server.dir / "control.sock"))
        s.sendall(b"".join(lines))
        s.shutdown(socket.SHUT_WR)
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    return data.decode()


def test_control_socket_answers_each_line(make_server):
    s = make_server()
    answers = [json.loads(line) for line in ask(
        s, b'{"command":"domain.list"}\n', b"no json\n", b'{"command":"none"}\n',
        b'{"command":"domain.add"}\n', b'{"command":"user.list"}\n').splitlines()]
    assert answers[0] == {"item": {"domain": "example.test", "catch_all": None}}
    assert answers[1] == {"ok": True}
    assert [a.get("ok") for a in answers[2:5]] == [False, False, False]
    assert all(a["error"] for a in answers[2:5])
    assert [a["item"]["address"] for a in answers[5:7]] == ["alice@example.test",
                                                            "bob@example.test"]
    assert answers[7] == {"ok": True}


def test_control_socket_survives_nonsense(make_server):
    s = make_server()
    for junk in (b"\0" * 1000 + b"\n", b"[" * 50000 + b"\n", b"x" * 200000 + b"\n", b"\xff\xfe\n",
                 b'{"command":"user.add","address":"' + b"a" * 50000 + b'@example.test"}\n',
                 b"GET /metrics\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n"):
        ask(s, junk)
    assert "200 OK" in ask(s, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "404" in ask(s, b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
    assert s.cli("status").returncode == 0


def test_control_socket_is_the_owners(make_server):
    s = make_server()
    assert (s.dir / "control.sock").stat().st_mode & 0o777 == 0o600
    assert s.dir.stat().st_mode & 0o077 == 0
    for name in ("veredus.conf", "veredus.db", "certificate.key"):
        assert (s.dir / name).stat().st_mode & 0o077 == 0, name


def test_bad_certificate_keeps_the_old_one(make_server):
    s = make_server()
    (s.dir / "certificate.pem").write_text("nonsense")
    s.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "server.reload" in s.log_text(), what="the reload")
    assert "remedy=" in s.log_text()
    s.imap().logout()


def test_service_manager_is_told(make_server):
    s = make_server(start=False)
    with tempfile.TemporaryDirectory() as path, socket.socket(socket.AF_UNIX,
                                                              socket.SOCK_DGRAM) as manager:
        manager.bind(f"{path}/notify")
        manager.settimeout(30)
        s.start(env={"NOTIFY_SOCKET": f"{path}/notify"})
        assert manager.recv(100) == b"READY=1"
        s.stop()
        assert manager.recv(100) == b"STOPPING=1"


def test_port_that_is_taken_is_named(make_server):
    s = make_server(start=False)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", s.port["pop3"]))
        other.listen()
        result = s.cli("serve", check=False)
    assert result.returncode == 1
    assert f"127.0.0.1:{s.port['pop3']}" in result.stderr and "remedy=" in result.stderr
    assert s.cli("user", "list").returncode == 0


def test_long_directory():
    with tempfile.TemporaryDirectory() as top:
        path = pathlib.Path(top) / ("x" * 120)
        run = lambda *words, **more: subprocess.run([VEREDUS, "-d", path, *words], text=True,
                                                    capture_output=True, timeout=60, **more)
        assert run("init", "--domain", "long.test", "--port-offset", "31000").returncode == 0
        with open(path / "veredus.conf", "w") as f:
            f.write("hostname = mx.long.test\nlisten smtp { address = \"127.0.0.1:0\" }\n")
        server = subprocess.Popen([VEREDUS, "-d", path, "serve"], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: '"running":true' in run("status", "--json").stdout, what="the server")
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_given_up(make_server):
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        path = pathlib.Path(top) / "mail"
        run = lambda *words, **more: subprocess.run([VEREDUS, "-d", path, *words], text=True,
                                                    capture_output=True, timeout=60, **more)
        assert run("init", "--domain", "u.test", "--user", "nobody").returncode == 0
        nobody = pwd.getpwnam("nobody").pw_uid
        text = (path / "veredus.conf").read_text()
        assert 'user = "nobody"' in text
        (path / "veredus.conf").write_text('hostname = mx.u.test\nuser = nobody\n'
                                           'listen smtp { address = "127.0.0.1:0" }\n')
        assert run("user", "add", "a@u.test", input="pw\n").returncode == 0
        assert all(p.stat().st_uid == nobody for p in path.rglob("*"))
        server = subprocess.Popen([VEREDUS, "-d", path, "serve"], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: '"running":true' in run("status", "--json").stdout, what="the server")
            status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
            assert f"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}" in status
            assert "NoNewPrivs:\t1" in status
            assert (path / "control.sock").stat().st_uid == nobody
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0


def test_commands_wait_for_each_other(make_server):
    """Without a server commands take turns; while one starts none fails. Few enough for the last to
    have its turn in the time that a command waits for it, however slow the machine."""
    s = make_server(start=False, accounts=())
    failed = []

    def add(number):
        result = s.cli("user", "add", f"u{number}@example.test", input=PASSWORD + "\n", check=False)
        if result.returncode != 0:
            failed.append(result.stderr)

    threads = [threading.Thread(target=add, args=(i,)) for i in range(6)]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 2:
            s.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(json.loads(s.cli("user", "list", "--json").stdout)) == 6
