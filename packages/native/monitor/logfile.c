#include "monitor/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "monitor/rotation.h"

#define OUT_CAP (256 * 1024)

// 1: the byte cannot stand for itself in a JSON string. dockerd also escapes <, > and &.
static unsigned char special[256];

static void fill_special(void) {
	if (special[0]) return;
	for (int c = 0; c < 256; c++) special[c] = c < 0x20 || c >= 0x80;
	special['"'] = special['\\'] = special['<'] = special['>'] = special['&'] = 1;
}

size_t rfc3339_now(char *buf) {
	static time_t cached = -1;
	static char date[24];
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != cached) {
		struct tm tm;
		gmtime_r(&ts.tv_sec, &tm);
		strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
		cached = ts.tv_sec;
	}
	size_t n = strlen(date);
	memcpy(buf, date, n);
	if (ts.tv_nsec) {
		char digits[9];
		long v = ts.tv_nsec;
		for (int i = 8; i >= 0; i--) {
			digits[i] = (char)('0' + v % 10);
			v /= 10;
		}
		int keep = 9;
		while (digits[keep - 1] == '0') keep--;
		buf[n++] = '.';
		memcpy(buf + n, digits, (size_t)keep);
		n += (size_t)keep;
	}
	buf[n++] = 'Z';
	buf[n] = 0;
	return n;
}

int logfile_open(struct logfile *lf, const char *path, const struct log_rules *rules) {
	fill_special();
	lf->path = path;
	lf->rules = *rules;
	if (lf->rules.attrs && !*lf->rules.attrs) lf->rules.attrs = NULL;
	if (lf->rules.passed && !*lf->rules.passed) lf->rules.passed = NULL;
	if (lf->rules.max_file < 1) lf->rules.max_file = 1;
	lf->outlen = 0;
	lf->dropped = 0;
	lf->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (lf->fd < 0) return -1;
	struct stat st;
	if (fstat(lf->fd, &st) < 0) return -1;
	lf->size = lf->found = st.st_size;
	lf->lines = 0;
	if (!lf->out) lf->out = malloc(OUT_CAP);
	if (!lf->out) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void flush(struct logfile *lf);

int logfile_reopen(struct logfile *lf) {
	struct stat st;
	flush(lf);
	int fd = open(lf->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int saved = errno;
		if (fd >= 0) close(fd);
		errno = saved;
		return -1;
	}
	close(lf->fd);
	lf->fd = fd;
	lf->size = st.st_size;
	return 0;
}

bool logfile_full(struct logfile *lf) {
	if (lf->fd < 0 || !lf->rules.waits || !lf->rules.passed || lf->rules.max_size <= 0 || lf->size < lf->rules.max_size) return false;
	int64_t now = loop_now();
	if (lf->looked && now - lf->looked < LOG_LOOK_MS) return lf->full;
	lf->looked = now;
	return lf->full = !rotation_passed(lf, lf->rules.max_file - 1);
}

static uint64_t count_lines(const char *p, size_t n) {
	uint64_t lines = 0;
	const char *end = p + n;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		lines++;
		p++;
	}
	return lines;
}

static void flush(struct logfile *lf) {
	size_t done = 0;
	while (done < lf->outlen) {
		ssize_t n = write(lf->fd, lf->out + done, lf->outlen - done);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) break;
		done += (size_t)n;
	}
	if (done < lf->outlen) {
		// Cut back to the last whole entry, and count the others as dropped.
		size_t whole = done;
		while (whole > 0 && lf->out[whole - 1] != '\n') whole--;
		if (whole < done && ftruncate(lf->fd, lf->size + (int64_t)whole) < 0) whole = done;
		lf->dropped += count_lines(lf->out + whole, lf->outlen - whole);
		done = whole;
	}
	if (lf->rules.passed) lf->lines += count_lines(lf->out, done);
	lf->size += (int64_t)done;
	lf->outlen = 0;
}

// Lines that an earlier monitor wrote are counted once, and only where somebody wants to know.
static void count_found(struct logfile *lf) {
	if (lf->found < 0) return;
	lf->before = rotation_before(lf);
	lf->lines += rotation_count(lf, lf->found);
	lf->found = -1;
}

// Whether there is a new file.
static bool rotate(struct logfile *lf) {
	flush(lf);
	if (!rotation_may(lf)) return false; // go on with the old file: better too long than lost
	if (lf->rules.passed) count_found(lf);
	rotation_rename(lf);
	int fd = open(lf->path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) return false;
	close(lf->fd);
	lf->fd = fd;
	lf->size = 0;
	lf->before += lf->lines;
	lf->lines = 0;
	lf->looked = 0;
	if (lf->rules.compress) rotation_pack(lf);
	return true;
}

// Length of the valid UTF-8 sequence at p, 0 when there is none (overlong, surrogate, beyond U+10FFFF, cut off).
static size_t utf8_length(const unsigned char *p, size_t n) {
	unsigned char c = p[0];
	if (c < 0xc2 || c > 0xf4) return 0;
	if (n < 2) return 0;
	if (c < 0xe0) return (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (c < 0xf0) {
		if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return 0;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) return 0;
		return 3;
	}
	if (n < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80) return 0;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f)) return 0;
	return 4;
}

