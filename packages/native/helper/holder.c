#define _GNU_SOURCE
#include "helper/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "helper/empty_root.h"

static int refuse(int socket, const struct frame *frame, const char *what, int number) {
	char text[512], escaped[1024], answer[1200];
	snprintf(text, sizeof text, "%s: %s", what, strerror(number));
	const char *code = number == EINVAL || number == ENOENT || number == ENAMETOOLONG ? "invalid" : "internal";
	snprintf(answer, sizeof answer, "{\"ok\":false,\"code\":\"%s\",\"error\":\"%s\"}", code, json_escape(text, escaped, sizeof escaped));
	wire_answer(socket, frame->id, answer);
	return 1;
}

static int loopback_up(void) {
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return -1;
	int r = ioctl(fd, SIOCSIFFLAGS, &request), saved = errno;
	close(fd);
	errno = saved;
	return r;
}

// NAME=value; what asks has looked at the name, which is of a namespace that is new here.
static int set_sysctl(int proc, char *word) {
	char path[512] = "sys/", *value = strchr(word, '=');
	if (!value || value - word > 400) {
		errno = EINVAL;
		return -1;
	}
	*value++ = 0;
	for (char *c = word; *c; c++)
		if (*c == '.') *c = '/';
	strcat(path, word);
	int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return -1;
	ssize_t n = write(fd, value, strlen(value));
	int saved = errno;
	close(fd);
	errno = saved;
	return n == (ssize_t)strlen(value) ? 0 : -1;
}

static void spare_memory_killer(void) {
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0) return;
	(void)!write(fd, "-998", 4);
	close(fd);
}

static int write_map(int proc, pid_t pid, const char *name, const char *map) {
	char path[64];
	snprintf(path, sizeof path, "%d/%s", pid, name);
	int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return errno;
	ssize_t n = write(fd, map, strlen(map));
	int failed = n == (ssize_t)strlen(map) ? 0 : n < 0 ? errno : EINVAL;
	close(fd);
	return failed;
}

// A user namespace of its own, whose maps a process outside writes: only there is the right to. Its root from here on.
static int enter_user(int proc, const char *uids, const char *gids) {
	int go[2], status = 0;
	pid_t self = getpid(), mapper;
	if (pipe2(go, O_CLOEXEC) < 0) return -1;
	mapper = fork();
	if (mapper < 0) return -1;
	if (mapper == 0) {
		char word;
		close(go[1]);
		if (read(go[0], &word, 1) != 1) _exit(ECANCELED);
		int failed = write_map(proc, self, "uid_map", uids);
		_exit(failed ? failed : write_map(proc, self, "gid_map", gids));
	}
	close(go[0]);
	int failed = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
	if (!failed && write(go[1], "g", 1) != 1) failed = errno;
	close(go[1]);
	while (waitpid(mapper, &status, 0) < 0 && errno == EINTR) {}
	if (!failed && status != 0) failed = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
	if (!failed && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) failed = errno;
	errno = failed;
	return failed ? -1 : 0;
}

// Who gets hold of it from inside the pod has gained nothing.
static int drop_rights(void) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EINVAL) return -1;
	if (syscall(SYS_capset, &header, none) < 0) return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Nothing of the helper's is kept: no file, no memory, no name. What failed is told by its number.
static void hold(int told) {
	char *const words[] = {PAUSE, NULL}, *const nothing[] = {NULL};
	for (int fd = 0; fd < 1024; fd++)
		if (fd != told) close(fd);
	if (drop_rights() == 0) execve(PAUSE, words, nothing);
	int failed = errno;
	(void)!write(told, &failed, sizeof failed);
	_exit(1);
}

// The process that holds; -1 with errno. It is the program that it is to be when this returns.
static pid_t start(void) {
	int told[2], failed = 0;
	if (pipe2(told, O_CLOEXEC) < 0) return -1;
	pid_t pid = fork();
	if (pid == 0) hold(told[1]);
	if (pid < 0) failed = errno;
	close(told[1]);
	if (!failed) (void)!read(told[0], &failed, sizeof failed); // the end of the pipe: it is executed
	close(told[0]);
	errno = failed;
	return failed ? -1 : pid;
}

int holder_run(int socket, struct frame *frame, int root) {
	const char *hostname = wire_get(frame, "hostname", NULL);
	const char *uids = wire_get(frame, "uids", NULL), *gids = wire_get(frame, "gids", NULL);
	size_t length = 0;
	const char *list = wire_get(frame, "sysctls", &length);
	char **sysctls = wire_words(list, list ? length : 0);
	int flags = (wire_int(frame, "network", 0) ? CLONE_NEWNET : 0) | (wire_int(frame, "ipc", 0) ? CLONE_NEWIPC : 0) |
	            (wire_int(frame, "uts", 0) ? CLONE_NEWUTS : 0) | (wire_int(frame, "pid", 0) ? CLONE_NEWPID : 0);
	char answer[64];

	if (root < 0) return refuse(socket, frame, "an empty root", errno);
	spare_memory_killer(); // the root of a user namespace may not
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || setns(root, CLONE_NEWNS) < 0) return refuse(socket, frame, "entering the empty root", errno);
	if (uids && *uids && enter_user(proc, uids, gids ? gids : "") < 0) return refuse(socket, frame, "user namespace", errno);
	if (unshare(flags) < 0) return refuse(socket, frame, "new namespaces", errno);
	if (flags & CLONE_NEWUTS && hostname && *hostname && sethostname(hostname, strlen(hostname)) < 0)
		return refuse(socket, frame, "hostname", errno);
	if (flags & CLONE_NEWNET && loopback_up() < 0) return refuse(socket, frame, "loopback", errno);
	for (char **word = sysctls; word && *word; word++)
		if (set_sysctl(proc, *word) < 0) return refuse(socket, frame, *word, errno);
	pid_t pid = start();
	if (pid < 0) return refuse(socket, frame, "the process that holds", errno);
	snprintf(answer, sizeof answer, "{\"ok\":true,\"pid\":%d}", pid);
	if (!wire_answer(socket, frame->id, answer)) kill(pid, SIGKILL); // whoever asked is gone, nobody knows of it
	return 0;
}
