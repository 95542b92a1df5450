/* What each operation of a plan does. The longer ones have files of their own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/child.h"
#include "init/landlock.h"

static void bring_loopback_up(struct child *c) {
	struct ifreq request = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0 || ioctl(s, SIOCGIFFLAGS, &request)) child_fail(c, errno, "look at lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &request)) child_fail(c, errno, "bring lo up");
	close(s);
}

static void new_time(struct child *c, const char *offsets) {
	int fd;

	if (unshare(CLONE_NEWTIME)) child_fail(c, errno, "make a time namespace");
	if (!offsets[0]) return;
	fd = proc_open(c, "self/timens_offsets", O_WRONLY);
	if (fd < 0 || write(fd, offsets, strlen(offsets)) < 0) child_fail(c, errno, "set the time namespace's offsets");
	close(fd);
}

static void set_scheduler(struct child *c, struct plan_op *op) {
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {.size = 48,
	    .policy = (uint32_t)op->f[0].n,
	    .flags = op->f[1].n,
	    .nice = (int32_t)op->f[2].n,
	    .priority = (uint32_t)op->f[3].n,
	    .runtime = op->f[4].n,
	    .deadline = op->f[5].n,
	    .period = op->f[6].n};

	if (syscall(SYS_sched_setattr, 0, &attr, 0)) child_fail(c, errno, "set the scheduler");
}

static void set_memory_policy(struct child *c, struct plan_op *op) {
	unsigned long nodes[16] = {0};

	if (op->f[1].n > sizeof(nodes)) child_die(c, LAUNCH_INVALID, 0, "the memory policy names a node above %zu", sizeof(nodes) * 8 - 1);
	memcpy(nodes, op->f[1].bytes, op->f[1].n);
	if (syscall(SYS_set_mempolicy, (int)op->f[0].n, op->f[1].n ? nodes : NULL, op->f[1].n ? sizeof(nodes) * 8 : 0))
		child_fail(c, errno, "set the memory policy");
}

static void hook(struct child *c, struct plan_op *op) {
	char reason[600], ask[5] = {SYNC_HOOK};

	switch (op->f[0].n) {
	case PLAN_HOOK_RUNTIME:
		memcpy(ask + 1, &op->index, 4);
		child_send(c, ask, sizeof(ask), -1);
		child_await(c, SYNC_GO);
		return;
	case PLAN_HOOK_CONTAINER:
		if (fchdir(c->root)) /* where its relative paths begin */
			child_fail(c, errno, "enter the rootfs");
		if (run_hook(op, c->self, NULL, reason, sizeof(reason))) child_die(c, LAUNCH_INTERNAL, 0, "%s", reason);
		return;
	default: c->start_hook_count++;
	}
}

void child_run(struct child *c, struct plan_op *op) {
	switch (op->code) {
	case PLAN_DIRECTORY: {
		int made = root_make(c, op->f[0].s, RESOLVE_MAKE_DIR);

		if (made >= 0) close(made);
		return;
	}
	case PLAN_UNSHARE:
		if (unshare((int)op->f[0].n)) child_fail(c, errno, "unshare namespaces 0x%llx", (unsigned long long)op->f[0].n);
		return;
	case PLAN_TIME_OFFSETS: new_time(c, op->f[0].s); return;
	case PLAN_SESSION:
		if (setsid() < 0) child_fail(c, errno, "setsid");
		return;
	case PLAN_KEYRING:
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->f[0].s) < 0 && errno != ENOSYS)
			child_fail(c, errno, "make the session keyring \"%s\"", op->f[0].s);
		return;
	case PLAN_HOSTNAME:
		if (sethostname(op->f[0].s, op->f[0].n)) child_fail(c, errno, "set the hostname \"%s\"", op->f[0].s);
		return;
	case PLAN_DOMAINNAME:
		if (setdomainname(op->f[0].s, op->f[0].n)) child_fail(c, errno, "set the domainname \"%s\"", op->f[0].s);
		return;
	case PLAN_LOOPBACK: bring_loopback_up(c); return;
	case PLAN_PROPAGATION:
		if (mount(NULL, "/", NULL, (unsigned long)op->f[0].n, NULL)) child_fail(c, errno, "set the propagation of /");
		return;
	case PLAN_ROOTFS: do_rootfs(c, op); return;
	case PLAN_MOUNT: do_mount(c, op); return;
	case PLAN_BIND: do_bind(c, op); return;
	case PLAN_SYMLINK: do_symlink(c, op); return;
	case PLAN_DEVICE: do_device(c, op); return;
	case PLAN_CONSOLE: do_console(c, op->f[0].n != 0); return;
	case PLAN_MASK: do_mask(c, op->f[0].s); return;
	case PLAN_READONLY: do_readonly(c, op->f[0].s); return;
	case PLAN_SYSCTL: do_sysctl(c, op); return;
	case PLAN_ROOT_ATTR: do_root_attr(c, op); return;
	case PLAN_ATTR: do_attr(c, op); return;
	case PLAN_REMOUNT: do_remount(c, op); return;
	case PLAN_AFFINITY_FINAL:
		if (set_affinity(op->f[0].bytes, op->f[0].n) && op->f[0].n) child_fail(c, errno, "set the processors of the process");
		return;
	case PLAN_MEMPOLICY: set_memory_policy(c, op); return;
	case PLAN_PIVOT: do_pivot(c, op->f[0].n != 0); return;
	case PLAN_APPARMOR: write_attr(c, "self/attr/apparmor/exec", op->f[0].s); return;
	case PLAN_SELINUX: write_attr(c, "self/attr/exec", op->f[0].s); return;
	case PLAN_PERSONALITY:
		if (personality((unsigned long)op->f[0].n) < 0) child_fail(c, errno, "set the personality");
		return;
	case PLAN_SCHEDULER: set_scheduler(c, op); return;
	case PLAN_IO_PRIORITY:
		if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)op->f[0].n)) child_fail(c, errno, "set the i/o priority");
		return;
	case PLAN_HOOK: hook(c, op); return;
	case PLAN_LANDLOCK: landlock_take(c, op); return;
	case PLAN_NO_NEW_PRIVS: c->no_new_privs = true; return;
	case PLAN_CAPS: do_caps(c, op); return;
	case PLAN_USER: do_user(c, op); return;
	case PLAN_CWD: enter_cwd(c, op->f[0].s, false); return;
	case PLAN_SECCOMP:
		c->seccomp_set = true;
		c->seccomp_flags = (uint32_t)op->f[0].n;
		c->seccomp = op->f[1].bytes;
		c->seccomp_bytes = op->f[1].n;
		return;
	case PLAN_EXEC_CODE: do_exec(c, op);
	default: child_die(c, LAUNCH_INVALID, 0, "operation %s cannot run here", plan_name(op->code));
	}
}
