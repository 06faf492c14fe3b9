"""veredus message: a message file as the server sees it."""
import subprocess

from conftest import VEREDUS

MESSAGE = b"""From: =?utf-8?Q?J=C3=B6rg?= <j@example.test>
Subject: outer
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

H=C3=A4llo

--b
Content-Type: message/rfc822

Subject: inner

inner body

--b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf
Content-Transfer-Encoding: base64

JVBERg==
--b--
"""


def message(*args):
    return subprocess.run([VEREDUS, "message", *map(str, args)], capture_output=True, timeout=60)


def test_show(tmp_path):
    path = tmp_path / "m.eml"
    path.write_bytes(MESSAGE)
    lines = message("show", path).stdout.decode().splitlines()
    assert "From         Jörg <j@example.test>" in lines
    assert [line.split()[:2] for line in lines if line[0].isdigit()] == [
        ["1", "text/plain,"], ["2", "message/rfc822,"], ["2.1", "text/plain,"],
        ["3", "application/pdf,"]]
    assert '"ä.pdf"' in lines[-1]
    imap = message("show", "--imap", path).stdout
    assert imap.startswith(b'ENVELOPE (NIL "outer" (("=?utf-8?Q?J=C3=B6rg?=" NIL "j" ')


def test_part(tmp_path):
    path = tmp_path / "m.eml"
    path.write_bytes(MESSAGE)
    assert message("part", path, "1").stdout == "Hällo\n".encode()
    assert message("part", path, "2.1").stdout == b"inner body\n"
    assert message("part", path, "3").stdout == b"%PDF"
    assert message("part", path, "4").returncode == 1
    assert message("part", path, "x").returncode == 2
    assert message("show", tmp_path / "none").returncode == 1
