/* cgroup.h - the cgroups of a container that exists, as its state names them (packages/runtime/src/cgroup/contract.ts, CgroupPlan). */
#ifndef GANTRY_CLI_CGROUP_H
#define GANTRY_CLI_CGROUP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/failure.h"

struct pids {
	pid_t *list; /* sorted, each once */
	size_t count;
};

/* Process ids in the cgroup and below it; free() the list. */
struct pids cgroup_pids(struct json_object *cgroup);

/* A signal to every process; SIGKILL until none is left, frozen ones too. 0, or -1 with *error. */
int cgroup_kill(struct json_object *cgroup, int signal, struct launch_error *error);

bool cgroup_frozen(struct json_object *cgroup);
/* Freezes or thaws and waits until it is so. 0, or -1 with *error. */
int cgroup_freeze(struct json_object *cgroup, bool frozen, struct launch_error *error);

/* Removes the directories, children first; waits for the last process to go. 0, or -1 with *error. */
int cgroup_remove(struct json_object *cgroup, struct launch_error *error);

#endif
