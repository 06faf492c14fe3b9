"""The command line as an administrator uses it, with the server stopped and with it running."""
import fcntl
import json
import os
import re
import signal
import subprocess
import tempfile
import threading

import pytest

from conftest import PASSWORD, VEREDUS, Server


@pytest.fixture(params=["stopped", "running"])
def any_server(request, make_server):
    return make_server(start=request.param == "running")


def send(server, to, subject="x", sender="s@remote.test"):
    with server.smtp() as smtp:
        return smtp.sendmail(sender, [to], f"Subject: {subject}\r\n\r\nbody\r\n")


def test_help_names_every_command():
    text = subprocess.run([VEREDUS, "help"], capture_output=True, text=True, check=True).stdout
    for command in ("init", "serve", "user", "alias", "domain", "queue", "trace", "check", "send",
                    "bench", "fsck", "recover"):
        assert re.search(rf"^\s+{command}\b", text, re.M), command
        own = subprocess.run([VEREDUS, "help", command], capture_output=True, text=True)
        assert own.returncode == 0 and command in own.stdout


def test_unknown_command_suggests():
    result = subprocess.run([VEREDUS, "serv"], capture_output=True, text=True)
    assert result.returncode != 0 and "serve" in result.stderr


def test_users(any_server):
    s = any_server
    s.cli("user", "add", "carol@example.test", input="pass one\n")
    assert s.cli("user", "add", "carol@example.test", input="x\n", check=False).returncode != 0
    listed = json.loads(s.cli("user", "list", "--json").stdout)
    assert {u["address"] for u in listed} >= {"alice@example.test", "carol@example.test"}
    s.cli("user", "passwd", "carol@example.test", input="pass two\n")
    s.cli("user", "remove", "carol@example.test")
    assert "carol" not in s.cli("user", "list").stdout


def test_no_password_is_kept_in_clear(make_server):
    s = make_server(start=False)
    for path in s.dir.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_domains_and_aliases(any_server):
    s = any_server
    s.cli("domain", "add", "second.test")
    assert "second.test" in s.cli("domain", "list").stdout
    s.cli("alias", "add", "sales@second.test", "alice@example.test", "bob@example.test")
    listed = json.loads(s.cli("alias", "list", "--json").stdout)
    assert "sales@second.test" in json.dumps(listed)
    if not s.process:
        s.start()
    send(s, "sales@second.test", "to both")
    assert len(s.wait_messages(1, "alice")) == 1
    assert len(s.wait_messages(1, "bob")) == 1
    s.cli("alias", "remove", "sales@second.test")
    with s.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("s@remote.test")
        assert smtp.rcpt("sales@second.test")[0] == 550


def test_bad_words_are_refused(make_server):
    s = make_server(start=False)
    for words in (("user", "add", "not an address"), ("domain", "add", "-bad-.test"),
                  ("alias", "add", "x@example.test"), ("queue", "retry", "nonsense"),
                  ("user", "passwd", "nobody@example.test")):
        result = s.cli(*words, check=False, input="pw\n")
        assert result.returncode != 0 and result.stderr.strip(), words


def test_mistakes_say_how_it_is_written(make_server):
    s = make_server(start=False)

    def said(*words, code=1):
        result = s.cli(*words, check=False)
        assert result.returncode == code, result.stderr
        return result.stderr

    assert "write it with its domain" in said("user", "add", "alice")
    # Only the line of the verb that was meant.
    assert said("user", "quota", "alice@example.test", "lots", code=2).count("usage") == 1
    assert "user passwd" not in said("user", "quota", "alice@example.test", code=2)
    assert "is no Maildir" in said("import", "maildir", "alice@example.test", str(s.dir))
    assert "is in the data directory" in said("backup", str(s.dir / "backup"))
    assert "redirect :copy" in said("alias", "add", "alice@example.test", "x@remote.test")
    other = s.dir / "new"
    result = s.cli("-d", str(other), "init", "--domain", "x.test", "--user", "no-such-user",
                   check=False)
    assert "adduser" in result.stderr and not other.exists()


def test_check_names_line_and_remedy(make_server):
    s = make_server(start=False)
    assert s.cli("check").returncode == 0
    s.configure("smtp { max-recipient = 5 }")
    result = s.cli("check", check=False)
    assert result.returncode != 0
    line = len((s.dir / "veredus.conf").read_text().rstrip().splitlines())
    assert re.search(rf"veredus\.conf:{line}: .*max-recipient.*max-recipients",
                     result.stderr + result.stdout, re.S)


def test_init_is_not_done_twice(make_server):
    s = make_server(start=False)
    result = s.cli("init", "--domain", "other.test", check=False)
    assert result.returncode != 0 and str(s.dir) in result.stderr
    assert "other.test" not in s.cli("domain", "list").stdout


