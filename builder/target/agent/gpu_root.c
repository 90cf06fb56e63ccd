/* Files, directories and links of the kernel, below a root: "/", or a copy of such for tests. */
#include "base/path.h"
#include "target/agent/gpu.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <unistd.h>

#define TEXT_MAX (64u << 10)
#define NAMES_MAX 65536u

char *gpu_read(int root, const char *path)
{
	/* Files of /proc and /sys say no size: read to the end. */
	_cleanup_fd_ int fd = path_open_in(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	struct strbuf b = STRBUF_INIT;
	char part[4096];
	ssize_t n;
	if (fd < 0)
		return NULL;
	while (b.len < TEXT_MAX && ((n = read(fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR)))
		strbuf_add(&b, part, n < 0 ? 0 : (size_t)n);
	return b.s ? strbuf_steal(&b) : xstrdup("");
}

bool gpu_has(int root, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(root, path, O_PATH | O_CLOEXEC, 0);
	return fd >= 0;
}

void gpu_names(int root, const char *path, struct strvec *out)
{
	int fd = path_open_in(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	if (!d && fd >= 0)
		close(fd);
	while (d && out->n < NAMES_MAX && (e = readdir(d)))
		if (e->d_name[0] != '.')
			strvec_add(out, e->d_name);
	if (d)
		closedir(d);
	strvec_sort(out);
}

/* `path` is there and has no pattern; `rest` follows it. */
static void match(int root, const char *path, const char *rest, struct strvec *out)
{
	while (*rest == '/')
		rest++;
	if (!*rest) {
		if (out->n < NAMES_MAX && gpu_has(root, path))
			strvec_add(out, path);
		return;
	}
	size_t n = strcspn(rest, "/");
	_cleanup_free_ char *name = xstrndup(rest, n);
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (strchr(name, '*'))
		gpu_names(root, path, &names);
	else
		strvec_add(&names, name);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *next = path_join(path, names.v[i]);
		if (fnmatch(name, names.v[i], 0) == 0)
			match(root, next, rest + n, out);
	}
}

void gpu_match(int root, const char *pattern, struct strvec *out)
{
	match(root, "/", pattern, out);
	strvec_sort(out);
}

/* Text of the kernel as one that a terminal and JSON take. */
static const char *plain(struct gpus *g, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	strbuf_add_plain(&b, text);
	for (size_t i = 0; i < b.len; i++)
		if (b.s[i] == '\t' || b.s[i] == '\n')
			b.s[i] = ' ';
	return arena_strdup(&g->arena, strbuf_cstr(&b));
}

const char *gpu_link(struct gpus *g, const char *path)
{
	char target[PATH_MAX];
	_cleanup_fd_ int fd = path_open_in(g->root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target - 1);
	if (n <= 0)
		return NULL;
	target[n] = 0;
	const char *name = path_base(target);
	return *name ? plain(g, name) : NULL;
}

const char *gpu_field(struct gpus *g, const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		if (len > n && !strncmp(line, key, n) && line[n] == ':') {
			const char *from = line + n + 1, *to = line + len;
			while (from < to && strchr(" \t\r", *from))
				from++;
			while (to > from && strchr(" \t\r", to[-1]))
				to--;
			_cleanup_free_ char *value = xstrndup(from, (size_t)(to - from > 200 ? 200 : to - from));
			return plain(g, value);
		}
		line += len + (line[len] == '\n');
	}
	return NULL;
}

bool gpu_number(struct gpus *g, const char *text, const char *key, unsigned max, unsigned *ret)
{
	uint64_t n;
	const char *value = gpu_field(g, text, key);
	if (!value || !str_to_u64(value, &n) || n > max)
		return false;
	*ret = (unsigned)n;
	return true;
}
