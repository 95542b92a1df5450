#define _GNU_SOURCE
#include "init/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h of the oldest system that builds us knows less. The numbers are the same on all machines. */
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define VERSION_FLAG 1u
#define PATH_BENEATH 1

struct ruleset {
	uint64_t handled_access_fs;
};

struct path_beneath {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* Execute, write, read, truncate, ioctl: what a file that is no directory can be allowed. */
#define OF_FILES (1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15)

/* What a version of the interface knows: a kernel refuses what is newer than it. */
static uint64_t known(long version) {
	uint64_t rights = (1u << 13) - 1;

	if (version >= 2) rights |= 1u << 13;
	if (version >= 3) rights |= 1u << 14;
	if (version >= 5) rights |= 1u << 15;
	return rights;
}

void landlock_take(struct child *c, const struct plan_op *op) {
	static struct plan_op kept;

	kept = *op;
	c->landlock = &kept;
}

static void allow(struct child *c, int ruleset, const char *path, uint64_t access) {
	struct path_beneath rule = {.allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;

	if (rule.parent_fd < 0 || fstat(rule.parent_fd, &st)) child_fail(c, errno, "landlock: open %s", path);
	if (!S_ISDIR(st.st_mode)) rule.allowed_access &= OF_FILES;
	if (rule.allowed_access && syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0)) child_fail(c, errno, "landlock: allow %s", path);
	close(rule.parent_fd);
}

void landlock_enter(struct child *c) {
	if (!c->landlock) return;
	const struct plan_field *f = c->landlock->f;
	long version = syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);
	if (version < 0) child_fail(c, errno, "landlock: this kernel does not have it, or it is switched off");
	uint64_t rights = known(version);
	struct ruleset rules = {.handled_access_fs = f[0].n & rights};
	int ruleset = (int)syscall(CREATE_RULESET, &rules, sizeof rules, 0);
	const char **paths = plan_strings(&f[1], 0);

	if (ruleset < 0 || !paths) child_fail(c, errno, "landlock: make a ruleset");
	for (uint32_t i = 0; i < f[1].n && i < f[2].n; i++) allow(c, ruleset, paths[i], plan_number(&f[2], i) & rules.handled_access_fs);
	if (syscall(RESTRICT_SELF, ruleset, 0)) child_fail(c, errno, "landlock: restrict the process");
	close(ruleset);
}
