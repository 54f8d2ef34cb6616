# SPDX-License-Identifier: Apache-2.0
"""What the operator asked for outlives crashes, second daemons and damaged files: never lost, never guessed."""

import contextlib
import json
import os
import shutil
import sqlite3

from checks import check
from lab.shell import CommandFailed, run
from test_daemon_start import World, check_refused

# Everything that intent can hold.
INTENT = (
    "sg add web", "sg add db", "sg rule add web --dir in --ip-proto tcp --port 80",
    "sg rule add web --dir in --ip-proto icmp --icmp-type 8 --icmp-code 0",
    "sg rule add db --dir in --ip-proto tcp --port-start 5000 --port-end 6000 --sg-members web --description sql",
    "sg rule add db --dir out --ip-proto all --cidr 2001:db8::/32", "sg member add web 10.0.0.77 fd00::77",
    "nic add --id one --mac 52:54:00:00:00:01 --vni 100 --ip 10.0.0.1 --ip fd00::1 --sg web --sg db",
    "nic add --id two --mac 52:54:00:00:00:02 --vni 200 --type tap --tap-name two0 --no-antispoof",
    "peer add --ip 192.0.2.77 --vni 100 --vni 200", "peer add --ip 192.0.2.78 --vni 100",
    "fdb add --vni 100 --mac 52:54:00:00:00:aa --peer 192.0.2.77",
)


def build_lab(lab):
    return World(lab)


def filled(world):
    """A running daemon with an uplink and an intent of every kind; and its dump."""
    daemon = world.with_uplink("up0").start()
    for line in INTENT:
        daemon.must(*line.split())
    return daemon, daemon.must("dump")


def files_of(state):
    """State file, log and shared memory, byte by byte; the lock is not content."""
    return {path.name: path.read_bytes() for path in state.parent.glob(f"{state.name}*")
            if not path.name.endswith((".lock", "-shm"))}


def check_kept(daemon, *texts):
    """Refused with the texts and the state's name, the files byte-identical afterwards."""
    before = files_of(daemon.state)
    checked = daemon.end("--check")
    check(checked.exit == 1 and f"fault    state file '{daemon.state}': " in checked.stdout, f"--check: {checked}")
    for text in texts:
        check(text in checked.stdout, f"--check: '{text}' in: {checked.stdout}")
    check(files_of(daemon.state) == before, "--check leaves them as they are")
    answer = daemon.end()
    check(answer.exit == 1, f"exit {answer.exit}: {answer.stderr}")
    last = (answer.stderr.strip().splitlines() or [""])[-1]
    for text in (f"butterflyd: state file '{daemon.state}'", "nothing was changed", "wanted", *texts):
        check(text in last, f"'{text}' in: {answer.stderr}")
    after = files_of(daemon.state)
    check(before == after, f"the files stay as they were: {sorted(before)}, {sorted(after)}")
    check(not os.path.lexists(daemon.socket), "no API")


def stopped_with_state(world):
    daemon, dump = filled(world)
    check(daemon.stop() == 0, daemon.log())
    return daemon, dump


# --- kept ----------------------------------------------------------------------------------------

def test_intent_of_every_kind_survives_kill_9(world):
    daemon, before = filled(world)
    known = json.loads(before)
    check(all(len(known[kind]) == 2 for kind in ("nics", "groups", "peers")) and len(known["fdb"]) == 1, before)
    daemon.kill()
    daemon.start()
    check(daemon.must("dump") == before, f"dump before: {before}\nafter: {daemon.must('dump')}")
    check("two0" in world.interfaces(), "the tap is there again")
    daemon.must("nic", "del", "two")
    daemon.kill()
    daemon.start()
    check([nic["id"] for nic in json.loads(daemon.must("dump"))["nics"]] == ["one"], "a removal is kept as well")
    check(daemon.stop() == 0, daemon.log())


def test_every_change_that_was_answered_survives_kill_9(world):
    daemon = world.daemon().start()
    for number in range(1, 9):
        daemon.must("sg", "add", f"group-{number}")
        daemon.kill()
        daemon.start()
    groups = [group["name"] for group in json.loads(daemon.must("dump"))["groups"]]
    check(groups == [f"group-{number}" for number in range(1, 9)], str(groups))
    daemon.stop()


def test_orderly_stop_and_start_keep_the_intent(world):
    daemon, before = stopped_with_state(world)
    daemon.start()
    check(daemon.must("dump") == before, daemon.must("dump"))
    daemon.stop()


