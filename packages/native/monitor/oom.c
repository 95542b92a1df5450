#include "monitor/oom.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "monitor/attach.h"
#include "base/loop.h"
#include "monitor/monitor.h"

static int counter = -1; // the file that holds "oom_kill N"
static struct watch event = {.fd = -1};

static long told; // kills that were told of

/* -1: the cgroup is gone. `stuck`: it is out of memory, and nothing may be killed in it. */
static long read_kills(bool *stuck) {
	char buf[512];
	ssize_t n = pread(counter, buf, sizeof buf - 1, 0);
	if (n <= 0) return -1;
	buf[n] = 0;
	*stuck = strstr(buf, "oom_kill_disable 1") && strstr(buf, "under_oom 1");
	char *p = strstr(buf, "oom_kill ");
	return p ? strtol(p + 9, NULL, 10) : 0;
}

static void tell(void) {
	monitor.oom = true;
	clients_tell_oom();
}

void oom_check(void) {
	bool stuck;
	long kills = counter < 0 ? 0 : read_kills(&stuck);
	for (; told < kills; told++) tell(); // several wake us once
}

static void ready(struct watch *w, uint32_t events) {
	(void)events;
	uint64_t value;
	if (w->fd != counter) (void)!read(w->fd, &value, sizeof value);
	bool stuck;
	long kills = read_kills(&stuck);
	if (kills < 0) loop_watch(w, 0);
	else if (kills > told) oom_check();
	else if (stuck) tell();
}

void oom_watch(const char *directory, int version) {
	char path[4200], line[64];
	snprintf(path, sizeof path, "%s/%s", directory, version == 1 ? "memory.oom_control" : "memory.events");
	counter = open(path, O_RDONLY | O_CLOEXEC);
	if (counter < 0) return;
	event.ready = ready;
	if (version != 1) {
		event.fd = counter;
		loop_watch(&event, EPOLLPRI);
		return;
	}
	event.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	snprintf(path, sizeof path, "%s/cgroup.event_control", directory);
	int control = open(path, O_WRONLY | O_CLOEXEC);
	if (control < 0 || event.fd < 0) {
		if (control >= 0) close(control);
		return;
	}
	int n = snprintf(line, sizeof line, "%d %d", event.fd, counter);
	if (write(control, line, (size_t)n) == n) loop_watch(&event, EPOLLIN);
	close(control);
}
