"""`make install` into an empty directory: the program runs from there, the unit names it, the
manuals are whole. Uses the build that VEREDUS is of."""
import configparser
import os
import pathlib
import re
import stat
import subprocess

import pytest

from conftest import ROOT, VEREDUS

BUILD = VEREDUS.parent
PREFIX = "/usr/local"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    assert (BUILD / "build.ninja").exists(), f"VEREDUS must be in a build directory: {VEREDUS}"
    root = tmp_path_factory.mktemp("root")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    result = subprocess.run(["make", "install", f"BUILD={BUILD}", f"DESTDIR={root}",
                             f"PREFIX={PREFIX}"], cwd=ROOT, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    assert result.returncode == 0, result.stdout[-4000:]
    return root


def files(root):
    return {f"/{p.relative_to(root)}" for p in root.rglob("*") if not p.is_dir()}


def test_these_files_and_no_others(installed):
    assert files(installed) == {
        f"{PREFIX}/bin/veredus",
        f"{PREFIX}/bin/mailq",
        f"{PREFIX}/bin/newaliases",
        f"{PREFIX}/sbin/sendmail",
        f"{PREFIX}/share/man/man1/veredus-send.1",
        f"{PREFIX}/share/man/man1/veredus-sendmail.1",
        f"{PREFIX}/share/man/man5/veredus.conf.5",
        f"{PREFIX}/share/man/man8/veredus-queue.8",
        f"{PREFIX}/share/man/man8/veredus-route.8",
        f"{PREFIX}/share/man/man8/veredus-trace.8",
        f"{PREFIX}/share/man/man8/veredus.8",
        f"{PREFIX}/lib/systemd/system/veredus.service",
        f"{PREFIX}/lib/sysusers.d/veredus.conf",
    }
    for path in files(installed):
        mode = stat.S_IMODE(os.stat(installed / path[1:]).st_mode)
        assert mode == (0o755 if "bin/" in path else 0o644), path


def test_the_program_runs(installed, tmp_path):
    program = installed / PREFIX[1:] / "bin/veredus"
    result = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"veredus \d+\.\d+\.\d+\n", result.stdout)
    subprocess.run([program, "-d", tmp_path, "init", "--domain", "example.test"], check=True,
                   capture_output=True)


def test_the_unit_starts_it_as_the_user_that_is_made(installed):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    text = (installed / PREFIX[1:] / "lib/systemd/system/veredus.service").read_text()
    assert "@" not in text.replace("@system-service", "")
    unit.read_string(text)
    service = unit["Service"]
    program, *arguments = service["ExecStart"].split()
    assert program == f"{PREFIX}/bin/veredus" and arguments == ["-d", "/var/lib/veredus", "serve"]
    assert service["Type"] == "notify" and service["StateDirectory"] == "veredus"
    assert "CAP_NET_BIND_SERVICE" in service["AmbientCapabilities"]
    assert service["OOMPolicy"] == "continue"
    kind, name = (installed / PREFIX[1:] / "lib/sysusers.d/veredus.conf").read_text().split()[:2]
    assert (kind, name) == ("u", service["User"])
    for manual in re.findall(r"man:([\w.-]+)\((\d)\)", unit["Unit"]["Documentation"]):
        assert (installed / PREFIX[1:] / f"share/man/man{manual[1]}/{'.'.join(manual)}").exists()


def test_the_manuals_are_whole(installed):
    pages = sorted(str(p) for p in pathlib.Path(installed / PREFIX[1:] / "share/man").rglob("*.*")
                   if p.is_file())
    result = subprocess.run(["mandoc", "-Tlint", "-W", "warning", *pages], capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    config = next(p for p in pages if p.endswith("veredus.conf.5"))
    text = pathlib.Path(config).read_text()
    assert "@REFERENCE@" not in text and ".It Ic max-message" in text


def test_what_a_manual_refers_to_is_there(installed):
    base = installed / PREFIX[1:] / "share/man"
    for page in base.rglob("veredus*"):
        for name, section in re.findall(r"^\.Xr (veredus\S*) (\d)", page.read_text(), re.M):
            assert (base / f"man{section}" / f"{name}.{section}").exists(), (page.name, name)
