"""veredus send: what it composes, whom it reaches, and what it says when it can't."""
import email
import email.policy
import os
import pty
import re
import subprocess

import pytest

from conftest import PASSWORD, VEREDUS, free_port


def send(*args, input=None, env=None):
    return subprocess.run([VEREDUS, "send", *map(str, args)], input=input, capture_output=True,
                          timeout=60, env={**os.environ, **(env or {})})


def composed(*args, input=None):
    result = send("--print", *args, input=input)
    assert result.returncode == 0, result.stderr
    for line in result.stdout.split(b"\r\n"):
        assert b"\n" not in line and b"\r" not in line and len(line) <= 998
    return email.message_from_bytes(result.stdout, policy=email.policy.default)


def lf(text):
    return text.replace("\r\n", "\n")


def newest(server, user="bob"):
    pop = server.pop3(user)
    raw = b"\r\n".join(pop.retr(len(pop.list()[1]))[1]) + b"\r\n"
    pop.quit()
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_composing(tmp_path):
    data = bytes(range(256)) * 3000
    (tmp_path / "größe 1.bin").write_bytes(data)
    (tmp_path / "inner.eml").write_text("Subject: inner\n\nhello\n")
    (tmp_path / "page.html").write_text("<p>日本語</p>\n", encoding="utf-8")
    m = composed("--from", "Jörg Müller <joerg@example.test>", "--to", "a@example.test",
                 "--to", '"Doe, J." <j@bücher.test>', "--cc", "c@example.test",
                 "--bcc", "secret@example.test", "--subject", "Grüße " * 20,
                 "--text", "Hällo\n.dot\n", "--html", f"@{tmp_path / 'page.html'}",
                 "--attach", tmp_path / "größe 1.bin", "--attach", tmp_path / "inner.eml",
                 "--header", "X-Test: yes")
    assert m["from"] == "Jörg Müller <joerg@example.test>"
    assert m["to"] == 'a@example.test, "Doe, J." <j@xn--bcher-kva.test>'
    assert m["cc"] == "c@example.test" and m["bcc"] is None and m["x-test"] == "yes"
    assert m["subject"] == ("Grüße " * 20)
    assert m["date"] and m["message-id"].endswith("@example.test>")
    assert m.get_content_type() == "multipart/mixed"
    alternative, attachment, inner = m.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    text, html = alternative.iter_parts()
    assert lf(text.get_content()) == "Hällo\n.dot\n"
    assert html.get_content_type() == "text/html" and lf(html.get_content()) == "<p>日本語</p>\n"
    assert attachment.get_filename() == "größe 1.bin" and attachment.get_content() == data
    assert inner.get_content_type() == "message/rfc822"
    assert inner.get_content()["subject"] == "inner"


def test_nothing_is_smuggled_into_the_header():
    m = composed("-f", "a@b.test", "-t", "c@d.test", "-s", "x\r\nBcc: evil@x.test\r\n\r\nbody")
    assert m["bcc"] is None and "evil" in m["subject"]


def test_text_from_standard_input():
    m = composed("-f", "a@b.test", "-t", "c@d.test", "--text", "-", input=b"one\ntwo\n")
    assert lf(m.get_content()) == "one\ntwo\n"


def test_delivers_and_tells_who_was_refused(server):
    result = send("--server", f"127.0.0.1:{server.port['smtp']}", "-f", "s@remote.test",
                  "-t", "bob@example.test, nobody@example.test", "--bcc", "alice@example.test",
                  "-s", "to three", "--text", "hello", "-v")
    assert result.returncode == 1
    assert b"sent to 2 of 3" in result.stdout
    assert b"<nobody@example.test> was refused: 550 5.1.1" in result.stderr
    assert b"C: RCPT TO:<alice@example.test>" in result.stderr and b"S: 250" in result.stderr
    for user in ("alice", "bob"):
        m = newest(server, user)
        assert m["subject"] == "to three" and m["bcc"] is None


