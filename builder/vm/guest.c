#include "vm/guest.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int guest_create(struct guest *g, const struct guest_engine *e, const struct guest_spec *spec, struct err *err)
{
	size_t n = 0;

	while (spec->ports && spec->ports[n])
		n++;
	*g = (struct guest){.engine = e, .spec = *spec, .ports = xcalloc(n + 1, sizeof *g->ports)};
	for (size_t i = 0; i < n; i++)
		g->ports[i] = (struct vm_forward){.host = spec->ports[i], .guest = spec->ports[i]};
	if (e->fresh(g, err) == 0)
		return 0;
	guest_release(g);
	return -1;
}

void guest_release(struct guest *g)
{
	if (g->engine && g->own)
		g->engine->release(g);
	g->own = NULL;
	free(g->said);
	free(g->ports);
	g->said = NULL;
	g->ports = NULL;
}

void guest_gone(struct guest *g, struct err *said)
{
	free(g->said);
	g->said = steal(said->msg);
	err_release(said);
}

char *guest_disk_file(const struct guest *g, const struct guest_disk *d, struct err *err)
{
	_cleanup_free_ char *name = xasprintf("%s.disk", d->label), *path = path_join(g->spec.dir, name);
	const char *const mkfs[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", d->label, path, NULL};

	if (path_exists(path))
		return steal(path);
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)d->size) < 0)
		err_sys(err, errno, "make %s", path);
	else if (proc_run(mkfs, NULL, err) == 0)
		return steal(path);
	return NULL;
}

int guest_take_status(struct strbuf *out, int *status, const char *what, struct err *err)
{
	static const char word[] = " kiln-status=";
	char *mark = NULL;
	size_t n_kept = 0;

	/* A text; as a shell has it, without its NULs. */
	for (size_t i = 0; i < out->len; i++)
		if (out->s[i])
			out->s[n_kept++] = out->s[i];
	if (out->s)
		out->s[out->len = n_kept] = 0;
	for (char *p = out->s; p && (p = strstr(p, word)); p++)
		mark = p;
	/* A whole line: else what writes it came to no end. After it ssh may have words of its own. */
	char *end = mark;
	unsigned long n =
		mark && isdigit((unsigned char)mark[strlen(word)]) ? strtoul(mark + strlen(word), &end, 10) : 256;
	if (n > 255 || *end != '\n')
		return err_set(err, ERR_TEST, "%s: %s", what, out->len ? out->s : "no answer");
	*status = (int)n;
	out->len = (size_t)(mark - out->s);
	*mark = 0;
	return 0;
}
