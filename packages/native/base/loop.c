#include "base/loop.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;
static struct epoll_event ready[16];
static int ready_count, ready_at;

int loop_init(void) {
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
}

void loop_watch(struct watch *w, uint32_t events) {
	if (w->fd < 0 || events == w->events) return;
	struct epoll_event ev = {.events = events, .data.ptr = w};
	int op = events == 0 ? EPOLL_CTL_DEL : w->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	epoll_ctl(epoll_fd, op, w->fd, &ev);
	w->events = events;
	if (events == 0) // it may still wait in this turn's list, and its owner may be freed
		for (int i = ready_at; i < ready_count; i++)
			if (ready[i].data.ptr == w) ready[i].data.ptr = NULL;
}

void loop_close(struct watch *w) {
	if (w->fd < 0) return;
	loop_watch(w, 0);
	close(w->fd);
	w->fd = -1;
}

void loop_turn(int timeout_ms) {
	ready_count = epoll_wait(epoll_fd, ready, 16, timeout_ms);
	for (ready_at = 0; ready_at < ready_count; ready_at++) {
		struct watch *w = ready[ready_at].data.ptr;
		if (w) w->ready(w, ready[ready_at].events);
	}
	ready_count = ready_at = 0;
}

int64_t loop_now(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
