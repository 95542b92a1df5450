/*
 * Mode `untar`: lays one tar stream (stdin) out below a root directory.
 *
 *   gantry-native untar --root DIR [--overlay] [--max-bytes N] [--max-entries N]
 *   gantry-native untar --root DIR --copy [--into PATH] [--keep-kinds] [--owner UID:GID]
 *   gantry-native untar --root DIR --follow [...as above]
 *   gantry-native untar --root DIR --adopt --parent DIR [--parent DIR]...
 *   gantry-native untar --root DIR --remove NAME
 *
 * The first form extracts. Every name is resolved with openat2(RESOLVE_IN_ROOT), so neither a symbolic link nor `..` of the
 * archive leads out of DIR. With --overlay, whiteouts become overlayfs' own (character device 0/0, trusted.overlay.opaque);
 * without it they delete. On success one JSON line goes to stdout: {"entries","bytes","warnings","implicit":[names]}, where
 * implicit names directories that the archive used without listing them (bytes >= 0x80 escaped as \u00XX), with --overlay also the root, as ".".
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
#include "id_ranges.h"
#include "untar.h"
#include "untar_path.h"
#include "untar_report.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define READ_SIZE (1U << 20)
#define OPAQUE "trusted.overlay.opaque"

struct options {
    const char *root;
    const char *remove;
    const char **parents;
    int parent_count;
    bool overlay;
    bool adopt;
    bool follow;
    bool copy;
    bool keep_kinds;
    const char *into;
    int64_t max_bytes;
    int64_t max_entries;
};

struct dir_time {
    char *path;
    struct timespec times[2];
};

struct state {
    struct options opt;
    struct untar_tree tree;
    struct untar_set laid; /* names this archive made, for whiteouts in plain mode */
    struct dir_time *dirs;
    size_t dir_count, dir_cap;
    int64_t entries, bytes, warnings;
    unsigned char *buffer;
    uint64_t there, taken; /* with --follow: bytes that the file has, bytes that were read */
    bool complete;
};

#define FOLLOWED 3

