# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages: installed on this machine, or fetched by a private apt that leaves it alone."""

import glob
import os
import re
import shutil
import subprocess
import sys
import time

from . import Refusal

LISTS = "/var/lib/apt/lists"
LISTS_MAX_AGE = 7 * 24 * 3600
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN_SUITES = ("stable", "oldstable", "testing", "unstable", "sid",
                 "bookworm", "trixie", "forky", "duke")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def require():
    if not shutil.which("apt-get"):
        raise Refusal("apt-get is not installed: setup works on Debian and its relatives only; "
                      "install what ./doppel doctor names as missing by other means")


# On this machine


def install(packages):
    """Installs packages as root or with sudo; else says which line to run."""
    require()
    prefix = _root_prefix(packages)
    print("installing %s" % " ".join(packages), flush=True)
    updated = False
    if not _lists_are_fresh():
        updated = _apt_get(prefix, ["update"]) == 0
    arguments = ["-y", "--no-install-recommends", "install"] + packages
    status = _apt_get(prefix, arguments)
    if status and not updated:
        _apt_get(prefix, ["update"])
        status = _apt_get(prefix, arguments)
    if status:
        raise Refusal("apt-get could not install %s: see its messages above" % " ".join(packages))


def install_line(packages):
    return "apt-get update && apt-get install -y --no-install-recommends " + " ".join(packages)


def _root_prefix(packages):
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        works = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if works.returncode == 0 or sys.stdin.isatty():
            return ["sudo"]
    raise Refusal("host packages are missing and need root: run  su -c '%s'"
                  % install_line(packages))


def _apt_get(prefix, arguments):
    command = prefix + ["env"] + ["%s=%s" % item for item in QUIET.items()]
    command += ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"] + arguments
    return subprocess.run(command, stdin=subprocess.DEVNULL if not prefix else None,
                          check=False).returncode


def _lists_are_fresh():
    lists = glob.glob(LISTS + "/*Packages*")
    return bool(lists) and time.time() - max(map(os.path.getmtime, lists)) < LISTS_MAX_AGE


