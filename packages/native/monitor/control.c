#include "monitor/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "monitor/attach.h"
#include "monitor/remote.h"
#include "monitor/input.h"
#include "base/json.h"
#include "monitor/lifecycle.h"
#include "monitor/monitor.h"
#include "monitor/output.h"
#include "monitor/process.h"

static void fail(char *out, size_t cap, const char *code, const char *text) {
	char escaped[2400];
	snprintf(out, cap, "{\"ok\":false,\"code\":\"%s\",\"error\":\"%s\"}\n", code, json_escape(text, escaped, sizeof escaped));
}

static void ok(char *out, size_t cap) { snprintf(out, cap, "{\"ok\":true}\n"); }

static int exit_fields(char *out, size_t cap) {
	return snprintf(out, cap, ",\"exit_code\":%d,\"exited_at\":\"%s\",\"oom\":%s", monitor.exit_code, monitor.exited_at,
	    monitor.oom ? "true" : "false");
}

static void state(char *out, size_t cap) {
	static const char *const names[] = {"created", "running", "stopped"};
	char ended[160] = "";
	if (monitor.status == STATUS_STOPPED) exit_fields(ended, sizeof ended);
	snprintf(out, cap,
	    "{\"ok\":true,\"pid\":%d,\"status\":\"%s\",\"tty\":%s,\"acknowledged\":%s,\"log_dropped\":%llu,\"clients_dropped\":%u,\"stdin_"
	    "closed\":%s%s}\n",
	    monitor.state.pid, names[monitor.status], monitor.tty ? "true" : "false", monitor.state.acknowledged ? "true" : "false",
	    (unsigned long long)output_log_dropped(), clients_dropped, monitor.remote && input_closed() ? "true" : "false", ended);
}

static void start(const char *line, char *out, size_t cap) {
	struct launch_error error = {0};
	int r = monitor.remote ? lifecycle_follow((pid_t)json_int(line, "pid", 0), &error) : lifecycle_start(&error);
	if (r < 0) fail(out, cap, launch_kind_name(error.kind), error.text);
	else snprintf(out, cap, "{\"ok\":true,\"pid\":%d}\n", monitor.state.pid);
}

static void answer_errno(int r, char *out, size_t cap, const char *what) {
	char text[128];
	if (r == 0) {
		ok(out, cap);
		return;
	}
	const char *code = errno == ESRCH ? "not_found" : errno == EINVAL ? "invalid" : "internal";
	snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
	fail(out, cap, code, text);
}

void control_answer(const char *op, const char *line, char *out, size_t cap) {
	if (strcmp(op, "state") == 0 || strcmp(op, "control") == 0) {
		state(out, cap);
	} else if (strcmp(op, "start") == 0) {
		start(line, out, cap);
	} else if (monitor.remote && strcmp(op, "made") == 0) {
		remote_made((pid_t)json_int(line, "pid", 0));
		ok(out, cap);
	} else if (monitor.remote && strcmp(op, "ended") == 0) {
		char at[sizeof monitor.exited_at];
		remote_ended(
		    (int)json_int(line, "exit_code", 255), json_string(line, "exited_at", at, sizeof at) ? at : "", json_bool(line, "oom", false));
		ok(out, cap);
	} else if (strcmp(op, "wait") == 0) {
		char ended[160];
		exit_fields(ended, sizeof ended);
		snprintf(out, cap, "{\"ok\":true%s}\n", ended);
	} else if (strcmp(op, "resize") == 0) {
		long width = json_int(line, "width", -1), height = json_int(line, "height", -1);
		if (width < 0 || width > 65535 || height < 0 || height > 65535) fail(out, cap, "invalid", "width and height must be 0 to 65535");
		else answer_errno(lifecycle_resize((unsigned short)width, (unsigned short)height), out, cap, "resize");
	} else if (strcmp(op, "reopen_log") == 0) {
		answer_errno(output_reopen_log(), out, cap, "open the log");
	} else if (strcmp(op, "close_stdin") == 0) {
		input_close_io();
		ok(out, cap);
	} else if (monitor.remote && strcmp(op, "signal") == 0) {
		fail(out, cap, "invalid", "the process is another program's");
	} else if (strcmp(op, "signal") == 0) {
		answer_errno(process_signal((int)json_int(line, "signal", -1)), out, cap, "signal");
	} else if (strcmp(op, "ack") == 0) {
		answer_errno(lifecycle_acknowledge(), out, cap, "acknowledge");
	} else if (strcmp(op, "release") == 0) {
		if (monitor.status != STATUS_STOPPED) {
			fail(out, cap, "invalid", "the process is not stopped");
		} else {
			monitor.released = true;
			ok(out, cap);
		}
	} else {
		fail(out, cap, "invalid", "unknown operation");
	}
}

void control_exit_event(char *out, size_t cap) {
	char ended[160];
	exit_fields(ended, sizeof ended);
	snprintf(out, cap, "{\"event\":\"exit\"%s,\"log_dropped\":%llu}\n", ended, (unsigned long long)output_log_dropped());
}
