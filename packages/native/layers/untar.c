/*
 * Mode `untar`: lays one tar stream (stdin) out below a root directory.
 *
 *   gantry-native untar --root DIR [--overlay] [--max-bytes N] [--max-entries N]
 *   gantry-native untar --root DIR --copy [--into PATH] [--keep-kinds] [--owner UID:GID]
 *   gantry-native untar --root DIR --follow [--gzip] [...as above]
 *   gantry-native untar --root DIR --adopt --parent DIR [--parent DIR]...
 *   gantry-native untar --root DIR --remove NAME
 *
 * The first form extracts. Every name is resolved with openat2(RESOLVE_IN_ROOT), so neither a symbolic link nor `..` of the
 * archive leads out of DIR. With --overlay, whiteouts become overlayfs' own (character device 0/0, trusted.overlay.opaque);
 * without it they delete. On success one JSON line goes to stdout: {"entries","bytes","warnings","implicit":[names]}, where
 * implicit names directories that the archive used without listing them (bytes >= 0x80 escaped as \u00XX), with --overlay also the root, as ".".
 *
 * With --follow the archive is the file at descriptor 3, which may still grow: stdin brings its length (8 bytes, little endian) each time it has grown, and
 * ends when it is whole. With --gzip the archive is compressed so; the line on stdout then has "digest", too, the SHA-256 of the tar.
 *
 * The second form copies into a tree that is in use (`docker cp`): names lie below PATH inside DIR, `.wh.` names are names like any other,
 * and the archive's own root entry changes nothing. With --keep-kinds a directory is never replaced by something else, nor the other way.
 * With --owner everything belongs to UID:GID. With --uid-map and --gid-map INSIDE:OUTSIDE:COUNT[,...] an id INSIDE becomes OUTSIDE; an id that is in
 * none is an error.
 *
 * The third form reads such names, separated by NUL, and gives each the owner, mode and xattrs that the nearest parent has.
 *
 * The fourth form removes the tree NAME that lies directly below DIR; one that is not there is fine.
 *
 * Any failure: exit code 1 and one JSON line on stderr: {"code","error"}; code is unsafe, budget, archive, or io.
 */
#define _GNU_SOURCE
#include "layers/untar.h"
#include "base/id_ranges.h"
#include "layers/untar_extract.h"
#include "layers/untar_options.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * Files are made as the container's root, with all rights of the host's: through an id-mapped mount the host's root, who has no id there, could
 * make none (EOVERFLOW).
 */
static int become_root_inside(void) {
	uint32_t uid, gid;
	if (uid_ranges.count == 0 || !id_outside(&uid_ranges, 0, &uid) || !id_outside(&gid_ranges, 0, &gid)) return 0;
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0) return untar_fail_at("keep the rights of", "root");
	setfsgid(gid);
	setfsuid(uid);
	return 0;
}

/* A program that a killed service left behind may write into the tree for a moment more. */
static int remove_left(int root, const char *name) {
	const struct timespec moment = {0, 20 * 1000 * 1000};
	for (int tries = 0;; tries++) {
		if (untar_remove_tree(root, name) == 0 || errno == ENOENT) return 0;
		if (errno != ENOTEMPTY || tries == 250) return untar_fail_at("remove", name) < 0;
		nanosleep(&moment, NULL);
	}
}

int mode_untar(int argc, char **argv) {
	static struct untar_state st;
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* deep trees hold one descriptor a level while they are removed */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (untar_options_read(argc, argv, &st.opt) < 0 || become_root_inside() < 0) return 1;
	st.input.follow = st.opt.follow;
	umask(0);
	int root = open(st.opt.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		untar_fail_at("open", st.opt.root);
		return 1;
	}
	untar_tree_init(&st.tree, root);
	if (st.opt.remove) {
		if (strchr(st.opt.remove, '/') || strcmp(st.opt.remove, ".") == 0 || strcmp(st.opt.remove, "..") == 0)
			return untar_fail("unsafe", "%s is no plain name", st.opt.remove) < 0;
		return remove_left(root, st.opt.remove);
	}
	if (st.opt.adopt) return untar_adopt(&st.tree, st.opt.parents, st.opt.parent_count) < 0;
	if (untar_extract(&st) < 0) return 1;
	untar_report(&st, stdout);
	return 0;
}
