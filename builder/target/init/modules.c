/* Kernel modules without udev: by the modalias of every device, from two small tables in the initrd. */
#include "init.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		n++;
		text++;
	}
	return n;
}

void modules_parse(struct modules *m, char *dep, char *alias)
{
	char *save;

	*m = (struct modules){0};
	m->v = calloc(count_lines(dep), sizeof *m->v);
	m->aliases = calloc(count_lines(alias), sizeof *m->aliases);
	if (!m->v || !m->aliases)
		return;
	for (char *l = strtok_r(dep, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(l, ':');
		if (!colon || colon == l)
			continue;
		*colon = '\0';
		m->v[m->n++] = (struct module){.name = l, .deps = colon + 1};
	}
	for (char *l = strtok_r(alias, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(l, ' ');
		if (!space || space == l || !space[1])
			continue;
		*space = '\0';
		m->aliases[m->n_aliases++] = (struct alias){l, space + 1, strcspn(l, "*?[\\")};
	}
}

void modules_match(struct modules *m, const char *modalias, void (*fn)(struct modules *, const char *))
{
	for (size_t i = 0; i < m->n_aliases; i++) {
		const struct alias *a = &m->aliases[i];
		if (strncmp(a->pattern, modalias, a->fixed) == 0 && fnmatch(a->pattern, modalias, 0) == 0)
			fn(m, a->module);
	}
}

static void insert(struct modules *m, const char *name)
{
	char path[256];

	if (snprintf(path, sizeof path, "/m/%s.ko", name) >= (int)sizeof path)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		complain("module %s: %s", name, strerror(errno));
		return;
	}
	if (syscall(SYS_finit_module, fd, "", 0) == 0)
		m->loaded++;
	else if (errno != EEXIST && errno != ENODEV) /* ENODEV: a driver for another processor; harmless */
		complain("module %s: %s", name, strerror(errno));
	close(fd);
}

void modules_load(struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++) {
		struct module *mod = &m->v[i];
		if (strcmp(mod->name, name) != 0)
			continue;
		if (mod->done)
			return;
		mod->done = true; /* before its dependencies: a circle among soft ones ends here */
		for (const char *d = mod->deps + strspn(mod->deps, " "); *d; d += strspn(d, " ")) {
			char one[128];
			size_t n = strcspn(d, " ");
			if (n < sizeof one) {
				memcpy(one, d, n);
				one[n] = '\0';
				modules_load(m, one);
			}
			d += n;
		}
		insert(m, name);
		return;
	}
}

static bool read_line_after(const char *path, const char *key, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	char *at = *key ? strstr(ret, key) : ret;
	if (!at)
		return false;
	at += strlen(key);
	size_t len = strcspn(at, "\n");
	memmove(ret, at, len);
	ret[len] = '\0';
	return true;
}

/* Some buses (MMC) tell the alias in uevent only. */
static void coldplug_device(struct modules *m, const char *bus, const char *device)
{
	char path[1024], text[2048];
	int n = snprintf(path, sizeof path, "/sys/bus/%s/devices/%s/modalias", bus, device);

	if (n >= (int)sizeof path)
		return;
	bool known = read_line_after(path, "", text, sizeof text);
	if (!known) {
		memcpy(path + n - 8, "uevent", 7);
		known = read_line_after(path, "MODALIAS=", text, sizeof text);
	}
	if (known)
		modules_match(m, text, modules_load);
}

static void coldplug_bus(struct modules *m, const char *bus)
{
	char path[300];

	snprintf(path, sizeof path, "/sys/bus/%s/devices", bus);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			coldplug_device(m, bus, e->d_name);
	if (d)
		closedir(d);
}

unsigned modules_coldplug(struct modules *m)
{
	unsigned before = m->loaded;
	DIR *d = opendir("/sys/bus");

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			coldplug_bus(m, e->d_name);
	if (d)
		closedir(d);
	return m->loaded - before;
}
