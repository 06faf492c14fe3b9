"""Files in mail of strangers: what they are is known to rules and scores, and explained."""
import email.message
import io
import json
import pathlib
import struct
import tempfile
import zipfile

import pytest

from conftest import _factory

PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(100)


def packed(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", ".").replace("..", "/"), content)
    return out.getvalue()


def letter(name, content, kind="application/octet-stream"):
    message = email.message.EmailMessage()
    message["Subject"] = "one"
    message["From"] = "ann@remote.test"
    message.set_content("See there.\n")
    main, sub = kind.split("/")
    message.add_attachment(content, main, sub, filename=name)
    return message.as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    one = make(start=False)
    one.configure("""
score {
    junk = "3"
    weights = { "attachment=macro*: 3", "attachment=mismatch*: 1.5", "attachment=html*: 1" }
}
rule "programs" {
    found = { "attachment=executable*", "attachment=double-extension*" }
    verdict = reject
    reply = "550 5.7.1 No programs, please"
}
guard { greeting-wait = 0 exempt-loopback = no bans = no }
""")
    one.start()
    yield one
    dispose()


def send(server, name, content, kind="application/octet-stream"):
    with server.smtp() as smtp:
        smtp.ehlo("client.test")
        smtp.mail("ann@remote.test")
        smtp.rcpt("alice@example.test")
        code, text = smtp.data(letter(name, content, kind))
        return f"{code} {text.decode()}"


def test_programs_are_refused_by_a_rule(server):
    for name, content in (("setup.exe", b"x"), ("photo.jpg", PE), ("a.zip", packed(b_txt=PE)),
                          ("invoice.pdf.js", b"x"), ("\u202etxt.exe", b"x")):
        assert send(server, name, content).startswith("550 5.7.1 No programs, please"), name
    assert send(server, "a.zip", packed(b_txt="x")).startswith("250")


def test_macros_weigh(server):
    before = len(server.messages(mailbox="Junk"))
    reply = send(server, "a.xlsx", packed(xl__vbaProject_bin="x"))
    assert reply.startswith("250")
    assert len(server.messages(mailbox="Junk")) == before + 1
    assert "attachment=macro 3.00 (a.xlsx: VBA)" in server.cli("trace", reply.split()[-1]).stdout


def test_all_is_explained(server, tmp_path):
    path = tmp_path / "letter"
    path.write_bytes(letter("report.pdf", b"<html><script>x</script>", "application/pdf"))
    text = server.cli("explain", path).stdout
    assert "attachment=mismatch report.pdf: HTML\n" in text
    assert "1.50  attachment=mismatch  report.pdf: HTML" in text
    found = [item for item in json.loads(server.cli("explain", "--json", path).stdout)
             if item["method"] == "attachment"]
    assert found[0]["found"] == ["attachment=mismatch report.pdf: HTML"]
    # The text of the message itself is no file.
    path.write_bytes(b"Content-Type: text/html\r\n\r\n<html><script>x</script>\r\n")
    assert "attachment=" not in server.cli("explain", path).stdout