def test_refused_change_leaves_the_intent_and_the_switch_alone(world):
    holder = world.daemon().start()
    holder.must("nic", "add", "--id", "busy0", "--mac", "52:54:00:00:00:09", "--vni", "9", "--type", "tap")
    daemon, before = filled(world)
    answer = daemon.cli("nic", "add", "--id", "busy0", "--mac", "52:54:00:00:00:08", "--vni", "9", "--type", "tap")
    check(answer.exit == 1, f"exit {answer.exit}: {answer.stderr}")
    check("nic 'busy0'" in answer.stderr and "no process holds" in answer.stderr, answer.stderr)
    check(daemon.must("dump") == before, daemon.must("dump"))
    # All or nothing: the tap that could be made goes again with the one that could not.
    wanted = json.loads(before)
    for name, last in (("anew0", "06"), ("busy0", "07")):
        wanted["nics"].append({"id": name, "mac": f"52:54:00:00:00:{last}", "vni": 9, "type": "NIC_TYPE_TAP"})
    wanted["groups"] = []
    answer = daemon.cli("apply", "-", text_in=json.dumps(wanted))
    check(answer.exit == 1 and "busy0" in answer.stderr, str(answer))
    check(daemon.must("dump") == before and "anew0" not in world.interfaces(), "nothing of it is there")
    daemon.kill()
    daemon.start()
    check(daemon.must("dump") == before, "nor after a restart")
    daemon.stop()
    holder.stop()


def test_stored_intent_that_cannot_run_is_refused_and_kept(world):
    daemon, before = stopped_with_state(world)
    holder = world.daemon().start()
    holder.must("nic", "add", "--id", "two0", "--mac", "52:54:00:00:00:09", "--vni", "9", "--type", "tap")
    kept = daemon.state.read_bytes()
    answer = daemon.end()
    check(answer.exit == 1 and "stored intent cannot be run" in answer.stderr and "two0" in answer.stderr, str(answer))
    check(daemon.state.read_bytes() == kept, "the state file stays")
    holder.stop()
    daemon.start()
    check(daemon.must("dump") == before, "and runs once the tap is free")
    daemon.stop()


# --- damaged -------------------------------------------------------------------------------------

def test_overwritten_rows_are_refused(world):
    daemon, _ = stopped_with_state(world)
    whole = daemon.state.read_bytes()
    for needle in (b"web", b"two", b"192.0.2.77"):
        place = whole.rindex(needle)
        damaged = bytearray(whole)
        damaged[place + 1] ^= 0x20
        daemon.state.write_bytes(damaged)
        check_kept(daemon, "damaged")
    daemon.state.write_bytes(whole)
    daemon.start()
    daemon.stop()


