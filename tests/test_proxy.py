"""The PROXY protocol: HAProxy and swaks in front of every kind of listener, and headers by hand."""
import contextlib
import imaplib
import pathlib
import poplib
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

from conftest import PASSWORD, _factory, free_port, wait_for

KINDS = ("smtp", "submission", "submissions", "lmtp", "pop3", "pop3s", "imap", "imaps")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def add_listeners(server, options="", more=""):
    """Further listeners, one of each kind, that expect a header: server.proxied."""
    for kind in KINDS:
        server.listen(f"proxied-{kind}", kind, f'proxy-networks = {{ "127.0.0.0/8" }}  {options}')
    server.proxied = {kind: server.port[f"proxied-{kind}"] for kind in KINDS}
    server.configure(more)
    return server.start()


@pytest.fixture(scope="module")
def front():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    # What is tested here comes in one piece: nobody waits for the greeting.
    more = '\nrelay-networks = { "192.0.2.1" }\nguard { greeting-wait = 0 }'
    yield add_listeners(make(start=False), more=more)
    dispose()


def received(server, subject):
    """The header of the message with this subject."""
    field = f"Subject: {subject}\r\n".encode()
    return wait_for(lambda: next((m.split(b"\r\n\r\n")[0] for m in server.messages()
                                  if field in m), None), what=subject)


@contextlib.contextmanager
def haproxy(directory, to, how):
    """HAProxy in front of a port; yields the port to connect to."""
    if not shutil.which("haproxy"):
        pytest.skip("no haproxy")
    port = free_port()
    path = directory.parent / f"haproxy-{port}.conf"
    path.write_text("defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n"
                    f" timeout server 30s\nlisten l\n bind 127.0.0.1:{port}\n"
                    f" server s 127.0.0.1:{to} {how}\n")
    process = subprocess.Popen(["haproxy", "-f", path, "-db", "-q"], stdin=subprocess.DEVNULL)
    try:
        def answers():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return True
        wait_for(answers, what="haproxy")
        yield port
    finally:
        process.terminate()
        process.wait(20)


class From(smtplib.SMTP):
    """A client that some proxy says is at another address."""

    def __init__(self, header, port):
        self.header = header
        super().__init__("127.0.0.1", port, timeout=60)

    def _get_socket(self, host, port, timeout):
        sock = super()._get_socket(host, port, timeout)
        sock.sendall(self.header)
        return sock


def v1(address="192.0.2.77"):
    return f"PROXY TCP4 {address} 198.51.100.7 51234 25\r\n".encode()


def v2(address="192.0.2.77", command=0x21, tlvs=b""):
    body = socket.inet_aton(address) + socket.inet_aton("198.51.100.7") + b"\xc8\x22\0\x19" + tlvs
    return SIGNATURE + bytes([command, 0x11]) + len(body).to_bytes(2, "big") + body


def mail(smtp, subject):
    smtp.sendmail("smith@client.test", ["alice@example.test"], f"Subject: {subject}\r\n\r\nhello\r\n")


@pytest.mark.parametrize("header", [v1, v2], ids=["v1", "v2"])
def test_client_is_who_the_header_names(front, header):
    server = front
    with From(header(), server.proxied["smtp"]) as smtp:
        mail(smtp, header.__name__)
    message = received(server, header.__name__)
    assert b"([192.0.2.77])" in message
    line = wait_for(lambda: [line for line in server.log_text().splitlines()
                             if "smtp.session.end" in line and "192.0.2.77" in line])
    assert "listener=proxied-smtp" in line[0]
    queue_id = message.split(b"\tid ")[1][:16].decode()
    assert "192.0.2.77" in server.cli("trace", queue_id).stdout


def test_before_lmtp(front):
    with socket.create_connection(("127.0.0.1", front.proxied["lmtp"]), timeout=60) as sock:
        sock.sendall(v2() + b"LHLO client.test\r\nMAIL FROM:<a@client.test>\r\n"
                     b"RCPT TO:<alice@example.test>\r\nDATA\r\n")
        file = sock.makefile("rb")
        while not file.readline().startswith(b"354"):
            pass
        sock.sendall(b"Subject: by LMTP\r\n\r\nhello\r\n.\r\n")
        assert file.readline().startswith(b"250 2.0.0")
    assert b"([192.0.2.77])" in received(front, "by LMTP")


def test_header_in_pieces_and_more_behind_it(front):
    server = front
    with socket.create_connection(("127.0.0.1", server.proxied["smtp"]), timeout=60) as sock:
        for byte in v2(tlvs=b"\2\0\4mail\x20\0\5\1\0\0\0\0"):
            sock.sendall(bytes([byte]))
            time.sleep(0.002)
        data = sock.recv(4096)
        sock.sendall(b"EHLO client.test\r\nQUIT\r\n")
        while chunk := sock.recv(4096):
            data += chunk
    assert data.startswith(b"220 ") and b"\r\n221 " in data


@pytest.mark.parametrize("header", [
    b"EHLO client.test\r\n", b"PROXY TCP4 999.1.1.1 1.1.1.1 1 1\r\n", b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x31\x11\0\0", v2(tlvs=b"\3\0\4nope"), v2(tlvs=b"\1\xff\xff"),
], ids=["none", "address", "long", "version", "checksum", "tlv"])
def test_bad_header_ends_the_connection(front, header):
    server = front
    for kind in ("smtp", "imaps"):
        before = server.log_text().count(f"net.proxy.refused listener=proxied-{kind}")
        with socket.create_connection(("127.0.0.1", server.proxied[kind]), timeout=60) as sock:
            sock.sendall(header)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(100) == b""
        wait_for(lambda: server.log_text().count(
            f"net.proxy.refused listener=proxied-{kind}") > before)


