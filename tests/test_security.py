"""Attacks on a server from outside, each of which once worked or nearly did."""
import statistics
import threading
import time

import pytest


def deliver(server, message, recipient="alice@example.test"):
    """Sends bytes as they are, without telling their size."""
    with server.smtp() as smtp:
        smtp.helo("client.test")
        smtp.mail("mallory@client.test")
        smtp.rcpt(recipient)
        smtp.putcmd("DATA")
        assert smtp.getreply()[0] == 354
        smtp.send(message + b".\r\n")
        return smtp.getreply()


@pytest.mark.parametrize("start", [b" ", b"\t", b" \r\n"])
def test_trace_is_not_continued_by_the_message(server, start):
    """A first line that begins with a space would be folded into the Received field that we put
    in front of it, and say in our name what the client made up."""
    code, text = deliver(server, start + b"from friend.test ([192.0.2.9]) by mx.example.test\r\n"
                                         b"Subject: forged\r\n\r\nx\r\n")
    assert (code, text[:5]) == (550, b"5.6.0")
    assert deliver(server, b"Subject: folded\r\n later\r\n\r\nx\r\n")[0] == 250


def test_quota_without_a_declared_size(make_server):
    """A client that does not tell the size, or many at the same time, fill no mailbox beyond its
    quota."""
    server = make_server(start=False)
    server.cli("user", "quota", "bob@example.test", "100K")
    server.start()
    message = b"Subject: large\r\n\r\n" + b"x" * 76 + b"\r\n"
    message += (b"x" * 76 + b"\r\n") * (60_000 // 78)
    replies = []

    def send():
        replies.append(deliver(server, message, "bob@example.test"))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(code for code, _ in replies) == [250] + [452] * 9
    assert all(text.startswith(b"4.2.2") for code, text in replies if code == 452)
    assert len(server.messages("bob")) == 1
    assert deliver(server, b"Subject: small\r\n\r\nx\r\n", "bob@example.test")[0] == 250


def test_many_expansions_hold_up_nobody(make_server):
    """One message to a large list under many names is resolved without stopping all others."""
    server = make_server(config="workers = 1")
    server.cli("alias", "add", "list@example.test",
               *[f"member{n}@far{n}.test" for n in range(900)])
    # Resolved at once it takes as long as all of the RCPTs, forty times a single one: each time. A
    # machine that stands still does so now and then.
    found = []
    while not found or found[-1][0] >= 20 * found[-1][1]:
        assert len(found) < 10, [f"{slowest:.3f} s, a single look-up {single:.3f} s"
                                 for slowest, single in found]
        found.append(longest_wait(server))


def longest_wait(server):
    """Of another session while the message is resolved, and what a RCPT took before."""
    slowest, single = 0.0, []
    with server.smtp() as smtp, server.smtp() as other:
        smtp.helo("client.test")
        other.helo("client.test")
        smtp.mail("mallory@client.test")
        for n in range(40):
            start = time.monotonic()
            assert smtp.rcpt(f"list+{n}@example.test")[0] == 250
            single.append(time.monotonic() - start)
        smtp.putcmd("DATA")
        assert smtp.getreply()[0] == 354
        smtp.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        done = threading.Event()
        thread = threading.Thread(target=lambda: (smtp.getreply(), done.set()))
        thread.start()
        while not done.is_set():
            start = time.monotonic()
            assert other.noop()[0] == 250
            slowest = max(slowest, time.monotonic() - start)
        thread.join()
    return slowest, statistics.median(single)
