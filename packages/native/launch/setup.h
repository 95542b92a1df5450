/* setup.h - what the parent holds while a launch is under way. Internal to launch. */
#ifndef GANTRY_SETUP_H
#define GANTRY_SETUP_H

#include <stdint.h>
#include <sys/types.h>

#include "init/child.h"
#include "launch/launch.h"
#include "plan/plan.h"

struct setup {
	struct plan plan;
	struct child child;
	int cgroup; /* v2 directory or -1 */
	char cgroup_mount[512];
	struct {
		int mine, theirs;
		uint64_t flag;
	} joins[8];
	int joins_count;
	int user; /* a user namespace to join by path, or -1 */
	pid_t target_pid;
	const uint8_t *affinity; /* of the clone; NULL = as we are */
	uint64_t affinity_bytes;
	bool has_affinity;
	struct launch_error *error;
};

/* join.c: namespaces by path, or of a running process. All: 0, or -1 with s->error. */
int open_target(struct setup *s, struct plan_op *op);
int join_path(struct setup *s, struct plan_op *op);
/* Clones with everything joined that the child cannot join itself. In the child: 0. In the parent: its pid, or -1 with errno. */
pid_t clone_child(struct setup *s, int *pidfd);
void close_joins(struct setup *s);

/* cgroup_enter.c */
int open_cgroup(struct setup *s, struct plan_op *op);
void use_cgroup_of_target(struct setup *s);

/* device_filter.c: cgroup v2 has no devices controller; a program at the directory decides. */
int attach_devices(struct setup *s, struct plan_op *op);

/* agent.c: connects to the seccomp agent, by a path of the host. */
int connect_agent(struct setup *s, struct plan_op *op);

/* sources.c: before the clone. */
int prepare_sources(struct setup *s);

/* map_inside.c: answers SYNC_TREE with a mapped copy of what lies at `place`, which is taken. */
int map_inside(struct setup *s, uint32_t index, int place, pid_t pid, int sync);

/* netdev.c: gives the cloned process a network device of ours. */
int move_device(struct setup *s, struct plan_op *op, pid_t pid);

/* maps.c: id maps of the cloned process. */
int write_map(struct setup *s, struct plan_op *op, pid_t pid);
int write_setgroups(struct setup *s, struct plan_op *op, pid_t pid);

/* prepare.c: opens and joins what the plan names, before the clone. 0, or -1 with s->error. */
int before_clone(struct setup *s);

/* serve.c */
/* Serves the child until it is created. 0, or -1 with s->error. */
int until_ready(struct setup *s, struct launch *out);
/* One message, and the descriptor that came with it (one that *fd held is closed). Its length, 0 at the end, -1 with errno. */
int receive(int sync, char *message, size_t size, int *fd);
/* Fills *error from a message that begins with SYNC_ERROR. Answers -1. */
int read_error(const char *message, ssize_t n, struct launch_error *error);

#endif
