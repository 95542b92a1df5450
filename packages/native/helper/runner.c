#define _GNU_SOURCE
#include "helper/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/idmap.h"
#include "base/json.h"
#include "base/spawn.h"

static int fail(int socket, uint32_t id, const char *what, int err) {
	char text[512];
	snprintf(text, sizeof text, "{\"ok\":false,\"code\":\"internal\",\"errno\":%d,\"error\":\"%s: %s\"}", err, what, strerror(err));
	wire_answer(socket, id, text);
	return 1;
}

// A process whose group the command's are, so that all of them can be ended by its id, which it writes down before anything runs. It ends as the command does.
static pid_t spawn_group(const char *file, char **argv, const int stdio[3], const char *hide, const char *cwd) {
	pid_t pid = fork();
	if (pid != 0) return pid;
	int status, fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (setpgid(0, 0) < 0 || fd < 0 || dprintf(fd, "%d", getpid()) < 0) _exit(126);
	close(fd);
	pid = spawn_program(argv, stdio, hide, cwd);
	if (pid < 0) _exit(126);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int runner_command(int socket, struct frame *frame) {
	prctl(PR_SET_NAME, "gantry-run");
	size_t len;
	const char *value = wire_get(frame, "argv", &len);
	char **argv = wire_words(value, value ? len : 0);
	if (!argv) return fail(socket, frame->id, "argv", EINVAL);
	int wants_output = (int)wire_int(frame, "output", 0);
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0) return fail(socket, frame->id, "pipe", errno);
	int stdio[3] = {-1, wants_output ? fds[1] : -1, wants_output == 1 ? -1 : fds[1]};
	const char *cwd = wire_get(frame, "cwd", NULL), *file = wire_get(frame, "stdout", NULL);
	if (file && (stdio[1] = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) return fail(socket, frame->id, file, errno);
	value = wire_get(frame, "env", &len);
	char **env = wire_words(value, value ? len : 0);
	for (char **e = env; e && *e; e++) putenv(*e);
	const char *hide = wire_get(frame, "hide", NULL), *group = wire_get(frame, "group", NULL);
	pid_t pid = group ? spawn_group(group, argv, stdio, hide, cwd) : spawn_program(argv, stdio, hide, cwd);
	if (pid < 0) return fail(socket, frame->id, "fork", errno);
	close(fds[1]);
	char output[4096];
	size_t have = 0;
	for (;;) {
		char rest[4096];
		ssize_t n = have < sizeof output - 1 ? read(fds[0], output + have, sizeof output - 1 - have) : read(fds[0], rest, sizeof rest);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		if (have < sizeof output - 1) have += (size_t)n;
	}
	for (size_t i = 0; i < have; i++)
		if (!output[i]) output[i] = ' ';
	output[have] = 0;
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	char escaped[7800], text[8000];
	snprintf(text, sizeof text, "{\"ok\":true,\"exit_code\":%d,\"output\":\"%s\"}", code, json_escape(output, escaped, sizeof escaped));
	wire_answer(socket, frame->id, text);
	return 0;
}

static int mount_with_map(int socket, struct frame *frame, const char *path) {
	const char *gids = wire_get(frame, "gid_map", NULL);
	const struct mapped_mount mapped = {.source = wire_get(frame, "source", NULL),
	    .target = path,
	    .type = wire_get(frame, "type", NULL),
	    .data = wire_get(frame, "data", NULL),
	    .flags = (unsigned long)wire_int(frame, "flags", 0),
	    .uids = wire_get(frame, "uid_map", NULL),
	    .gids = gids ? gids : ""};
	char why[400], escaped[420];
	if (mount_mapped(&mapped, why, sizeof why) < 0) {
		int err = errno;
		return fail(socket, frame->id, json_escape(why, escaped, sizeof escaped), err);
	}
	wire_answer(socket, frame->id, "{\"ok\":true}");
	return 0;
}

int runner_mount(int socket, struct frame *frame) {
	prctl(PR_SET_NAME, "gantry-mount");
	const char *directory = wire_get(frame, "directory", NULL), *path = wire_get(frame, "path", NULL);
	if (path && wire_get(frame, "uid_map", NULL)) return mount_with_map(socket, frame, path);
	if (!directory || !path) return fail(socket, frame->id, "path", EINVAL);
	if (chdir(directory) < 0) return fail(socket, frame->id, "chdir", errno);
	if (mount(wire_get(frame, "source", NULL), path, wire_get(frame, "type", NULL), (unsigned long)wire_int(frame, "flags", 0),
	        wire_get(frame, "data", NULL)) < 0)
		return fail(socket, frame->id, "mount", errno);
	wire_answer(socket, frame->id, "{\"ok\":true}");
	return 0;
}

int runner_umount(int socket, struct frame *frame) {
	prctl(PR_SET_NAME, "gantry-umount");
	const char *path = wire_get(frame, "path", NULL);
	if (!path) return fail(socket, frame->id, "path", EINVAL);
	while (umount2(path, (int)wire_int(frame, "flags", 0)) == 0) {}
	if (errno != EINVAL && errno != ENOENT) return fail(socket, frame->id, "umount", errno);
	wire_answer(socket, frame->id, "{\"ok\":true}");
	return 0;
}