def is_known(package):
    """Whether this machine's apt could install the package."""
    done = subprocess.run(["apt-cache", "policy", package], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    return b"Candidate:" in done.stdout and b"Candidate: (none)" not in done.stdout


# The mirror


def mirror():
    """The Debian mirror of this machine's apt configuration; DEBIAN_MIRROR= overrides it."""
    given = os.environ.get("DEBIAN_MIRROR")
    if given:
        return given.rstrip("/")
    found = choose_mirror(_repositories())
    if not found:
        raise Refusal("this machine's apt configuration names no Debian mirror: "
                      "set DEBIAN_MIRROR to the URL of one")
    return found


def choose_mirror(sources):
    """The URI of Debian's main archive among (URI, suite, components): no security updates, no
    other's packages. An archive is usually called "debian"; cloud images name a list of mirrors."""
    debian = [uri for uri, suite, components in sources
              if suite in DEBIAN_SUITES and "main" in components]
    usual = [uri for uri in debian if re.search(r"/debian(\.list)?/?$|/archive/debian/", uri)]
    return next((uri.rstrip("/") for uri in usual + debian), None)


def _repositories():
    """(URI, suite, components) of each source, read from the files.

    (apt itself tells them only after an update.)
    """
    main, parts = _source_paths()
    for path in [main] + sorted(glob.glob(parts + "/*")):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if path.endswith(".list"):
            yield from one_line_sources(text)
        elif path.endswith(".sources"):
            yield from deb822_sources(text)


def _source_paths():
    done = subprocess.run(["apt-config", "shell", "MAIN", "Dir::Etc::sourcelist/f", "PARTS",
                           "Dir::Etc::sourceparts/d"], stdout=subprocess.PIPE, check=False)
    paths = dict(re.findall(r"^(MAIN|PARTS)='(.*)'$", done.stdout.decode(), re.MULTILINE))
    return (paths.get("MAIN", "/etc/apt/sources.list"),
            paths.get("PARTS", "/etc/apt/sources.list.d").rstrip("/"))


def one_line_sources(text):
    """sources.list(5): deb [options] URI suite component..."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)(.*)", line)
        if match:
            yield match.group(1), match.group(2), match.group(3).split("#")[0].split()


def deb822_sources(text):
    """sources.list(5): stanzas of fields."""
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {}
        for match in re.finditer(r"^([\w-]+):((?:.*(?:\n[ \t].*)*))", stanza, re.MULTILINE):
            fields[match.group(1).lower()] = match.group(2).split()
        if "deb" not in fields.get("types", []) or fields.get("enabled", ["yes"])[0] == "no":
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield uri, suite, fields.get("components", [])


# A private apt


class PrivateApt:
    """apt-get with its own lists, cache, sources and architecture, below `directory`.

    The rest of the machine's apt configuration stays in force (proxies, for example), apart from
    what it would run after an update. Signatures are checked against Debian's archive keyring.
    """

    def __init__(self, directory, suites, architecture=None):
        require()
        if not os.path.isfile(KEYRING):
            raise Refusal("%s is missing: run ./doppel setup packages" % KEYRING)
        self.directory = directory
        for part in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(directory, part))
        source = mirror()
        print("taking packages from %s (%s)" % (source, ", ".join(suites)), flush=True)
        self._write("sources.list", "".join(
            "deb [%ssigned-by=%s] %s %s main\n"
            % ("arch=%s " % architecture if architecture else "", KEYRING, source, suite)
            for suite in suites))
        self._write("apt.conf", self._configuration(architecture))
        self.run("update")

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def _configuration(self, architecture):
        where = self.directory
        lines = ["#clear APT::Update::Post-Invoke;", "#clear APT::Update::Post-Invoke-Success;",
                 "#clear APT::Update::Pre-Invoke;", "#clear APT::Default-Release;",
                 'Dir::State::lists "%s/lists";' % where, 'Dir::Cache "%s/cache";' % where,
                 'Dir::Etc::sourcelist "%s/sources.list";' % where,
                 'Dir::Etc::sourceparts "/dev/null";', 'Dir::Etc::preferences "/dev/null";',
                 'Dir::Etc::preferencesparts "/dev/null";',
                 'Acquire::AllowInsecureRepositories "false";',
                 'APT::Get::AllowUnauthenticated "false";', 'APT::Update::Error-Mode "any";',
                 'Acquire::Languages "none";', 'Acquire::Retries "3";']
        if os.geteuid() == 0:
            # The cache may be where apt's own user cannot write.
            lines.append('APT::Sandbox::User "root";')
        if architecture:
            lines += ["#clear APT::Architectures;", 'APT::Architecture "%s";' % architecture,
                      'APT::Architectures { "%s"; };' % architecture,
                      'Dir::State::status "/dev/null";']
        return "\n".join(lines) + "\n"

    def _command(self, program, arguments):
        return [program, "-c", os.path.join(self.directory, "apt.conf")] + arguments

    def run(self, *arguments):
        done = subprocess.run(self._command("apt-get", ["-q", *arguments]), cwd=self.directory,
                              env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise Refusal("apt-get %s failed, its messages are above: check the network and the "
                          "mirror (DEBIAN_MIRROR= gives another)" % arguments[0])

    def ask(self, program, *arguments):
        done = subprocess.run(self._command(program, list(arguments)), env={**os.environ, **QUIET},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        return done.stdout.decode("utf-8", "replace")

    def unpack(self, packages, target, suite=None):
        """Downloads packages and unpacks them into `target`; no archive is kept."""
        self.run(*(["-t", suite] if suite else []), "download", *packages)
        archives = sorted(glob.glob(os.path.join(self.directory, "*.deb")))
        print("unpacking %d packages" % len(archives), flush=True)
        for archive in archives:
            if subprocess.run(["dpkg-deb", "-x", archive, target], check=False).returncode:
                raise Refusal("%s could not be unpacked: is the disk full?"
                              % os.path.basename(archive))
            os.unlink(archive)