def test_one_server_a_directory(make_server):
    s = make_server()
    second = subprocess.run([VEREDUS, "-d", s.dir, "serve"], capture_output=True, text=True,
                            timeout=60)
    assert second.returncode != 0 and second.stderr.strip()
    send(s, "alice@example.test")


def test_a_command_at_work_does_not_keep_the_server_from_starting(make_server):
    s = make_server(start=False)
    with open(s.dir / "store.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(1, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        s.start()
        send(s, "alice@example.test")


def test_serve_without_init_says_what_to_do():
    with tempfile.TemporaryDirectory() as path:
        result = subprocess.run([VEREDUS, "-d", path, "serve"], capture_output=True, text=True,
                                timeout=60)
        assert result.returncode != 0 and "init" in result.stderr


def test_trace_tells_the_journey(make_server):
    s = make_server()
    with s.smtp() as smtp:
        smtp.sendmail("s@remote.test", ["alice@example.test", "bob@example.test"],
                      "Message-ID: <one@remote.test>\r\nSubject: x\r\n\r\nbody\r\n")
    text = s.cli("trace", "one@remote.test").stdout
    assert "s@remote.test" in text and "alice@example.test" in text and "bob@example.test" in text
    assert "127.0.0.1" in text
    found = s.cli("trace", "--to", "bob@example.test").stdout
    assert found == text
    assert s.cli("trace", "--to", "BOB@example.test", "--from", "s@remote.test").stdout == text
    assert "Nothing is known" in s.cli("trace", "--from", "bob@example.test").stdout
    assert s.cli("trace", "none@remote.test", check=False).returncode != 0
    json.loads(s.cli("trace", "one@remote.test", "--json").stdout)


def test_metrics_count(make_server):
    s = make_server()
    send(s, "alice@example.test")
    text = subprocess.run(["curl", "-sS", "--unix-socket", s.dir / "control.sock",
                           "http://localhost/metrics"], capture_output=True, text=True,
                          check=True).stdout
    values = {m[1]: float(m[2]) for m in re.finditer(r"^(\w+(?:\{.*?\})?) ([\d.e+]+)$", text, re.M)}
    assert any("commits" in name and value >= 1 for name, value in values.items()), text
    assert any("accepted" in name and value >= 1 for name, value in values.items()), text


def test_reload_takes_a_new_certificate(make_server):
    s = make_server()
    chain = next(p for p in s.dir.rglob("*") if p.is_file() and p.suffix in (".pem", ".crt")
                 and b"BEGIN CERTIFICATE" in p.read_bytes())
    key = next(p for p in s.dir.rglob("*") if p.is_file() and b"PRIVATE KEY" in p.read_bytes())

    def fingerprint():
        out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.port['imaps']}"],
                             input="", capture_output=True, text=True).stdout
        return re.search(r"-----BEGIN.*?END", out, re.S)[0]

    before = fingerprint()
    imap = s.imap()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=new.test", "-keyout", key,
                    "-out", chain], check=True, capture_output=True)
    s.process.send_signal(signal.SIGHUP)
    from conftest import wait_for
    wait_for(lambda: fingerprint() != before, what="the new certificate")
    assert imap.noop()[0] == "OK"
    imap.logout()


def test_fsck_and_recover(make_server):
    s = make_server()
    for i in range(20):
        send(s, "alice@example.test", f"number {i}")
    before = s.messages()
    s.stop()
    assert s.cli("fsck").returncode == 0
    for path in s.dir.glob("veredus.db*"):
        os.unlink(path)
    s.cli("recover")
    s.cli("user", "passwd", "alice@example.test", input=PASSWORD + "\n")
    assert s.cli("fsck").returncode == 0
    s.start()
    assert sorted(s.messages()) == sorted(before)


def test_fsck_finds_a_damaged_byte(make_server):
    s = make_server()
    with s.smtp() as smtp:
        smtp.sendmail("s@remote.test", ["alice@example.test"],
                      "Subject: x\r\n\r\nA-VERY-PLAIN-MARK\r\n")
    s.stop()
    hits = 0
    for path in s.dir.rglob("*"):
        if path.is_file() and "conf" not in path.name:
            data = path.read_bytes()
            at = data.find(b"A-VERY-PLAIN-MARK")
            if at >= 0:
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(b"B")
                hits += 1
    assert hits == 1
    result = s.cli("fsck", check=False)
    assert result.returncode != 0 and "checksum" in (result.stdout + result.stderr).lower()


def test_drain_says_421(make_server):
    s = make_server()
    smtp = s.smtp()
    smtp.ehlo()
    s.process.send_signal(signal.SIGTERM)
    assert smtp.getreply()[0] == 421
    smtp.close()
