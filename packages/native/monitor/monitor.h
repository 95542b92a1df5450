// The monitor: one process for each task and each exec process. It is the process's parent (or sub-reaper), owns its
// stdio and its log, keeps its exit status, and serves a unix socket; it outlives every service.
//
// Fields of its WIRE_MONITOR request (text unless said otherwise; absent means empty):
//   driver         native | oci | remote (see remote.h)
//   dir            directory of monitor.json and exit.json
//   socket         path of the socket that it serves, at most 100 bytes
//   exec           "1": an exec process, or a restored init: an oci runtime makes it only at its start
//   tty            "1": a terminal; width, height: its first size in characters
//   stdin          "" (/dev/null) | open | fifo:<path>;  stdin_once "1": closed when the first attached client leaves
//   stdout, stderr "" (/dev/null unless there is a log) | open | fifo:<path> | file:<path>
//   logger, logger_env   zero-separated command line and environment of a logging binary, see logger.h
//   uid, gid       owner given to the pipes, so that /dev/stdout can be opened again; -1: left
//   log, log_attrs, log_max_size, log_max_file, log_compress, log_passed, log_waits, log_plain        the log, see struct log_rules
//   ack_ms         the process is destroyed unless an acknowledgement comes in this time; 0: never
//   stuck_ms       an attached client that takes nothing for so long while it holds the output up is dropped; default 30000
//   oom, oom_version   the memory cgroup's directory and 1 or 2
//   plan           bytes of the launch plan                                        (native)
//   create, start  zero-separated command lines of the runtime; pid_file; console: socket path;
//                  hide: mount point that the runtime must not see; bundle: the directory in which it runs   (oci)
//   side_log       FIFO of the log of the program that makes the process                             (remote)
//
// Answer: {"ok":true,"pid":N,"monitor_pid":N} or {"ok":false,"code":"…","error":"…"}.
#ifndef GANTRY_MONITOR_H
#define GANTRY_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "launch/launch.h"
#include "monitor/statefile.h"
#include "base/wire.h"

enum status { STATUS_CREATED, STATUS_RUNNING, STATUS_STOPPED };

// There is one monitor in a process.
struct monitor {
	const char *dir, *socket;
	bool exec, tty;
	bool remote; // another program makes the process and tells its end
	struct monitor_state state;
	enum status status; // stopped: exit.json is written, the exit may be told
	bool dead; // the process has been reaped; its output may not be drained yet
	int forced_code; // exit code of a process that could not start, -1: none
	int exit_code;
	char exited_at[40];
	bool oom;
	int64_t ack_deadline; // loop_now() at which an unacknowledged process is destroyed, 0: none
	bool released; // told to go; lingers only for clients that still read
	int64_t stuck_ms; // see the field
};

extern struct monitor monitor;

// Takes over the calling process until the monitor is released; returns its exit status.
int monitor_run(int socket, struct frame *frame);

// The process's end was seen: code as in a shell (128+n for a signal).
void monitor_process_died(int code);

// Called when the output may have come to its end.
void monitor_check_end(void);

#endif