def test_no_overwritten_block_is_ever_taken_for_another_intent(world):
    """Refused or harmless (unused room of a page), never a daemon that runs something else."""
    daemon, before = stopped_with_state(world)
    whole = daemon.state.read_bytes()
    refused = 0
    for place in range(0, len(whole), max(512, len(whole) // 12)):
        damaged = bytearray(whole)
        damaged[place:place + 64] = b"\xa5" * 64
        daemon.state.write_bytes(damaged)
        try:
            daemon.start()
        except CommandFailed:
            refused += 1
            check(not daemon.is_running() and f"state file '{daemon.state}'" in daemon.log(), daemon.log())
            check(daemon.state.read_bytes() == damaged, f"damage at {place} stays as it is")
            continue
        check(daemon.must("dump") == before, f"damage at {place} ran as {daemon.must('dump')}")
        daemon.stop()
    check(refused >= 1, "at least the header's damage is seen")


def test_truncated_state_is_refused(world):
    daemon, _ = stopped_with_state(world)
    whole = daemon.state.read_bytes()
    for size in (0, 8, 100, 4096, len(whole) - 1):
        daemon.state.write_bytes(whole[:size])
        check_kept(daemon)


def test_state_that_is_no_database_is_refused(world):
    daemon = world.daemon()
    daemon.state.write_text("nics = [] # not a database\n" * 400)
    check_kept(daemon, "not an SQLite database")


def test_database_of_another_program_is_refused(world):
    daemon = world.daemon()
    with sqlite3.connect(daemon.state) as database:
        database.execute("CREATE TABLE bookmarks(url TEXT)")
    database.close()
    check_kept(daemon, "another program")


def test_full_disk_is_told_and_loses_nothing(world):
    """Neither a change nor a start may take a full disk for damage: the file is good."""
    daemon = world.daemon()
    disk = daemon.directory / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk)
    try:
        daemon = world.daemon(daemon={"state": str(disk / "state.db")})
        fill = disk / "fill"

        def fill_up():
            with contextlib.suppress(OSError), open(fill, "wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass

        def check_told(answer):
            check(answer.exit == 1 and f"state file '{daemon.state}': cannot be used: " in answer.stderr, str(answer))
            check("wanted room on its disk" in answer.stderr and "no file" not in answer.stderr, str(answer))

        fill_up()
        check_told(daemon.end())
        check(not daemon.state.exists() and not list(disk.glob("*.new")), f"left: {list(disk.iterdir())}")
        fill.unlink()
        daemon.start()
        daemon.must("sg", "add", "kept")
        before = daemon.must("dump")
        fill_up()
        answers = [daemon.cli("sg", "add", f"lost-{number}") for number in range(100)]
        refused = [answer for answer in answers if not answer.ok]
        check(refused and all("cannot be written" in answer.stderr for answer in refused), str(answers[-1]))
        taken = [f"lost-{number}" for number, answer in enumerate(answers) if answer.ok]
        groups = [group["name"] for group in json.loads(daemon.must("dump"))["groups"]]
        check(sorted(groups) == sorted(["kept", *taken]), "what was refused is not there")
        fill.unlink()
        daemon.must("sg", "add", "found")
        for name in ("found", *taken):
            daemon.must("sg", "del", name)
        check(daemon.must("dump") == before, "and goes on once there is room")
        daemon.stop()
        kept = daemon.state.read_bytes()
        fill_up()
        check_told(daemon.end())
        fill.unlink()
        check(daemon.state.read_bytes() == kept, "the file is as it was")
        run("mount", "-o", "remount,ro", disk)
        answer = daemon.end()
        check(answer.exit == 1 and "Read-only file system (wanted a directory that" in answer.stderr, str(answer))
        run("mount", "-o", "remount,rw", disk)
        daemon.start()
        check(daemon.must("dump") == before, "the intent is as before")
        daemon.stop()
    finally:
        world.after_test()
        run("umount", disk)


def test_newer_schema_is_refused_with_the_remedy(world):
    daemon, _ = stopped_with_state(world)
    with sqlite3.connect(daemon.state) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    check_kept(daemon, "schema 2", "newer")


def test_state_file_that_is_gone_while_its_log_is_there_is_refused(world):
    daemon, before = filled(world)
    daemon.kill()
    log = daemon.state.with_name(daemon.state.name + "-wal")
    check(log.stat().st_size > 0, "the crash leaves changes in the log")
    kept = shutil.copy(daemon.state, daemon.directory / "copy")
    daemon.state.unlink()
    daemon.socket.unlink()
    check_kept(daemon, "missing", "-wal")
    shutil.copy(kept, daemon.state)
    daemon.start()
    check(daemon.must("dump") == before, "put back, nothing is lost")
    daemon.stop()


def test_directory_in_place_of_the_state_is_refused(world):
    daemon = world.daemon()
    daemon.state.mkdir()
    check_refused(daemon, "state file", "not a regular file")


# --- a second daemon -----------------------------------------------------------------------------

def check_still_serves(daemon, before):
    check(daemon.must("dump") == before, "the first daemon has its intent")
    daemon.must("sg", "add", "later")
    daemon.must("sg", "del", "later")
    check(daemon.must("dump") == before and daemon.is_running(), "and takes changes")


def test_second_daemon_on_the_same_state_is_refused(world):
    first, before = filled(world)
    second = world.daemon(daemon={"state": str(first.state)})
    answer = second.end()
    check(answer.exit == 1 and f"in use by process {first.process.pid} " in answer.stderr, str(answer))
    check(str(first.state) in answer.stderr and not os.path.lexists(second.socket), str(answer))
    check_still_serves(first, before)
    first.stop()


def test_second_daemon_on_the_same_socket_is_refused(world):
    first, before = filled(world)
    second = world.daemon(daemon={"api": f"unix:{first.socket}"})
    answer = second.end()
    check(answer.exit == 1 and f"in use by process {first.process.pid} " in answer.stderr, str(answer))
    check(str(first.socket) in answer.stderr, str(answer))
    check_still_serves(first, before)
    first.stop()


def test_second_daemon_with_the_same_settings_is_refused(world):
    first, before = filled(world)
    answer = first.end()
    check(answer.exit == 1 and "in use" in answer.stderr, str(answer))
    check_still_serves(first, before)
    first.stop()


def test_socket_where_somebody_else_listens_is_refused_and_kept(world):
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); input()"
    daemon = world.daemon()
    line = ["sh", "-c", f'sleep 60 | python3 -c "{script}" {daemon.socket}']
    other = world.lab.run.spawn(line, daemon.directory / "log.other")
    try:
        run("sh", "-c", f"for i in $(seq 100); do [ -S {daemon.socket} ] && exit 0; sleep 0.1; done; exit 1")
        answer = daemon.end()
        check(answer.exit == 1 and "listens there" in answer.stderr, str(answer))
        check(daemon.socket.is_socket(), "the socket of the other stays")
    finally:
        other.kill()
