/* kiln inspect: what is inside a disk image. */
#include "base/json.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "fetch/cache.h"
#include "guest/guest.h"
#include "tree/namespace.h"
#include "vm/machine.h"
#include <glob.h>
#include <stdio.h>
#include <string.h>

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static void print_partitions(const json_t *list)
{
	const json_t *p;
	size_t i;

	printf("\n%3s  %-36s %-15s %10s  %s\n", "", "LABEL", "CONTENT", "SIZE", "UUID");
	json_array_foreach(list, i, p)
	{
		uint64_t size = (uint64_t)json_integer_value(json_object_get(p, "size"));
		printf("%3" JSON_INTEGER_FORMAT "  %-36s %-15s %10s  %s\n",
			json_integer_value(json_object_get(p, "number")), str(p, "label"), str(p, "content"),
			str_bytes(size), str(p, "uuid"));
	}
}

static void print_names(const char *title, const json_t *list, bool versions)
{
	const json_t *e;
	size_t i;

	printf("\n%zu %s\n", json_array_size(list), title);
	json_array_foreach(list, i, e)
	{
		if (json_is_string(e))
			printf("    %s\n", json_string_value(e));
		else if (versions)
			printf("    %-40s %-24s %s\n", str(e, "name"), str(e, "version"), str(e, "arch"));
		else
			printf("    %-60s %.12s\n", str(e, "name"), str(e, "id"));
	}
}

static void print_text(const json_t *j)
{
	const json_t *os = json_object_get(j, "os"), *appliance = json_object_get(j, "appliance");

	printf("%s: %s, %s\n", str(j, "image"), str(j, "format"),
		str_bytes((uint64_t)json_integer_value(json_object_get(j, "size"))));
	printf("OS: %s\n", json_is_object(os) ? str(os, "pretty_name") : "none found");
	if (json_is_object(appliance))
		printf("appliance: %s %s\n", str(appliance, "name"), str(appliance, "version"));
	print_partitions(json_object_get(j, "partitions"));
	if (json_is_object(appliance))
		print_names("services", json_object_get(appliance, "services"), false);
	print_names("container images", json_object_get(j, "containers"), false);
	print_names("packages", json_object_get(j, "packages"), true);
}

/* Does KVM run a kernel here? The one that libguestfs starts lies in /boot. */
static int choose_accel(struct guest_opts *opts, struct err *err)
{
	struct cache *cache = NULL;
	glob_t kernels = {0};

	if (cache_open(cmd_globals.cache, ns_remove, &cache, err) < 0)
		return -1;
	_cleanup_free_ char *known = cache_path(cache, "kvm");
	cache_close(cache);
	if (glob("/boot/vmlinuz*", 0, NULL, &kernels) == 0)
		opts->tcg = strcmp(vm_accel(kernels.gl_pathv[kernels.gl_pathc - 1], known), "tcg") == 0;
	globfree(&kernels);
	return 0;
}

json_t *cmd_look(const char *image, struct err *err)
{
	struct guest_opts opts = {0};

	if (choose_accel(&opts, err) < 0)
		return NULL;
	struct progress_step *step = progress_begin("inspect", image, 0, PROGRESS_COUNT);
	json_t *j = guest_inspect(image, &opts, err);
	progress_end(step, j ? 1 : 0);
	return j;
}

int cmd_inspect(int argc, char **argv, struct err *err)
{
	if (argc != 2 || argv[1][0] == '-')
		return err_set(err, ERR_USAGE, "inspect: expected one disk image");
	_cleanup_json_ json_t *j = cmd_look(argv[1], err);
	if (!j)
		return -1;
	if (!cmd_globals.json) {
		print_text(j);
		return 0;
	}
	_cleanup_free_ char *text = json_canonical(j);
	fputs(text, stdout);
	return 0;
}
