# SPDX-License-Identifier: Apache-2.0
"""The journal: every run that was made, a line of JSON each, so that a session can be taken up again
and every figure be traced to its runs."""

import json


class Journal:
    def __init__(self, path, subject, resume):
        """`subject` tells what is measured (the binaries); a journal of something else is not resumed."""
        self._path = path
        self.runs = []
        self.facts = []  # what is not a run: memory, checks
        if resume and path.exists():
            self._read(subject)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            self._append({"subject": subject})

    def _read(self, subject):
        for line in self._path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the line that an interruption cut short
                continue
            if "subject" in entry and entry["subject"] != subject:
                raise ValueError(f"{self._path} is about other binaries: start without --resume")
            if "round" in entry:
                self.runs.append(entry)
            elif "fact" in entry:
                self.facts.append(entry)

    def _append(self, entry):
        with open(self._path, "a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")

    def add_run(self, run):
        self.runs.append(run)
        self._append(run)

    def add_fact(self, name, rig, value):
        entry = {"fact": name, "rig": rig, "value": value}
        self.facts.append(entry)
        self._append(entry)

    def of_cell(self, cell):
        return [run for run in self.runs if run["cell"] == cell]

    def find_fact(self, name, rig):
        """The latest value, or None."""
        return next((entry["value"] for entry in reversed(self.facts)
                     if (entry["fact"], entry["rig"]) == (name, rig)), None)
