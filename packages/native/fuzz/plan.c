/* A launch plan of any bytes: refused, or every field of every operation can be read. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static void read_field(const struct plan_field *field) {
	if (field->s) {
		sum += strlen(field->s);
		if (strlen(field->s) != field->n) abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct {
		uint16_t code;
		const char *format;
	} table[] = {
#define X(name, code, format) {code, format},
	    PLAN_OPERATIONS(X)
#undef X
	};
	struct plan_cursor cursor;
	struct plan_op op;
	struct plan plan;
	const char *reason = NULL;
	uint32_t seen = 0;

	if (plan_open(data, size, &plan, &reason)) return reason == NULL;
	plan_rewind(&plan, &cursor);
	while (plan_next(&cursor, &op)) {
		const char *format = NULL;

		seen++;
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (table[i].code == op.code) format = table[i].format;
		if (!format || !plan_name(op.code)[0]) abort();
		for (int i = 0; format[i]; i++) {
			const struct plan_field *field = &op.f[i];

			read_field(field);
			for (uint64_t k = 0; format[i] == 'b' && k < field->n; k++) sum += field->bytes[k];
			for (uint64_t k = 0; format[i] == 'w' && k < field->n; k++) sum += plan_number(field, (uint32_t)k);
			if (format[i] == 'v') {
				const char **list = plan_strings(field, 1);

				for (uint64_t k = 0; list && k < field->n; k++) sum += strlen(list[k]);
				free(list);
			}
		}
	}
	if (seen != plan.operations) abort();
	return 0;
}
