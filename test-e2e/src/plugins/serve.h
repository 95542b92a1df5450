/* What small plugins have in common: HTTP on a unix socket, one call after the other, and the members of its JSON by their names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char body[1 << 16];

/* The plugin's own: writes the JSON that a method is answered with. */
static void answer_to(const char *method, char *answer, size_t room);

/* Puts the text of a member of the body into `out`. */
static void member(const char *key, char *out, size_t room)
{
	char quoted[64];
	snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
	char *at = strstr(body, quoted);
	*out = 0;
	if (at == NULL) return;
	at += strlen(quoted);
	snprintf(out, room, "%.*s", (int)strcspn(at, "\""), at);
}

static void note(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || write(fd, "\n", 1) < 0) exit(3);
	close(fd);
}

static void serve(int client)
{
	static char answer[1 << 16], method[128];
	size_t have = 0, wanted = 0;
	ssize_t got;
	char *end = NULL;
	while (have < sizeof body - 1 && (got = read(client, body + have, sizeof body - 1 - have)) > 0) {
		body[have += got] = 0;
		if (end == NULL && (end = strstr(body, "\r\n\r\n")) != NULL) {
			char *length = strcasestr(body, "content-length:");
			wanted = end + 4 - body + (length == NULL || length > end ? 0 : strtoul(length + 15, NULL, 10));
			if (strcasestr(body, "transfer-encoding: chunked") != NULL) wanted = SIZE_MAX;
		}
		if (end != NULL && (have >= wanted || strcmp(body + have - 5, "0\r\n\r\n") == 0)) break;
	}
	sscanf(body, "POST /%127[^ ]", method);
	answer_to(method, answer, sizeof answer);
	dprintf(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", strlen(answer), answer);
	close(client);
}

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

/* Answers at this path until it is told to end. */
static int answer_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	signal(SIGTERM, leave); /* the first process of a namespace ends by no signal that it does not take */
	unlink(address.sun_path);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 16) != 0) {
		perror("listen");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	for (;;) serve(accept4(server, NULL, NULL, SOCK_CLOEXEC));
}
