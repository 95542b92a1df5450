// The log sink of a monitor: docker's json-file format, one JSON object a line.
//
//   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2024-01-02T03:04:05.678Z"}
//
// A line longer than 16 KiB is split into entries without the closing "\n", as dockerd does; bytes that are no UTF-8
// become U+FFFD. The sink never blocks the container: what cannot be written (disk full) is dropped and counted, and the
// file always ends on a whole entry.
//
// Or Kubernetes' format, a line of text for each (rules.plain), that a line of more than 16 KiB or the end of the stream cuts into parts:
//
//   2024-01-02T03:04:05.678Z stdout F text        (P: a part, the next entry goes on)
//
// Lines that are for somebody else, too, are passed on by a service that reads the file: what it has passed on it tells in a file of its own, and
// no file is taken away before. The output rests meanwhile (logfile_full) where that is wanted.
#ifndef GANTRY_LOGFILE_H
#define GANTRY_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_LINE_MAX 16384
#define LOG_LOOK_MS 50

struct log_rules {
	bool plain; // Kubernetes' format
	const char *attrs; // JSON object text or NULL
	int64_t max_size; // bytes after which the file is rotated, 0: never
	int max_file; // files kept, the current one included
	bool compress; // what is rotated away becomes .gz, once it was passed on
	const char *passed; // file that tells how far the lines were passed on, NULL: they are for nobody else
	bool waits; // with passed: the output rests rather than that lines are lost
};

struct logfile {
	int fd; // -1: no log
	const char *path; // absolute
	struct log_rules rules;
	pid_t packer; // compresses, 0: nobody does
	int64_t looked; // loop_now() of the last look whether the output has to rest, 0: none
	bool full; // what it showed
	int64_t size; // bytes in the current file
	int64_t found; // of those, written before it was opened; -1: counted
	uint64_t before; // lines of the log before the current file
	uint64_t lines; // in the current file, since it was opened
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
int logfile_open(struct logfile *lf, const char *path, const struct log_rules *rules);

// Writes to a new file of that name from now on; the old one was renamed or removed. 0, or -1 with errno: it goes on with the old one.
int logfile_reopen(struct logfile *lf);

// The output has to rest: the oldest file must go before more is written, and was not passed on. Looks again after LOG_LOOK_MS.
bool logfile_full(struct logfile *lf);

// Takes a chunk of one stream ("stdout" or "stderr"); complete lines are written before it returns.
void logfile_write(struct logfile *lf, struct logline *line, const char *stream, const char *data, size_t len);

// Writes what is left of an unfinished line (end of the stream).
void logfile_finish(struct logfile *lf, struct logline *line, const char *stream);

// Formats the wall clock as RFC 3339 with nanoseconds, trailing zeros cut, UTC. buf holds 40 bytes at least.
size_t rfc3339_now(char *buf);

#endif
