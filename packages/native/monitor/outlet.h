// Where output goes besides the log: attached clients and FIFOs. Each has a queue of its own; while one is above its
// mark the sources are not read (back-pressure).
#ifndef GANTRY_OUTLET_H
#define GANTRY_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLET_HIGH (128 * 1024) // bytes queued from which the sources rest
// Bytes after which output is lost for this outlet. Only reached after the exit, when what a pipe holds (1 MiB at most, by
// /proc/sys/fs/pipe-max-size) is taken over whole: sources rest long before.
#define OUTLET_LIMIT (2 * 1024 * 1024)

struct outlet {
	int fd; // non-blocking socket or FIFO, -1: gone
	bool socket; // send() instead of write()
	bool framed; // docker's 8-byte header before each chunk
	unsigned mask; // bit (1 << stream)
	char *queue;
	size_t start, len, cap;
	int64_t progress; // loop_now() of the last byte that went out
};

// Queues and sends as much as possible. false: the other side is gone.
bool outlet_push(struct outlet *o, int stream, const char *data, size_t len);

// Sends what is queued. false: the other side is gone.
bool outlet_drain(struct outlet *o);

void outlet_free(struct outlet *o);

static inline bool outlet_full(const struct outlet *o) { return o->fd >= 0 && o->len > OUTLET_HIGH; }

// Its reader has taken nothing of what waits for `ms` milliseconds.
static inline bool outlet_stuck(const struct outlet *o, int64_t now, int64_t ms) {
	return o->fd >= 0 && o->len > 0 && now - o->progress >= ms;
}

#endif
