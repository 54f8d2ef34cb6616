#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the VM tests: one lab boot a file, one line a test, counts at the end.
A test file has `build_lab(lab)`, which returns the lab's world, and functions `test_*(world)`;
a world's `after_test()`, where it has one, ends what a test may have left running.
With --jobs files run side by side, each with hosts, namespaces and guests of its own."""

import argparse
import concurrent.futures
import importlib
import pathlib
import re
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from image.build import DEFAULT_CACHE, ImageError  # noqa: E402
from lab.preflight import NotReady  # noqa: E402
from lab.topology import Lab  # noqa: E402


def tests_of(module):
    """In the order of the file: a later test may count on what the lab has been through."""
    return [(name[len("test_"):], value) for name, value in vars(module).items()
            if name.startswith("test_") and callable(value)]


def explain(lab):
    """What the daemons said last: the first thing one asks for after a failure."""
    for host in lab.hosts.values():
        print(f"    host {host.name}, end of its log:")
        for line in host.log().splitlines()[-12:]:
            print(f"      {line}")


def brief(error):
    """Its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def run_file(module, selected, arguments):
    """How many passed, and a line for each that failed."""
    passed, failures = 0, []
    with Lab(arguments.build_dir, arguments.image_cache, say=lambda text: print(f"  {text}", flush=True)) as lab:
        began = time.monotonic()
        try:
            world = module.build_lab(lab)
        except Exception as error:  # pylint: disable=broad-except
            print(f"FAIL {module.__name__}: the lab did not come up; its {len(selected)} tests count as failed")
            traceback.print_exc(file=sys.stdout)
            explain(lab)
            return 0, [f"{module.__name__}.{name}: no lab: {brief(error)}" for name, _ in selected]
        print(f"  {module.__name__}: lab up in {time.monotonic() - began:.1f} s ({lab.accelerator})", flush=True)
        for name, test in selected:
            began = time.monotonic()
            try:
                test(world)
                passed += 1
                print(f"ok   {module.__name__}.{name} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(f"{module.__name__}.{name}: {brief(error)}")
                print(f"FAIL {module.__name__}.{name} ({time.monotonic() - began:.1f} s)")
                traceback.print_exc(limit=-3, file=sys.stdout)
                explain(lab)
                sys.stdout.flush()
            finally:
                getattr(world, "after_test", lambda: None)()
    return passed, failures


def run_files(modules, arguments):
    """(passed, failed, lines of failures), a file after the other or several at once."""
    if arguments.jobs < 2 or len(modules) < 2:
        passed, failures = 0, []
        for module, selected in modules:
            good, bad = run_file(module, selected, arguments)
            passed, failures = passed + good, failures + bad
        return passed, failures
    # What one run finds out for all: the image, the accelerator.
    with Lab(arguments.build_dir, arguments.image_cache, say=lambda text: print(f"  {text}", flush=True)):
        pass
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as workers:
        runs = [workers.submit(run_alone, module, selected, arguments) for module, selected in modules]
        results = [run.result() for run in concurrent.futures.as_completed(runs)]
    return sum(good for good, _ in results), [line for _, bad in results for line in bad]


def run_alone(module, selected, arguments):
    """As run_file, in a process of its own, which shows what it printed when it has ended."""
    command = [sys.executable, __file__, "--build-dir", arguments.build_dir, "--image-cache",
               str(arguments.image_cache), "--file", module.__name__, arguments.filter]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if not re.match(r"FAIL \S+: |vm tests: ", line)), flush=True)
    counts = re.search(r"^vm tests: (\d+) passed, (\d+) failed$", done.stdout, re.M)
    if not counts:
        return 0, [f"{module.__name__}: ended with {done.returncode}; its {len(selected)} tests count as failed"]
    return int(counts[1]), [line[len("FAIL "):] for line in lines if re.match(r"FAIL \S+: ", line)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", default="build/release", help="where butterflyd and butterfly are")
    parser.add_argument("--image-cache", default=DEFAULT_CACHE, help="where the guest image is kept")
    parser.add_argument("--jobs", type=int, default=1, help="files at once")
    parser.add_argument("--file", default="", help="only this file")
    parser.add_argument("--list", action="store_true", help="only print the names of the tests")
    parser.add_argument("filter", nargs="?", default="", help="run tests whose file.name contains this")
    arguments = parser.parse_args()

    modules = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        selected = [(name, test) for name, test in tests_of(module)
                    if arguments.filter in f"{module.__name__}.{name}" and arguments.file in ("", path.stem)]
        if selected:
            modules.append((module, selected))
    if arguments.list:
        print("\n".join(f"{module.__name__}.{name}" for module, selected in modules for name, _ in selected))
        return
    try:
        passed, failures = run_files(modules, arguments)
    except (NotReady, ImageError) as error:
        sys.exit(f"vm tests: cannot run here:\n{error}")
    except KeyboardInterrupt:
        sys.exit("vm tests: interrupted")
    for failure in failures:  # again, where a reader of a long log looks first
        print(f"FAIL {failure}")
    print(f"vm tests: {passed} passed, {len(failures)} failed")
    if passed + len(failures) == 0:
        sys.exit(f"vm tests: no test matches '{arguments.filter}'")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
