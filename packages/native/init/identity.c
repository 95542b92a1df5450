/* Who the process is: user, groups, capabilities, working directory, system call filter. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/child.h"

static void get_caps(struct child *c, uint64_t *permitted, uint64_t *inheritable) {
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data)) child_fail(c, errno, "read capabilities");
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	*inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

static void set_caps(struct child *c, uint64_t effective, uint64_t permitted, uint64_t inheritable) {
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
	    {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
	    {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
	};

	if (syscall(SYS_capset, &head, data)) child_fail(c, errno, "apply capabilities");
}

void do_caps(struct child *c, struct plan_op *op) {
	c->has_caps = true;
	c->bounding = op->f[0].n;
	c->effective = op->f[1].n;
	c->permitted = op->f[2].n;
	c->inheritable = op->f[3].n;
	c->ambient = op->f[4].n;
	for (int cap = 0; cap < 64; cap++) {
		int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (held < 0) break;
		if (held && !(c->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			child_fail(c, errno, "drop capability %d from the bounding set", cap);
	}
}

/* The streams belong to the user, so that it can open /proc/self/fd/1 again. */
static void give_streams(uid_t uid) {
	struct stat st;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) || st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))) continue;
		if (fchown(fd, uid, (gid_t)-1)) continue; /* a read-only file system or a foreign owner: as it was */
	}
}

void do_user(struct child *c, struct plan_op *op) {
	uid_t uid = (uid_t)op->f[0].n;
	gid_t gid = (gid_t)op->f[1].n, *groups;
	size_t count = op->f[3].n;
	uint64_t permitted, inheritable;

	groups = calloc(count + 1, sizeof(*groups));
	if (!groups) child_fail(c, ENOMEM, "set groups");
	for (size_t i = 0; i < count; i++) groups[i] = plan_number(&op->f[3], (uint32_t)i);
	if ((uint32_t)op->f[2].n != UINT32_MAX) umask((mode_t)op->f[2].n);
	give_streams(uid);
	if (syscall(SYS_setgroups, count, groups) && !(errno == EPERM && count == 0 && c->new_user))
		child_fail(c, errno, "set additional groups");
	free(groups);
	if (syscall(SYS_setresgid, gid, gid, gid)) child_fail(c, errno, "set group id %u", gid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || syscall(SYS_setresuid, uid, uid, uid) || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		child_fail(c, errno, "set user id %u", uid);
	c->uid = uid;
	get_caps(c, &permitted, &inheritable);
	set_caps(c, permitted, permitted, inheritable);
	if (c->cwd_pending) enter_cwd(c, c->cwd, true);
}

void caps_for_lookup(struct child *c) {
	uint64_t permitted, inheritable;

	if (!c->has_caps) return;
	get_caps(c, &permitted, &inheritable);
	set_caps(c, permitted & c->effective & c->permitted, permitted, inheritable);
}

void caps_restore(struct child *c) {
	uint64_t permitted, inheritable;

	get_caps(c, &permitted, &inheritable);
	set_caps(c, permitted, permitted, inheritable);
}

/* What the host cannot grant is left out, as the specification asks; the compiler has warned. */
void caps_final(struct child *c) {
	uint64_t held, ignored, permitted, ambient;

	if (!c->has_caps) return;
	get_caps(c, &held, &ignored);
	permitted = c->permitted & held;
	set_caps(c, c->effective & permitted, permitted, c->inheritable & held & c->bounding);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL) child_fail(c, errno, "clear ambient capabilities");
	ambient = c->ambient & permitted & c->inheritable & c->bounding;
	for (int cap = 0; cap < 64; cap++)
		if ((ambient >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
			child_fail(c, errno, "raise ambient capability %d", cap);
}

void load_seccomp(struct child *c) {
	struct sock_fprog program;
	int descriptor;

	if (!c->seccomp_set) return;
	if (c->seccomp_bytes == 0 || c->seccomp_bytes % sizeof(struct sock_filter) || c->seccomp_bytes / sizeof(struct sock_filter) > 0xffff)
		child_die(c, LAUNCH_INVALID, 0, "seccomp filter has %llu bytes", (unsigned long long)c->seccomp_bytes);
	program.len = (unsigned short)(c->seccomp_bytes / sizeof(struct sock_filter));
	program.filter = malloc(c->seccomp_bytes);
	if (!program.filter) child_fail(c, ENOMEM, "load the seccomp filter");
	memcpy(program.filter, c->seccomp, c->seccomp_bytes);
	if (c->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) agent_prepare(c);
	descriptor = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, c->seccomp_flags, &program);
	if (descriptor < 0) child_fail(c, errno, "load the seccomp filter");
	if (c->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) agent_send(c, descriptor);
}

/* The kernel's own word for where we are: "(unreachable)" or ENOENT when it is not below our root. */
static void check_inside(struct child *c, const char *path) {
	char where[PATH_MAX];
	long n = syscall(SYS_getcwd, where, sizeof(where));

	if (n <= 0 || where[0] != '/')
		child_die(c, LAUNCH_INVALID, 0, "working directory \"%s\" is outside of the container's root: refused", path);
}

void enter_cwd(struct child *c, const char *path, bool again) {
	if (chdir(path)) {
		if (errno == EACCES && !again) { /* the user may be allowed where root is not */
			c->cwd = path;
			c->cwd_pending = true;
			return;
		}
		if (errno == ENOENT) child_die(c, LAUNCH_NOT_FOUND, errno, "chdir to cwd (\"%s\") set in config.json failed", path);
		child_fail(c, errno, "chdir to cwd (\"%s\") set in config.json failed", path);
	}
	check_inside(c, path);
	c->cwd_pending = false;
}
