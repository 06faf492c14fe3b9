"""Mail for commands and for files of Unix users: what they get, as whom, and what becomes of it."""
import contextlib
import mailbox
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import wait_for
from test_relay import FAST, SLOW, entries, journey, message, report, submit, wait_empty

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")

USER = pwd.getpwnam("games")
RELAY = 'relay-networks = { "127.0.0.0/8" }\n'


@pytest.fixture
def place():
    """A directory that Unix users may enter, unlike those of pytest."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="veredus-final-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def spool(place):
    path = place / "spool"
    path.mkdir()
    os.chown(path, 0, pwd.getpwnam("mail").pw_gid)
    path.chmod(0o2775)
    return path


def transport(options, domain="unix.test"):
    return f'transport "{domain}" {{ {options} }}\n' + RELAY + FAST


def last(server, subject="relayed"):
    return journey(server, f"<{subject}@a.test>")


def told(server, count):
    """Action and status by recipient, from all reports, when there are so many."""
    def find():
        return {r["Final-Recipient"].removeprefix("rfc822; "): (r["Action"], r["Status"])
                for raw in server.messages() for r in report(raw)}
    return wait_for(lambda: len(found := find()) >= count and found, SLOW, "the reports")


# --- commands ------------------------------------------------------------------------------

def script(place, text):
    """In place of an earlier one at once, which may be running."""
    path, new = place / "command", place / "command.new"
    new.write_text("#!/bin/sh\n" + text)
    new.chmod(0o755)
    new.rename(path)
    return path


def test_a_command_gets_the_mail(make_server, place):
    out = place / "out"
    out.mkdir()
    os.chown(out, USER.pw_uid, USER.pw_gid)
    command = script(place, f"""
cd {out}; for i; do printf '%s\\n' "$i"; done > args.$$; cat > mail.$$; env > env.$$; id > id.$$
ls -l /proc/self/fd > fds.$$; echo noted
""")
    server = make_server(config=transport(
        f'pipe = {{ "{command}", "-f", "${{sender}}", "--", "${{local}} ${{extension}}",'
        f' "${{recipient}}", "${{domain}}", "-x${{local}}" }} user = games'))
    nasty = '"$(touch x);`id` -o"@unix.test'
    submit(server, ["Ann+lists@unix.test", nasty])
    wait_empty(server)
    assert last(server).count("relayed ") == 2 and "noted" in last(server)
    args = sorted(p.read_text().split("\n")[:-1] for p in out.glob("args.*"))
    assert args == [
        ["-f", "alice@example.test", "--", "$(touch x);`id` -o ", nasty, "unix.test",
         "-x$(touch x);`id` -o"],
        ["-f", "alice@example.test", "--", "ann lists", "Ann+lists@unix.test", "unix.test",
         "-xann"]]
    mails = [p.read_bytes() for p in out.glob("mail.*")]
    assert all(m.startswith(b"Return-Path: <alice@example.test>\nDelivered-To: ")
               and b"\r" not in m and m.endswith(b"\n\nThe body.\n.dot\n") for m in mails)
    for path in out.glob("id.*"):
        assert f"uid={USER.pw_uid}(games) gid={USER.pw_gid}" in path.read_text()
        assert "(root)" not in path.read_text()
    env = dict(line.split("=", 1) for line in
               next(out.glob("env.*")).read_text().split("\n") if "=" in line)
    assert env.pop("HOME") == USER.pw_dir and env.pop("USER") == env.pop("LOGNAME") == "games"
    assert set(env) <= {"PATH", "SHELL", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
    # Standard input, output and error, and the directory that ls reads.
    assert all(len(p.read_text().split("\n")) <= 7 for p in out.glob("fds.*"))
    assert (last(server).count("transport unix.test")) == 2
    text = server.cli("route", "ann@unix.test").stdout
    assert (f'  by transport "unix.test" of the configuration: pipe {command} -f ${{sender}}' in text
            and ", as games\n" in text)


SAID = {  # by exit status: what it prints, and what the sender is told
    67: ("", "5.1.1"), 68: ("", "5.1.2"), 69: ("", "5.3.0"), 70: ("", "5.3.0"), 65: ("", "5.6.0"),
    77: ("no way", "5.7.0"), 73: ("", "5.2.0"), 76: ("", "5.5.0"), 3: ("", "5.3.0"),
    78: ("5.2.2 full up", "5.2.2"), 64: ("4.2.2 another class", "5.3.5")}


def test_what_a_command_says(make_server, place):
    command = script(place, """
