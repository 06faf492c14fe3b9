"""LMTP over TCP and over a Unix socket: a verdict a recipient, and other servers that deliver by
it."""
import os
import pathlib
import smtplib
import socket
import stat
import subprocess
import tempfile

import pytest

from conftest import _factory, wait_for
from test_relay_postfix import Postfix, pytestmark as needs_postfix

SMALL = 2000
LARGE = b"Subject: %s\r\n\r\n" + b"x" * 60 + (b"\r\n" + b"y" * 60) * 100 + b"\r\n"


@pytest.fixture(scope="module")
def lmtp():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    server = make(start=False, accounts=("alice", "bob", "carol"))
    server.cli("user", "quota", "carol@example.test", str(SMALL))
    server.listen("lmtp", "lmtp")
    server.configure('listen lmtp-socket { protocol = lmtp  address = { "unix:lmtp.sock" } }')
    yield server.start()
    dispose()


@pytest.fixture(params=["tcp", "socket"])
def client(lmtp, request):
    """Has said LHLO, over either."""
    if request.param == "tcp":
        smtp = smtplib.LMTP("127.0.0.1", lmtp.port["lmtp"])
    else:
        smtp = smtplib.LMTP(str(lmtp.dir / "lmtp.sock"))
    smtp.over = request.param
    smtp.ehlo("client.test")
    yield smtp
    smtp.close()


def deliver(smtp, recipients, message):
    """The replies behind the message."""
    assert smtp.mail("smith@client.test")[0] == 250
    for recipient in recipients:
        assert smtp.rcpt(recipient)[0] == 250, recipient
    assert smtp.docmd("DATA")[0] == 354
    smtp.send(message + b".\r\n")
    return [smtp.getreply() for _ in recipients]


def find(server, user, subject):
    return [m for m in server.messages(user) if b"Subject: " + subject + b"\r\n" in m]


def test_delivers_to_each(lmtp, client):
    subject = b"each " + client.over.encode()
    replies = deliver(client, ["alice@example.test", "bob@example.test"],
                      b"Subject: " + subject + b"\r\n\r\nhello\r\n")
    assert [code for code, _ in replies] == [250, 250]
    for user in ("alice", "bob"):
        [message] = find(lmtp, user, subject)
        assert b" with LMTP\r\n" in message
    assert b"([127.0.0.1])" in message.split(b"\r\n\r\n")[0]


def test_one_that_is_full_refuses_no_other(lmtp, client):
    subject = b"large " + client.over.encode()
    replies = deliver(client, ["alice@example.test", "carol@example.test", "bob@example.test",
                               "alice@example.test"], LARGE % subject)
    assert [code for code, _ in replies] == [250, 452, 250, 250]
    assert replies[1][1].startswith(b"4.2.2")
    assert len(find(lmtp, "alice", subject)) == len(find(lmtp, "bob", subject)) == 1
    assert not find(lmtp, "carol", subject)
    # The ids in the replies are those of the messages.
    queue_id = replies[0][1].split()[-1].decode()
    assert "alice@example.test" in lmtp.cli("trace", queue_id).stdout
    assert client.noop()[0] == 250


def test_many_refusals_are_one_error(lmtp, client):
    """Thirty recipients of a message that is no good must all be answered."""
    lmtp_recipients = [f"alice+{i}@example.test" for i in range(30)]
    replies = deliver(client, lmtp_recipients, b"Subject: x\n\r\n\r\nhello\r\n")
    assert {code for code, _ in replies} == {550}
    assert client.noop()[0] == 250


def test_who_may_send_elsewhere(lmtp, client):
    client.mail("smith@client.test")
    expected = 550 if client.over == "tcp" else 250
    assert client.rcpt("somebody@remote.test")[0] == expected


