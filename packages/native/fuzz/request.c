/* Requests of any bytes: a line on a monitor's socket, and the fields of a frame to the helper. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/control.h"
#include "monitor/remote.h"
#include "base/id_ranges.h"
#include "monitor/input.h"
#include "base/json.h"
#include "monitor/lifecycle.h"
#include "monitor/monitor.h"
#include "monitor/output.h"
#include "monitor/process.h"
#include "monitor/attach.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What control.c acts on. */
struct monitor monitor;
unsigned clients_dropped;

int lifecycle_start(struct launch_error *error) {
	memset(error->text, '"', sizeof(error->text) - 1);
	error->text[sizeof(error->text) - 1] = 0;
	return -1;
}

int lifecycle_acknowledge(void) { return 0; }

int lifecycle_resize(unsigned short width, unsigned short height) {
	errno = EINVAL;
	return width > height ? -1 : 0;
}

int process_signal(int signal) {
	errno = signal > 64 ? EINVAL : ESRCH;
	return signal > 0 && signal < 65 ? 0 : -1;
}

void input_close_io(void) {}

bool input_closed(void) { return monitor.status == STATUS_STOPPED; }

int lifecycle_follow(pid_t pid, struct launch_error *error) { return pid > 0 ? 0 : lifecycle_start(error); }

void remote_made(pid_t pid) { monitor.state.pid = pid; }

void remote_ended(int code, const char *exited_at, bool oom) {
	if (code > 0 && strlen(exited_at) > 64 && oom) abort(); /* a time has a length */
}

uint64_t output_log_dropped(void) { return 0; }
int output_reopen_log(void) { return 0; }

const char *launch_kind_name(enum launch_kind kind) { return kind ? "internal" : "invalid"; }

static void line(const uint8_t *data, size_t size) {
	char *text = malloc(size + 1), op[64], value[128], answer[CONTROL_ANSWER];

	if (!text) return;
	memcpy(text, data, size);
	text[size] = 0;
	if (json_string(text, "op", op, sizeof(op))) {
		monitor.status = size % 3 == 0 ? STATUS_STOPPED : 0;
		monitor.remote = size & 1;
		control_answer(op, text, answer, sizeof(answer));
		if (!strchr(answer, '\n')) abort(); /* an answer is one whole line */
	}
	json_string(text, "stdout", value, sizeof(value));
	json_int(text, "width", -1);
	json_bool(text, "stdin", false);
	free(text);
}

/* The maps that pack and untar are given: an id that comes out goes back to where it was. */
static void ranges(const uint8_t *data, size_t size) {
	static struct id_ranges r;
	char text[256];
	uint32_t outside;

	snprintf(text, sizeof(text), "%.*s", (int)(size < 255 ? size : 255), (const char *)data);
	if (!id_ranges_read(&r, text)) return;
	for (uint32_t id = 0; id < 0xf0000000U; id = id * 3 + 1)
		if (id_outside(&r, id, &outside) && r.count == 1 && id_inside(&r, outside) != id) abort();
}

static void frame(const uint8_t *data, size_t size) {
	struct frame f = {.fields = data, .len = size};
	size_t length;
	const char *value = wire_get(&f, "argv", &length);

	if (value) {
		char **words = wire_words(value, length);

		for (char **word = words; word && *word; word++)
			if (strlen(*word) > length) abort();
		free(words);
	}
	wire_int(&f, "flags", 0);
	wire_get(&f, "", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	line(data, size);
	frame(data, size);
	ranges(data, size);
	return 0;
}
