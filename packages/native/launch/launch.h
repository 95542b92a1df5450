/*
 * launch.h - runs a launch plan: the C half of gantry-runc.
 *
 * TypeScript compiles config.json into a plan (see plan.h for its bytes); the
 * functions here execute it. They are called by a single-threaded process (the
 * task's monitor, or gantry-runc's own `runc-create` mode) that becomes the
 * parent of the started process and must wait for it.
 *
 *   struct launch l; struct launch_error e;
 *   if (launch_create(plan, len, &io, &l, &e)) { report(e.kind, e.text); }
 *   ... l.pid exists, has its namespaces, mounts, cgroups; it waits ...
 *   if (launch_start(&l, &e)) { report(e.kind, e.text); }
 *   ... the program runs; waitpid(l.pid) ...
 *   launch_close(&l);
 *
 * None of these functions prints, exits, installs signal handlers or changes
 * the caller's namespaces for longer than the call. SIGPIPE is never raised.
 */
#ifndef GANTRY_LAUNCH_H
#define GANTRY_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/failure.h"
#include "init/io.h"

struct launch {
	pid_t pid; /* in the caller's pid namespace; a child of the caller */
	int pidfd; /* CLOEXEC */
	int sync; /* CLOEXEC; the caller's end of the hand-shake, -1 after launch_start */
	int master; /* CLOEXEC pty master when terminal, else -1; owned by the caller after launch_create */
	bool entered; /* internal */
};

/*
 * Clones the process and runs the plan up to the "created" point, where it
 * waits. 0, or -1 with *error filled; then nothing is left (the child is
 * killed and reaped). Takes plans of both kinds, create and exec.
 */
int launch_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out, struct launch_error *error);

/*
 * Lets it go on to execve. 0 once execve succeeded; -1 with *error when it
 * failed: the child then exits by itself and is left to the caller's waitpid.
 */
int launch_start(struct launch *launch, struct launch_error *error);

/* The same two halves for a plan that must be of kind exec (joins a running container). */
int launch_exec_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out, struct launch_error *error);
int launch_exec_start(struct launch *launch, struct launch_error *error);

/* Kills a process that was not started, reaps it and closes the descriptors. */
void launch_discard(struct launch *launch);

/* Closes pidfd, sync and master (those that are not -1); does not kill. */
void launch_close(struct launch *launch);

#endif