def test_success_is_reported_for_those_who_have_it(lmtp, client):
    client.mail("bob@example.test", ["RET=HDRS"])
    subject = b"told " + client.over.encode()
    for user in ("alice", "carol"):
        assert client.rcpt(f"{user}@example.test", ["NOTIFY=SUCCESS"])[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.send(LARGE % subject + b".\r\n")
    assert [client.getreply()[0] for _ in range(2)] == [250, 452]
    reports = [m for m in lmtp.messages("bob") if b"Subject: " + subject in m and
               b"Action: delivered" in m]
    assert len(reports) == 1
    assert b"alice@example.test" in reports[0] and b"carol@example.test" not in reports[0]


def test_disconnect_at_each_byte(lmtp):
    whole = (b"LHLO client.test\r\nMAIL FROM:<smith@client.test>\r\nRCPT TO:<bob@example.test>\r\n"
             b"RCPT TO:<alice@example.test>\r\nDATA\r\nSubject: torn\r\n\r\nbody\r\n.\r\n")
    for cut in range(len(whole)):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(str(lmtp.dir / "lmtp.sock"))
            sock.sendall(whole[:cut])
            if cut % 2:
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
    assert not find(lmtp, "bob", b"torn")
    with smtplib.LMTP(str(lmtp.dir / "lmtp.sock")) as smtp:
        assert smtp.noop()[0] == 250


def test_socket_is_for_owner_and_group(lmtp):
    mode = os.stat(lmtp.dir / "lmtp.sock").st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_socket_goes_and_is_made_again(make_server):
    server = make_server(start=False)
    server.configure('listen lmtp { address = { "unix:lmtp.sock" }  socket-mode = "0600" }')
    path = server.dir / "lmtp.sock"
    server.start()
    wait_for(path.exists)
    server.kill()
    assert path.exists()
    server.start()
    with socket.socket(socket.AF_UNIX) as sock:
        wait_for(lambda: sock.connect_ex(str(path)) == 0)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert sock.recv(100).startswith(b"220 mx.example.test LMTP")
    server.stop()
    assert not path.exists()


@pytest.mark.parametrize("text, why", [
    ('address = { "unix:x" }  socket-mode = "rw"', "octal"),
    ('address = { "unix:x" }  socket-owner = "nobody-at-all"', "no such user"),
    ('address = { "unix:%s" }' % ("x" * 200), "is no address"),
])
def test_mistakes_are_told(make_server, text, why):
    server = make_server(start=False)
    server.configure(f"listen lmtp {{ {text} }}")
    result = server.cli("check", check=False)
    assert result.returncode != 0 and why in result.stdout + result.stderr


@pytest.mark.parametrize("over", ["tcp", "socket"])
def test_swaks(lmtp, over):
    where = ["--server", f"127.0.0.1:{lmtp.port['lmtp']}"] if over == "tcp" else \
        ["--socket", str(lmtp.dir / "lmtp.sock")]
    result = subprocess.run(
        ["swaks", "--protocol", "LMTP", *where, "--to", "alice@example.test,bob@example.test",
         "--from", "smith@client.test", "--header", f"Subject: swaks {over}"],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert find(lmtp, "bob", f"swaks {over}".encode())


@needs_postfix
@pytest.mark.parametrize("over", ["tcp", "socket"])
def test_postfix_delivers(make_server, over):
    """Postfix takes it, and leaves it to us; for the one who has no room it tries again."""
    server = make_server(start=False, accounts=("alice", "bob", "carol"))
    server.cli("user", "quota", "carol@example.test", str(SMALL))
    server.listen("lmtp", "lmtp")
    certificate = (server.dir / "certificate.pem", server.dir / "certificate.key")
    with Postfix(server.port["smtp"], certificate, later=lambda directory: f"""
relayhost =
lmtp_destination_recipient_limit = 10
default_transport = lmtp:{f"inet:[127.0.0.1]:{server.port['lmtp']}" if over == "tcp"
                          else f"unix:{directory}/lmtp.sock"}
""") as postfix:
        server.configure(f'listen lmtp-socket {{ protocol = lmtp  socket-owner = "postfix"\n'
                         f' address = {{ "unix:{postfix.dir}/lmtp.sock" }} }}')
        server.start()
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as smtp:
            smtp.sendmail("user@pf.test", [f"{user}@example.test" for user in
                                           ("alice", "carol", "bob")], LARGE % b"by Postfix")
        for user in ("alice", "bob"):
            server.wait_messages(1, user)
        for told in ("carol@example.test", "4.2.2 Mailbox full", "status=sent (250 2.0.0 Accepted"):
            wait_for(lambda text=told: text in postfix.log(), 60, f"Postfix's log: {told}")
        assert not server.messages("carol")
