// The log sink of a monitor: docker's json-file format, one JSON object a line.
//
//   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2024-01-02T03:04:05.678Z"}
//
// A line longer than 16 KiB is split into entries without the closing "\n", as dockerd does; bytes that are no UTF-8
// become U+FFFD. The sink never blocks the container: what cannot be written (disk full) is dropped and counted, and the
// file always ends on a whole entry.
#ifndef GANTRY_LOGFILE_H
#define GANTRY_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 16384

struct logfile {
	int fd; // -1: no log
	const char *path; // absolute
	const char *attrs; // JSON object text or NULL
	int64_t max_size; // bytes after which the file is rotated, 0: never
	int max_file; // files kept, the current one included
	int64_t size; // bytes in the current file
	uint64_t dropped; // entries that could not be written
	char *out; // encoded, not yet written
	size_t outlen;
};

// The part of a line that is not complete yet; one for each stream.
struct logline {
	size_t len;
	char buf[LOG_LINE_MAX];
};

// Opens (append, create 0640) the file. Returns 0, or -1 with errno.
int logfile_open(struct logfile *lf, const char *path, const char *attrs, int64_t max_size, int max_file);

// Takes a chunk of one stream ("stdout" or "stderr"); complete lines are written before it returns.
void logfile_write(struct logfile *lf, struct logline *line, const char *stream, const char *data, size_t len);

// Writes what is left of an unfinished line (end of the stream).
void logfile_finish(struct logfile *lf, struct logline *line, const char *stream);

// Formats the wall clock as RFC 3339 with nanoseconds, trailing zeros cut, UTC. buf holds 40 bytes at least.
size_t rfc3339_now(char *buf);

#endif
