"""A disk without space: mail is refused with 452 4.3.1 and nothing else breaks; with space made, it
goes on. The data directory is a small file system in memory, which takes root to mount."""
import os
import pathlib
import subprocess
import tempfile

import pytest

from conftest import Server, wait_for
from test_imap import Raw

DISK = "28m"
BALLAST = 6 << 20


@pytest.fixture
def small_disk():
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    path = pathlib.Path(tempfile.mkdtemp(prefix="veredus-small-"))
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", path],
                           capture_output=True, text=True)
    if mount.returncode != 0:
        path.rmdir()
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)
    path.rmdir()


def send(smtp, number):
    """The server's answer to the message, (code, text)."""
    smtp.mail("sender@example.test")
    smtp.rcpt("alice@example.test")
    body = f"Subject: number {number}\r\n\r\n" + ("x" * 76 + "\r\n") * 1000
    return smtp.data(body)


def numbers_of(server):
    return sorted(int(raw.split(b"Subject: number ")[1].split(b"\r")[0])
                  for raw in server.messages("alice"))


def test_a_full_disk_refuses_and_nothing_breaks(small_disk, tmp_path):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"b" * BALLAST)
    server = Server(small_disk / "data", accounts=["alice"])
    server.log_path = tmp_path / "log"
    try:
        server.start()
        with server.smtp() as smtp:
            smtp.ehlo()
            accepted = []
            for number in range(10_000):
                code, text = send(smtp, number)
                if code != 250:
                    break
                accepted.append(number)
            assert (code, text[:5]) == (452, b"4.3.1"), (code, text)
            assert len(accepted) > 20
            # The last ones did not get a file each: there would be thousands on a larger disk.
            segments = list((server.dir / "segments").glob("*"))
            assert len(segments) < len(accepted) / 8, (len(segments), len(accepted))
            client = Raw(server)
            assert b"NO [UNAVAILABLE] " in client.append(b"Subject: x\r\n\r\n" + b"x" * (1 << 20))
            client.close()
            # Small things may still fit, but a session goes on, and so does reading.
            assert smtp.noop()[0] == 250
            assert numbers_of(server) == accepted
            ballast.unlink()
            wait_for(lambda: send(smtp, 10_000)[0] == 250, 60, "space")
            accepted.append(10_000)
        assert numbers_of(server) == accepted
        server.stop()
        assert server.cli("fsck").returncode == 0
        server.start()
        assert numbers_of(server) == accepted
    finally:
        server.dispose()