def test_looking_whether_we_are_alive_leaves_no_line(make_server):
    server = add_listeners(make_server(start=False))
    for port in server.proxied.values():
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b""
    with From(v1(), server.proxied["smtp"]) as smtp:
        assert smtp.noop()[0] == 250
    assert "net.proxy.refused" not in server.log_text()


def test_header_cut_at_each_byte(front):
    for header in (v1(), v2(tlvs=b"\2\0\4mail")):
        for cut in range(len(header)):
            with socket.create_connection(("127.0.0.1", front.proxied["smtp"]),
                                          timeout=60) as sock:
                sock.sendall(header[:cut])
                if cut % 2:
                    sock.shutdown(socket.SHUT_WR)
                    assert sock.recv(100) == b""
    with From(v2(), front.proxied["smtp"]) as smtp:
        assert smtp.noop()[0] == 250


def test_header_must_come_in_time(make_server):
    server = add_listeners(make_server(start=False), "proxy-timeout = 300ms")
    with socket.create_connection(("127.0.0.1", server.proxied["smtp"]), timeout=60) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):   # that time is over already
            sock.sendall(b"PROXY ")
            assert sock.recv(100) == b""
    assert "net.proxy.refused" in server.log_text()


def test_for_others_it_is_a_command_like_any(server):
    with From(v1(), server.port["smtp"]) as smtp:
        assert smtp.getreply()[0] == 500
        assert smtp.noop()[0] == 250


def test_the_proxy_may_speak_for_itself(front):
    server = front
    with From(SIGNATURE + b"\x20\0\0\0", server.proxied["smtp"]) as smtp:
        mail(smtp, "a check")
    assert b"([127.0.0.1])" in received(server, "a check")


def test_limit_is_that_of_the_client(make_server):
    server = add_listeners(make_server(start=False), "max-sessions-per-address = 1")
    port = server.proxied["smtp"]
    with From(v1("192.0.2.1"), port) as first, From(v2("192.0.2.2"), port) as second:
        assert first.noop()[0] == second.noop()[0] == 250
        with pytest.raises(smtplib.SMTPConnectError) as e:
            From(v1("192.0.2.1"), port)
        assert e.value.smtp_code == 421

    def again():   # the server may not have heard yet that the first one has gone
        with contextlib.suppress(smtplib.SMTPConnectError), From(v1("192.0.2.1"), port) as smtp:
            return smtp.noop()[0] == 250
    wait_for(again, what="a free place")


def test_relay_network_is_that_of_the_client(front):
    server = front
    def verdict(address):
        with From(v1(address), server.proxied["smtp"]) as smtp:
            smtp.ehlo()
            smtp.mail("a@client.test")
            return smtp.rcpt("b@elsewhere.test")[0]
    assert verdict("192.0.2.1") == 250
    assert verdict("192.0.2.2") == 550


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2",
                                 "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_haproxy_before_smtp(front, how):
    server = front
    with haproxy(server.dir, server.proxied["smtp"], how) as port:
        with smtplib.SMTP("127.0.0.1", port, timeout=60, source_address=("127.0.0.9", 0)) as smtp:
            smtp.starttls(context=server.tls_context())
            mail(smtp, how)
    assert b"([127.0.0.9])" in received(server, how)


def test_haproxy_before_tls_and_other_protocols(front):
    server = front
    context = server.tls_context()
    user = "alice@example.test"
    with contextlib.ExitStack() as stack:
        at = {kind: stack.enter_context(haproxy(server.dir, server.proxied[kind],
                                                "send-proxy-v2" if kind[-1] == "s" else "send-proxy"))
              for kind in ("submissions", "pop3s", "pop3", "imap", "imaps")}
        with smtplib.SMTP_SSL("127.0.0.1", at["submissions"], timeout=60, context=context,
                              source_address=("127.0.0.10", 0)) as smtp:
            smtp.login(user, PASSWORD)
            smtp.sendmail(user, [user], "Subject: over TLS\r\n\r\nhello\r\n")
        assert b"([127.0.0.10])" in received(server, "over TLS")
        pop = poplib.POP3_SSL("127.0.0.1", at["pop3s"], timeout=60, context=context)
        pop.user(user)
        pop.pass_(PASSWORD)
        assert pop.stat()[0] >= 1
        pop.quit()
        pop = poplib.POP3("127.0.0.1", at["pop3"], timeout=60)
        pop.stls(context=context)
        pop.user(user)
        pop.pass_(PASSWORD)
        pop.quit()
        for imap in (imaplib.IMAP4_SSL("127.0.0.1", at["imaps"], ssl_context=context, timeout=60),
                     imaplib.IMAP4("127.0.0.1", at["imap"], timeout=60)):
            if not isinstance(imap.sock, ssl.SSLSocket):
                imap.starttls(context)
            imap.login(user, PASSWORD)
            imap.logout()


@pytest.mark.parametrize("version", ["1", "2"])
def test_swaks(front, version):
    server = front
    result = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(server.proxied["smtp"]), "--to",
         "alice@example.test", "--from", "smith@client.test", "--proxy-version", version,
         "--proxy-family", "TCP4" if version == "1" else "AF_INET", "--proxy-source", "192.0.2.99",
         "--proxy-source-port", "4711", "--proxy-dest", "198.51.100.1", "--proxy-dest-port", "25",
         "--header", f"Subject: swaks {version}"],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert b"([192.0.2.99])" in received(server, f"swaks {version}")
