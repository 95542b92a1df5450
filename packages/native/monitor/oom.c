#include "monitor/oom.h"

#include <fcntl.h>
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

static long read_kills(void) {
	char buf[512];
	ssize_t n = pread(counter, buf, sizeof buf - 1, 0);
	if (n <= 0) return -1;
	buf[n] = 0;
	char *p = strstr(buf, "oom_kill ");
	return p ? strtol(p + 9, NULL, 10) : 0;
}

void oom_check(void) {
	if (counter < 0 || monitor.oom || read_kills() <= 0) return;
	monitor.oom = true;
	clients_tell_oom();
}

static void ready(struct watch *w, uint32_t events) {
	(void)events;
	uint64_t value;
	if (w->fd != counter) (void)!read(w->fd, &value, sizeof value);
	if (read_kills() < 0) { // the cgroup is gone
		loop_watch(w, 0);
		return;
	}
	oom_check();
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
