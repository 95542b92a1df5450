// The helper's wire: frames over the inherited socketpair.
//
//   request: u32 length of the rest, u32 request id, u8 kind, fields; all numbers little endian
//   field:   u8 length of the key, key, u32 length of the value, value, one zero byte
//   answer:  u32 length of the rest, u32 request id, one JSON object (less than 8 KiB, so one write never mixes with
//            another process's: helper, monitors and runners answer on the same socket)
#ifndef GANTRY_WIRE_H
#define GANTRY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX (8u << 20)

enum wire_kind {
	WIRE_MONITOR = 'M', // fork a monitor, see monitor.h for its fields
	WIRE_HOLD = 'H', // a process that holds namespaces, see holder.h
	WIRE_RUN = 'R', // run a command, answer with its exit status and output
	WIRE_MOUNT = 'O', // chdir, then mount(2): relative layer paths let many layers fit into one page of options
	WIRE_UMOUNT = 'U', // umount2(path) in a process of its own, so that only it can hang
};

struct frame {
	uint32_t id;
	uint8_t kind;
	const uint8_t *fields;
	size_t len;
	void *map; // mapped memory that holds the frame
	size_t map_len;
};

// Reads exactly len bytes. 1: read, 0: end of file before the first, -1: broken.
int read_all(int fd, void *to, size_t len);

// Reads one request. 1: read, 0: end of file, -1: broken.
int wire_read(int fd, struct frame *frame);
void wire_free(struct frame *frame);

// The value of a field (zero-terminated), NULL when absent. len may be NULL.
const char *wire_get(const struct frame *frame, const char *key, size_t *len);
long wire_int(const struct frame *frame, const char *key, long otherwise);

// Sends one answer; false when the other side is gone.
bool wire_answer(int fd, uint32_t id, const char *json);

// Splits a value of zero-separated words into a NULL-terminated vector (malloc'd, words stay in place). NULL when empty.
char **wire_words(const char *value, size_t len);

#endif
