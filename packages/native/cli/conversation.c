#define _GNU_SOURCE
#include "cli/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"
#include "cli/planner.h"
#include "cli/state.h"
#include "runc/caller.h"

#define LARGEST (64u << 20)
#define STDIN_MOST (4u << 20)

struct answer {
	uint8_t type;
	uint32_t length;
	char *bytes; /* terminated */
};

static bool say(int fd, char type, const char *bytes, size_t length) {
	uint8_t head[5] = {(uint8_t)type, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24)};
	struct iovec parts[2] = {{head, sizeof(head)}, {(void *)bytes, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	size_t left = sizeof(head) + length;

	while (left > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return false;
		left -= (size_t)n;
		for (size_t i = 0; i < 2; i++) {
			size_t part = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + part;
			parts[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
	return true;
}

static bool hear(int fd, struct answer *answer) {
	uint8_t head[5];

	if (read_all(fd, head, sizeof(head)) != 1) return false;
	answer->type = head[0];
	answer->length = (uint32_t)head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16 | (uint32_t)head[4] << 24;
	if (answer->length > LARGEST || !(answer->bytes = malloc((size_t)answer->length + 1))) return false;
	answer->bytes[answer->length] = 0;
	if (answer->length == 0 || read_all(fd, answer->bytes, answer->length) == 1) return true;
	free(answer->bytes);
	return false;
}

/* update reads its limits from stdin where a word says so. */
static struct json_object *read_stdin(const struct cli *cli) {
	char *text = malloc(STDIN_MOST);
	struct json_object *result = NULL;
	bool wanted = false;
	size_t have = 0;
	ssize_t n = 1;

	for (int i = 0; i < cli->words.count; i++) {
		size_t length = strlen(cli->words.list[i]);

		wanted = wanted || strcmp(cli->words.list[i], "-") == 0 || (length > 1 && strcmp(cli->words.list[i] + length - 2, "=-") == 0);
	}
	while (wanted && text && have < STDIN_MOST && (n = read(0, text + have, STDIN_MOST - have)) != 0) {
		if (n < 0 && errno != EINTR) break;
		have += n > 0 ? (size_t)n : 0;
	}
	if (wanted && text) result = json_object_new_string_len(text, (int)have);
	free(text);
	return result;
}

static struct json_object *call_of(const struct cli *cli) {
	static const char *const shared[] = {"LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR"};
	struct json_object *call = json_object_new_object(), *words = json_object_new_array(), *environment = json_object_new_object();
	struct json_object *limits;
	char *cwd = getcwd(NULL, 0);

	for (int i = 0; i < cli->all.count; i++) json_object_array_add(words, json_object_new_string(cli->all.list[i]));
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (getenv(shared[i])) json_object_object_add(environment, shared[i], json_object_new_string(getenv(shared[i])));
	json_object_object_add(call, "words", words);
	json_object_object_add(call, "cwd", json_object_new_string(cwd ? cwd : "/"));
	json_object_object_add(call, "pid", json_object_new_int(getpid()));
	json_object_object_add(call, "environment", environment);
	if (strcmp(cli->verb, "update") == 0 && (limits = read_stdin(cli))) json_object_object_add(call, "stdin", limits);
	free(cwd);
	return call;
}

static bool tell_failure(int fd, const struct launch_error *error) {
	char line[1200];
	int length = snprintf(line, sizeof(line), "error %s %s", launch_kind_name(error->kind), error->text);

	return say(fd, 'A', line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static long number_of(struct json_object *wish, const char *key) {
	struct json_object *value;

	return json_object_object_get_ex(wish, key, &value) ? json_object_get_int(value) : 0;
}

static int check_preserved(long count, int connection, struct launch_error *error) {
	for (int fd = 3; fd < 3 + count; fd++)
		if (fd == connection || fcntl(fd, F_GETFD) < 0)
			return launch_failed(error, LAUNCH_INVALID, 0, "flag --preserve-fds: descriptor %d is not open", fd);
	return 0;
}

static const char *text_or_null(struct json_object *wish, const char *key) {
	const char *text = text_of(wish, key);

	return *text ? text : NULL;
}

static bool do_launch(int fd, const struct answer *answer, struct conversation *talk) {
	struct launch_error error;
	struct json_object *wish;
	uint32_t length = 0;
	char line[32];
	int result;

	if (answer->length >= 4) memcpy(&length, answer->bytes, 4);
	if (answer->length < 4 || length > answer->length - 4) return false;
	char *text = strndup(answer->bytes + 4, length);
	wish = text ? json_tokener_parse(text) : NULL;
	free(text);
	if (!wish) return false;
	const struct caller_wish caller = {.listen = text_or_null(wish, "listen"),
	    .console = text_or_null(wish, "consoleSocket"),
	    .pidfd = text_or_null(wish, "pidfdSocket"),
	    .terminal = number_of(wish, "terminal") != 0,
	    .rows = (uint16_t)number_of(wish, "rows"),
	    .cols = (uint16_t)number_of(wish, "columns")};
	result = check_preserved(number_of(wish, "preserveFds"), fd, &error);
	if (result == 0)
		result =
		    launch_for_caller(&caller, (const uint8_t *)answer->bytes + 4 + length, answer->length - 4 - length, &talk->launch, &error);
	json_object_put(wish);
	if (result) return tell_failure(fd, &error);
	talk->launched = true;
	return say(fd, 'A', line, (size_t)snprintf(line, sizeof(line), "created %d", talk->launch.pid));
}

static bool do_start(int fd, struct conversation *talk) {
	struct launch_error error;

	if (!talk->launched) return false;
	if (launch_start(&talk->launch, &error) == 0) return say(fd, 'A', "started", 7);
	talk->launched = false;
	return tell_failure(fd, &error);
}

/* False when the planner says nothing that can be done. */
static bool act(int fd, const struct answer *answer, struct conversation *talk, bool *ended) {
	uint32_t status;

	switch (answer->type) {
	case 'H': return talk->heard = true;
	case 'O': return fwrite(answer->bytes, 1, answer->length, stdout) == answer->length && fflush(stdout) == 0;
	case 'E': return fwrite(answer->bytes, 1, answer->length, stderr) == answer->length;
	case 'L': return !talk->launched && do_launch(fd, answer, talk);
	case 'S': return do_start(fd, talk);
	case 'W': *ended = talk->wait = talk->launched; return talk->launched;
	case 'X':
		if (answer->length != 4) return false;
		memcpy(&status, answer->bytes, 4);
		talk->status = (int)status;
		return *ended = true;
	default: return false;
	}
}

/* False when the planner is lost before the call came to its end. */
static bool talk_over(int fd, struct json_object *call, struct conversation *talk) {
	const char *text = json_object_to_json_string_ext(call, JSON_C_TO_STRING_NOSLASHESCAPE);
	bool going = say(fd, 'R', text, strlen(text)), ended = false;
	struct answer answer;

	while (going && !ended && hear(fd, &answer)) {
		going = act(fd, &answer, talk, &ended);
		free(answer.bytes);
	}
	return ended;
}

int converse(struct cli *cli, struct conversation *talk, struct launch_error *error) {
	struct json_object *call = call_of(cli);
	bool ended = false;

	memset(talk, 0, sizeof(*talk));
	/* One that ends for want of calls may do so in the moment we come: what it has not begun with, another one does. */
	for (int turn = 0; turn < 2 && !ended && !talk->heard; turn++) {
		int fd = reach_planner(cli, turn > 0, error);

		if (fd < 0) {
			json_object_put(call);
			return -1;
		}
		ended = talk_over(fd, call, talk);
		close(fd);
	}
	json_object_put(call);
	if (ended) return 0;
	if (talk->launched) launch_discard(&talk->launch);
	talk->launched = false;
	return launch_failed(error, LAUNCH_INTERNAL, 0, "the planner ended in the middle of the call");
}
