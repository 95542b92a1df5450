/* A plugin as its users write them, small enough to be a root file system of one file: volumes, logs and authorization over HTTP on a unix socket. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char body[1 << 16], name[256], path[512];

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

/* Copies what comes through a FIFO to a file. */
static void keep(const char *fifo)
{
	char part[4096];
	if (fork() != 0) return;
	int from = open(fifo, O_RDONLY), to = open("/data/log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	for (ssize_t got; (got = read(from, part, sizeof part)) > 0;)
		if (write(to, part, got) < 0) break;
	_exit(0);
}

static void list(char *answer, size_t room)
{
	DIR *folder = opendir("/data/volumes");
	size_t at = snprintf(answer, room, "{\"Volumes\":[");
	int first = 1;
	for (struct dirent *one; folder != NULL && (one = readdir(folder)) != NULL;) {
		if (one->d_name[0] == '.') continue;
		at += snprintf(answer + at, room - at, "%s{\"Name\":\"%s\"}", first ? "" : ",", one->d_name);
		first = 0;
	}
	if (folder != NULL) closedir(folder);
	snprintf(answer + at, room - at, "]}");
}

static void answer_to(const char *method, char *answer, size_t room)
{
	char file[sizeof path + 8];
	struct stat status;
	snprintf(answer, room, "{\"Err\":\"\"}");
	member("Name", name, sizeof name);
	snprintf(path, sizeof path, "/data/volumes/%s", name);
	if (strcmp(method, "VolumeDriver.Create") == 0) mkdir(path, 0755);
	else if (strcmp(method, "VolumeDriver.List") == 0) list(answer, room);
	else if (strcmp(method, "VolumeDriver.Get") == 0) {
		if (stat(path, &status) == 0) snprintf(answer, room, "{\"Volume\":{\"Name\":\"%s\",\"Mountpoint\":\"%s\"}}", name, path);
		else snprintf(answer, room, "{\"Err\":\"no such volume\"}");
	} else if (strcmp(method, "VolumeDriver.Mount") == 0) {
		if (getenv("MOUNTS") != NULL && mount("kept", path, "tmpfs", 0, NULL) != 0) snprintf(answer, room, "{\"Err\":\"mount\"}");
		else snprintf(answer, room, "{\"Mountpoint\":\"%s\"}", path);
	} else if (strcmp(method, "VolumeDriver.Unmount") == 0) umount2(path, MNT_DETACH);
	else if (strcmp(method, "VolumeDriver.Remove") == 0) {
		snprintf(file, sizeof file, "%s/made", path);
		unlink(file);
		rmdir(path);
	} else if (strcmp(method, "LogDriver.StartLogging") == 0) {
		member("File", file, sizeof file);
		keep(file);
	} else if (strcmp(method, "AuthZPlugin.AuthZReq") == 0)
		snprintf(answer, room, strstr(body, "forbidden") ? "{\"Allow\":false,\"Msg\":\"not here\"}" : "{\"Allow\":true}");
	else if (strcmp(method, "AuthZPlugin.AuthZRes") == 0) snprintf(answer, room, "{\"Allow\":true}");
	note("/data/asked", method);
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

int main(int count, char **words)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/docker/plugins/keeper.sock"};
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, leave); /* the first process of a namespace ends by no signal that it does not take */
	mkdir("/data", 0755);
	mkdir("/data/volumes", 0755);
	snprintf(body, sizeof body, "%s %s %d", count > 1 ? words[1] : "-", getenv("COLOR") ? getenv("COLOR") : "-", access("/dev/fuse", F_OK));
	note("/data/started", body);
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
