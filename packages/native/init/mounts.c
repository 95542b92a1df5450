/* Mounts: sources and targets are descriptors; a mount is made detached, given its attributes, then attached. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "init/child.h"

int open_source(const char *path, bool recursive) {
	return sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
}

int clone_tree(int fd, bool recursive) {
	return sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
}

int set_attr(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation) {
	if (!set && !clear && !propagation) return 0;
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), set, clear, propagation, 0);
}

int attach(int tree, int target) { return sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH); }

static long magic_of(int fd) {
	struct statfs fs;

	return fstatfs(fd, &fs) ? 0 : (long)fs.f_type;
}

/* Whether `fd` is what `path` of the container names now. */
static bool is_place(struct child *c, int fd, const char *path) {
	struct stat a, b;
	int other = root_open(c, path, O_PATH, 0);
	bool same;

	if (other < 0) return false;
	same = !fstat(fd, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	close(other);
	return same;
}

/* /proc and /sys are the kernel's: nothing else may be laid over them or into procfs. */
static void refuse_kernel_places(struct child *c, int target, long source_magic, bool proc_allowed, const char *path) {
	if (is_place(c, target, "/proc")) {
		if (source_magic != PROC_SUPER_MAGIC)
			child_die(c, LAUNCH_INVALID, 0, "\"%s\" cannot be mounted because it is not of type proc", path);
		return;
	}
	if (is_place(c, target, "/sys")) {
		if (source_magic != SYSFS_MAGIC && source_magic != TMPFS_MAGIC)
			child_die(c, LAUNCH_INVALID, 0, "\"%s\" cannot be mounted because it is not of type sysfs", path);
		return;
	}
	if (magic_of(target) == PROC_SUPER_MAGIC && !proc_allowed)
		child_die(c, LAUNCH_INVALID, 0, "\"%s\" cannot be mounted because it is inside /proc", path);
}

static void option(struct child *c, int fs, const char *text) {
	const char *equals = strchr(text, '=');
	char key[128];

	(void)c;
	if (!equals) {
		sys_fsconfig(fs, FSCONFIG_SET_FLAG, text, NULL, 0);
		return;
	}
	if ((size_t)(equals - text) >= sizeof(key)) return;
	memcpy(key, text, (size_t)(equals - text));
	key[equals - text] = 0;
	sys_fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

/* The newest line of the context's log, without its "e " prefix. */
static void read_log(int fs, char *log, size_t size) {
	char line[256];
	ssize_t n;

	log[0] = 0;
	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		while (n && line[n - 1] == '\n') line[--n] = 0;
		snprintf(log, size, ": %s", n > 2 && line[1] == ' ' ? line + 2 : line);
	}
}

int new_mount(const char *type, const char *source, const char *const *options, uint64_t attributes, char *log, size_t log_size) {
	int fs = sys_fsopen(type, FSOPEN_CLOEXEC), fd, saved;

	log[0] = 0;
	if (fs < 0) return -1;
	if (source[0]) sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);
	for (size_t i = 0; options && options[i]; i++) {
		errno = 0;
		option(NULL, fs, options[i]);
		if (errno) {
			saved = errno;
			read_log(fs, log, log_size);
			if (!log[0]) snprintf(log, log_size, ": option \"%s\"", options[i]);
			close(fs);
			errno = saved;
			return -1;
		}
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		saved = errno;
		read_log(fs, log, log_size);
		close(fs);
		errno = saved;
		return -1;
	}
	fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
	saved = errno;
	close(fs);
	errno = saved;
	return fd;
}

static bool has_mode(const char *const *options) {
	for (size_t i = 0; options[i]; i++)
		if (strncmp(options[i], "mode=", 5) == 0) return true;
	return false;
}