def test_login_over_tls(server, tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    ca = server.dir / "certificate.pem"
    for rule, port in (("starttls", "submission"), ("implicit", "submissions")):
        args = ["--server", f"127.0.0.1:{server.port[port]}", "--tls", rule, "-f",
                "alice@example.test", "-t", "bob@example.test", "-s", rule, "--text", "x",
                "--user", "alice@example.test"]
        result = send(*args, "--insecure", "--password-file", tmp_path / "password")
        assert result.returncode == 0, result.stderr
        assert newest(server)["subject"] == rule
        result = send(*args, env={"VEREDUS_PASSWORD": PASSWORD})
        assert result.returncode == 1 and b"--insecure" in result.stderr
        result = send(*args, "--insecure", "-v", env={"VEREDUS_PASSWORD": "wrong password"})
        assert result.returncode == 1 and b"refused at AUTH: 535" in result.stderr
        assert b"wrong password" not in result.stderr
        # The certificate is its own root, and names the loopback address.
        result = send(*args, "--ca", ca, env={"VEREDUS_PASSWORD": PASSWORD})
        assert result.returncode == 0, result.stderr


def test_a_password_does_not_go_out_in_clear(server):
    result = send("--server", f"127.0.0.1:{server.port['smtp']}", "--tls", "opportunistic",
                  "-v", "-u", "alice@example.test", "-f", "alice@example.test",
                  "-t", "bob@example.test", env={"VEREDUS_PASSWORD": PASSWORD})
    assert PASSWORD.encode() not in result.stderr


def test_sends_a_file_to_those_it_names(server, tmp_path):
    path = tmp_path / "m.eml"
    path.write_bytes(b"From: Someone <s@remote.test>\nTo: bob@example.test\n"
                     b"Bcc: alice@example.test,\n\tbob@example.test\nSubject: a file\n\n"
                     b"body\n.\n..\nend \xe4\n")
    result = send("--server", f"127.0.0.1:{server.port['smtp']}", path)
    assert result.returncode == 0, result.stderr
    assert b"sent to 2 of 2" in result.stdout
    for user in ("alice", "bob"):
        m = newest(server, user)
        assert m["bcc"] is None and m["subject"] == "a file"
        assert m.get_payload(decode=True) == b"body\r\n.\r\n..\r\nend \xe4\r\n"
        assert m["return-path"] == "<s@remote.test>"


def test_a_large_attachment(server, tmp_path):
    data = os.urandom(9_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    result = send("--server", f"127.0.0.1:{server.port['smtp']}", "-f", "s@remote.test",
                  "-t", "bob@example.test", "-a", tmp_path / "big.bin")
    assert result.returncode == 0, result.stderr
    attachment = list(newest(server).iter_attachments())[0]
    assert attachment.get_content() == data


def test_progress_on_a_terminal(server, tmp_path):
    """Only there, only for what takes a while, and gone when it is done."""
    def on_terminal(size):
        (tmp_path / "a.bin").write_bytes(bytes(size))
        ours, theirs = pty.openpty()
        with subprocess.Popen([VEREDUS, "send", "--server", f"127.0.0.1:{server.port['smtp']}", "-f",
                               "s@remote.test", "-t", "bob@example.test", "-a", tmp_path / "a.bin"],
                              stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            with open(ours, "rb", buffering=0) as terminal:
                try:
                    while part := terminal.read(4096):
                        shown += part
                except OSError:   # how a terminal tells its end
                    pass
        assert process.returncode == 0, shown
        return shown
    shown = on_terminal(9_000_000)
    assert re.match(rb"\rsending: +0 % of 11\.\d MiB", shown), shown
    percents = [int(n) for n in re.findall(rb"(\d+) %", shown)]
    assert percents == sorted(percents) and percents[-1] <= 100
    assert shown.endswith(b"\r\x1b[K")
    assert on_terminal(1000) == b""


@pytest.mark.parametrize("args, status, text", [
    (["-f", "a@b.test"], 2, b"--to"),
    (["-t", "a@b.test"], 2, b"--from"),
    (["-f", "nobody", "-t", "a@b.test"], 1, b"no mail address"),
    (["-f", "a@b.test", "-t", "no one"], 1, b"no mail address"),
    (["-f", "a@b.test", "-t", "c@d.test", "-a", "/nonexistent"], 1, b"/nonexistent"),
    (["-f", "a@b.test", "-t", "c@d.test", "-a", "/"], 1, b"regular file"),
    (["-f", "a@b.test", "-t", "c@d.test", "--text", b"\xff"], 1, b"UTF-8"),
    (["-f", "a@b.test", "-t", "c@d.test", "--header", "x"], 2, b"--header"),
    (["--subject", "x", "/dev/null"], 2, b"--subject"),
    (["-f", "a@b.test", "-t", "c@d.test", "/dev/null"], 1, b"no message"),
    (["-f", "a@b.test", "-t", "c@d.test", "--tls", "maybe"], 2, b"--tls"),
])
def test_what_is_wrong_is_said(args, status, text):
    args = [a if isinstance(a, bytes) else a.encode() for a in args]
    result = subprocess.run([VEREDUS, b"send", *args], capture_output=True, timeout=60)
    assert result.returncode == status and text in result.stderr


def test_nobody_there():
    result = send("--server", f"127.0.0.1:{free_port()}", "-f", "a@b.test", "-t", "c@d.test")
    assert result.returncode == 75 and b"not sent" in result.stderr
