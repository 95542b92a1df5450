#include "monitor/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

#define STATE_SIZE 512

uint64_t statefile_start_time(pid_t pid) {
	char path[64], buf[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	if (n <= 0) return 0;
	buf[n] = 0;
	char *p = strrchr(buf, ')'); // the command may hold blanks and brackets
	if (!p) return 0;
	for (int field = 2; field < 22 && p; field++) {
		p = strchr(p, ' ');
		if (p) p++;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

int statefile_write(const char *dir, const char *socket, const struct monitor_state *state) {
	static int file = -1;
	static uint64_t own_start;
	char text[STATE_SIZE + 1], name[256];
	if (!own_start) own_start = statefile_start_time(getpid());
	int n = snprintf(text, sizeof text,
	    "{\"pid\":%d,\"start_time\":%llu,\"monitor_pid\":%d,\"monitor_start_time\":%llu,\"socket\":\"%s\","
	    "\"acknowledged\":%s,\"started\":%s}",
	    state->pid, (unsigned long long)state->start_time, getpid(), (unsigned long long)own_start, json_escape(socket, name, sizeof name),
	    state->acknowledged ? "true" : "false", state->started ? "true" : "false");
	if (n < 0 || n >= STATE_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memset(text + n, ' ', (size_t)(STATE_SIZE - n));
	text[STATE_SIZE - 1] = '\n';
	if (file < 0) {
		char path[4200], tmp[4200];
		snprintf(path, sizeof path, "%s/monitor.json", dir);
		snprintf(tmp, sizeof tmp, "%s/.monitor.json", dir);
		file = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (file < 0) return -1;
		if (pwrite(file, text, STATE_SIZE, 0) != STATE_SIZE) return -1;
		return rename(tmp, path);
	}
	return pwrite(file, text, STATE_SIZE, 0) == STATE_SIZE ? 0 : -1;
}

int statefile_exit(const char *dir, int exit_code, const char *exited_at, bool oom, uint64_t log_dropped) {
	char text[256], path[4200], tmp[4200];
	int n = snprintf(text, sizeof text, "{\"exit_code\":%d,\"exited_at\":\"%s\",\"oom\":%s,\"log_dropped\":%llu}\n", exit_code, exited_at,
	    oom ? "true" : "false", (unsigned long long)log_dropped);
	snprintf(path, sizeof path, "%s/exit.json", dir);
	snprintf(tmp, sizeof tmp, "%s/.exit.json", dir);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return -1;
	ssize_t w = write(fd, text, (size_t)n);
	close(fd);
	return w == n ? rename(tmp, path) : -1;
}