cat > /dev/null
case $1 in 0) echo 5.0.0 fine;; 77) echo no way;; 78) echo 5.2.2 full up;; 64) echo 4.2.2 another class;; esac
exit $1
""")
    server = make_server(config=transport(f'pipe = {{ "{command}", "${{local}}" }} user = games'))
    submit(server, [f"{status}@unix.test" for status in (0, *SAID)])
    wait_empty(server)
    shown = last(server)
    assert shown.count("relayed ") == 1 and "5.0.0 fine" in shown and "no way" in shown
    assert told(server, len(SAID)) == {f"{status}@unix.test": ("failed", code)
                                       for status, (_, code) in SAID.items()}


def test_later(make_server, place):
    command = script(place, """
cat > /dev/null
case $1 in 1) exit 75;; 2) echo 4.2.2 over quota; exit 75;; 3) kill -9 $$;; 4) exit 71;; esac
""")
    server = make_server(config=transport(f'pipe = {{ "{command}", "${{local}}" }} user = games'))
    submit(server, [f"{n}@unix.test" for n in range(1, 5)])
    wait_for(lambda: all(text in last(server) for text in (
        "not now", "over quota", "ended by signal 9", "short of something")), SLOW, "attempts")
    script(place, "exec cat > /dev/null")
    server.cli("queue", "retry", "all")
    wait_empty(server)


def test_who_has_it_is_recorded_before_the_next(make_server, place):
    """A kill while the second command runs does not run the first one again."""
    out = place / "out"
    out.mkdir()
    os.chown(out, USER.pw_uid, USER.pw_gid)
    command = script(place, f"""
cat > /dev/null; mkdir {out}/first 2> /dev/null || while [ ! -e {out}/go ]; do sleep 0.1; done
""")
    server = make_server(config=transport(f'pipe = {{ "{command}" }} user = games'))
    submit(server, ["1@unix.test", "2@unix.test"])
    wait_for(lambda: len(entries(server)) == 1, SLOW, "the first one to be recorded")
    (out / "go").touch()
    wait_empty(server)
    assert last(server).count("relayed ") == 2


def test_a_stop_runs_no_further_command(make_server, place):
    """The one that runs comes to its end, and is not run again."""
    out = place / "out"
    out.mkdir()
    os.chown(out, USER.pw_uid, USER.pw_gid)
    command = script(place, f"""
