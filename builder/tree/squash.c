#include "tree/squash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "tree/namespace.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_DIR "/mnt" /* where the maker sees the directory of the result */
#define OUT_NAME "squash.tmp"

/* Memory that the writer's process shares with us: a pipe alone would not tell it that its reader is gone, because
 * other children of kiln may hold the pipe's ends. */
struct shared {
	atomic_bool reader_gone;
	atomic_bool cut_off; /* the writer failed only because of that */
	uint64_t bytes, inodes;
};

struct writer {
	struct tar_sink sink;
	int fd;
	squash_fn fn;
	void *arg;
	struct shared *shared;
};

/* sqfstar on a thread: it has to run beside the writer. */
struct maker {
	const struct squash_opts *opts;
	const char *dir;
	int in;
	struct shared *shared;
	int result;
	struct err err;
};

/* The writer's end does not block, so that a vanished reader is noticed. */
static int pipe_write(struct tar_sink *s, const void *data, size_t n, struct err *err)
{
	struct writer *w = (struct writer *)s;
	for (const char *p = data; n;) {
		ssize_t got = write(w->fd, p, n);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			return err_sys(err, errno, "writing to sqfstar");
		if (atomic_load(&w->shared->reader_gone)) {
			atomic_store(&w->shared->cut_off, true);
			return err_set(err, ERR_TOOL, "sqfstar ended before the archive did");
		}
		struct pollfd pfd = {.fd = w->fd, .events = POLLOUT};
		poll(&pfd, 1, 500);
	}
	return 0;
}

static int write_in_namespace(void *arg, struct err *err)
{
	struct writer *w = arg;
	struct tar_out out = {.sink = &w->sink};
	int r = w->fn(&out, w->arg, err);
	if (!r)
		r = tar_end(&out, err);
	w->shared->bytes = out.bytes;
	w->shared->inodes = out.inodes;
	tar_release(&out);
	return r;
}

static void *run_maker(void *arg)
{
	struct maker *m = arg;
	const struct squash_opts *o = m->opts;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	/* Without the -root options the root directory would be the caller's, of mode 0777 and made now. */
	strvec_addl(&argv, "sqfstar", "-comp", "zstd", "-Xcompression-level", o->release ? "9" : "3", "-b",
		o->release ? "1M" : "128K", "-root-uid", "0", "-root-gid", "0", "-root-mode", "0755", "-no-progress",
		"-quiet", NULL);
	strvec_addf(&argv, "-mkfs-time");
	strvec_addf(&argv, "%llu", (unsigned long long)o->epoch);
	strvec_addf(&argv, "-root-time");
	strvec_addf(&argv, "%llu", (unsigned long long)o->epoch);
	if (o->threads) {
		strvec_addf(&argv, "-processors");
		strvec_addf(&argv, "%u", o->threads);
	}
	strvec_add(&argv, OUT_DIR "/" OUT_NAME);
	const struct ns_bind binds[] = {{.from = m->dir, .to = OUT_DIR}, {NULL, NULL, false}};
	struct ns_opts ns = {
		.root.lowers = o->tools,
		.binds = binds,
		.dev = true,
		.no_sync = true,
		.proc.in = m->in,
	};
	m->result = ns_run(&ns, (const char *const *)argv.v, &m->err);
	atomic_store(&m->shared->reader_gone, true);
	return NULL;
}

/* The maker's success alone says little: it also takes an archive that just stops. So its count must be ours. */
static int check_result(const char *path, uint64_t inodes, struct squash_stat *ret, struct err *err)
{
	struct {
		uint32_t magic, inodes;
	} head;
	struct stat st;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", path);
	if (pread(fd, &head, sizeof head, 0) != sizeof head || le32toh(head.magic) != 0x73717368)
		return err_set(err, ERR_TOOL, "sqfstar left no squashfs");
	if (le32toh(head.inodes) != inodes)
		return err_set(err, ERR_TOOL, "sqfstar left out files: %lu of %llu are there",
			(unsigned long)le32toh(head.inodes), (unsigned long long)inodes);
	if (fsync(fd))
		return err_sys(err, errno, "%s", path);
	ret->inodes = inodes;
	ret->size = (uint64_t)st.st_size;
	return 0;
}

/* Run writer and maker at once. Which of two failures is the cause: the writer's, unless it was cut off by the maker's.
 */
static int stream(struct writer *w, struct maker *m, int in[2], struct err *err)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, run_maker, m)) {
		close(in[0]);
		close(in[1]);
		return err_set(err, ERR_IO, "no thread for sqfstar");
	}
	struct err werr = ERR_INIT;
	int written = ns_call(write_in_namespace, w, &werr);
	close(in[1]);
	pthread_join(thread, NULL);
	close(in[0]);
	bool maker_is_cause = m->result && (!written || atomic_load(&w->shared->cut_off));
	if (written || m->result)
		err_move(err, maker_is_cause ? &m->err : &werr);
	err_release(&werr);
	err_release(&m->err);
	return written || m->result ? -1 : 0;
}

static int build_in(const struct squash_opts *o, const char *dir, struct writer *w, struct err *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC))
		return err_sys(err, errno, "pipe");
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	w->fd = p[1];
	struct maker m = {.opts = o, .dir = dir, .in = p[0], .shared = w->shared, .err = ERR_INIT};
	return stream(w, &m, p, err);
}

int squash_build(const struct squash_opts *o, squash_fn fn, void *arg, struct squash_stat *ret, struct err *err)
{
	_cleanup_free_ char *parent = path_dir(o->out);
	_cleanup_free_ char *dir = path_tempdir(parent, ".squash-", err);
	if (!dir)
		return -1;
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return err_sys(err, errno, "shared memory");
	struct writer w = {.sink.write = pipe_write, .fn = fn, .arg = arg, .shared = shared};
	_cleanup_free_ char *made = path_join(dir, OUT_NAME);
	int r = build_in(o, dir, &w, err);
	if (!r)
		r = check_result(made, shared->inodes + 1, ret, err); /* and the root directory */
	if (!r && rename(made, o->out))
		r = err_sys(err, errno, "%s", o->out);
	if (!r)
		r = path_sync_dir(parent, err);
	ret->stream = shared->bytes;
	munmap(shared, sizeof *shared);
	struct err unused = ERR_INIT;
	(void)path_remove(dir, &unused);
	err_release(&unused);
	return r ? err_wrap(err, "%s", path_base(o->out)) : 0;
}