/* Waits until the followed file has more than was taken. -1: stdin is broken. */
static int await_bytes(struct state *st)
{
    unsigned char count[8];
    size_t have = 0;
    while (st->there <= st->taken && !st->complete) {
        ssize_t n = read(STDIN_FILENO, count + have, sizeof count - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            st->complete = true;
        have += (size_t)n;
        if (have < sizeof count)
            continue;
        have = 0;
        st->there = 0;
        for (int i = 7; i >= 0; i--)
            st->there = st->there << 8 | count[i];
    }
    return 0;
}

static ssize_t read_followed(struct state *st)
{
    if (await_bytes(st) < 0)
        return -1;
    uint64_t left = st->there > st->taken ? st->there - st->taken : 0;
    ssize_t n = left == 0 ? 0 : pread(FOLLOWED, st->buffer, left < READ_SIZE ? left : READ_SIZE, (off_t)st->taken);
    if (n == 0 && left > 0) {
        errno = EIO; /* the file is shorter than was said */
        return -1;
    }
    st->taken += n > 0 ? (uint64_t)n : 0;
    return n;
}

static ssize_t read_input(struct archive *a, void *data, const void **buffer)
{
    struct state *st = data;
    ssize_t n;
    do
        n = st->opt.follow ? read_followed(st) : read(STDIN_FILENO, st->buffer, READ_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(a, errno, "read of the archive");
        return ARCHIVE_FATAL;
    }
    *buffer = st->buffer;
    return n;
}

static int fail_at(const char *what, const char *path)
{
    return untar_fail("io", "%s %s: %s", what, path, strerror(errno));
}

static void entry_times(struct archive_entry *e, struct timespec out[2])
{
    out[1].tv_sec = archive_entry_mtime(e);
    out[1].tv_nsec = archive_entry_mtime_nsec(e);
    if (archive_entry_atime_is_set(e)) {
        out[0].tv_sec = archive_entry_atime(e);
        out[0].tv_nsec = archive_entry_atime_nsec(e);
    } else {
        out[0] = out[1];
    }
}

static int remember_dir(struct state *st, const char *path, struct archive_entry *e)
{
    if (st->dir_count == st->dir_cap) {
        st->dir_cap = st->dir_cap ? st->dir_cap * 2 : 256;
        struct dir_time *grown = realloc(st->dirs, st->dir_cap * sizeof *grown);
        if (!grown)
            return untar_fail("io", "out of memory");
        st->dirs = grown;
    }
    struct dir_time *d = &st->dirs[st->dir_count];
    d->path = strdup(path);
    if (!d->path)
        return untar_fail("io", "out of memory");
    entry_times(e, d->times);
    st->dir_count++;
    return 0;
}

/* Overlayfs' own attributes are ours to set: an archive that brings them could redirect lookups between layers. */
static bool reserved_xattr(const char *name)
{
    return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

/* fd may be -1: then the attributes go to name below parent, without following it. */
static int set_xattrs(struct state *st, struct archive_entry *e, int fd, int parent, const char *name)
{
    const char *key;
    const void *value;
    size_t size;
    if (archive_entry_xattr_reset(e) == 0)
        return 0;
    while (archive_entry_xattr_next(e, &key, &value, &size) == ARCHIVE_OK) {
        int rc;
        if (reserved_xattr(key)) {
            st->warnings++;
            continue;
        }
        if (fd >= 0) {
            rc = fsetxattr(fd, key, value, size, 0);
        } else {
            char link[64 + NAME_MAX];
            snprintf(link, sizeof link, "/proc/self/fd/%d/%s", parent, name);
            rc = lsetxattr(link, key, value, size, 0);
        }
        if (rc < 0) {
            if (errno == ENOTSUP || errno == EPERM) { /* a file system without them, as dockerd does: not worth a failed pull */
                st->warnings++;
                continue;
            }
            return untar_fail("io", "set xattr %s of %s: %s", key, archive_entry_pathname(e), strerror(errno));
        }
    }
    return 0;
}

static int64_t everybody_uid = -1, everybody_gid = -1; /* --owner */

static int owner_of(struct archive_entry *e, uid_t *uid, gid_t *gid)
{
    int64_t u = everybody_uid >= 0 ? everybody_uid : archive_entry_uid(e), g = everybody_gid >= 0 ? everybody_gid : archive_entry_gid(e);
    if (u < 0 || u >= UINT32_MAX || g < 0 || g >= UINT32_MAX)
        return untar_fail("archive", "owner %lld:%lld of %s is out of range", (long long)u, (long long)g, archive_entry_pathname(e));
    if (!id_outside(&uid_ranges, (uint32_t)u, uid) || !id_outside(&gid_ranges, (uint32_t)g, gid))
        return untar_fail("archive", "owner %lld:%lld of %s is no id of the container", (long long)u, (long long)g, archive_entry_pathname(e));
    return 0;
}

static int write_all(int fd, const unsigned char *p, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, p, size, offset);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += n;
        size -= (size_t)n;
        offset += n;
    }
    return 0;
}

static int copy_data(struct state *st, struct archive *a, struct archive_entry *e, int fd)
{
    int64_t size = archive_entry_size(e), end = 0;
    const void *block;
    size_t length;
    int64_t offset;
    if (size < 0)
        return untar_fail("archive", "size of %s is negative", archive_entry_pathname(e));
    for (;;) {
        int rc = archive_read_data_block(a, &block, &length, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc == ARCHIVE_WARN)
            st->warnings++;
        else if (rc != ARCHIVE_OK)
            return untar_fail("archive", "%s: %s", archive_entry_pathname(e), archive_error_string(a));
        if (offset < end || offset > INT64_MAX - (int64_t)length || (size > 0 && offset + (int64_t)length > size))
            return untar_fail("archive", "%s: its sparse map does not fit its size", archive_entry_pathname(e));
        st->bytes += (int64_t)length;
        if (st->bytes > st->opt.max_bytes)
            return untar_fail("budget", "the archive unpacks to more than %lld bytes", (long long)st->opt.max_bytes);
        if (write_all(fd, block, length, offset) < 0)
            return fail_at("write", archive_entry_pathname(e));
        end = offset + (int64_t)length;
    }
    if (end < size && ftruncate(fd, size) < 0)
        return fail_at("extend", archive_entry_pathname(e));
    return 0;
}

