/* What the parent does for a plan before the clone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "launch/setup.h"

int before_clone(struct setup *s) {
	struct plan_cursor cursor;
	struct plan_op op;
	int result = 0;

	plan_rewind(&s->plan, &cursor);
	while (!result && plan_next(&cursor, &op)) {
		switch (op.code) {
		case PLAN_CGROUP_V1:
		case PLAN_CGROUP_V2: result = open_cgroup(s, &op); break;
		case PLAN_CGROUP_DEVICES: result = attach_devices(s, &op); break;
		case PLAN_JOIN: result = join_path(s, &op); break;
		case PLAN_TARGET: result = open_target(s, &op); break;
		case PLAN_LISTENER: result = connect_agent(s, &op); break;
		case PLAN_AFFINITY:
			s->has_affinity = true;
			s->affinity = op.f[0].bytes;
			s->affinity_bytes = op.f[0].n;
			break;
		default: break;
		}
	}
	if (result) return result;
	s->child.host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->plan.clone_flags & CLONE_NEWUSER) s->child.new_user = true;
	return prepare_sources(s);
}
