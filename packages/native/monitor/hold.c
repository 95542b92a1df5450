#define _GNU_SOURCE
#include "monitor/hold.h"

#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/loop.h"
#include "monitor/monitor.h"
#include "monitor/process.h"
#include "monitor/remote.h"

#define HANG_UP_MS 2000 // what a process gets to end by itself

static int64_t kill_at; // loop_now() at which it is killed, 0: nobody has left

// To all of its group, as a terminal does: what a shell waits for would go on without it. A process that leads none is meant alone.
static void tell(int signal) {
	pid_t pid = monitor.state.pid;
	if (monitor.remote && !remote_lives()) return;
	if (pid > 0 && !monitor.dead && getpgid(pid) == pid) kill(-pid, signal);
	else if (monitor.remote) kill(pid, signal);
	else (void)process_signal(signal);
}

void hold_left(void) {
	if (kill_at || monitor.dead) return;
	bool runs = monitor.status == STATUS_RUNNING;
	kill_at = loop_now() + (runs ? HANG_UP_MS : 0);
	if (runs) tell(SIGHUP);
}

int64_t hold_due(void) { return kill_at && !monitor.dead ? kill_at : INT64_MAX; }

void hold_turn(int64_t now) {
	if (hold_due() > now) return;
	tell(SIGKILL);
	kill_at = now + HANG_UP_MS;
}
