// Where output goes besides the log: attached clients and FIFOs. Each has a queue of its own; while one is above its
// mark the sources are not read (back-pressure).
#ifndef GANTRY_OUTLET_H
#define GANTRY_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLET_HIGH (128 * 1024)     // bytes queued from which the sources rest
#define OUTLET_LIMIT (1024 * 1024)   // bytes after which output is lost for this outlet (only after the exit)
#define OUTLET_STUCK_MS 30000

struct outlet {
	int fd;         // non-blocking socket or FIFO, -1: gone
	bool socket;    // send() instead of write()
	bool framed;    // docker's 8-byte header before each chunk
	unsigned mask;  // bit (1 << stream)
	char *queue;
	size_t start, len, cap;
	int64_t progress;  // loop_now() of the last byte that went out
};

// Queues and sends as much as possible. false: the other side is gone.
bool outlet_push(struct outlet *o, int stream, const char *data, size_t len);

// Sends what is queued. false: the other side is gone.
bool outlet_drain(struct outlet *o);

void outlet_free(struct outlet *o);

static inline bool outlet_full(const struct outlet *o) { return o->fd >= 0 && o->len > OUTLET_HIGH; }

#endif
