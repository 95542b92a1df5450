// One epoll loop for the one thread of a monitor.
#ifndef GANTRY_LOOP_H
#define GANTRY_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

// Lives inside the object that owns the descriptor.
struct watch {
	int fd; // -1: none
	uint32_t events; // what is waited for now; 0: not registered (a hang-up would otherwise wake the loop for ever)
	void (*ready)(struct watch *w, uint32_t events);
};

int loop_init(void);

// Changes what is waited for; 0 takes the descriptor out.
void loop_watch(struct watch *w, uint32_t events);

// Takes it out and closes it.
void loop_close(struct watch *w);

// Waits at most timeout_ms (-1: for ever) and serves what is ready.
void loop_turn(int timeout_ms);

// Milliseconds of a clock that never jumps.
int64_t loop_now(void);

#endif
