#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is written for users is sound: manual pages, completion, the XML for libvirt.
Usage: manual_test.py BUTTERFLY BUTTERFLYD FAKE_BUTTERFLYD"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUTTERFLY, DAEMON, FAKE = (pathlib.Path(path).resolve() for path in sys.argv[1:4])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOME = {**os.environ, "PATH": f"{BUTTERFLY.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
        "BUTTERFLY_API": "unix:/nonexistent/api.sock"}


def output_of(*command, text_in=None):
    done = subprocess.run(command, input=text_in, capture_output=True, text=True, env=HOME, check=False, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def completions(*words):
    return output_of(BUTTERFLY, "--complete", *words).split()


def commands(*path):
    """All leaves: ["nic", "add"]."""
    inner = completions(*path, "")
    return [leaf for name in inner for leaf in commands(*path, name)] if inner else [path]


class ManualPages(unittest.TestCase):
    def check_page(self, page):
        """Roff has nothing to say to it; returns it as it is read."""
        output_of("groff", "-man", "-ww", "-b", "-z", "-Tutf8", text_in=page)
        return output_of("groff", "-man", "-Tutf8", "-P-cbou", "-rLL=500n", text_in=page)

    def test_butterfly(self):
        page = output_of(BUTTERFLY, "--manual")
        text = self.check_page(page)
        leaves = commands()
        self.assertGreater(len(leaves), 40)
        for leaf in leaves:
            self.assertIn("\n.SS " + " ".join(leaf).replace("-", "\\-") + "\n", page)
            options = set(completions(*leaf, "--")) - {"--help"}
            for option in options:
                self.assertIn(option, text, leaf)
        self.assertIn("--expect-revision", text)
        self.assertRegex(text, r"\n *-o, --output \{table,json\}\n")

    def test_butterflyd(self):
        text = self.check_page((ROOT / "dist/man/butterflyd.8").read_text())
        options = re.findall(r"^  (--[a-z]+)", output_of(DAEMON, "--help"), re.M)
        self.assertGreater(len(options), 3)
        for option in options:
            self.assertRegex(text, rf"\n +(-., )?{option}( FILE| NAME)?\n")

    def test_settings(self):
        text = self.check_page((ROOT / "dist/man/butterflyd.toml.5").read_text())
        for key in re.findall(r"^(?:# )?([a-z_]+) = ", (ROOT / "dist/butterflyd.toml").read_text(), re.M):
            self.assertRegex(text, rf"\n +{key} = ")


class Completion(unittest.TestCase):
    def test_commands(self):
        self.assertIn("nic", completions(""))
        self.assertEqual(completions("pe"), ["peer"])
        self.assertEqual(completions("nic", "ad"), ["add"])
        self.assertIn("add", completions("sg", "rule", ""))
        self.assertEqual(completions("nic", "show", "a", "+", "pe"), ["peer"], "of the last command")
        self.assertIn("nic", completions("nic", "show", "a", "+", ""))

    def test_options(self):
        self.assertIn("--vni", completions("nic", "add", "--id", "a", "--"))
        self.assertEqual(completions("nic", "add", "--expect"), ["--expect-revision"], "of the whole command, too")
        self.assertEqual(completions("--ap"), ["--api"])
        self.assertEqual(completions("--nonsense", "sta"), ["status"])

    def test_values(self):
        self.assertEqual(completions("-o", ""), ["table", "json"])
        self.assertEqual(completions("nic", "add", "--type", "t"), ["tap"])
        self.assertEqual(completions("--api", "x", "nic", "sh"), ["show"], "a value is no command")

    def test_names_that_the_daemon_knows(self):
        with tempfile.TemporaryDirectory() as directory, \
                subprocess.Popen([FAKE, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
            daemon.stdout.readline()
            api = f"unix:{directory}/api.sock"
            for name, mac in (("web-1", 1), ("web-2", 2), ("db-1", 3)):
                output_of(BUTTERFLY, "--api", api, "nic", "add", "--id", name, "--mac", f"52:54:00:00:00:0{mac}",
                          "--vni", "1")
            output_of(BUTTERFLY, "--api", api, "sg", "add", "open")
            self.assertEqual(completions("--api", api, "nic", "show", "w"), ["web-1", "web-2"])
            self.assertEqual(completions("--api", api, "trace", "--count", "3", "--nic", ""),
                             ["db-1", "web-1", "web-2"])
            self.assertEqual(completions("--api", api, "nic", "del", "web-1", "d"), ["db-1"], "one more")
            self.assertEqual(completions("--api", api, "sg", "check", "db-1", ""), [], "only one nic")
            self.assertIn("open", completions("--api", api, "nic", "add", "--sg", ""))
            self.assertIn("open", completions("--api", api, "sg", "rule", "list", ""))
            daemon.stdin.close()
        self.assertEqual(completions("--api", api, "nic", "show", ""), [], "no daemon, no names, no noise")

    def in_bash(self, line):
        """What bash would offer at the end of the line."""
        script = f"""
            source {ROOT}/dist/completion/butterfly.bash
            COMP_LINE='{line}'; COMP_POINT={len(line)}
            _butterfly butterfly && printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return output_of("bash", "--norc", "-c", script).split()

    def test_bash(self):
        self.assertEqual(self.in_bash("butterfly nic ad"), ["add"])
        self.assertEqual(self.in_bash("butterfly -o "), ["table", "json"])
        self.assertEqual(self.in_bash("butterfly --api unix:/x nic sh"), ["show"])
        self.assertEqual(self.in_bash("butterfly apply "), [], "bash goes on with files")


@unittest.skipUnless(shutil.which("virt-xml-validate"), "tools/setup installs libvirt-clients")
class Libvirt(unittest.TestCase):
    def test_the_domain_of_the_manual_is_what_libvirt_takes(self):
        page = (ROOT / "docs/operate/libvirt.md").read_text()
        domain = re.search(r"```xml\n(.*?)```", page, re.S).group(1)
        client = re.search(r"`(<source type='unix' path='…' mode='client'>.*</source>)`", page).group(1)
        for text in (domain, re.sub(r"<source type='unix'.*?/>", client.replace("…", "/run/a.sock"), domain),
                     domain.replace("<source type='memfd'/>", "<hugepages/>"),
                     domain.replace("<source type='memfd'/>", "<source type='file'/>")):
            self.assertEqual(self.validate(text), 0, text)
        self.assertNotEqual(self.validate(domain.replace("vhostuser", "vhost-user")), 0)

    def validate(self, text):
        return subprocess.run(["virt-xml-validate", "-", "domain"], input=text, text=True, capture_output=True,
                              check=False, timeout=60).returncode


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
