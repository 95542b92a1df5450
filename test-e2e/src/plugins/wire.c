/* A plugin that makes networks and gives addresses: a pair of links for each endpoint, whose outer end is in the host's network and has the gateway's address. */
#include "serve.h"

#define GATEWAY "10.99.0.254"

/* The next address; written down, for a plugin is started again. */
static int next_address(void)
{
	int given = 0;
	FILE *file = fopen("/given", "r");
	if (file != NULL && fscanf(file, "%d", &given) != 1) given = 0;
	if (file != NULL) fclose(file);
	if ((file = fopen("/given", "w")) == NULL) exit(3);
	fprintf(file, "%d", ++given);
	fclose(file);
	return given;
}

/* Makes a pair of links; busybox does not name the peer, the kernel does. */
static const char MAKE[] =
	"set -e; ip() { /bin/busybox ip \"$@\"; }; out=out%.8s; ip link add $out type veth;"
	"peer=$(ip -o link show $out | /bin/busybox sed 's/.*@\\([^:]*\\):.*/\\1/'); ip link set $peer name in%.8s;"
	"ip addr add " GATEWAY "/24 dev $out; ip link set $out up";

static void make(const char *endpoint, char *answer, size_t room)
{
	char line[512];
	snprintf(line, sizeof line, MAKE, endpoint, endpoint);
	if (system(line) != 0) snprintf(answer, room, "{\"Err\":\"no link\"}");
	else snprintf(answer, room, "{\"Interface\":{\"MacAddress\":\"02:00:00:00:00:63\"}}");
}

static void answer_to(const char *method, char *answer, size_t room)
{
	char endpoint[128], line[256], pool[64], address[64];
	snprintf(answer, room, "{}");
	member("EndpointID", endpoint, sizeof endpoint);
	if (strcmp(method, "NetworkDriver.GetCapabilities") == 0) snprintf(answer, room, "{\"Scope\":\"local\"}");
	else if (strcmp(method, "NetworkDriver.CreateNetwork") == 0) {
		if (strstr(body, "\"color\":\"none\"")) snprintf(answer, room, "{\"Err\":\"no such color\"}");
	} else if (strcmp(method, "NetworkDriver.CreateEndpoint") == 0) make(endpoint, answer, room);
	else if (strcmp(method, "NetworkDriver.Join") == 0)
		snprintf(answer, room, "{\"InterfaceName\":{\"SrcName\":\"in%.8s\",\"DstPrefix\":\"wire\"},\"Gateway\":\"" GATEWAY "\"}", endpoint);
	else if (strcmp(method, "NetworkDriver.DeleteEndpoint") == 0) {
		snprintf(line, sizeof line, "/bin/busybox ip link del out%.8s", endpoint);
		if (system(line) != 0) snprintf(answer, room, "{\"Err\":\"no such link\"}");
	} else if (strcmp(method, "NetworkDriver.EndpointOperInfo") == 0) snprintf(answer, room, "{\"Value\":{}}");
	else if (strcmp(method, "IpamDriver.GetDefaultAddressSpaces") == 0)
		snprintf(answer, room, "{\"LocalDefaultAddressSpace\":\"here\",\"GlobalDefaultAddressSpace\":\"there\"}");
	else if (strcmp(method, "IpamDriver.RequestPool") == 0) {
		member("Pool", pool, sizeof pool);
		snprintf(answer, room, "{\"PoolID\":\"pool\",\"Pool\":\"%s\",\"Data\":{}}", *pool ? pool : "10.99.0.0/24");
	} else if (strcmp(method, "IpamDriver.RequestAddress") == 0) {
		member("Address", address, sizeof address);
		if (*address) snprintf(answer, room, "{\"Address\":\"%s/24\",\"Data\":{}}", address);
		else if (strstr(body, "com.docker.network.gateway")) snprintf(answer, room, "{\"Address\":\"" GATEWAY "/24\",\"Data\":{}}");
		else snprintf(answer, room, "{\"Address\":\"10.99.0.%d/24\",\"Data\":{}}", next_address());
	}
	note("/asked", method);
}

int main(void)
{
	return answer_at("/run/docker/plugins/wire.sock");
}
