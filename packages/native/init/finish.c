/* The last steps: find the program, report "created", wait for start, execve. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/child.h"
#include "init/landlock.h"

#define PASSWD_LIMIT (1 << 20)

static const char *get_env(const char **env, const char *name) {
	size_t n = strlen(name);
	const char *found = NULL;

	for (size_t i = 0; env[i]; i++)
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=') found = env[i] + n + 1;
	return found;
}

/* Home of c->uid in the container's own /etc/passwd: a regular file, bounded, inside the root; else "/". */
static const char *find_home(struct child *c) {
	static char home[PATH_MAX];
	struct stat st;
	char *data, *line, *next;
	ssize_t n;
	int fd = root_open(c, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	strcpy(home, "HOME=/");
	if (fd < 0) return home;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !(data = malloc(PASSWD_LIMIT + 1))) {
		close(fd);
		return home;
	}
	n = read(fd, data, PASSWD_LIMIT);
	close(fd);
	data[n > 0 ? n : 0] = 0;
	for (line = data; line && *line; line = next) {
		char *field[7], *rest = line;
		char *end;
		int count = 0;

		next = strchr(line, '\n');
		if (next) *next++ = 0;
		while (count < 7 && rest) field[count++] = strsep(&rest, ":");
		if (count < 6 || !field[2][0]) continue;
		if (strtoul(field[2], &end, 10) != c->uid || *end) continue;
		if (field[5][0]) snprintf(home, sizeof(home), "HOME=%s", field[5]);
		break;
	}
	free(data);
	return home;
}

static bool executable(const char *path) {
	struct stat st;

	if (stat(path, &st)) return false;
	if (S_ISDIR(st.st_mode)) {
		errno = EACCES;
		return false;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* As execvp would, but it tells why not. */
static const char *find_program(struct child *c, const char *name, const char *path) {
	static char found[PATH_MAX];

	if (strchr(name, '/')) {
		if (executable(name)) return name;
		if (errno == ENOENT || errno == ENOTDIR) child_die(c, LAUNCH_NO_PROGRAM, errno, "exec: \"%s\": stat %s", name, name);
		child_die(c, LAUNCH_PROGRAM_REFUSED, errno, "exec: \"%s\"", name);
	}
	while (name[0] && path && *path) {
		const char *colon = strchrnul(path, ':');
		int n = snprintf(found, sizeof(found), "%.*s/%s", (int)(colon - path), path, name);

		if (colon == path) n = snprintf(found, sizeof(found), "./%s", name);
		if (n > 0 && (size_t)n < sizeof(found) && executable(found)) return found;
		path = *colon ? colon + 1 : colon;
	}
	child_die(c, LAUNCH_NO_PROGRAM, 0, "exec: \"%s\": executable file not found in $PATH", name);
}

static void run_start_hooks(struct child *c, const char *const *env) {
	struct plan_cursor cursor;
	struct plan_op op;
	char reason[600];

	plan_rewind(c->plan, &cursor);
	while (c->start_hook_count && plan_next(&cursor, &op))
		if (op.code == PLAN_HOOK && op.f[0].n == PLAN_HOOK_START && run_hook(&op, c->self, env, reason, sizeof(reason)))
			child_die(c, LAUNCH_INTERNAL, 0, "%s", reason);
}

static void end_created(int number) { _exit(128 + number); }

/* After everything that a small limit would forbid. */
static void set_limits(struct child *c) {
	struct plan_cursor cursor;
	struct plan_op op;
	char ask[5] = {SYNC_LIMIT};

	plan_rewind(c->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		struct rlimit limit = {op.f[1].n, op.f[2].n};

		if (op.code != PLAN_RLIMIT || setrlimit((__rlimit_resource_t)op.f[0].n, &limit) == 0) continue;
		if (errno != EPERM) child_fail(c, errno, "set rlimit %llu", (unsigned long long)op.f[0].n);
		memcpy(ask + 1, &op.index, 4);
		child_send(c, ask, sizeof(ask), -1);
		child_await(c, SYNC_GO);
	}
}

/* As the first process of a pid namespace we would ignore what ends others; exec takes the handlers away. */
static void end_on_signals(void) {
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	struct sigaction action = {.sa_handler = end_created};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) sigaction(signals[i], &action, NULL);
}

void do_exec(struct child *c, struct plan_op *op) {
	const char **args = plan_strings(&op->f[0], 0), **env = plan_strings(&op->f[1], 1), *program;
	sigset_t none;

	if (!args || !env) child_fail(c, ENOMEM, "exec");
	if (op->f[2].n && !get_env(env, "HOME")) env[op->f[1].n] = find_home(c);
	reopen_null(c);
	caps_for_lookup(c);
	program = find_program(c, args[0], get_env(env, "PATH"));
	if (c->has_caps) caps_restore(c);
	close(c->root);
	c->root = -1;
	for (unsigned fd = 3; fd < 3 + c->plan->preserve; fd++) fcntl((int)fd, F_SETFD, 0);

	set_limits(c);
	if (c->listener >= 0) prctl(PR_SET_PDEATHSIG, 0); /* whoever launched us leaves on "R" */
	end_on_signals();
	child_send(c, "R", 1, -1);
	child_wait_start(c);

	prctl(PR_SET_PDEATHSIG, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (c->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) child_fail(c, errno, "set no_new_privs");
	landlock_enter(c); /* before a filter that may not know of it */
	if (!c->no_new_privs) load_seccomp(c); /* needs CAP_SYS_ADMIN */
	caps_final(c);
	if (c->no_new_privs) load_seccomp(c);
	run_start_hooks(c, env); /* as the program will be, its filter included */
	execve(program, (char *const *)args, (char *const *)env);
	child_die(c, kind_of_exec(errno), errno, "exec %s", program);
}
