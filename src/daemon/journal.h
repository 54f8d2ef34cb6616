// SPDX-License-Identifier: Apache-2.0
// Log lines as systemd's journal wants them: sd-daemon(3), systemd.exec(5) $JOURNAL_STREAM.
#pragma once

namespace butterfly {

// Whether `fd` is the stream of which `journal_stream` ("DEVICE:INODE", may be null) speaks.
bool is_journal(int fd, const char* journal_stream);

// From now on the default logger's lines begin with their priority, "<6>", and have no time: the
// journal knows both.
void log_for_journal();

}  // namespace butterfly
