/*
 * runc-create and runc-exec: launch for gantry-runc's command line.
 *
 * Descriptor 3 + n (n preserved ones; argument --preserve) is a stream socket
 * to the TypeScript half. It sends: u32 length, the plan; later lines. It gets
 * lines: "created <pid> <pidns?>", "started", "exited <status>", or
 * "error <kind> <text>" (newlines in text become spaces).
 *
 *   --listen DIR       the process waits for start on DIR/start.sock, and we leave once it is created
 *   --detach           leave once it is started
 *   --terminal         allocate a terminal
 *   --console PATH     send the terminal's master to this unix socket
 *   --pidfd PATH       send a pidfd of the process to this unix socket
 *   --size ROWSxCOLS   first size of the terminal
 * Neither --listen nor --detach: stays, relays the terminal, ends with the process's status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "launch/detached.h"
#include "plan/plan.h"
#include "runc/terminal.h"
#include "base/wire.h"

struct request {
	int control, preserve;
	const char *listen, *console, *pidfd;
	bool detach, terminal;
	uint16_t rows, cols;
};

static void say(struct request *r, const char *line) {
	if (send(r->control, line, strlen(line), MSG_NOSIGNAL) < 0) return; /* the other half is gone; the process decides by itself */
}

static int say_error(struct request *r, const struct launch_error *error) {
	char line[1200];

	snprintf(line, sizeof(line), "error %s %s", launch_kind_name(error->kind), error->text);
	for (char *at = line; *at; at++)
		if (*at == '\n') *at = ' ';
	strcat(line, "\n");
	say(r, line);
	return launch_exit_code(error->kind, 125);
}

static int say_errno(struct request *r, const char *what) {
	struct launch_error error = {.kind = LAUNCH_INTERNAL, .err = errno};

	snprintf(error.text, sizeof(error.text), "%s: %s", what, strerror(errno));
	return say_error(r, &error);
}

static uint8_t *read_plan(int fd, uint32_t *length) {
	uint8_t *plan;

	if (read_all(fd, length, 4) != 1 || *length > PLAN_LIMIT) return NULL;
	plan = malloc(*length + 1);
	if (plan && read_all(fd, plan, *length) == 1) return plan;
	free(plan);
	return NULL;
}

/* The socket is bound inside DIR by a short relative name: DIR may be longer than sun_path. */
static int make_listener(const char *dir) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "start.sock"};
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177);
	int result = here < 0 || s < 0 || chdir(dir) || bind(s, (struct sockaddr *)&address, sizeof(address)) || listen(s, 4);

	umask(mask);
	if (here < 0 || fchdir(here)) result = 1;
	close(here);
	return result ? -1 : s;
}

static int await_exit(struct request *r, struct launch *l) {
	char line[64];
	int status, code;

	if (l->master >= 0) terminal_relay(l->master);
	while (waitpid(l->pid, &status, 0) < 0)
		if (errno != EINTR) return 125;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(line, sizeof(line), "exited %d\n", code);
	say(r, line);
	return code;
}

static bool await_start(struct request *r) {
	char line[6];

	return read_all(r->control, line, 6) == 1 && memcmp(line, "start\n", 6) == 0;
}

static int discard(struct request *r, struct launch *l, const char *what) {
	int kept = errno;

	launch_discard(l);
	errno = kept;
	return say_errno(r, what);
}

static int serve(struct request *r) {
	struct launch_io io = {0, 1, 2, r->terminal, r->rows, r->cols};
	struct launch_error error;
	struct launch l;
	uint32_t length;
	uint8_t *plan = read_plan(r->control, &length);
	int listener = -1, result;
	char line[64];

	if (!plan) return say_errno(r, "read the plan");
	if (r->listen && (listener = make_listener(r->listen)) < 0) return say_errno(r, "listen for start");
	result = launch_create_detached(plan, length, &io, listener, &l, &error);
	free(plan);
	if (result) return say_error(r, &error);
	if (l.master >= 0 && r->console && send_descriptor(r->console, "/dev/ptmx", l.master))
		return discard(r, &l, "send the terminal to the console socket");
	if (r->pidfd && send_descriptor(r->pidfd, "pidfd", l.pidfd)) return discard(r, &l, "send the process's descriptor to the pidfd socket");
	if (l.master >= 0 && !r->console) terminal_keep_newlines(l.master);
	snprintf(line, sizeof(line), "created %d\n", l.pid);
	say(r, line);
	if (r->listen) return 0;
	if (!await_start(r)) {
		launch_discard(&l);
		return 125;
	}
	if (launch_start(&l, &error)) {
		int code = say_error(r, &error);

		waitpid(l.pid, NULL, 0);
		return code;
	}
	say(r, "started\n");
	return r->detach ? 0 : await_exit(r, &l);
}

static int parse(int argc, char **argv, struct request *r) {
	unsigned rows, cols;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--detach") == 0) r->detach = true;
		else if (strcmp(argv[i], "--terminal") == 0) r->terminal = true;
		else if (strcmp(argv[i], "--listen") == 0 && next) r->listen = argv[++i];
		else if (strcmp(argv[i], "--console") == 0 && next) r->console = argv[++i];
		else if (strcmp(argv[i], "--pidfd") == 0 && next) r->pidfd = argv[++i];
		else if (strcmp(argv[i], "--preserve") == 0 && next) r->preserve = atoi(argv[++i]);
		else if (strcmp(argv[i], "--size") == 0 && next && sscanf(argv[++i], "%ux%u", &rows, &cols) == 2) {
			r->rows = (uint16_t)rows;
			r->cols = (uint16_t)cols;
		} else {
			fprintf(stderr, "gantry-native %s: unknown argument \"%s\"\n", argv[0], argv[i]);
			return -1;
		}
	}
	return 0;
}

static int run(int argc, char **argv) {
	struct request r = {0};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (parse(argc, argv, &r)) return 2;
	r.control = 3 + r.preserve;
	fcntl(r.control, F_SETFD, FD_CLOEXEC);
	/* The TypeScript half passes these on to the process itself. */
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGTERM, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	return serve(&r);
}

int mode_runc_create(int argc, char **argv);
int mode_runc_exec(int argc, char **argv);

int mode_runc_create(int argc, char **argv) { return run(argc, argv); }

int mode_runc_exec(int argc, char **argv) { return run(argc, argv); }
