/* Bytes under podman's storage and the volumes; sockets that listen on the machine and in its containers. */
#include "base/json.h"
#include "base/path.h"
#include "target/agent/memory.h"
#include "target/agent/podman.h"
#include "target/agent/status.h"
#include <arpa/inet.h>
#include <fts.h>
#include <inttypes.h>
#include <sys/stat.h>

#define STORAGE "/var/lib/containers/storage"

/* What a tree occupies on its own file system: mounts inside it (running containers) are not its bytes. */
static uint64_t bytes_under(const char *path)
{
	char *paths[] = {(char *)path, NULL};
	uint64_t sum = 0;
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *e;
	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_F || e->fts_info == FTS_D || e->fts_info == FTS_SL)
			sum += (uint64_t)e->fts_statp->st_blocks * 512;
	if (fts)
		fts_close(fts);
	return sum;
}

/* Podman keeps what `run --rm` made apart from the rest: both lists count. */
static json_t *stored(const char *list, const char *name)
{
	json_t *all = json_array();
	for (int i = 0; i < 2; i++) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *path =
			xasprintf(STORAGE "/overlay-%s/%s%s.json", list, i ? "volatile-" : "", name);
		_cleanup_json_ json_t *some = path_exists(path) ? json_read(path, 64 << 20, &ignored) : NULL;
		if (json_is_array(some))
			json_array_extend(all, some);
	}
	return all;
}

static bool names_layer(const json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (str_eq(json_string_value(json_object_get(json_array_get(list, i), "layer")), id))
			return true;
	return false;
}

/* A layer in use by a container is that container's own; every other one is data of an image. */
static json_t *storage(void)
{
	_cleanup_json_ json_t *containers = stored("containers", "containers"), *layers = stored("layers", "layers");
	uint64_t image = 0, container = 0, all = bytes_under(STORAGE);
	size_t image_layers = 0;
	for (size_t i = 0; i < json_array_size(layers); i++) {
		const char *id = json_string_value(json_object_get(json_array_get(layers, i), "id"));
		_cleanup_free_ char *dir = xasprintf(STORAGE "/overlay/%s", id ? id : "");
		if (!id || strchr(id, '/'))
			continue;
		if (names_layer(containers, id)) {
			container += bytes_under(dir);
		} else {
			image += bytes_under(dir);
			image_layers++;
		}
	}
	uint64_t known = image + container;
	return json_pack("{s:I, s:I, s:I, s:I}", "image_layers", (json_int_t)image_layers, "image_bytes",
		(json_int_t)image, "container_bytes", (json_int_t)container, "other_bytes",
		(json_int_t)(all > known ? all - known : 0));
}

/* One line of /proc/net/{tcp,udp}[6]: addresses are hex of 32-bit words as they lie in memory. */
static bool parse_socket(const char *line, bool six, bool tcp, char *address, size_t size, unsigned *port)
{
	char local[33];
	unsigned state;
	uint32_t word[4] = {0};
	if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", local, port, &state) != 3)
		return false;
	/* TCP_LISTEN; a UDP socket without a peer is TCP_CLOSE */
	if (state != (tcp ? 10u : 7u) || !*port)
		return false;
	for (size_t i = 0; i < (six ? 4 : 1); i++)
		if (sscanf(local + i * 8, "%8" SCNx32, &word[i]) != 1)
			return false;
	return inet_ntop(six ? AF_INET6 : AF_INET, word, address, (socklen_t)size);
}

static void sockets_of(const char *proc, const char *where, json_t *list)
{
	static const char *const kinds[] = {"tcp", "tcp6", "udp", "udp6"};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_strvec_ struct strvec lines = STRVEC_INIT;
		_cleanup_free_ char *path = xasprintf("%s/net/%s", proc, kinds[i]);
		_cleanup_free_ char *text = path_read(path, 64 << 20, NULL, &ignored);
		str_split(&lines, text ? text : "", "\n");
		for (size_t k = 1; k < lines.n; k++) {
			char address[INET6_ADDRSTRLEN];
			unsigned port;
			if (parse_socket(lines.v[k], i & 1, i < 2, address, sizeof address, &port))
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:s, s:i}", "where", where, "protocol",
						      i < 2 ? "tcp" : "udp", "address", address, "port", (int)port));
		}
	}
}

void status_inventory(const struct agent *a, json_t *status)
{
	_cleanup_free_ char *volumes = path_join(a->state, "volumes");
	json_t *list = json_array(), *bytes = storage();
	json_object_set_new(bytes, "volume_bytes", json_integer((json_int_t)bytes_under(volumes)));
	json_object_set_new(status, "storage", bytes);
	sockets_of("/proc/self", "host", list);
	for (size_t i = 0; i < a->m.n_containers; i++) {
		pid_t pid = podman_pid(&a->m.containers[i]);
		_cleanup_free_ char *proc = xasprintf("/proc/%d", (int)pid);
		if (pid)
			sockets_of(proc, a->m.containers[i].name, list);
	}
	json_object_set_new(status, "listening", list);
	status_memory(a, status);
}
