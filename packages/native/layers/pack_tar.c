#define _GNU_SOURCE
#include "layers/pack_tar.h"
#include "base/id_ranges.h"
#include "layers/squeeze.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BUFFER (1U << 20)

static int flush(struct tar_out *out) {
	if (out->most > 0 && out->written + out->used > out->most) {
		out->exceeded = true;
		errno = EFBIG;
		return -1;
	}
	out->written += out->used;
	if (out->squeeze) {
		size_t size = out->used;
		out->used = 0;
		return squeeze_put(out->squeeze, out->buffer, size);
	}
	for (size_t at = 0; at < out->used;) {
		ssize_t n = write(out->fd, out->buffer + at, out->used - at);
		if (n < 0) {
			if (errno == EINTR) continue;
			return -1;
		}
		at += (size_t)n;
	}
	out->used = 0;
	return 0;
}

int tar_data(struct tar_out *out, const void *data, size_t size) {
	for (const unsigned char *p = data; size > 0;) {
		size_t n = BUFFER - out->used < size ? BUFFER - out->used : size;
		memcpy(out->buffer + out->used, p, n);
		out->used += n;
		p += n;
		size -= n;
		if (out->used == BUFFER && flush(out) < 0) return -1;
	}
	return 0;
}

int tar_pad(struct tar_out *out, uint64_t size) {
	static const unsigned char zero[512];
	return tar_data(out, zero, (512 - size % 512) % 512);
}

int tar_finish(struct tar_out *out) {
	static const unsigned char zero[1024];
	return tar_data(out, zero, sizeof zero) < 0 ? -1 : flush(out);
}

int tar_record(struct tar_out *out, const char *key, const void *value, size_t size) {
	size_t body = strlen(key) + size + 3, total = body; /* blank, '=', newline; the length counts its own digits */
	char digits[24];
	for (int n = 0; (n = snprintf(digits, sizeof digits, "%zu", total)) > 0 && total != body + (size_t)n;) total = body + (size_t)n;
	if (out->record_size + total > out->record_cap) {
		size_t cap = (out->record_size + total) * 2;
		char *grown = realloc(out->records, cap);
		if (!grown) return -1;
		out->records = grown;
		out->record_cap = cap;
	}
	char *p = out->records + out->record_size;
	p += snprintf(p, total, "%zu %s=", total, key);
	memcpy(p, value, size);
	p[size] = '\n';
	out->record_size += total;
	return 0;
}

/* width - 1 octal digits and a NUL. */
static void octal(char *field, size_t width, uint64_t value) {
	for (size_t i = width - 1; i > 0; i--, value >>= 3) field[i - 1] = (char)('0' + (value & 7));
}

static int put_block(struct tar_out *out, const char *path, const struct stat *s, char type, const char *link, uint64_t size) {
	char h[512] = {0};
	size_t length = strlen(path);
	memcpy(h, path, length < 100 ? length : 100);
	octal(h + 100, 8, s->st_mode & 07777);
	uint32_t uid = id_inside(&uid_ranges, s->st_uid), gid = id_inside(&gid_ranges, s->st_gid);
	octal(h + 108, 8, uid <= 07777777 ? uid : 0);
	octal(h + 116, 8, gid <= 07777777 ? gid : 0);
	octal(h + 124, 12, size <= 077777777777ULL ? size : 0);
	octal(h + 136, 12, s->st_mtim.tv_sec >= 0 ? (uint64_t)s->st_mtim.tv_sec : 0);
	memset(h + 148, ' ', 8);
	h[156] = type;
	if (link) memcpy(h + 157, link, strlen(link) < 100 ? strlen(link) : 100);
	memcpy(h + 257, "ustar\00000", 8);
	if (type == '3' || type == '4') {
		octal(h + 329, 8, major(s->st_rdev));
		octal(h + 337, 8, minor(s->st_rdev));
	}
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof h; i++) sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	h[154] = 0;
	return tar_data(out, h, sizeof h);
}

static int number_record(struct tar_out *out, const char *key, uint64_t value) {
	char text[24];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return tar_record(out, key, text, (size_t)n);
}

int tar_header(struct tar_out *out, const char *path, const struct stat *s, char type, const char *link, uint64_t size) {
	int rc = 0;
	if (strlen(path) > 100) rc |= tar_record(out, "path", path, strlen(path));
	if (link && strlen(link) > 100) rc |= tar_record(out, "linkpath", link, strlen(link));
	if (size > 077777777777ULL) rc |= number_record(out, "size", size);
	uint32_t uid = id_inside(&uid_ranges, s->st_uid), gid = id_inside(&gid_ranges, s->st_gid);
	if (uid > 07777777) rc |= number_record(out, "uid", uid);
	if (gid > 07777777) rc |= number_record(out, "gid", gid);
	if (s->st_mtim.tv_nsec != 0 || s->st_mtim.tv_sec < 0) {
		char text[48];
		double whole = (double)s->st_mtim.tv_sec;
		int n = s->st_mtim.tv_sec >= 0 ? snprintf(text, sizeof text, "%lld.%09ld", (long long)s->st_mtim.tv_sec, s->st_mtim.tv_nsec)
		                               : snprintf(text, sizeof text, "%.0f", whole);
		rc |= tar_record(out, "mtime", text, (size_t)n);
	}
	if (rc < 0) return -1;
	if (out->record_size > 0) {
		struct stat plain = {.st_mode = 0644};
		size_t records = out->record_size;
		if (put_block(out, "PaxHeaders/entry", &plain, 'x', NULL, records) < 0 || tar_data(out, out->records, records) < 0 ||
		    tar_pad(out, records) < 0)
			return -1;
		out->record_size = 0;
	}
	return put_block(out, path, s, type, link, size);
}
