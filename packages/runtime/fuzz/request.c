/* Requests of any bytes: a line on a monitor's socket, and the fields of a frame to the helper. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "input.h"
#include "json.h"
#include "lifecycle.h"
#include "monitor.h"
#include "output.h"
#include "process.h"
#include "attach.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What control.c acts on. */
struct monitor monitor;
unsigned clients_dropped;

int lifecycle_start(struct launch_error *error)
{
	memset(error->text, '"', sizeof(error->text) - 1);
	error->text[sizeof(error->text) - 1] = 0;
	return -1;
}

int lifecycle_acknowledge(void)
{
	return 0;
}

int lifecycle_resize(unsigned short width, unsigned short height)
{
	errno = EINVAL;
	return width > height ? -1 : 0;
}

int process_signal(int signal)
{
	errno = signal > 64 ? EINVAL : ESRCH;
	return signal > 0 && signal < 65 ? 0 : -1;
}

void input_close_io(void)
{
}

uint64_t output_log_dropped(void)
{
	return 0;
}

const char *launch_kind_name(enum launch_kind kind)
{
	return kind ? "internal" : "invalid";
}

static void line(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), op[64], value[128], answer[CONTROL_ANSWER];

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = 0;
	if (json_string(text, "op", op, sizeof(op))) {
		monitor.status = size % 3 == 0 ? STATUS_STOPPED : 0;
		control_answer(op, text, answer, sizeof(answer));
		if (!strchr(answer, '\n'))
			abort(); /* an answer is one whole line */
	}
	json_string(text, "stdout", value, sizeof(value));
	json_int(text, "width", -1);
	json_bool(text, "stdin", false);
	free(text);
}

static void frame(const uint8_t *data, size_t size)
{
	struct frame f = { .fields = data, .len = size };
	size_t length;
	const char *value = wire_get(&f, "argv", &length);

	if (value) {
		char **words = wire_words(value, length);

		for (char **word = words; word && *word; word++)
			if (strlen(*word) > length)
				abort();
		free(words);
	}
	wire_int(&f, "flags", 0);
	wire_get(&f, "", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	line(data, size);
	frame(data, size);
	return 0;
}
