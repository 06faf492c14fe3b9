"""CHUNKING (RFC 3030): messages that come by BDAT."""
import pytest

from test_smtp import Wire, has, limited, newest, normalising  # noqa: F401 (fixtures)


def begin(wire, *to):
    wire.expect("MAIL FROM:<a@client.test>", "250")
    for address in to or ["alice@example.test"]:
        wire.expect(f"RCPT TO:<{address}>", "250")


def bdat(wire, chunk, last=False):
    wire.send(f"BDAT {len(chunk)}{' LAST' if last else ''}\r\n".encode() + chunk)
    return wire.reply()[-1]


@pytest.mark.parametrize("size", [1, 7, 4096, 10**6])
def test_byte_for_byte(limited, size):  # noqa: F811
    subject = f"chunk{size}"
    message = f"Subject: {subject}\r\n\r\n..dots\r\n.\r\n\xe9\r\n".encode("latin-1")
    if size > 100:
        message += b"".join(b"%07d\r\n" % i for i in range(30000))
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        begin(wire)
        chunks = [message[i:i + size] for i in range(0, len(message), size)]
        for chunk in chunks[:-1]:
            assert bdat(wire, chunk).startswith("250 2.0.0 Chunk")
        assert bdat(wire, chunks[-1], last=True).startswith("250 2.0.0 Accepted")
    assert newest(limited, "alice", subject).endswith(b"\r\n" + message)
    assert list((limited.dir / "tmp").glob("*")) == []


def test_too_big(limited):  # noqa: F811
    """552 as soon as it is known; what follows is read, and refused."""
    with Wire(limited) as wire:
        wire.expect("EHLO client.test", "250")
        begin(wire)
        chunk = b"Subject: bigchunk\r\n\r\n" + b"x" * 599_998 + b"\r\n"
        assert bdat(wire, chunk).startswith("250 2.0.0")
        assert bdat(wire, chunk).startswith("552 5.3.4")
        assert bdat(wire, b"QUIT\r\n", last=True).startswith("503 5.5.1")
        begin(wire)
        wire.expect("BDAT 2000002 LAST", "552 5.3.4")
        assert wire.is_closed()
    assert not has(limited, "alice", "bigchunk")


def test_bare_newlines(limited, normalising):  # noqa: F811
    """As with DATA, also where the chunks part; and no dot ends anything."""
    message = b"Subject: barechunk\n\r\none\rtwo\r\n\n.\r\nend\r"
    for server, answer in (limited, "550 5.6.0"), (normalising, "250 2.0.0 Accepted"):
        for size in 1, 5, len(message):
            with Wire(server) as wire:
                wire.expect("EHLO client.test", "250")
                begin(wire)
                for i in range(0, len(message), size):
                    assert bdat(wire, message[i:i + size]).startswith("250 2.0.0 Chunk")
                wire.expect("BDAT 0 LAST", answer)
    assert not has(limited, "alice", "barechunk")
    mended = b"Subject: barechunk\r\n\r\none\r\ntwo\r\n\r\n.\r\nend\r\n"
    got = [m for m in normalising.messages("alice") if b"barechunk" in m]
    assert len(got) == 3 and all(m.endswith(mended) for m in got)


def test_cut_off(limited):  # noqa: F811
    """A client that goes away within or between chunks leaves nothing."""
    for data in (b"BDAT 100\r\nSubject: cutchunk\r\n", b"BDAT 5\r\nA: b\n",
                 b"BDAT 20000\r\n" + b"x" * 19000):
        with Wire(limited) as wire:
            wire.expect("EHLO client.test", "250")
            begin(wire)
            wire.send(data)
    assert not has(limited, "alice", "cutchunk")
    assert list((limited.dir / "tmp").glob("*")) == []


def test_login_first(limited):  # noqa: F811
    with Wire(limited, "submission") as wire:
        wire.expect("EHLO client.test", "250")
        assert bdat(wire, b"QUIT\r\n", last=True).startswith("530 5.7.0")
        wire.expect("NOOP", "250")