static char *put(char *o, const char *text, size_t n) {
	memcpy(o, text, n);
	return o + n;
}

static char *encode(char *o, const unsigned char *p, size_t n) {
	static const char hex[] = "0123456789abcdef";
	const unsigned char *end = p + n;
	while (p < end) {
		const unsigned char *run = p;
		while (p < end && !special[*p]) p++;
		o = put(o, (const char *)run, (size_t)(p - run));
		if (p == end) break;
		unsigned char c = *p;
		if (c < 0x80) {
			*o++ = '\\';
			if (c == '"' || c == '\\') *o++ = (char)c;
			else if (c == '\n') *o++ = 'n';
			else if (c == '\r') *o++ = 'r';
			else {
				o = put(o, "u00", 3);
				*o++ = hex[c >> 4];
				*o++ = hex[c & 15];
			}
			p++;
			continue;
		}
		size_t len = utf8_length(p, (size_t)(end - p));
		if (len == 0) {
			o = put(o, "\\ufffd", 6);
			p++;
		} else if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
			o = put(o, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
			p += 3;
		} else {
			o = put(o, (const char *)p, len);
			p += len;
		}
	}
	return o;
}

struct stamp {
	char tail[64]; // ","time":"…"} and the newline
	size_t len;
	char time[40];
	size_t time_len;
};

static void make_stamp(struct stamp *s) {
	char *o = put(s->tail, "\"time\":\"", 8);
	s->time_len = rfc3339_now(s->time);
	o = put(o, s->time, s->time_len);
	o = put(o, "\"}\n", 3);
	s->len = (size_t)(o - s->tail);
}

// As it is: kubelet takes the text between the third blank and the end of the line.
static void emit_plain(struct logfile *lf, const char *stream, const char *text, size_t len, bool newline, const struct stamp *s) {
	if (newline && len > 0 && text[len - 1] == '\r') len--; // what a terminal makes of the end of a line
	if (lf->outlen + len + 64 > OUT_CAP) flush(lf);
	char *o = put(lf->out + lf->outlen, s->time, s->time_len);
	*o++ = ' ';
	o = put(o, stream, 6);
	o = put(o, newline ? " F " : " P ", 3);
	o = put(o, text, len);
	*o++ = '\n';
	lf->outlen = (size_t)(o - lf->out);
}

static void emit(struct logfile *lf, const char *stream, const char *text, size_t len, bool newline, struct stamp *s) {
	if (lf->rules.plain) {
		emit_plain(lf, stream, text, len, newline, s);
		return;
	}
	size_t attrs = lf->rules.attrs ? strlen(lf->rules.attrs) : 0;
	size_t worst = len * 6 + attrs + 160;
	if (worst > OUT_CAP) {
		lf->dropped++;
		return;
	}
	if (lf->rules.max_size > 0 && lf->size + (int64_t)lf->outlen >= lf->rules.max_size) {
		bool fresh = rotate(lf);
		make_stamp(s); // the first time of a file is no other's
		if (fresh && lf->rules.passed) rotation_number(lf, s->time, lf->before);
	}
	if (lf->outlen + worst > OUT_CAP) flush(lf);
	char *o = put(lf->out + lf->outlen, "{\"log\":\"", 8);
	o = encode(o, (const unsigned char *)text, len);
	if (newline) o = put(o, "\\n", 2);
	o = put(o, "\",\"stream\":\"", 12);
	o = put(o, stream, 6);
	o = put(o, "\",", 2);
	if (attrs) {
		o = put(o, "\"attrs\":", 8);
		o = put(o, lf->rules.attrs, attrs);
		*o++ = ',';
	}
	o = put(o, s->tail, s->len);
	lf->outlen = (size_t)(o - lf->out);
}

void logfile_write(struct logfile *lf, struct logline *line, const char *stream, const char *data, size_t len) {
	if (lf->fd < 0) return;
	struct stamp stamp;
	make_stamp(&stamp);
	while (len > 0) {
		size_t room = LOG_LINE_MAX - line->len;
		size_t scan = len < room ? len : room;
		const char *nl = memchr(data, '\n', scan);
		if (!nl && scan < room) { // no whole line yet
			memcpy(line->buf + line->len, data, len);
			line->len += len;
			break;
		}
		if (!nl && lf->rules.plain) {
			// Whether a full part is a whole line tells the byte behind it.
			if (len == room && room > 0) {
				memcpy(line->buf + line->len, data, len);
				line->len += len;
				break;
			}
			if (data[room] == '\n') nl = data + room;
		}
		size_t take = nl ? (size_t)(nl - data) : room;
		if (line->len == 0) {
			emit(lf, stream, data, take, nl != NULL, &stamp);
		} else {
			memcpy(line->buf + line->len, data, take);
			emit(lf, stream, line->buf, line->len + take, nl != NULL, &stamp);
			line->len = 0;
		}
		data += take + (nl ? 1 : 0);
		len -= take + (nl ? 1 : 0);
	}
	if (lf->outlen) flush(lf);
}

void logfile_finish(struct logfile *lf, struct logline *line, const char *stream) {
	if (lf->fd < 0 || line->len == 0) return;
	struct stamp stamp;
	make_stamp(&stamp);
	emit(lf, stream, line->buf, line->len, false, &stamp);
	line->len = 0;
	flush(lf);
}
