#define _GNU_SOURCE
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	uint16_t code;
	const char *name;
	const char *format;
} table[] = {
#define X(name, code, format) {code, #name, format},
    PLAN_OPERATIONS(X)
#undef X
};

struct reader {
	const uint8_t *at, *end;
};

static bool take(struct reader *r, void *out, size_t n) {
	if ((size_t)(r->end - r->at) < n) return false;
	memcpy(out, r->at, n);
	r->at += n;
	return true;
}

static bool take_string(struct reader *r, struct plan_field *f) {
	uint32_t n;

	if (!take(r, &n, 4) || n == 0 || (size_t)(r->end - r->at) < n) return false;
	if (memchr(r->at, 0, n) != r->at + n - 1) return false;
	f->s = (const char *)r->at;
	f->n = n - 1;
	r->at += n;
	return true;
}

static bool take_field(struct reader *r, char kind, struct plan_field *f) {
	uint32_t n;
	struct plan_field ignored;

	memset(f, 0, sizeof(*f));
	switch (kind) {
	case '4':
		if (!take(r, &n, 4)) return false;
		f->n = n;
		return true;
	case '8': return take(r, &f->n, 8);
	case 's': return take_string(r, f);
	case 'b':
	case 'v':
	case 'w':
		if (!take(r, &n, 4)) return false;
		f->n = n;
		f->bytes = r->at;
		if (kind == 'v') {
			while (n--)
				if (!take_string(r, &ignored)) return false;
			return true;
		}
		if ((size_t)(r->end - r->at) / (kind == 'w' ? 4 : 1) < n) return false;
		r->at += (size_t)n * (kind == 'w' ? 4 : 1);
		return true;
	}
	return false;
}

static const char *format_of(uint16_t code) {
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code) return table[i].format;
	return NULL;
}

const char *plan_name(uint16_t code) {
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code) return table[i].name;
	return "unknown";
}

/* One operation at *r; false when it is malformed. */
static bool take_op(struct reader *r, struct plan_op *op) {
	uint16_t head[2];
	uint32_t length;
	const char *format;
	struct reader inner;

	if (!take(r, head, 4) || !take(r, &length, 4) || head[1] != 0 || (size_t)(r->end - r->at) < length) return false;
	format = format_of(head[0]);
	if (!format) return false;
	memset(op, 0, sizeof(*op));
	op->code = head[0];
	inner.at = r->at;
	inner.end = r->at + length;
	for (int i = 0; format[i]; i++)
		if (!take_field(&inner, format[i], &op->f[i])) return false;
	if (inner.at != inner.end) return false;
	r->at += length;
	return true;
}

int plan_open(const uint8_t *data, size_t length, struct plan *plan, const char **reason) {
	struct reader r = {data, data + length};
	uint32_t magic, total, zero, execs = 0;
	uint16_t version;
	struct plan_op op;

	memset(plan, 0, sizeof(*plan));
	*reason = "the plan's header is cut short";
	if (length > PLAN_LIMIT || !take(&r, &magic, 4) || !take(&r, &version, 2) || !take(&r, &plan->kind, 2) || !take(&r, &total, 4) ||
	    !take(&r, &plan->operations, 4) || !take(&r, &plan->clone_flags, 8) || !take(&r, &plan->preserve, 4) || !take(&r, &zero, 4))
		return -1;
	*reason = "not a launch plan";
	if (magic != PLAN_MAGIC || zero != 0) return -1;
	*reason = "a launch plan of another version";
	if (version != PLAN_VERSION) return -1;
	*reason = "the plan's length is wrong";
	if (total != length) return -1;
	*reason = "the plan's kind is unknown";
	if (plan->kind != PLAN_CREATE && plan->kind != PLAN_EXEC) return -1;
	*reason = "too many preserved descriptors";
	if (plan->preserve > 1024) return -1;
	plan->data = data;
	plan->length = length;
	*reason = "an operation of the plan is malformed";
	for (uint32_t i = 0; i < plan->operations; i++) {
		if (!take_op(&r, &op)) return -1;
		if (op.code == PLAN_EXEC_CODE) {
			execs++;
			if (op.f[0].n == 0 || i + 1 != plan->operations) return -1;
		}
	}
	*reason = "bytes follow the last operation";
	if (r.at != r.end) return -1;
	*reason = "a plan ends with exactly one exec";
	return execs == 1 ? 0 : -1;
}

void plan_rewind(const struct plan *plan, struct plan_cursor *cursor) {
	cursor->plan = plan;
	cursor->at = PLAN_HEADER;
	cursor->index = 0;
}

bool plan_next(struct plan_cursor *cursor, struct plan_op *op) {
	struct reader r = {cursor->plan->data + cursor->at, cursor->plan->data + cursor->plan->length};

	if (cursor->index >= cursor->plan->operations || !take_op(&r, op)) return false;
	op->index = cursor->index++;
	cursor->at = (size_t)(r.at - cursor->plan->data);
	return true;
}

const char **plan_strings(const struct plan_field *field, size_t extra) {
	const char **out = calloc(field->n + extra + 1, sizeof(*out));
	const uint8_t *at = field->bytes;
	uint32_t n;

	if (!out) return NULL;
	for (uint64_t i = 0; i < field->n; i++) {
		memcpy(&n, at, 4);
		out[i] = (const char *)at + 4;
		at += 4 + n;
	}
	return out;
}

uint32_t plan_number(const struct plan_field *field, uint32_t i) {
	uint32_t n;

	memcpy(&n, field->bytes + 4 * (size_t)i, 4);
	return n;
}