/* Before a tree below parent goes: the cached directory may lie in it, unless it is parent itself. */
static void forget_below(struct state *st, int parent)
{
    if (st->tree.cached_fd != parent)
        untar_tree_forget(&st->tree);
}

/* What stands in the way of a new entry goes. Returns 1 when a whiteout was removed, 0 otherwise, -1 on failure. */
static int clear_way(struct state *st, int parent, const char *name, const char *path)
{
    struct stat s;
    if (fstatat(parent, name, &s, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_at("stat", path);
    if (S_ISDIR(s.st_mode) && st->opt.keep_kinds)
        return untar_fail("unsafe", "cannot overwrite directory \"/%s\" with non-directory", path);
    if (S_ISDIR(s.st_mode)) {
        forget_below(st, parent);
        return untar_remove_tree(parent, name) < 0 ? fail_at("remove", path) : 0;
    }
    if (unlinkat(parent, name, 0) < 0)
        return fail_at("remove", path);
    return st->opt.overlay && S_ISCHR(s.st_mode) && s.st_rdev == 0;
}

static int make_regular(struct state *st, struct archive *a, struct archive_entry *e, const struct untar_parent *where, const char *path)
{
    int parent = where->fd;
    const char *name = where->name;
    mode_t mode = archive_entry_mode(e) & 07777;
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
    if (owner_of(e, &uid, &gid) < 0)
        return -1;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    /* A new file is root's own with the mode asked for (the umask is 0), so that most need neither chown nor
     * chmod, a journal entry each. Only in a fresh layer: elsewhere a default ACL may have its say. */
    bool plain = st->opt.overlay && uid == 0 && gid == 0 && !where->setgid && (mode & 07000) == 0;
    mode_t first = plain ? mode : 0600;
    int fd = openat(parent, name, flags, first);
    if (fd < 0 && errno == EEXIST) {
        if (clear_way(st, parent, name, path) < 0)
            return -1;
        fd = openat(parent, name, flags, first);
    }
    if (fd < 0)
        return fail_at("create", path);
    int rc = copy_data(st, a, e, fd);
    entry_times(e, times);
    if (rc == 0 && !plain && fchown(fd, uid, gid) < 0)
        rc = fail_at("chown", path);
    if (rc == 0)
        rc = set_xattrs(st, e, fd, parent, name); /* after chown, which drops security.capability */
    if (rc == 0 && !plain && fchmod(fd, mode) < 0)
        rc = fail_at("chmod", path);
    if (rc == 0 && futimens(fd, times) < 0)
        rc = fail_at("set times of", path);
    if (close(fd) < 0 && rc == 0)
        rc = fail_at("close", path);
    return rc;
}

static int dress_dir(struct state *st, struct archive_entry *e, int fd, const char *path)
{
    uid_t uid;
    gid_t gid;
    if (owner_of(e, &uid, &gid) < 0)
        return -1;
    if (fchown(fd, uid, gid) < 0)
        return fail_at("chown", path);
    if (set_xattrs(st, e, fd, -1, "") < 0)
        return -1;
    if (fchmod(fd, archive_entry_mode(e) & 07777) < 0)
        return fail_at("chmod", path);
    return remember_dir(st, path, e);
}

/* A directory that was there takes the attributes of its new entry, and has no others. Overlayfs' own are not the archive's business. */
static void clear_xattrs(const struct state *st, int fd)
{
    char names[65536];
    ssize_t total = st->opt.copy ? 0 : flistxattr(fd, names, sizeof names);
    for (const char *name = names; total > 0 && name < names + total; name += strlen(name) + 1)
        if (!reserved_xattr(name) && fremovexattr(fd, name) < 0 && errno != ENODATA)
            return; /* not ours to change: as where they cannot be set */
}

static int make_dir(struct state *st, struct archive_entry *e, int parent, const char *name, const char *path)
{
    int opaque = 0;
    bool there = false;
    if (mkdirat(parent, name, 0700) < 0) {
        struct stat s;
        there = true;
        if (errno != EEXIST)
            return fail_at("create", path);
        if (fstatat(parent, name, &s, AT_SYMLINK_NOFOLLOW) < 0)
            return fail_at("stat", path);
        if (!S_ISDIR(s.st_mode)) {
            if (st->opt.keep_kinds)
                return untar_fail("unsafe", "cannot overwrite non-directory \"/%s\" with directory", path);
            opaque = clear_way(st, parent, name, path);
            if (opaque < 0)
                return -1;
            if (mkdirat(parent, name, 0700) < 0)
                return fail_at("create", path);
        }
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_at("open", path);
    if (there)
        clear_xattrs(st, fd);
    int rc = dress_dir(st, e, fd, path);
    if (untar_set_has(&st->tree.implicit, path))
        untar_set_add(&st->tree.listed, path);
    if (rc == 0 && opaque && fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
        rc = fail_at("mark opaque", path);
    close(fd);
    return rc;
}

static int make_special(struct state *st, struct archive_entry *e, int parent, const char *name, const char *path)
{
    mode_t mode = archive_entry_mode(e), type = archive_entry_filetype(e);
    uid_t uid;
    gid_t gid;
    dev_t device = 0;
    struct timespec times[2];
    if (owner_of(e, &uid, &gid) < 0)
        return -1;
    if (type == AE_IFCHR || type == AE_IFBLK) {
        uint64_t major = (uint64_t)archive_entry_rdevmajor(e), minor = (uint64_t)archive_entry_rdevminor(e);
        if (major > 0xfff || minor > 0xfffff)
            return untar_fail("archive", "device number %llu:%llu of %s is out of range", (unsigned long long)major, (unsigned long long)minor, path);
        device = makedev((unsigned)major, (unsigned)minor);
    }
    if (clear_way(st, parent, name, path) < 0)
        return -1;
    if (type == AE_IFLNK) {
        const char *target = archive_entry_symlink(e);
        if (!target || !*target)
            return untar_fail("archive", "symbolic link %s has no target", path);
        if (symlinkat(target, parent, name) < 0)
            return fail_at("create", path);
    } else if (mknodat(parent, name, (mode & 07777) | (type == AE_IFCHR ? S_IFCHR : type == AE_IFBLK ? S_IFBLK : S_IFIFO), device) < 0) {
        return fail_at("create", path);
    }
    if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_at("chown", path);
    if (type != AE_IFLNK && fchmodat(parent, name, mode & 07777, 0) < 0)
        return fail_at("chmod", path);
    if (set_xattrs(st, e, -1, parent, name) < 0)
        return -1;
    entry_times(e, times);
    if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_at("set times of", path);
    return 0;
}

/* A name of the archive as a clean path below the root; NULL when it leads outside of where it belongs. */
static char *place(struct state *st, const char *raw)
{
    char *clean = untar_clean(raw), *full = NULL;
    if (!clean || !st->opt.into || !*clean)
        return clean;
    if (asprintf(&full, "%s/%s", st->opt.into, clean) < 0)
        full = NULL;
    free(clean);
    clean = full ? untar_clean(full) : NULL;
    free(full);
    return clean;
}

static int make_hardlink(struct state *st, int lent, const char *name, const char *path, const char *raw_target)
{
    char *target = place(st, raw_target);
    if (!target || !*target) {
        free(target);
        return untar_fail("unsafe", "hard link %s leads outside: %s", path, raw_target);
    }
    /* The entry's own directory is only lent: the target's may take its place. */
    int rc = -1, parent = fcntl(lent, F_DUPFD_CLOEXEC, 4);
    struct untar_parent found = parent < 0 ? (struct untar_parent){.fd = -1} : untar_open_parent(&st->tree, target, false);
    int dir = found.fd < 0 ? -1 : fcntl(found.fd, F_DUPFD_CLOEXEC, 4);
    const char *base = found.name;
    if (dir < 0) {
        untar_fail(errno == ENOENT ? "archive" : "io", "hard link %s: its target %s: %s", path, target, strerror(errno));
    } else {
        struct stat a, b;
        bool same = fstatat(dir, base, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
                    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
        if (same)
            rc = 0; /* the same name twice, or already one inode */
        else if (clear_way(st, parent, name, path) >= 0) {
            rc = linkat(dir, base, parent, name, 0);
            if (rc < 0)
                untar_fail(errno == ENOENT ? "archive" : "io", "hard link %s: its target %s: %s", path, target, strerror(errno));
        }
    }
    if (dir >= 0)
        close(dir);
    if (parent >= 0)
        close(parent);
    free(target);
    return rc;
}

/* In plain mode an opaque marker empties the directory of what came from elsewhere. */
static int empty_dir(struct state *st, int parent, const char *dir_path)
{
    forget_below(st, parent);
    return untar_remove_children(parent, dir_path, &st->laid) < 0 ? fail_at("empty", dir_path) : 0;
}

static int make_whiteout(struct state *st, int parent, const char *name, const char *path)
{
    if (strcmp(name, ".wh..wh..opq") == 0) {
        char *dir = strndup(path, strlen(path) - strlen(name));
        int rc = 0;
        if (!dir)
            return untar_fail("io", "out of memory");
        size_t length = strlen(dir);
        if (length > 0)
            dir[length - 1] = 0;
        if (!st->opt.overlay)
            rc = empty_dir(st, parent, dir);
        else if (fsetxattr(parent, OPAQUE, "y", 1, 0) < 0)
            rc = fail_at("mark opaque", dir);
        free(dir);
        return rc;
    }
    if (strncmp(name, ".wh..wh.", 8) == 0)
        return 0; /* book-keeping of aufs */
    const char *hidden = name + 4;
    if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return untar_fail("unsafe", "whiteout %s names no entry", path);
    struct stat s;
    if (!st->opt.overlay) {
        char *full = NULL;
        if (asprintf(&full, "%.*s%s", (int)(strlen(path) - strlen(name)), path, hidden) < 0)
            return untar_fail("io", "out of memory");
        int rc = 0;
        if (!untar_set_has(&st->laid, full)) {
            forget_below(st, parent);
            if (untar_remove_tree(parent, hidden) < 0 && errno != ENOENT)
                rc = fail_at("remove", full);
        }
        free(full);
        return rc;
    }
    if (mknodat(parent, hidden, S_IFCHR, 0) == 0)
        return 0;
    if (errno != EEXIST || fstatat(parent, hidden, &s, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_at("create whiteout", path);
    if (!S_ISDIR(s.st_mode))
        return 0; /* this layer brings the name itself: it hides what lies below anyway */
    int fd = openat(parent, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsetxattr(fd, OPAQUE, "y", 1, 0);
    if (rc < 0)
        fail_at("mark opaque", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int lay_entry(struct state *st, struct archive *a, struct archive_entry *e)
{
    const char *raw = archive_entry_pathname(e);
    if (!raw)
        return untar_fail("archive", "entry %lld has no usable name", (long long)st->entries);
    char *path = place(st, raw);
    if (!path)
        return untar_fail("unsafe", "name %s leads outside the root", raw);
    int rc;
    if (!*path && st->opt.copy) { /* where the copy goes to is there already */
        free(path);
        return 0;
    }
    if (!*path) { /* the root itself */
        clear_xattrs(st, st->tree.root);
        untar_set_add(&st->tree.listed, ".");
        rc = archive_entry_filetype(e) == AE_IFDIR ? dress_dir(st, e, st->tree.root, "") : untar_fail("unsafe", "the root is not a directory in the archive");
        free(path);
        return rc;
    }
    struct untar_parent where = untar_open_parent(&st->tree, path, true);
    int parent = where.fd;
    const char *name = where.name;
    if (parent < 0) {
        rc = untar_fail("io", "directory of %s: %s", path, strerror(errno));
        free(path);
        return rc;
    }
    const char *link = archive_entry_hardlink(e);
    if (strlen(name) > NAME_MAX)
        rc = untar_fail("archive", "name %s is too long", path);
    else if (!st->opt.copy && strncmp(name, ".wh.", 4) == 0)
        rc = make_whiteout(st, parent, name, path);
    else if (link)
        rc = make_hardlink(st, parent, name, path, link);
    else
        switch (archive_entry_filetype(e)) {
        case AE_IFREG:
            rc = make_regular(st, a, e, &where, path);
            break;
        case AE_IFDIR:
            rc = make_dir(st, e, parent, name, path);
            break;
        case AE_IFLNK:
        case AE_IFCHR:
        case AE_IFBLK:
        case AE_IFIFO:
            rc = make_special(st, e, parent, name, path);
            break;
        default:
            rc = untar_fail("archive", "%s is of an unknown type", path);
        }
    if (rc == 0 && !st->opt.overlay && untar_set_add(&st->laid, path) < 0)
        rc = untar_fail("io", "out of memory");
    free(path);
    return rc;
}

static int settle_dirs(struct state *st)
{
    for (size_t i = 0; i < st->dir_count; i++) {
        const char *path = st->dirs[i].path;
        int fd = *path ? untar_open_in_root(st->tree.root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : dup(st->tree.root);
        if (fd < 0)
            continue; /* replaced by a later entry */
        int rc = futimens(fd, st->dirs[i].times);
        close(fd);
        if (rc < 0)
            return fail_at("set times of", path);
    }
    return 0;
}

static int extract(struct state *st)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    st->buffer = malloc(READ_SIZE);
    if (!a || !st->buffer)
        return untar_fail("io", "out of memory");
    if (st->opt.overlay && untar_set_add(&st->tree.implicit, ".") < 0) /* the root, which most layers do not list */
        return untar_fail("io", "out of memory");
    archive_read_support_format_empty(a);
    archive_read_support_format_tar(a); /* in the C locale names stay raw bytes; glibc's iconv knows no BINARY to ask for */
    if (archive_read_open2(a, st, NULL, read_input, NULL, NULL) != ARCHIVE_OK)
        return untar_fail("archive", "%s", archive_error_string(a));
    for (;;) {
        int rc = archive_read_next_header(a, &e);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc == ARCHIVE_WARN)
            st->warnings++;
        else if (rc != ARCHIVE_OK)
            return untar_fail("archive", "entry %lld: %s", (long long)st->entries + 1, archive_error_string(a));
        if (++st->entries > st->opt.max_entries)
            return untar_fail("budget", "the archive holds more than %lld entries", (long long)st->opt.max_entries);
        if (lay_entry(st, a, e) < 0)
            return -1;
    }
    while (read_input(a, st, &(const void *){NULL}) > 0)
        ; /* padding after the end, so that the writer sees no broken pipe */
    archive_read_free(a);
    return settle_dirs(st);
}

static int64_t number(const char *text, const char *flag)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end || n < 0) {
        untar_fail("io", "%s wants a number, not %s", flag, text);
        exit(1);
    }
    return n;
}

static int parse(int argc, char **argv, struct options *o)
{
    o->max_bytes = INT64_MAX;
    o->max_entries = INT64_MAX;
    o->parents = calloc((size_t)argc + 1, sizeof *o->parents);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--overlay") == 0)
            o->overlay = true;
        else if (strcmp(argv[i], "--follow") == 0)
            o->follow = true;
        else if (strcmp(argv[i], "--adopt") == 0)
            o->adopt = true;
        else if (strcmp(argv[i], "--copy") == 0)
            o->copy = true;
        else if (strcmp(argv[i], "--keep-kinds") == 0)
            o->keep_kinds = true;
        else if (!value)
            return untar_fail("io", "unknown flag or missing value: %s", argv[i]);
        else if (strcmp(argv[i], "--root") == 0)
            o->root = argv[++i];
        else if (strcmp(argv[i], "--remove") == 0)
            o->remove = argv[++i];
        else if (strcmp(argv[i], "--into") == 0)
            o->into = argv[++i];
        else if (strcmp(argv[i], "--owner") == 0) {
            char *colon = strchr(argv[++i], ':');
            if (!colon)
                return untar_fail("io", "--owner wants UID:GID, not %s", argv[i]);
            *colon = 0;
            everybody_uid = number(argv[i], "--owner");
            everybody_gid = number(colon + 1, "--owner");
        }
        else if (strcmp(argv[i], "--uid-map") == 0 || strcmp(argv[i], "--gid-map") == 0) {
            const char *flag = argv[i];
            if (!id_ranges_read(flag[2] == 'u' ? &uid_ranges : &gid_ranges, argv[++i]))
                return untar_fail("io", "%s wants INSIDE:OUTSIDE:COUNT, not %s", flag, argv[i]);
        }
        else if (strcmp(argv[i], "--parent") == 0)
            o->parents[o->parent_count++] = argv[++i];
        else if (strcmp(argv[i], "--max-bytes") == 0)
            o->max_bytes = number(argv[++i], "--max-bytes");
        else if (strcmp(argv[i], "--max-entries") == 0)
            o->max_entries = number(argv[++i], "--max-entries");
        else
            return untar_fail("io", "unknown flag: %s", argv[i]);
    }
    return o->root && o->parents ? 0 : untar_fail("io", "--root is missing");
}

/*
 * Files are made as the container's root, with all rights of the host's: through an id-mapped mount the host's root, who has no id there, could
 * make none (EOVERFLOW).
 */
static int become_root_inside(void)
{
    uint32_t uid, gid;
    if (uid_ranges.count == 0 || !id_outside(&uid_ranges, 0, &uid) || !id_outside(&gid_ranges, 0, &gid))
        return 0;
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return fail_at("keep the rights of", "root");
    setfsgid(gid);
    setfsuid(uid);
    return 0;
}

int mode_untar(int argc, char **argv)
{
    static struct state st;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* deep trees hold one descriptor a level while they are removed */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (parse(argc, argv, &st.opt) < 0 || become_root_inside() < 0)
        return 1;
    umask(0);
    int root = open(st.opt.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        fail_at("open", st.opt.root);
        return 1;
    }
    untar_tree_init(&st.tree, root);
    if (st.opt.remove) {
        if (strchr(st.opt.remove, '/') || strcmp(st.opt.remove, ".") == 0 || strcmp(st.opt.remove, "..") == 0)
            return untar_fail("unsafe", "%s is no plain name", st.opt.remove) < 0;
        return untar_remove_tree(root, st.opt.remove) < 0 && errno != ENOENT ? fail_at("remove", st.opt.remove) < 0 : 0;
    }
    if (st.opt.adopt)
        return untar_adopt(&st.tree, st.opt.parents, st.opt.parent_count) < 0;
    if (extract(&st) < 0)
        return 1;
    untar_report(st.entries, st.bytes, st.warnings, &st.tree);
    return 0;
}
