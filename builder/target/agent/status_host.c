/* The machine and the image under the services: kernel, memory, what is in it and where people find it. */
#include "base/json.h"
#include "base/path.h"
#include "target/agent/status.h"
#include "target/agent/text.h"
#include <inttypes.h>
#include <sys/utsname.h>

json_t *status_meminfo(const char *meminfo)
{
	uint64_t total = 0, available = 0;
	const char *t = strstr(meminfo, "MemTotal:"), *v = strstr(meminfo, "MemAvailable:");
	if (!t || !v || sscanf(t, "MemTotal: %" SCNu64, &total) != 1 ||
		sscanf(v, "MemAvailable: %" SCNu64, &available) != 1)
		return json_null();
	return json_pack("{s:I, s:I}", "size", (json_int_t)(total * 1024), "available", (json_int_t)(available * 1024));
}

static json_t *host(void)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	struct utsname u;
	_cleanup_free_ char *meminfo = path_read("/proc/meminfo", 1 << 16, NULL, &ignored);
	return json_pack("{s:s, s:o}", "kernel", uname(&u) == 0 ? u.release : "", "memory",
		meminfo ? status_meminfo(meminfo) : json_null());
}

static json_t *images(const struct agent *a)
{
	json_t *out = json_array(), *list = json_object_get(a->m.root, "containers");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (*json_text(c, "image"))
			json_array_append_new(out,
				json_pack("{s:s, s:s}", "name", json_text(c, "name"), "image", json_text(c, "image")));
	}
	return out;
}

/* A member of the machine file that is an array of runtime text. */
static json_t *listed(const struct agent *a, const char *key)
{
	_cleanup_err_ struct err ignored = ERR_INIT;
	const json_t *list = json_object_get(a->m.root, key);
	json_t *known = json_is_array(list) ? text_resolve_json(a, list, NULL, &ignored) : NULL;
	return known ? known : json_array();
}

void status_host(const struct agent *a, json_t *status)
{
	json_object_set_new(status, "host", host());
	json_object_set_new(status, "images", images(a));
	json_object_set_new(status, "links", listed(a, "links"));
	json_object_set_new(status, "models", listed(a, "models"));
}
