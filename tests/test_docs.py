"""The documents tell the truth: every command in them is run, and what the program has is explained.

Blocks marked `console` are run in order, in a directory of their own, on a server made by the
document itself. A line "$ command" must succeed, and each line below it must be among what it
printed, in this order; "..." stands for any lines. Numbers, dates and random ids may differ. Ids of
messages that a document shows are replaced by the real ones in the commands that follow.

What a test can't have is stood in for by small programs in front of the PATH: systemctl, journalctl
and systemd-sysusers; `veredus init` gets ports of its own. Mail for other hosts goes to a port that
nobody listens on. Blocks marked `conf` must pass `veredus check`."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import PASSWORD, PORTS, ROOT, START_SECONDS, VEREDUS, PortOffset, free_port, wait_for

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BUILD = VEREDUS.parent
COMMAND_SECONDS = 120


def blocks(path, kind):
    return [(text[:m.start()].count("\n") + 2, m[1]) for text in [path.read_text()]
            for m in re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)]


def with_blocks(kind):
    return [pytest.param(p, id=p.name) for p in DOCUMENTS if blocks(p, kind)]


def commands(path):
    """(line number, command, lines that it prints) of all console blocks."""
    result = []
    for first, text in blocks(path, "console"):
        for number, line in enumerate(text.splitlines(), first):
            if line.startswith("$ "):
                result.append((number, line[2:], []))
            elif line.startswith("> "):
                result[-1] = (result[-1][0], result[-1][1] + "\n" + line[2:], [])
            else:
                result[-1][2].append(line)
    return result


QUEUE_ID = re.compile(r"\b[34][0-9A-HJKMNP-TV-Z]{15}\b")   # to 2057


def shape(line):
    """What is the same in every run."""
    line = QUEUE_ID.sub("ID", line)
    line = re.sub(r"<[0-9a-f]+\.[0-9a-f]+@", "<ID@", line)
    line = re.sub(r"[\d.]+ (B|KiB|MiB|GiB)\b", "SIZE", line)
    line = re.sub(r"(?:, |\b)(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "MONTH", line)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "0", line)).strip()


class Stage:
    """Where a document is played."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="veredus-docs-"))
        self.dir = self.root / "data"
        self.log = self.root / "log"
        self.offset = PortOffset()
        self.process = None
        self.ids = {}
        (self.root / "bin").mkdir()
        (self.root / "work").mkdir()
        self.program("veredus", f"""
            case $1 in
            init) set -- "$@" --port-offset {self.offset.value} ;;
            esac
            for word; do
                shift
                [ "$word" = --user ] && [ "$1" = veredus ] && skip=2
                if [ "${{skip:-0}}" -gt 0 ]; then skip=$((skip - 1)); else set -- "$@" "$word"; fi
            done
            exec "{VEREDUS}" -d "{self.dir}" "$@"
            """)
        self.program("systemctl", f'echo "$@" >>"{self.root}/systemctl"')
        self.program("journalctl", f'cat "{self.log}"')
        self.program("systemd-sysusers", "")

    def program(self, name, text):
        path = self.root / "bin" / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def localised(self, command):
        """The command with our places, ports and ids for those of the document."""
        for shown, actual in self.ids.items():
            command = command.replace(shown, actual)
        command = command.replace("/var/backups/veredus", str(self.root / "backup"))
        command = command.replace("/var/lib/veredus", str(self.dir))
        ports = "|".join(str(p) for p in PORTS.values())
        return re.sub(rf"localhost:({ports})\b",
                      lambda m: f"localhost:{int(m[1]) + self.offset.value}", command)

    def run(self, command):
        env = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "TZ": "UTC",
               "VEREDUS_PASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        result = subprocess.run(["bash", "-eo", "pipefail", "-c", self.localised(command)],
                                input=PASSWORD + "\n", text=True, cwd=self.root / "work", env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=COMMAND_SECONDS)
        self.play_systemctl()
        return result

    def play_systemctl(self):
        asked = self.root / "systemctl"
        for words in asked.read_text().splitlines() if asked.exists() else []:
            verb = words.split()[0]
            if verb == "reload":
                subprocess.run([VEREDUS, "-d", self.dir, "reload"], check=True, capture_output=True,
                               timeout=COMMAND_SECONDS)
            if verb in ("stop", "restart"):
                self.stop()
            if verb in ("start", "restart", "enable"):
                self.start()
        asked.unlink(missing_ok=True)

    def start(self):
        nowhere = f'smarthost "*" {{ host = "127.0.0.1" port = {free_port()} tls = none }}\n'
        config = self.dir / "veredus.conf"
        if not re.search('^smarthost', config.read_text(), re.M):
            with open(config, "a") as f:
                f.write(nowhere)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([VEREDUS, "-d", self.dir, "serve"], stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_for(lambda: self.process.poll() is not None or self.is_up(), START_SECONDS,
                 "the server")
        assert self.process.poll() is None, self.log.read_text()

    def is_up(self):
        out = subprocess.run([VEREDUS, "-d", self.dir, "status", "--json"], capture_output=True)
        return out.returncode == 0 and json.loads(out.stdout)["running"]

    def stop(self):
        if self.process:
            self.process.terminate()
            assert self.process.wait(START_SECONDS) == 0, self.log.read_text()
        self.process = None

    def dispose(self):
        try:
            self.stop()
            text = self.log.read_text() if self.log.exists() else ""
            assert "Sanitizer" not in text and "runtime error:" not in text, text
        finally:
            self.offset.release()
            shutil.rmtree(self.root, ignore_errors=True)

    def compare(self, shown, printed):
        """Every line shown is among those printed, in order. Learns the ids."""
        at = 0
        printed = printed.replace(str(self.root / "backup"), "/var/backups/veredus")
        printed = printed.replace(str(self.dir), "/var/lib/veredus").splitlines()
        for line in shown:
            if line in ("...", ""):
                continue
            while at < len(printed) and shape(printed[at]) != shape(line):
                at += 1
            assert at < len(printed), f"not printed: {line}\nbut:\n" + "\n".join(printed)
            self.ids.update(zip(QUEUE_ID.findall(line), QUEUE_ID.findall(printed[at])))
            at += 1


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.dispose()


@pytest.mark.parametrize("path", with_blocks("console"))
def test_the_commands_of_a_document_work(path, stage):
    for number, command, shown in commands(path):
        result = stage.run(command)
        assert result.returncode == 0, f"{path.name}:{number}: {command}\n{result.stdout}"
        try:
            stage.compare(shown, result.stdout)
        except AssertionError as e:
            raise AssertionError(f"{path.name}:{number}: {command}: {e}") from None


@pytest.mark.parametrize("path", with_blocks("conf"))
def test_the_configurations_of_a_document_are_good(path, tmp_path):
    subprocess.run([VEREDUS, "-d", tmp_path, "init", "--domain", "example.org", "--hostname",
                    "mx.example.org"], check=True, capture_output=True)
    for name in ("chain", "key"):
        shutil.copy(tmp_path / f"certificate.{'pem' if name == 'chain' else 'key'}",
                    tmp_path / f"other.{'pem' if name == 'chain' else 'key'}")
    (tmp_path / "smarthost.password").write_text("secret\n")
    shutil.copy(tmp_path / "certificate.pem", tmp_path / "clients.pem")
    (tmp_path / "oauth.secret").write_text("secret\n")
    (tmp_path / "krb5.keytab").write_bytes(b"\5\2")
    for number, text in blocks(path, "conf"):
        (tmp_path / "veredus.conf").write_text(text)
        result = subprocess.run([VEREDUS, "-d", tmp_path, "check"], capture_output=True, text=True)
        assert result.returncode == 0, f"{path.name}:{number}:\n{text}\n{result.stderr}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if ":" in file:
            continue
        assert not file or (path.parent / file).exists(), target
        if anchor:
            other = text if not file else (path.parent / file).read_text()
            headings = re.findall(r"^#+ (.*)$", other, re.M)
            names = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor in names, target


def test_every_metric_is_explained(make_server):
    s = make_server()
    text = subprocess.run(["curl", "-sS", "--unix-socket", s.dir / "control.sock",
                           "http://localhost/metrics"], capture_output=True, text=True,
                          check=True).stdout
    served = set(re.findall(r"^# TYPE (veredus_\w+)", text, re.M))
    guide = (ROOT / "docs" / "operating.md").read_text()
    explained = set(re.findall(r"^\| `(veredus_\w+)", guide, re.M))
    assert served == explained
    assert set(re.findall(r"`(veredus_\w+)", guide)) <= served


def test_the_changelog_has_what_is_offered(make_server):
    s = make_server()
    offered = set()
    with s.smtp("submission") as smtp:
        smtp.ehlo()
        offered |= set(smtp.esmtp_features)
        smtp.starttls(context=s.tls_context())
        smtp.ehlo()
        offered |= set(smtp.esmtp_features) | set(smtp.esmtp_features["auth"].split())
    imap = s.imap()
    offered |= set(imap.capability()[1][0].decode().split())
    imap.logout()
    text = (ROOT / "CHANGELOG.md").read_text().upper()
    names = {name.split("=")[0].upper() if name.startswith(("APPENDLIMIT=", "IMAPSIEVE="))
             else name.upper() for name in offered}
    assert [n for n in sorted(names) if not re.search(rf"(?<![\w-]){re.escape(n)}(?![\w-])", text)] \
        == []


def test_every_event_is_explained():
    called = re.compile(r'\blog_(?:error|warn|info|debug)\(\s*"([a-z0-9_.]+)"'
                        r'|\blog_write\([^;]*?"([a-z0-9_]+\.[a-z0-9_.]+)"')
    written = {m[1] or m[2] for p in ROOT.glob("src/**/*.c") if not p.name.endswith("_test.c")
               for m in called.finditer(p.read_text())}
    guide = (ROOT / "docs" / "operating.md").read_text()
    logs = guide[guide.index("\n## Logs\n"):guide.index("\n## Metrics\n")]
    explained = {name for name in re.findall(r"`([a-z0-9_]+\.[a-z0-9_.]+)`", logs)}
    assert written == explained


def test_the_defaults_of_limits_are_true():
    reference = subprocess.run([VEREDUS, "config", "reference"], capture_output=True, text=True,
                               check=True).stdout
    defaults = {}
    for section in reference.split(".Ss ")[1:]:
        name = section.split("\n", 1)[0].removeprefix("Section ").removesuffix(" TITLE")
        for option, text in re.findall(r"^\.It Ic ([\w-]+)(.*?)(?=^\.(?:It|El))", section, re.M | re.S):
            default = re.search(r"^Default: (.*)\.$", text, re.M)
            defaults[name, option] = default[1] if default else None
    guide = (ROOT / "docs" / "operating.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` `([\w-]+)` \| ([^|]*) \|", guide, re.M)
    limits = {key for key in defaults if key[1].startswith(("max-", "min-"))}
    assert limits <= {(section, option) for section, option, _ in rows}
    for section, option, shown in rows:
        assert defaults[section, option] == shown.replace("none", "0"), (section, option)


def page(path):
    text = subprocess.run(["mandoc", "-Tascii", path], capture_output=True, text=True,
                          check=True).stdout
    return " ".join(re.sub(".\b", "", text).split())


def test_the_manuals_have_every_command_and_option():
    manual = {path.stem.split("-")[1]: page(path)
              for path in (ROOT / "docs/man").glob("veredus-*.[18]")}
    missing = []
    listed = subprocess.run([VEREDUS, "help"], capture_output=True, text=True, check=True).stdout
    for command in re.findall(r"^  (\w+) +[A-Z]", listed, re.M):
        text = manual.get(command) or manual.setdefault("", page(ROOT / "docs/man/veredus.8"))
        own = subprocess.run([VEREDUS, "help", command], capture_output=True, text=True,
                             check=True).stdout
        words = re.findall(r"^(?:  |  -\w, )(--[\w-]+)", own, re.M)
        words += [f"{command} {verb}" for verb in re.findall(r"^  (\w[\w-]*)  +[A-Z]", own, re.M)]
        missing += [w for w in [command, *words] if not re.search(rf"(?<!\w){w}(?!\w)", text)]
    assert not missing


def test_the_manual_of_the_configuration_has_every_option():
    text = page(BUILD / "docs/man/veredus.conf.5")
    reference = subprocess.run([VEREDUS, "config", "reference"], capture_output=True, text=True,
                               check=True).stdout
    options = re.findall(r"^\.It Ic ([\w-]+)", reference, re.M)
    assert len(options) > 40
    assert [o for o in options if not re.search(rf"\b{o} = ", text)] == []
