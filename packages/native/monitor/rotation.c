#define _GNU_SOURCE
#include "monitor/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "monitor/pack.h"

#define PATH_CAP 4200
#define NAME_CAP 40
#define NUMBER_CAP 80

static char *name(const struct logfile *lf, int index, const char *suffix, char out[PATH_CAP]) {
	if (index == 0) snprintf(out, PATH_CAP, "%s", lf->path);
	else snprintf(out, PATH_CAP, "%s.%d%s", lf->path, index, suffix);
	return out;
}

static bool read_position(const char *path, char file[NAME_CAP], long *offset) {
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0) return false;
	text[n] = 0;
	*offset = json_int(text, "offset", 0);
	return json_string(text, "file", file, NAME_CAP) && *file;
}

// A file is known by the time of its first line: an inode is given again as soon as it is free.
static bool known_as(const char *path, const char *file) {
	static char line[LOG_LINE_MAX * 6 + 1024];
	char time[NAME_CAP];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return false;
	size_t len = 0;
	char *end = NULL;
	while (!end && len < sizeof line - 1) {
		ssize_t n = read(fd, line + len, len ? sizeof line - 1 - len : 4096);
		if (n <= 0) break;
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
	}
	close(fd);
	if (!end) return false;
	*end = 0;
	return json_string(line, "time", time, sizeof time) && strcmp(time, file) == 0;
}

bool rotation_passed(const struct logfile *lf, int index) {
	char path[PATH_CAP], file[NAME_CAP];
	struct stat st;
	long offset;
	if (!lf->rules.passed) return true;
	if (stat(name(lf, index, "", path), &st) < 0 || st.st_size == 0) return true; // a packed one was passed on before
	if (!read_position(lf->rules.passed, file, &offset)) return false;
	if (known_as(path, file)) return offset >= st.st_size;
	for (int newer = index - 1; newer >= 0; newer--)
		if (known_as(name(lf, newer, "", path), file)) return true;
	return false;
}

bool rotation_may(struct logfile *lf) {
	if (lf->packer > 0) {
		int status;
		if (waitpid(lf->packer, &status, WNOHANG) == 0) return false;
		lf->packer = 0;
	}
	return !lf->rules.waits || rotation_passed(lf, lf->rules.max_file - 1);
}

void rotation_rename(const struct logfile *lf) {
	static const char *const kinds[] = {"", ".gz"};
	char from[PATH_CAP], to[PATH_CAP];
	int last = lf->rules.max_file - 1;
	if (last == 0) {
		(void)unlink(lf->path); // not emptied: whoever still reads it reads to its end
		return;
	}
	for (int kind = 0; kind < 2; kind++) (void)unlink(name(lf, last, kinds[kind], to));
	for (int i = last; i > 1; i--)
		for (int kind = 0; kind < 2; kind++) (void)rename(name(lf, i - 1, kinds[kind], from), name(lf, i, kinds[kind], to));
	(void)rename(lf->path, name(lf, 1, "", to));
}

void rotation_pack(struct logfile *lf) {
	char plain[PATH_CAP], packed[PATH_CAP];
	pid_t pid = fork();
	if (pid > 0) lf->packer = pid;
	if (pid != 0) return; // one that cannot be made now is made at the next rotation
	pack_alone();
	for (int i = 1; i < lf->rules.max_file; i++) {
		if (access(name(lf, i, "", plain), F_OK) < 0 || !rotation_passed(lf, i)) continue;
		(void)pack_file(plain, name(lf, i, ".gz", packed));
	}
	_exit(0);
}

static char *numbers(const struct logfile *lf, const char *suffix, char out[PATH_CAP]) {
	snprintf(out, PATH_CAP, "%s.numbers%s", lf->path, suffix);
	return out;
}

uint64_t rotation_count(const struct logfile *lf, int64_t size) {
	static char part[64 * 1024];
	uint64_t lines = 0;
	ssize_t n = 0;
	int fd = open(lf->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return 0;
	for (; size > 0; size -= n) {
		n = read(fd, part, size < (int64_t)sizeof part ? (size_t)size : sizeof part);
		if (n <= 0) break;
		for (const char *p = part; (p = memchr(p, '\n', (size_t)(part + n - p))); p++) lines++;
	}
	close(fd);
	return lines;
}

uint64_t rotation_before(const struct logfile *lf) {
	char path[PATH_CAP], line[NUMBER_CAP], file[NAME_CAP] = "";
	unsigned long long before = 0;
	FILE *in = fopen(numbers(lf, "", path), "re");
	if (!in) return 0;
	while (fgets(line, sizeof line, in))
		if (sscanf(line, "%39s %llu", file, &before) != 2) *file = 0;
	fclose(in);
	return *file && known_as(lf->path, file) ? before : 0;
}

void rotation_number(const struct logfile *lf, const char *time, uint64_t before) {
	char path[PATH_CAP], fresh[PATH_CAP], line[NUMBER_CAP];
	int skip = 1 - lf->rules.max_file; // as many stay as there are older files
	(void)unlink(numbers(lf, ".new", fresh)); // of a monitor that was killed
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w"), *in = fopen(numbers(lf, "", path), "re");
	if (in) {
		while (fgets(line, sizeof line, in)) skip++;
		rewind(in);
		while (out && fgets(line, sizeof line, in))
			if (skip-- <= 0) (void)fputs(line, out);
		fclose(in);
	}
	if (!out) {
		if (fd >= 0) close(fd);
		return;
	}
	(void)fprintf(out, "%s %llu\n", time, (unsigned long long)before);
	if (fclose(out) == 0) (void)rename(fresh, path);
	else (void)unlink(fresh);
}
