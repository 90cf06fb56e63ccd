/* `render`: files and environments with secrets and facts. Only in memory (/run): gone with the power. */
#include "target/agent/render.h"
#include "base/log.h"
#include "base/path.h"
#include "target/agent/site.h"
#include "target/agent/text.h"
#include "target/agent/truststore.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RENDERED_MAX (64u << 20)

struct place {
	const char *path; /* below the directory */
	unsigned mode, uid, gid;
};

static bool same_content(int fd, const void *data, size_t len)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != len)
		return false;
	_cleanup_free_ char *had = xmalloc(len + 1);
	return pread(fd, had, len, 0) == (ssize_t)len && memcmp(had, data, len) == 0;
}

/*
 * Written in place: a file that is bind-mounted into a running container is pinned by its inode, a rename would
 * leave the container with the old one. Returns 1 when the content changed.
 */
static int write_in_place(int root, const struct place *to, const void *data, size_t len, struct err *err)
{
	if (path_mkparents_in(root, to->path) < 0)
		return err_sys(err, errno, "%s", to->path);
	_cleanup_fd_ int fd = path_open_in(root, to->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", to->path);
	bool same = same_content(fd, data, len);
	if (!same && (ftruncate(fd, 0) < 0 || fd_write_all(fd, data, len) < 0))
		return err_sys(err, errno, "%s", to->path);
	if (fchown(fd, to->uid, to->gid) < 0 || fchmod(fd, (mode_t)(to->mode & 07777)) < 0)
		return err_sys(err, errno, "%s", to->path);
	return same ? 0 : 1;
}

static int open_dir(const char *path, unsigned mode, struct err *err)
{
	if (path_mkdirs(path, err) < 0)
		return -1;
	if (chmod(path, (mode_t)mode) < 0)
		return err_sys(err, errno, "%s", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "%s", path) : fd;
}

static int render_files(const struct agent *a, const struct container *c, struct err *err)
{
	_cleanup_free_ char *above = path_join(a->run, "files"), *dir = path_join(above, c->name);
	_cleanup_fd_ int above_fd = open_dir(above, 0700, err);
	_cleanup_fd_ int root = above_fd < 0 ? -1 : open_dir(dir, 0755, err);
	if (root < 0)
		return -1;
	int changed = 0;
	for (size_t i = 0; i < c->n_files; i++) {
		const struct rendered_file *f = &c->files[i];
		_cleanup_free_ char *text = NULL;
		if (text_resolve(a, f->text, NULL, &text, err) < 0)
			return err_wrap(err, "%s", f->path);
		struct place to = {f->path, f->mode ? f->mode : 0644, f->uid, f->gid};
		int r = write_in_place(root, &to, text, strlen(text), err);
		if (r < 0)
			return -1;
		changed += r;
	}
	return changed;
}

/* Podman's env file: NAME=VALUE by line, taken literally; a line break cannot be written in it. */
static int render_env(const struct agent *a, const struct container *c, struct err *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	strbuf_adds(&out, "");
	for (size_t i = 0; i < c->n_env; i++) {
		_cleanup_free_ char *value = NULL;
		if (text_resolve(a, c->env[i].value, NULL, &value, err) < 0)
			return err_wrap(err, "environment %s", c->env[i].name);
		if (strpbrk(value, "\n\r"))
			return err_set(err, ERR_CONFIG, "environment %s: a line break; use a file", c->env[i].name);
		strbuf_addf(&out, "%s=%s\n", c->env[i].name, value);
	}
	_cleanup_free_ char *dir = path_join(a->run, "env");
	_cleanup_fd_ int root = open_dir(dir, 0700, err);
	struct place to = {c->name, 0600, geteuid(), getegid()};
	return root < 0 ? -1 : write_in_place(root, &to, out.s, out.len, err);
}

int render_ca(const struct agent *a, struct err *err)
{
	_cleanup_free_ char *pem = site_trust(a, err);
	_cleanup_strbuf_ struct strbuf store = STRBUF_INIT;
	if (!pem || truststore_make(pem, &store, err) < 0)
		return -1;
	_cleanup_fd_ int root = open_dir(a->run, 0755, err);
	struct place crt = {"ca.crt", 0644, geteuid(), getegid()}, p12 = {"ca.p12", 0644, geteuid(), getegid()};
	int changed = root < 0 ? -1 : write_in_place(root, &crt, pem, strlen(pem), err);
	if (changed < 0 || write_in_place(root, &p12, store.s, store.len, err) < 0)
		return -1;
	return changed;
}

int render_container(const struct agent *a, const struct container *c, struct err *err)
{
	if (!agent_id_ok(c->name) || strchr(c->name, '/'))
		return err_set(err, ERR_CONFIG, "\"%s\" cannot be a container's name", c->name);
	int files = render_files(a, c, err);
	int env = files < 0 ? -1 : render_env(a, c, err);
	return env < 0 ? err_wrap(err, "container %s", c->name) : files + env;
}

int cmd_render(struct agent *a, int argc, char **argv, struct err *err)
{
	const struct container *one = argc > 1 ? machine_container(&a->m, argv[1]) : NULL;
	if (argc > 1 && !one)
		return err_set(err, ERR_USAGE, "no container \"%s\"", argv[1]);
	if (render_ca(a, err) < 0)
		return -1;
	if (one)
		return render_container(a, one, err) < 0 ? -1 : 0;
	for (size_t i = 0; i < a->m.n_containers; i++) {
		if (render_container(a, &a->m.containers[i], err) >= 0)
			continue;
		if (err->kind != ERR_RESOLVE)
			return -1;
		/* What a provision step will capture is rendered when that container's own turn comes. */
		log_note("later: %s", err->msg);
		err_release(err);
	}
	return 0;
}
