/* Small files of the container: links, device nodes, sysctls, /proc/self/attr, the console. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "init/child.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

void do_symlink(struct child *c, struct plan_op *op) {
	const char *text = op->f[0].s, *path = op->f[1].s, *name;
	int dir = root_parent(c, path, &name);

	if (dir < 0) child_fail(c, errno, "make the directory of \"%s\"", path);
	if (symlinkat(text, dir, name)) {
		if (errno == EEXIST && (op->f[2].n & PLAN_LINK_REPLACE)) {
			if (unlinkat(dir, name, 0) || symlinkat(text, dir, name)) child_fail(c, errno, "replace \"%s\" by a link", path);
		} else if (errno != EEXIST && !(op->f[2].n & PLAN_LINK_OPTIONAL)) {
			child_fail(c, errno, "make the link \"%s\"", path);
		}
	}
	close(dir);
}

static void bind_device(struct child *c, const char *path) {
	int tree = open_source(path, false), target;

	if (tree < 0) child_fail(c, errno, "open the device \"%s\"", path);
	target = root_make(c, path, RESOLVE_MAKE_FILE);
	if (target < 0 || attach(tree, target)) child_fail(c, errno, "bind the device \"%s\"", path);
	close(target);
	close(tree);
}

void do_device(struct child *c, struct plan_op *op) {
	const char *path = op->f[0].s, *name;
	mode_t mode = (mode_t)op->f[1].n;
	dev_t number = makedev((unsigned)op->f[2].n, (unsigned)op->f[3].n);
	struct stat st;
	int dir;

	if (op->f[6].n & PLAN_DEVICE_BIND) {
		bind_device(c, path);
		return;
	}
	dir = root_parent(c, path, &name);
	if (dir < 0) child_fail(c, errno, "make the directory of device \"%s\"", path);
	if (mknodat(dir, name, mode, number)) {
		if (errno != EEXIST) child_fail(c, errno, "make the device \"%s\"", path);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) child_fail(c, errno, "stat the device \"%s\"", path);
		if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && st.st_rdev != number))
			child_die(c, LAUNCH_INVALID, 0, "\"%s\" exists in the rootfs and is another file than the device asked for", path);
	}
	if (fchmodat(dir, name, mode & 07777, 0) || fchownat(dir, name, (uid_t)op->f[4].n, (gid_t)op->f[5].n, AT_SYMLINK_NOFOLLOW))
		child_fail(c, errno, "set mode and owner of device \"%s\"", path);
	close(dir);
}

static void need_proc(struct child *c) {
	const char *none[] = {NULL};
	struct statfs fs;
	char log[300];

	if (c->proc >= 0) return;
	c->proc = new_mount("proc", "proc", none, 0, log, sizeof(log));
	if (c->proc < 0) c->proc = c->host_proc; /* a user namespace that may not mount it: the parent's own, opened before */
	if (c->proc < 0 || fstatfs(c->proc, &fs) || fs.f_type != PROC_SUPER_MAGIC) child_fail(c, errno, "no procfs to write to%s", log);
}

/*
 * After a change of user a process does not own its files in /proc, unless it may be dumped (proc(5)); for as long as the call takes, and
 * only before it is somebody else's.
 */
int proc_open(struct child *c, const char *path, int flags) {
	bool own = c->new_user && strncmp(path, "self/", 5) == 0;
	int dumpable = own ? prctl(PR_GET_DUMPABLE) : 0, fd, err;

	need_proc(c);
	if (own) prctl(PR_SET_DUMPABLE, 1);
	fd = sys_openat2(c->proc, path, (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	err = errno;
	if (own && dumpable != 1) prctl(PR_SET_DUMPABLE, 0);
	errno = err;
	return fd;
}

static void write_proc(struct child *c, const char *path, const char *value) {
	int fd = proc_open(c, path, O_WRONLY);

	if (fd < 0) child_fail(c, errno, "open /proc/%s", path);
	if (write(fd, value, strlen(value)) < 0) child_fail(c, errno, "write \"%s\" to /proc/%s", value, path);
	close(fd);
}

void do_sysctl(struct child *c, struct plan_op *op) {
	char path[512];

	if (op->f[0].n > 400) child_die(c, LAUNCH_INVALID, 0, "sysctl name is too long");
	snprintf(path, sizeof(path), "sys/%s", op->f[0].s);
	write_proc(c, path, op->f[1].s);
}

void write_attr(struct child *c, const char *path, const char *value) { write_proc(c, path, value); }

/* /dev/null of the host as 0, 1 or 2 becomes the container's own, when that really is the null device. */
void reopen_null(struct child *c) {
	struct stat st;

	for (int fd = 0; fd < 3; fd++) {
		int null;

		if (fstat(fd, &st) || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) continue;
		null = root_open(c, "/dev/null", O_PATH, 0);
		if (null < 0) continue;
		if (!fstat(null, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) {
			int real = root_open(c, "/dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY, 0);

			if (real >= 0 && !fstat(real, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) {
				fcntl(real, F_SETFL, 0);
				dup2(real, fd);
			}
			if (real >= 0) close(real);
		}
		close(null);
	}
}

static int open_master(struct child *c) {
	struct stat st;
	struct statfs fs;
	int unlock = 0, master;
	int place = root_open(c, "/dev/pts/ptmx", O_PATH, RESOLVE_NO_SYMLINKS);

	if (place < 0) child_fail(c, errno, "open /dev/pts/ptmx of the container");
	if (fstat(place, &st) || fstatfs(place, &fs) || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC)
		child_die(c, LAUNCH_INVALID, 0, "/dev/pts/ptmx of the container is not a devpts multiplexer");
	close(place);
	master = root_open(c, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
	if (master < 0 || fstat(master, &st) || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		child_fail(c, errno, "open /dev/pts/ptmx of the container");
	if (ioctl(master, TIOCSPTLCK, &unlock)) child_fail(c, errno, "unlock the terminal");
	return master;
}

void do_console(struct child *c, bool bind) {
	int master, slave;

	if (!c->io->terminal) return;
	master = open_master(c);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) child_fail(c, errno, "open the terminal's other end");
	if (c->io->rows || c->io->cols) {
		struct winsize size = {.ws_row = c->io->rows, .ws_col = c->io->cols};

		ioctl(master, TIOCSWINSZ, &size);
	}
	if (bind) {
		int tree = sys_open_tree(slave, "", AT_EMPTY_PATH | 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
		int target = root_make(c, "/dev/console", RESOLVE_MAKE_FILE);

		if (tree < 0 || target < 0 || attach(tree, target)) child_fail(c, errno, "bind the terminal at /dev/console");
		close(tree);
		close(target);
	}
	if (dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0) child_fail(c, errno, "take the terminal");
	close(slave);
	if (ioctl(0, TIOCSCTTY, 0)) child_fail(c, errno, "make the terminal the controlling one");
	child_send(c, "T", 1, master);
	close(master);
}
