"""Messages at rest: compressed after a time, and read as before."""
import json
import subprocess

from conftest import VEREDUS

TEXT = (b"Subject: number %d\r\nFrom: Ann <ann@example.test>\r\n\r\n" +
        b"The same words again and again, as they are in letters.\r\n" * 200)
LARGE = b"Subject: large\r\n\r\n" + b"A line of a long text that goes on and on.\r\n" * 30000


def space(server):
    return json.loads(server.cli("store", "status", "--json").stdout)


def test_mail_is_compressed_and_read_as_before(make_server):
    server = make_server()
    imap = server.imap()
    for number in range(150):
        imap.append("INBOX", None, None, TEXT % number)
    for _ in range(3):
        imap.append("INBOX", None, None, LARGE)
    before = space(server)
    assert before["messages"] == 153 == before["waiting"] and before["ratio"] == 1
    # The segment that is being written stays as it is: the first ones are small.
    after = json.loads(server.cli("store", "compress", "--json").stdout)
    assert after["waiting"] < 153 and after["ratio"] > 1.2
    assert after["freed_bytes"] > 100000 and after["bytes"] == before["bytes"]
    assert "153 messages of" in server.cli("store", "status").stdout

    def read_all(imap):
        imap.select("INBOX")
        for number in range(0, 150, 7):
            data = imap.fetch(str(number + 1), "(BODY.PEEK[])")[1][0][1]
            assert data.endswith(TEXT % number)
            part = imap.fetch(str(number + 1), "(BODY.PEEK[TEXT]<1000.500>)")[1][0][1]
            assert part == (TEXT % number).split(b"\r\n\r\n", 1)[1][1000:1500]
        assert imap.fetch("151", "(BODY.PEEK[])")[1][0][1].endswith(LARGE)
        assert imap.search(None, "BODY", '"again and again"')[1][0].count(b" ") == 149
        assert imap.search(None, "SUBJECT", '"number 77"')[1] == [b"78"]
    read_all(imap)
    imap.logout()
    server.kill()
    server.start()
    read_all(server.imap())
    server.stop()
    assert "0 with a wrong checksum, 0 missing" in server.cli("fsck").stdout
    # From the segments alone.
    for name in ("veredus.db", "veredus.db-wal", "veredus.db-shm"):
        (server.dir / name).unlink(missing_ok=True)
    result = subprocess.run([VEREDUS, "-d", server.dir, "recover"], capture_output=True, text=True,
                            timeout=120)
    assert result.returncode == 0, result.stderr
    after = space(server)
    assert after["messages"] == 153 and after["ratio"] > 1.2
