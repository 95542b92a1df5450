/* A plugin as its users write them, small enough to be a root file system of one file: volumes, logs and authorization. */
#include "serve.h"
#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char name[256], path[512];

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

/* What is in a file that it was given; `-` for one that it does not see. */
static const char *look(const char *path)
{
	static char text[16];
	int fd = path == NULL ? -1 : open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0) close(fd);
	text[got < 0 ? 0 : strcspn(text, "\n")] = 0;
	return got < 0 ? "-" : text;
}

int main(int count, char **words)
{
	signal(SIGCHLD, SIG_IGN);
	mkdir("/data", 0755);
	mkdir("/data/volumes", 0755);
	const char *node = getenv("NODE");
	snprintf(body, sizeof body, "%s %s %s %d", count > 1 ? words[1] : "-", getenv("COLOR") ? getenv("COLOR") : "-", look("/given/word"),
		node != NULL && open(node, O_RDWR | O_CLOEXEC) >= 0);
	note("/data/started", body);
	return answer_at("/run/docker/plugins/keeper.sock");
}
