/*
 * Mode `pack`: writes what lies below a directory as a pax tar to stdout.
 *
 *   gantry-native pack --root DIR [--path PATH] [--name NAME] [--overlay]
 *
 * PATH is resolved inside DIR (symbolic links too) and its contents are packed under names relative to it; when it is not a directory,
 * that one entry is packed under its own name. With --name, PATH itself (its last component is not followed when it is a symbolic link) is
 * packed as NAME, and what lies below it as NAME/... With --overlay, overlayfs' whiteouts and opaque directories become the `.wh.` names of
 * image layers. Overlayfs' own xattrs are never written. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "pack_tar.h"
#include "untar_path.h"
#include "untar_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_SIZE (1U << 20)

int mode_pack(int argc, char **argv);

/* First name of each inode with several links. */
struct link_entry {
    uint64_t dev, ino;
    char *path;
};

struct packer {
    struct tar_out out;
    bool overlay;
    struct link_entry *links;
    size_t link_count, link_cap;
    unsigned char *buffer;
};

static int fail_at(const char *what, const char *path)
{
    return untar_fail("io", "%s %s: %s", what, path, strerror(errno));
}

static const char *first_link(struct packer *p, const struct stat *s, const char *path)
{
    if (p->link_count * 2 >= p->link_cap) {
        struct packer grown = {.link_cap = p->link_cap ? p->link_cap * 2 : 256};
        grown.links = calloc(grown.link_cap, sizeof *grown.links);
        if (!grown.links)
            return NULL;
        for (size_t i = 0; i < p->link_cap; i++) {
            if (!p->links[i].path)
                continue;
            size_t at = (p->links[i].ino * 2654435761U) & (grown.link_cap - 1);
            while (grown.links[at].path)
                at = (at + 1) & (grown.link_cap - 1);
            grown.links[at] = p->links[i];
        }
        free(p->links);
        p->links = grown.links;
        p->link_cap = grown.link_cap;
    }
    size_t at = (s->st_ino * 2654435761U) & (p->link_cap - 1);
    for (; p->links[at].path; at = (at + 1) & (p->link_cap - 1))
        if (p->links[at].ino == s->st_ino && p->links[at].dev == s->st_dev)
            return p->links[at].path;
    p->links[at] = (struct link_entry){s->st_dev, s->st_ino, strdup(path)};
    p->link_count++;
    return NULL;
}

/* Makes records of the xattrs. Returns 1 when overlayfs calls the directory opaque. */
static int add_xattrs(struct packer *p, const char *proc)
{
    char names[65536], value[65536], key[300];
    int opaque = 0;
    ssize_t total = llistxattr(proc, names, sizeof names);
    for (char *name = names; total > 0 && name < names + total; name += strlen(name) + 1) {
        ssize_t size = lgetxattr(proc, name, value, sizeof value);
        if (size < 0)
            continue;
        if (strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0) {
            opaque |= strcmp(name + strcspn(name + 8, ".") + 9, "opaque") == 0 && size == 1 && value[0] == 'y';
            continue;
        }
        if (strncmp(name, "system.posix_acl_", 17) == 0)
            continue; /* no form in a pax record that others would restore */
        snprintf(key, sizeof key, "SCHILY.xattr.%.255s", name); /* the kernel allows 255 */
        if (tar_record(&p->out, key, value, (size_t)size) < 0)
            return untar_fail("io", "out of memory");
    }
    return opaque;
}

static int put_marker(struct packer *p, const char *dir, const char *name, const struct stat *s)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0)
        return untar_fail("io", "out of memory");
    struct stat marker = {.st_mode = 0600, .st_mtim = {.tv_sec = s->st_mtim.tv_sec}};
    int rc = tar_header(&p->out, path, &marker, '0', NULL, 0) < 0 ? fail_at("pack", path) : 0;
    free(path);
    return rc;
}

/* A file that shrinks meanwhile is filled with zeros, one that grows is cut: the header has its size. */
static int put_data(struct packer *p, int fd, int64_t size, const char *path)
{
    while (size > 0) {
        size_t want = size < COPY_SIZE ? (size_t)size : COPY_SIZE;
        ssize_t n = read(fd, p->buffer, want);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return fail_at("read", path);
        }
        if (n == 0) {
            memset(p->buffer, 0, want);
            n = (ssize_t)want;
        }
        if (tar_data(&p->out, p->buffer, (size_t)n) < 0)
            return fail_at("pack", path);
        size -= n;
    }
    return 0;
}

static int pack_dir(struct packer *p, int dir, const char *prefix);
static int pack_as(struct packer *p, int dir, const char *prefix, const char *name, const char *as);

static int pack_entry(struct packer *p, int dir, const char *prefix, const char *name)
{
    return pack_as(p, dir, prefix, name, NULL);
}

/* A slash between the two, unless the first is empty or ends with one. */
static int join_path(char **out, const char *prefix, const char *name)
{
    size_t length = strlen(prefix);
    return asprintf(out, "%s%s%s", prefix, length > 0 && prefix[length - 1] != '/' ? "/" : "", name);
}