cat > /dev/null; echo $1 >> {out}/runs; while [ ! -e {out}/go ]; do sleep 0.1; done
""")
    server = make_server(config=transport(f'pipe = {{ "{command}", "${{local}}" }} user = games'))
    submit(server, ["1@unix.test", "2@unix.test"])
    wait_for((out / "runs").exists, SLOW, "the first command")
    with server.smtp() as smtp:
        server.process.send_signal(signal.SIGTERM)
        assert smtp.getreply()[0] == 421   # no fiber begins anything any more
        (out / "go").touch()
        server.stop()
    assert len((out / "runs").read_text().split()) == 1
    server.start()
    wait_empty(server)
    assert sorted((out / "runs").read_text().split()) == ["1", "2"]


def test_hostile_commands(make_server, place):
    """One that never ends, with children that ignore signals; one that never stops talking; one
    that is not there."""
    sleep = f"sleep 6{os.getpid()}"     # no other's
    endless = script(place, f"(trap '' TERM; {sleep}) & {sleep}; wait")
    server = make_server(config=(
        transport(f'pipe = {{ "{endless}" }} user = games time-limit = 500ms', "endless.test")
        + 'transport "loud.test" { pipe = { "/usr/bin/yes", "loud" } user = games time-limit = 1s }\n'
        + f'transport "gone.test" {{ pipe = {{ "{place}/gone" }} user = games }}\n'
        + 'transport "early.test" { pipe = { "/bin/true" } user = games }\n'))
    submit(server, ["x@endless.test", "x@loud.test", "x@gone.test"])
    wait_for(lambda: last(server).count("it took longer than it may") >= 2
             and "No such file or directory" in last(server), SLOW, "attempts")
    server.cli("queue", "drop", "--yes", "all")
    wait_for(lambda: subprocess.run(["pgrep", "-f", f"^{sleep}$"],
                                    stdout=subprocess.DEVNULL).returncode == 1, SLOW,
             "the end of the children")
    # One that does not read its mail has it all the same; a large one fills its pipe otherwise.
    with server.smtp() as smtp:
        smtp.sendmail("alice@example.test", "x@early.test",
                      message("large", body="x" * 70 + "\n" + ("y" * 70 + "\n") * 50000))
    wait_for(lambda: "relayed " in last(server, "large"), SLOW, "the delivery")


def test_addresses_that_are_none_for_it(make_server, place):
    command = script(place, "cat > /dev/null")
    server = make_server(config=transport(f'pipe = {{ "{command}", "${{local}}" }} user = games')
                         + f'transport "m.test" {{ maildir = "{place}/${{local}}/Maildir" user = games }}\n')
    to = ["-oops@unix.test", '"../../etc"@m.test', 'a/b@m.test', '".x"@m.test']
    submit(server, to)
    wait_empty(server)
    assert told(server, len(to)) == {address: ("failed", "5.1.3") for address in to}
    shown = b"".join(server.messages())
    assert b'the address ".x"@m.test: can\'t be part of a path' in shown
    assert list(place.glob("**/Maildir")) == []


# --- Maildir -------------------------------------------------------------------------------

def test_maildir(make_server, place):
    homes = place / "games"
    homes.mkdir()
    os.chown(homes, USER.pw_uid, USER.pw_gid)
    server = make_server(config=transport(f'maildir = "{place}/${{local}}/Maildir"'))
    for n in range(5):
        submit(server, "Games+x@unix.test", f"mail{n}")
    with server.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("alice@example.test")
        for name in "nobody-here", "root", '"../x"', '"a b"':
            assert smtp.rcpt(f"{name}@unix.test")[0] == 550, name
        assert smtp.rcpt("GAMES+y@unix.test")[0] == 250
    # What an alias leads to is known at the delivery.
    server.cli("alias", "add", "list@example.test", "nobody-here@unix.test", "root@unix.test")
    submit(server, "list@example.test", "unknown")
    wait_empty(server)
    path = homes / "Maildir"
    box = mailbox.Maildir(path, create=False)
    assert sorted(m["Subject"] for m in box) == [f"mail{n}" for n in range(5)]
    [one, *_] = list(box)
    assert one["Return-Path"] == "<alice@example.test>"
    assert one["Delivered-To"] == "Games+x@unix.test" and one.get_payload() == "The body.\n.dot\n"
    assert list((path / "tmp").iterdir()) == []
    for part in [path, *path.iterdir()]:
        assert (part.stat().st_mode & 0o7777, part.stat().st_uid) == (0o700, USER.pw_uid)
    for file in (path / "new").iterdir():
        st = file.stat()
        assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o600, USER.pw_uid, USER.pw_gid)
        assert file.name.endswith(f",S={st.st_size}")
    assert told(server, 2) == {"nobody-here@unix.test": ("failed", "5.1.1"),
                               "root@unix.test": ("failed", "5.7.1")}


def test_a_maildir_of_somebody_else(make_server, place):
    homes = place / "games"
    homes.mkdir()
    os.chown(homes, USER.pw_uid, USER.pw_gid)
    other = place / "other"
    other.mkdir(mode=0o777)
    other.chmod(0o777)
    (homes / "Maildir").symlink_to(other)
    server = make_server(config=transport(f'maildir = "{place}/${{local}}/Maildir"'))
    submit(server, "games@unix.test")
    wait_for(lambda: "Too many levels of symbolic links" in last(server), SLOW, "an attempt")
    assert list(other.iterdir()) == []
    os.chown(homes, 0, 0)   # an attempt between these makes no new one
    (homes / "Maildir").unlink()
    other.rename(homes / "Maildir")
    wait_for(lambda: "Operation not permitted" in last(server), SLOW, "an attempt")
    os.chown(homes / "Maildir", USER.pw_uid, USER.pw_gid)
    wait_empty(server)
    assert len(mailbox.Maildir(homes / "Maildir", create=False)) == 1


# --- mbox ----------------------------------------------------------------------------------

MBOX = 'mbox = "{spool}/${{local}}" group = mail'
BODY = "From the start\n>From again\nFrom: not\n\nlast\n"


def mbox_server(make_server, spool, more=""):
    return make_server(config=transport(MBOX.format(spool=spool) + more))


def read_mbox(path):
    return list(mailbox.mbox(path, create=False))


def test_mbox(make_server, spool):
    server = mbox_server(make_server, spool)
    for n in range(3):
        with server.smtp() as smtp:
            smtp.sendmail("alice@example.test" if n else "", "games@unix.test",
                          message(f"mail{n}", body=BODY))
    server.cli("alias", "add", "list@example.test", "no-one@unix.test")
    submit(server, "list@example.test", "unknown")
    wait_empty(server)
    path = spool / "games"
    got = sorted(read_mbox(path), key=lambda m: m["Subject"])
    assert [m["Subject"] for m in got] == ["mail0", "mail1", "mail2"]
    assert all(m.get_payload() == ">" + BODY.replace("\n>From", "\n>>From") for m in got)
    assert got[0]["Return-Path"] == "<>" and got[0].get_from().startswith("MAILER-DAEMON ")
    assert got[1].get_from().startswith("alice@example.test ")
    st = path.stat()
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (
        0o660, USER.pw_uid, pwd.getpwnam("mail").pw_gid)
    assert [p.name for p in spool.iterdir()] == ["games"]
    [raw] = server.wait_messages(1, seconds=SLOW)
    [about] = report(raw)
    assert about["Status"] == "5.1.1"


def test_mbox_is_shared_with_others(make_server, spool):
    """Python takes both locks, too; messages of both sides stay whole."""
    server = mbox_server(make_server, spool)
    path = spool / "games"
    path.touch()
    os.chown(path, USER.pw_uid, pwd.getpwnam("mail").pw_gid)
    path.chmod(0o660)
    stop, written = threading.Event(), []

    def other():
        box = mailbox.mbox(path, create=False)
        while not stop.is_set():
            try:
                box.lock()
            except mailbox.ExternalClashError:
                time.sleep(0.002)
                continue
            box.add(f"Subject: other{len(written)}\n\n" + "o" * 3000 + "\n")
            box.flush()
            box.unlock()
            written.append(1)
            time.sleep(0.005)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        for n in range(30):
            submit(server, "games@unix.test", f"mail{n}")
        wait_empty(server)
    finally:
        stop.set()
        thread.join()
    subjects = [m["Subject"] for m in read_mbox(path)]
    assert len(written) > 3
    assert sorted(subjects) == sorted([f"mail{n}" for n in range(30)]
                                      + [f"other{n}" for n in range(len(written))])


def test_locks_of_others(make_server, spool):
    server = mbox_server(make_server, spool, " time-limit = 2500ms")
    lock = spool / "games.lock"
    lock.write_text(f"{os.getpid()}\n")
    submit(server, "games@unix.test")
    wait_for(lambda: "Device or resource busy" in last(server), SLOW, "an attempt")
    assert lock.exists() and not (spool / "games").exists()
    # Its maker has died a while ago; or it is far too old.
    dead = subprocess.Popen(["true"])
    dead.wait()
    lock.write_text(f"{dead.pid}\n")
    os.utime(lock, (time.time() - 60, time.time() - 60))
    wait_empty(server)
    assert len(read_mbox(spool / "games")) == 1 and not lock.exists()
    lock.write_text("somebody")
    os.utime(lock, (time.time() - 1000, time.time() - 1000))
    submit(server, "games@unix.test", "second")
    wait_empty(server)
    assert len(read_mbox(spool / "games")) == 2


NO_LDAP = """#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <unistd.h>
int getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, struct passwd **out)
{
	*entry = (struct passwd){ (char *)name, "x", UID, GID, "", "/", "/bin/sh" };
	*out = access("FILE", F_OK) == 0 ? NULL : entry;
	return *out ? 0 : ECONNREFUSED;
}
struct passwd *getpwnam(const char *name)
{
	static struct passwd entry;
	struct passwd *out;
	errno = getpwnam_r(name, &entry, NULL, 0, &out);
	return out;
}
"""


def test_who_knows_the_users_is_out_of_reach(make_server, spool, place):
    """Where LDAP has the Unix users and does not answer, nobody has vanished: the mail waits."""
    down = place / "down"
    down.touch()
    (place / "users.c").write_text(NO_LDAP.replace("FILE", str(down)).replace(
        "UID", str(USER.pw_uid)).replace("GID", str(USER.pw_gid)))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", place / "users.so", place / "users.c"], check=True)
    server = make_server(start=False, config=transport(MBOX.format(spool=spool)))
    server.start({"LD_PRELOAD": f"{place}/users.so:{os.environ.get('LD_PRELOAD', '')}", "ASAN_OPTIONS":
                  f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"})
    submit(server, "games@unix.test")
    wait_for(lambda: "can't be looked up now" in last(server), SLOW, "an attempt")
    down.unlink()
    wait_empty(server)
    assert len(read_mbox(spool / "games")) == 1


def lead_elsewhere(spool, target, what):
    path = spool / "games"
    target.write_text("keep\n")
    target.chmod(0o666)
    if what == "link":
        path.symlink_to(target)
    elif what == "hard link":
        os.chown(target, USER.pw_uid, USER.pw_gid)
        os.link(target, path)
    elif what == "pipe":
        os.mkfifo(path)
        path.chmod(0o666)
    else:
        target.rename(path)
    return path


def test_an_mbox_that_leads_elsewhere(make_server, spool, place):
    server = mbox_server(make_server, spool)
    for what in "link", "hard link", "other's", "pipe":
        target = place / f"target of {what}"
        path = lead_elsewhere(spool, target, what)
        submit(server, "games@unix.test", what.replace(" ", "-").replace("'", ""))
        told = lambda: last(server, what.replace(" ", "-").replace("'", ""))
        wait_for(lambda: "symbolic links" in told() or "not permitted" in told(), SLOW, "an attempt")
        if what != "pipe":
            assert (path if what == "other's" else target).read_text() == "keep\n"
        path.unlink()
        wait_empty(server)
        assert len(read_mbox(path)) == 1
        path.unlink()


def helper_of(server):
    """It has its name a moment after it was forked."""
    return int(wait_for(lambda: subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-x", "veredus-final"], capture_output=True,
        text=True).stdout.split(), what="the helper")[0])


def test_a_full_disk_leaves_no_piece(make_server, spool):
    server = mbox_server(make_server, spool)
    submit(server, "games@unix.test", "first")
    wait_empty(server)
    path = spool / "games"
    before = path.read_bytes()
    helper = helper_of(server)
    subprocess.run(["prlimit", "--pid", str(helper), f"--fsize={len(before) + 4096}:"], check=True)
    with server.smtp() as smtp:
        smtp.sendmail("alice@example.test", "games@unix.test",
                      message("large", body=("y" * 70 + "\n") * 5000))
    wait_for(lambda: "File too large" in last(server, "large"), SLOW, "an attempt")
    server.cli("queue", "hold", "all")
    wait_for(lambda: path.read_bytes() == before and not (spool / "games.lock").exists(), SLOW,
             "nothing of it")
    subprocess.run(["prlimit", "--pid", str(helper), "--fsize=unlimited:"], check=True)
    server.cli("queue", "release", "all")
    wait_empty(server)
    assert [m["Subject"] for m in read_mbox(path)] == ["first", "large"]


def test_killed_in_between(make_server, spool):
    """Everything that the server has is killed again and again; each mail arrives, whole."""
    server = mbox_server(make_server, spool)
    count = 25
    for round_ in range(4):
        for n in range(count):
            with server.smtp() as smtp:
                smtp.sendmail("alice@example.test", "games@unix.test",
                              message(f"mail{round_}-{n}", body=("z" * 70 + "\n") * 200 + "end\n"))
        time.sleep(0.05 * round_)
        helper = helper_of(server)
        tree = [helper, *(int(p) for p in subprocess.run(
            ["pgrep", "-P", str(helper)], capture_output=True, text=True).stdout.split())]
        server.process.kill()
        for pid in tree:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        server.process.wait()
        # What a dead process had locked another may have 30 seconds later.
        with contextlib.suppress(FileNotFoundError):
            os.utime(spool / "games.lock", (time.time() - 60, time.time() - 60))
        server.start()
    wait_empty(server)
    whole = [m["Subject"] for m in read_mbox(spool / "games")
             if (m.get_payload() or "").endswith("end\n")]
    assert set(whole) == {f"mail{r}-{n}" for r in range(4) for n in range(count)}


def test_the_helper_ends_with_the_server(make_server, spool):
    server = mbox_server(make_server, spool)
    helper = helper_of(server)
    server.stop()

    def has_ended():
        try:
            return " Z " in pathlib.Path(f"/proc/{helper}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
    wait_for(has_ended, SLOW, "the helper's end")


MISTAKES = [
    ('pipe = { "cat" } user = games', "'cat' must be the absolute path"),
    ('pipe = { "/bin/cat", "${lcal}" } user = games', "has a placeholder that there is not"),
    ('pipe = { "/bin/cat" }', "the command would run as root"),
    ('pipe = { "/bin/cat" } user = root', "root gets no mail and runs no command"),
    ('pipe = { "/bin/cat" } user = not-there', "there is no Unix user 'not-there'"),
    ('mbox = "x/${local}"', "must begin with / or with ${home}/"),
    ('mbox = "/x/${local}" group = not-there', "there is no Unix group 'not-there'"),
    ('mbox = "/x/${local}" maildir = "/x"', "it may have one of lmtp, pipe"), ("", "leads nowhere")]


def test_mistakes_are_told(make_server):
    server = make_server(start=False)
    base = (server.dir / "veredus.conf").read_text()
    for options, complaint in MISTAKES:
        (server.dir / "veredus.conf").write_text(base + transport(options))
        checked = server.cli("check", check=False)
        assert checked.returncode != 0 and complaint in checked.stdout + checked.stderr, options
