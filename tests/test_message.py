"""veredus message: a message file as the server sees it."""
import itertools
import json
import subprocess

import pytest

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
    assert "Odd:" in lines
    lines = lines[:lines.index("Odd:") - 1]
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


# --- what is odd ------------------------------------------------------------------------------

GOOD = (b"Date: Sat, 1 Jan 2000 00:00:00 +0000\r\nFrom: a@b.test\r\nMessage-ID: <1@b.test>\r\n"
        b"MIME-Version: 1.0\r\n")


def shown(tmp_path, raw):
    path = tmp_path / "m.eml"
    path.write_bytes(raw)
    result = message("show", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def odd(tmp_path, raw):
    return {(o["part"], o["what"], o["about"]) for o in shown(tmp_path, raw)["odd"]}


def test_json(tmp_path):
    all = shown(tmp_path, MESSAGE)
    assert all["fields"][0] == {"name": "From", "value": "Jörg <j@example.test>"}
    assert [(p["number"], p["type"]) for p in all["parts"]] == [
        ("", "multipart/mixed"), ("1", "text/plain"), ("2", "message/rfc822"),
        ("2.1", "text/plain"), ("3", "application/pdf")]
    assert all["parts"][4]["name"] == "ä.pdf" and all["parts"][1]["charset"] == "utf-8"


def test_nothing_is_odd(tmp_path):
    for body in (b"text\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"):
        head = b"" if body.startswith(b"Content") else b"\r\n"
        assert odd(tmp_path, GOOD + head + body) == set()


@pytest.mark.parametrize("want, raw", [
    ("no-date", GOOD.replace(b"Date", b"X-Date") + b"\r\n"),
    ("no-from", GOOD.replace(b"From", b"X-From") + b"\r\n"),
    ("no-message-id", GOOD.replace(b"Message-ID", b"X-ID") + b"\r\n"),
    ("bad-date Date", GOOD.replace(b"2000", b"later") + b"\r\n"),
    ("bad-message-id Message-ID", GOOD.replace(b"<1@b.test>", b"1@b.test") + b"\r\n"),
    ("bad-address From", GOOD.replace(b"a@b.test", b"a") + b"\r\n"),
    ("bad-address To", GOOD + b"To: a@b.test, c\r\n\r\n"),
    ("duplicate From", GOOD + b"From: c@d.test\r\nSender: c@d.test\r\n\r\n"),
    ("duplicate Message-ID", GOOD + b"Message-ID: <2@b.test>\r\n\r\n"),
    ("no-sender", GOOD.replace(b"a@b.test", b"a@b.test, c@b.test") + b"\r\n"),
    ("bad-received Received", GOOD + b"Received: odd\r\n\r\n"),
    ("no-field", GOOD + b"no field\r\n\r\n"),
    ("file-mark", b"From me Sat Nov 21\r\n" + GOOD + b"\r\n"),
    ("no-body", GOOD),
    ("no-mime-version", GOOD.replace(b"MIME-", b"X-") + b"Content-Type: text/plain\r\n\r\n"),
    ("space-before-colon Subject", GOOD + b"Subject : x\r\n\r\n"),
    ("8bit-header Subject", GOOD + "Subject: ä\r\n\r\n".encode()),
    ("header-not-utf8 Subject", GOOD + b"Subject: \xe4\r\n\r\n"),
    ("long-field Subject", GOOD + b"Subject: " + b"word word\r\n " * 10000 + b"x\r\n\r\n"),
    ("long-header", GOOD + b"X: y\r\n" * 100000 + b"\r\n"),
    ("long-line", GOOD + b"\r\n" + b"x" * 999 + b"\r\n"),
    ("bare-lf", GOOD + b"\r\na\nb\r\n"),
    ("bare-cr", GOOD + b"\r\na\rb\r\n"),
    ("nul", GOOD + b"\r\na\0b\r\n"),
    ("8bit-undeclared not-its-charset", GOOD + b"\r\n\xe4\r\n"),
    ("not-its-charset", GOOD + b"Content-Type: text/plain; charset=utf-8\r\n"
     b"Content-Transfer-Encoding: 8bit\r\n\r\n\xe4\r\n"),
    ("unknown-encoding x-own", GOOD + b"Content-Transfer-Encoding: x-own\r\n\r\nx\r\n"),
    ("bad-base64", GOOD + b"Content-Transfer-Encoding: base64\r\n\r\nAA!A\r\n"),
    ("bad-base64", GOOD + b"Content-Transfer-Encoding: base64\r\n\r\nAAAAA\r\n"),
    ("bad-quoted-printable", GOOD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ\r\n"),
    ("bad-uuencode", GOOD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n"),
    ("no-boundary", GOOD + b"Content-Type: multipart/mixed\r\n\r\nx\r\n"),
    ("no-parts", GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n"),
    ("unclosed", GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"),
    ("encoded-container base64", GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n"
     b"Content-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"),
    ("beyond-limits", GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
     + b"--b\r\n\r\nx\r\n" * 1100 + b"--b--\r\n"),
], ids=map(str, itertools.count()))
def test_odd(tmp_path, want, raw):
    found = odd(tmp_path, raw)
    words = want.split()
    about = {words[-1]} if words[-1] in {about for _, _, about in found} else {""}
    assert {what for _, what, _ in found} == set(words) - about
    assert {a for _, _, a in found} == about


def test_odd_within(tmp_path):
    """Parts, and messages within, are looked at by their numbers."""
    found = odd(tmp_path, GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                b"Content-Type: message/rfc822\r\n\r\nDate: never\r\nFrom: x\r\n\r\n\xff\r\n--b\r\n"
                b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n")
    assert found == {("1.1", "bad-date", "Date"), ("1.1", "bad-address", "From"),
                     ("1.1", "no-message-id", ""), ("1.1", "8bit-undeclared", ""),
                     ("1.1", "not-its-charset", ""), ("2", "duplicate", "Content-Type")}


def test_odd_as_text(tmp_path):
    path = tmp_path / "m.eml"
    path.write_bytes(GOOD + b"\x1b[1m: x\r\nSubject: \x1b]0;x\r\n\r\n" + b"a\nb\r\n" * 3)
    text = message("show", path).stdout
    assert b"bare-lf: LF without CR, 3 times, at byte " in text
    assert b"\x1b" not in text
    path.write_bytes(GOOD.replace(b"\r\n", b"\n") + b"\nbody\n")
    assert b"lf-only" in message("show", path).stdout