static int pack_as(struct packer *p, int dir, const char *prefix, const char *name, const char *as)
{
    struct stat s;
    if (fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_at("stat", name);
    if (p->overlay && S_ISCHR(s.st_mode) && s.st_rdev == 0) {
        char whiteout[NAME_MAX + 8];
        snprintf(whiteout, sizeof whiteout, ".wh.%s", name);
        return put_marker(p, prefix, whiteout, &s);
    }
    if (S_ISSOCK(s.st_mode))
        return 0; /* tar has no sockets */
    bool self = strcmp(name, ".") == 0 && !as;
    char *path = NULL;
    if (join_path(&path, prefix, as ? as : self ? "./" : name) < 0)
        return untar_fail("io", "out of memory");
    char proc[64 + NAME_MAX], target[PATH_MAX + 1];
    const char *link = NULL;
    int rc = 0, fd = -1, opaque = 0;
    char type = S_ISDIR(s.st_mode) ? '5' : S_ISLNK(s.st_mode) ? '2' : S_ISCHR(s.st_mode) ? '3' : S_ISBLK(s.st_mode) ? '4' : S_ISFIFO(s.st_mode) ? '6' : '0';
    snprintf(proc, sizeof proc, "/proc/self/fd/%d/%s", dir, name);
    const char *linked = type != '5' && s.st_nlink > 1 ? first_link(p, &s, path) : NULL;
    if (linked) {
        type = '1';
        link = linked;
    } else {
        opaque = add_xattrs(p, proc);
        if (opaque < 0)
            rc = -1;
        if (type == '2') {
            ssize_t n = readlinkat(dir, name, target, PATH_MAX);
            if (n < 0)
                rc = fail_at("read link", path);
            else {
                target[n] = 0;
                link = target;
            }
        } else if (type == '0') {
            fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
            if (fd < 0)
                rc = fail_at("open", path);
        }
    }
    if (rc == 0) {
        char *shown = NULL; /* directories end with a slash, as every tar has it */
        bool slash = type == '5' && !self && path[strlen(path) - 1] != '/';
        if (asprintf(&shown, "%s%s", path, slash ? "/" : "") < 0)
            rc = untar_fail("io", "out of memory");
        else if (tar_header(&p->out, shown, &s, type, link, type == '0' ? (uint64_t)s.st_size : 0) < 0)
            rc = fail_at("pack", path);
        free(shown);
    }
    if (rc == 0 && fd >= 0)
        rc = put_data(p, fd, s.st_size, path);
    if (rc == 0 && fd >= 0 && tar_pad(&p->out, (uint64_t)s.st_size) < 0)
        rc = fail_at("pack", path);
    if (fd >= 0)
        close(fd);
    if (rc == 0 && S_ISDIR(s.st_mode) && p->overlay && opaque && !self)
        rc = put_marker(p, path, ".wh..wh..opq", &s);
    if (rc == 0 && S_ISDIR(s.st_mode) && !self) {
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        rc = sub < 0 ? fail_at("open", path) : pack_dir(p, sub, path);
        if (sub >= 0)
            close(sub);
    }
    free(path);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that the same tree gives the same archive. */
static int pack_dir(struct packer *p, int dir, const char *prefix)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    char **names = NULL;
    size_t count = 0, cap = 0;
    int rc = stream ? 0 : fail_at("read", prefix);
    for (struct dirent *d; rc == 0 && (d = readdir(stream));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (count == cap) {
            cap = cap ? cap * 2 : 64;
            char **grown = realloc(names, cap * sizeof *names);
            if (!grown) {
                rc = untar_fail("io", "out of memory");
                break;
            }
            names = grown;
        }
        names[count++] = strdup(d->d_name);
    }
    if (stream)
        closedir(stream);
    if (count > 1)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0)
            rc = pack_entry(p, dir, prefix, names[i]);
        free(names[i]);
    }
    free(names);
    return rc;
}

int mode_pack(int argc, char **argv)
{
    struct packer p = {.out = {.fd = STDOUT_FILENO, .buffer = malloc(COPY_SIZE)}, .buffer = malloc(COPY_SIZE)};
    const char *root = NULL, *path = "", *as = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--overlay") == 0)
            p.overlay = true;
        else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc)
            root = argv[++i];
        else if (strcmp(argv[i], "--path") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
            as = argv[++i];
        else
            return untar_fail("io", "unknown flag or missing value: %s", argv[i]) < 0;
    }
    if (!root || !p.out.buffer || !p.buffer)
        return untar_fail("io", root ? "out of memory" : "--root is missing") < 0;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* one descriptor a level of the tree */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int base = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0)
        return fail_at("open", root) < 0;
    char *clean = untar_clean(path);
    if (!clean)
        return untar_fail("unsafe", "path %s leads outside the root", path) < 0;
    if (as && *as) {
        struct untar_tree tree;
        untar_tree_init(&tree, base);
        struct untar_parent where = *clean ? untar_open_parent(&tree, clean, false) : (struct untar_parent){.fd = base, .name = "."};
        int done = where.fd < 0 ? untar_fail(errno == ENOENT ? "absent" : "io", "open %s: %s", path, strerror(errno)) : pack_as(&p, where.fd, "", where.name, as);
        if (done == 0 && tar_finish(&p.out) < 0)
            done = fail_at("pack", path);
        return done < 0;
    }
    int rc, dir = *clean ? untar_open_in_root(base, clean, O_RDONLY | O_DIRECTORY) : base;
    if (dir >= 0) {
        rc = pack_entry(&p, dir, "", ".");
        if (rc == 0)
            rc = pack_dir(&p, dir, "");
    } else if (errno == ENOTDIR) {
        struct untar_tree tree;
        untar_tree_init(&tree, base);
        struct untar_parent where = untar_open_parent(&tree, clean, false);
        rc = where.fd < 0 ? fail_at("open", path) : pack_entry(&p, where.fd, "", where.name);
    } else {
        rc = untar_fail(errno == ENOENT ? "absent" : "io", "open %s: %s", path, strerror(errno));
    }
    if (rc == 0 && tar_finish(&p.out) < 0)
        rc = fail_at("pack", path);
    return rc < 0;
}
