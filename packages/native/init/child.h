/* child.h - what the cloned process knows while it executes its plan. Internal to launch. */
#ifndef GANTRY_CHILD_H
#define GANTRY_CHILD_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/calls.h"
#include "base/failure.h"
#include "base/file.h"
#include "init/io.h"
#include "plan/plan.h"

/* The hand-shake: SOCK_SEQPACKET, one letter first. */
enum {
	SYNC_GO = 'G', /* parent: maps are written, run the plan */
	SYNC_MASTER = 'T', /* child: the pty master is attached as a right */
	SYNC_HOOK = 'H', /* child: u32 index of a HOOK operation that the parent shall run */
	SYNC_TREE =
	    'B', /* child: u32 index of a BIND operation whose source, attached as a right, it may not map itself; answered by GO with the tree */
	SYNC_LIMIT = 'L', /* child: u32 index of an RLIMIT operation that it may not set itself */
	SYNC_READY = 'R', /* child: created */
	SYNC_START = 'S', /* parent: go on to execve */
	SYNC_ERROR = 'E', /* child: u8 kind, i32 errno, text */
};

struct child {
	const struct plan *plan;
	const struct launch_io *io;
	int sync;
	int root; /* O_PATH of the container's root, from ROOTFS on (exec: from the start) */
	const char *rootfs; /* its path on the host; create only */
	int proc; /* a procfs mounted by nobody, or -1 */
	int host_proc; /* the parent's /proc */
	int null_host; /* O_PATH of the host's /dev/null, checked */
	int mask_dir; /* an empty read-only tmpfs already attached, or -1 */
	int target; /* pidfd of the container's init (exec) or -1 */
	uint64_t target_flags;
	int *sources; /* by operation index: detached mount trees, or -1 */
	int *maps; /* by operation index: user namespaces that carry a mount's id map, or -1 */
	int *tasks; /* v1 `tasks` files */
	int tasks_count;
	struct {
		int fd;
		uint64_t flags;
	} late[8]; /* namespaces joined by the child itself */
	int late_count;
	bool new_user; /* in a user namespace that is not the parent's */
	bool joined_user; /* it was entered before the clone, with everything else that is joined by path */
	pid_t target_pid; /* the container's init (exec), or 0 */
	int agent; /* connected to the seccomp agent, or -1 */
	bool at_home; /* a mount namespace was joined by path: we stand at its root already */
	bool on_top; /* the rootfs lies on "/": to go to the namespace's root again would enter it */
	bool in_root; /* after PIVOT, or an exec: "/" is the container's */

	bool no_new_privs, has_caps, cwd_pending, seccomp_set;
	const char *cwd;
	uint64_t bounding, effective, permitted, inheritable, ambient;
	uid_t uid;
	uint32_t seccomp_flags;
	const uint8_t *seccomp;
	uint64_t seccomp_bytes;
	const struct plan_op *landlock; /* of the plan's last operations, or NULL */
	int start_hook_count;
	pid_t self; /* our pid as the parent sees it */
	int listener; /* where start connects when nobody keeps the hand-shake, or -1 */
};

/* Reports over sync and exits; err 0 adds no strerror. Never returns. */
__attribute__((noreturn, format(printf, 4, 5))) void child_die(struct child *c, enum launch_kind kind, int err, const char *format, ...);
/* The same with the kind that the errno suggests. */
__attribute__((noreturn, format(printf, 3, 4))) void child_fail(struct child *c, int err, const char *format, ...);

__attribute__((noreturn)) void child_main(struct child *c);
void child_send(struct child *c, const void *data, size_t n, int fd);
/* Waits for one letter; exits when the parent is gone. */
void child_await(struct child *c, char letter);
/* The same with the descriptor that comes with it. */
int child_receive(struct child *c, char letter);
void child_wait_start(struct child *c);

/* operations.c: one operation of the child's part of the plan. */
void child_run(struct child *c, struct plan_op *op);

/* Every signal as a fresh program expects it: nothing ignored, nothing blocked. */
void reset_signals(void);

/* resolve.c: paths of the container, below c->root, never beyond it. */
#define RESOLVE_MAKE_DIR 1
#define RESOLVE_MAKE_FILE 2
int root_open(struct child *c, const char *path, int flags, uint64_t resolve);
/* Opens (O_PATH) a path of the container and makes what is missing. -1 with errno. */
int root_make(struct child *c, const char *path, int make);
/* Opens the directory that holds path's last part, made when missing; *name points into `path`. -1 with errno. */
int root_parent(struct child *c, const char *path, const char **name);

/* rootfs.c */
void do_rootfs(struct child *c, struct plan_op *op);
void do_root_attr(struct child *c, struct plan_op *op);
void do_pivot(struct child *c, bool move);

/* mounts.c */
int open_source(const char *path, bool recursive);
int clone_tree(int fd, bool recursive);
int set_attr(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation);
int attach(int mount, int target);
void do_mount(struct child *c, struct plan_op *op);
void do_bind(struct child *c, struct plan_op *op);
void do_mask(struct child *c, const char *path);
void do_readonly(struct child *c, const char *path);
void do_attr(struct child *c, struct plan_op *op);
void do_remount(struct child *c, struct plan_op *op);
int new_mount(const char *type, const char *source, const char *const *options, uint64_t attributes, char *log, size_t log_size);

/* copy_up.c: copies the directory `from` into `to`; -1 with errno. */
int copy_up(int from, int to);

/* files.c */
void do_symlink(struct child *c, struct plan_op *op);
void do_device(struct child *c, struct plan_op *op);
void do_sysctl(struct child *c, struct plan_op *op);
void do_console(struct child *c, bool bind);
void write_attr(struct child *c, const char *path, const char *value);
int proc_open(struct child *c, const char *path, int flags);
void reopen_null(struct child *c);

/* identity.c */
void do_caps(struct child *c, struct plan_op *op);
void do_user(struct child *c, struct plan_op *op);
void caps_for_lookup(struct child *c);
void caps_restore(struct child *c);
void caps_final(struct child *c);
void load_seccomp(struct child *c);
void enter_cwd(struct child *c, const char *path, bool again);

/* hooks.c: runs one hook, with `inherited` (or NULL) when it has no environment of its own; 0, or -1 with a reason. */
int run_hook(const struct plan_op *op, pid_t pid, const char *const *inherited, char *reason, size_t size);

/* sources.c: what is bound. */
bool is_mapped(const struct plan_op *op);
void close_sources(struct child *c);
bool is_below(const char *path, const char *directory);
/* Opens and, where that is asked for, maps the tree of a ROOTFS or BIND operation. 0, or -1 with errno. */
int open_tree_of(struct child *c, const struct plan_op *op);
/* The tree of a ROOTFS or BIND operation, opened and mapped when the parent has not; dies (in the child) when it is missing. */
int source_of(struct child *c, const struct plan_op *op);
/* The same for every BIND whose source is not below this directory. */
void open_sources_outside(struct child *c, const char *rootfs);

/* idmap.c: the user namespace that carries a BIND operation's id map. -1 with errno. */
int open_map(const struct plan_op *bind);

/* affinity.c: masks in the kernel's order, an empty one for every processor. -1 with errno. */
int set_affinity(const uint8_t *mask, uint64_t bytes);
int get_affinity(uint8_t *mask, uint64_t bytes);

/* agent.c: before the filter is loaded, and with the descriptor that loading it gave. */
void agent_prepare(struct child *c);
void agent_send(struct child *c, int descriptor);

/* finish.c */
__attribute__((noreturn)) void do_exec(struct child *c, struct plan_op *op);

#endif