void do_mount(struct child *c, struct plan_op *op) {
	const char *type = op->f[0].s, *source = op->f[1].s, *path = op->f[2].s;
	const char **options = plan_strings(&op->f[3], 1);
	uint64_t attributes = op->f[4].n, flags = op->f[5].n, propagation = op->f[6].n, late = 0;
	char log[300], mode[16];
	struct stat before;
	int target, tree;
	bool existed;

	if (!options) child_fail(c, ENOMEM, "mount \"%s\"", path);
	target = root_open(c, path, O_PATH, 0);
	existed = target >= 0 && fstat(target, &before) == 0;
	if (target < 0) target = root_make(c, path, RESOLVE_MAKE_DIR);
	if (target < 0) child_die(c, kind_of_mount(errno), errno, "make mount point \"%s\"", path);
	if (flags & PLAN_MOUNT_NO_SYMLINK) {
		close(target);
		target = root_open(c, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
		if (target < 0)
			child_die(c, LAUNCH_INVALID, 0, "\"%s\" of type %s must be mounted on ordinary directory, not on a symbolic link", path, type);
	} else {
		refuse_kernel_places(c, target,
		    strcmp(type, "proc") == 0    ? PROC_SUPER_MAGIC
		    : strcmp(type, "sysfs") == 0 ? SYSFS_MAGIC
		    : strcmp(type, "tmpfs") == 0 ? TMPFS_MAGIC
		                                 : 0,
		    false, path);
	}
	if (flags & PLAN_MOUNT_COPY_UP) {
		late = attributes & MOUNT_ATTR_RDONLY;
		attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	if (strcmp(type, "tmpfs") == 0 && existed && !has_mode(options)) {
		snprintf(mode, sizeof(mode), "mode=%o", before.st_mode & 07777);
		options[op->f[3].n] = mode;
	}
	tree = new_mount(type, source, options, attributes, log, sizeof(log));
	if (tree < 0 && errno == ENODEV && (flags & PLAN_MOUNT_OPTIONAL)) {
		close(target);
		free(options);
		return;
	}
	if (tree < 0) child_fail(c, errno, "mount %s at \"%s\"%s", type, path, log);
	if (flags & PLAN_MOUNT_COPY_UP) {
		int from = root_open(c, path, O_RDONLY | O_DIRECTORY, 0);
		int to = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (from < 0 || to < 0 || copy_up(from, to)) child_fail(c, errno, "copy \"%s\" into its tmpfs", path);
		close(from);
		close(to);
		if (set_attr(tree, false, late, 0, 0)) child_fail(c, errno, "make \"%s\" read-only", path);
	}
	if (attach(tree, target)) child_die(c, kind_of_mount(errno), errno, "mount %s at \"%s\"", type, path);
	if (set_attr(tree, false, 0, 0, propagation)) child_fail(c, errno, "set the propagation of \"%s\"", path);
	close(tree);
	close(target);
	free(options);
}

/*
 * The sources were opened before the first mount; the kernel lists mounts in the order in which they were made, and people read that list as
 * the order of config.json. Older kernels (before 6.15) do not clone what is detached: there the list is all that differs.
 */
static int made_now(int tree, bool recursive) {
	int again = clone_tree(tree, recursive);

	if (again < 0) return tree;
	close(tree);
	return again;
}

static unsigned long attributes_of(int tree) {
	struct statvfs fs;

	return fstatvfs(tree, &fs) ? 0 : fs.f_flag;
}

/*
 * The kernel locks these in a mount that was made in another user namespace (mount_namespaces(7)), but not in a tree that the parent opened for
 * us with its own rights: the same rule is kept here. A read-only file system stays so whatever its mount says, and is no offence.
 */
static bool takes_away(unsigned long before, unsigned long after) {
	const unsigned long times = ST_NOATIME | ST_NODIRATIME | ST_RELATIME;

	return (before & ~after & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC)) || (before & times) != (after & times);
}

void do_bind(struct child *c, struct plan_op *op) {
	const char *source = op->f[0].s, *path = op->f[1].s;
	uint64_t flags = op->f[2].n;
	int tree = made_now(source_of(c, op), flags & PLAN_BIND_RECURSIVE), target;
	unsigned long before;
	struct stat st;
	long magic;

	c->sources[op->index] = -1;

	if (fstat(tree, &st)) child_fail(c, errno, "stat \"%s\"", source);
	target = root_make(c, path, S_ISDIR(st.st_mode) ? RESOLVE_MAKE_DIR : RESOLVE_MAKE_FILE);
	if (target < 0) child_die(c, kind_of_mount(errno), errno, "make mount point \"%s\"", path);
	/* A fresh tmpfs may hide /sys; a volume may not, even if it happens to lie on a tmpfs. */
	magic = magic_of(tree);
	refuse_kernel_places(c, target, magic == TMPFS_MAGIC ? 0 : magic, flags & PLAN_BIND_PROC, path);
	before = (c->new_user || c->joined_user) ? attributes_of(tree) : 0;
	if (set_attr(tree, false, op->f[3].n, op->f[4].n, 0) || set_attr(tree, true, op->f[5].n, op->f[6].n, 0))
		child_fail(c, errno, "error mounting \"%s\" at \"%s\": set its attributes", source, path);
	if ((c->new_user || c->joined_user) && takes_away(before, attributes_of(tree)))
		child_fail(
		    c, EPERM, "error mounting \"%s\" at \"%s\": a user namespace may not take away what the source's mount has", source, path);
	if (attach(tree, target)) {
		int err = errno;
		struct stat at;

		/* move_mount(2) says EINVAL where mount(2) says ENOTDIR: a directory onto a file, or the other way round. */
		if (err == EINVAL && !fstat(target, &at) && S_ISDIR(at.st_mode) != S_ISDIR(st.st_mode)) err = ENOTDIR;
		child_die(c, kind_of_mount(err), err, "error mounting \"%s\" at \"%s\"", source, path);
	}
	if (set_attr(tree, false, 0, 0, op->f[7].n) || set_attr(tree, true, 0, 0, op->f[8].n))
		child_fail(c, errno, "set the propagation of \"%s\"", path);
	close(tree);
	close(target);
}

void do_mask(struct child *c, const char *path) {
	int target = root_open(c, path, O_PATH, 0), tree;
	char log[300];
	struct stat st;

	if (target < 0) {
		if (errno == ENOENT || errno == ENOTDIR) return;
		child_fail(c, errno, "mask \"%s\"", path);
	}
	if (fstat(target, &st)) child_fail(c, errno, "mask \"%s\"", path);
	if (!S_ISDIR(st.st_mode)) {
		tree = clone_tree(c->null_host, false);
	} else if (c->mask_dir >= 0) {
		tree = clone_tree(c->mask_dir, false);
	} else {
		const char *options[] = {"nr_blocks=1", "nr_inodes=1", "mode=755", NULL};

		tree = new_mount(
		    "tmpfs", "tmpfs", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, log, sizeof(log));
	}
	if (tree < 0 || attach(tree, target)) child_fail(c, errno, "mask \"%s\"", path);
	close(target);
	if (S_ISDIR(st.st_mode) && c->mask_dir < 0) c->mask_dir = tree;
	else close(tree);
}

void do_readonly(struct child *c, const char *path) {
	int target = root_open(c, path, O_PATH, 0), tree;

	if (target < 0) {
		if (errno == ENOENT || errno == ENOTDIR) return;
		child_fail(c, errno, "make \"%s\" read-only", path);
	}
	tree = clone_tree(target, true);
	if (tree < 0 || set_attr(tree, true, MOUNT_ATTR_RDONLY, 0, 0) || attach(tree, target))
		child_fail(c, errno, "make \"%s\" read-only", path);
	close(tree);
	close(target);
}

/* The mount whose root `path` is, as it lies there already. */
void do_attr(struct child *c, struct plan_op *op) {
	int place = root_open(c, op->f[0].s, O_PATH, 0);

	if (place < 0 || set_attr(place, false, op->f[1].n, op->f[2].n, 0)) child_fail(c, errno, "set the attributes of \"%s\"", op->f[0].s);
	close(place);
}

/* Other options for the file system that lies at a path, and other attributes for the mount. */
void do_remount(struct child *c, struct plan_op *op) {
	const char **options = plan_strings(&op->f[1], 0);
	int place = root_open(c, op->f[0].s, O_PATH, 0), fs;
	char log[300] = "";

	if (!options) child_fail(c, ENOMEM, "remount \"%s\"", op->f[0].s);
	if (place < 0) child_fail(c, errno, "remount \"%s\"", op->f[0].s);
	if (op->f[1].n) {
		fs = (int)syscall(SYS_fspick, place, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
		if (fs < 0) child_fail(c, errno, "remount \"%s\"", op->f[0].s);
		for (size_t i = 0; options[i]; i++) {
			errno = 0;
			option(c, fs, options[i]);
			if (errno) child_fail(c, errno, "remount \"%s\": option \"%s\"", op->f[0].s, options[i]);
		}
		if (sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0) {
			int err = errno;

			read_log(fs, log, sizeof(log));
			child_fail(c, err, "remount \"%s\"%s", op->f[0].s, log);
		}
		close(fs);
	}
	if (set_attr(place, false, op->f[2].n, op->f[3].n, 0)) child_fail(c, errno, "remount \"%s\"", op->f[0].s);
	close(place);
	free(options);
}
