"""What `make run` does after it has built: a demonstration server, whose README tells the truth."""
import os
import re
import shutil
import subprocess
import tempfile
import pathlib

import pytest

from conftest import ROOT, START_SECONDS, VEREDUS, PortOffset, wait_for


class Demo:
    def __init__(self, directory):
        self.at = directory
        self.dir = directory / "demo"
        self.offset = PortOffset()
        self.process = None

    def start(self):
        """Runs until it is ready; what it printed."""
        out = self.at / "out"
        with open(out, "wb") as f:
            self.process = subprocess.Popen(
                [ROOT / "scripts" / "demo", VEREDUS, "demo", str(self.offset.value)], cwd=self.at,
                stdout=f, stderr=f, stdin=subprocess.DEVNULL)

        def ready():
            assert self.process.poll() is None, out.read_text()
            return "server.ready" in out.read_text()
        wait_for(ready, START_SECONDS, "the demonstration server")
        return out.read_text()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(START_SECONDS) == 0

    def shell(self, command):
        result = subprocess.run(command, shell=True, cwd=self.at, text=True, capture_output=True,
                                timeout=START_SECONDS)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result.stdout


@pytest.fixture
def demo():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="veredus-demo-"))
    demo = Demo(directory)
    yield demo
    if demo.process and demo.process.poll() is None:
        demo.process.kill()
        demo.process.wait()
    demo.offset.release()
    shutil.rmtree(directory)


def commands(readme):
    """The indented commands that are not accounts, continued lines joined."""
    lines = readme.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.startswith("  ") and "  password " not in line]


def test_what_it_prints_works(demo):
    printed = demo.start()
    readme = (demo.dir / "README").read_text()
    assert readme in printed
    assert os.stat(demo.dir / "README").st_mode & 0o077 == 0
    password = re.search(r"alice@example\.test  password (\w+)", readme)[1]
    send, imap, pop3, trace = commands(readme.replace("PASSWORD", password))
    demo.shell(send)
    for read in (imap, pop3):
        assert "A first message" in demo.shell(read)
    assert "delivered alice@example.test" in demo.shell(trace)
    demo.stop()


def test_again_it_is_the_same(demo):
    demo.start()
    readme = (demo.dir / "README").read_text()
    demo.stop()
    assert readme in demo.start()
    assert (demo.dir / "README").read_text() == readme
    demo.stop()


def test_interrupted_it_begins_again(demo):
    (demo.at / "demo.new").mkdir()
    (demo.at / "demo.new" / "veredus.conf").write_text("half of it")
    demo.start()
    assert not (demo.at / "demo.new").exists()
    demo.stop()
