/* Whole archives for tests: kept in a file, listed by libarchive, compared with a golden listing. */
#pragma once
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/namespace.h"
#include "tree/tar.h"
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

struct stream_job {
	int (*write)(struct tar_out *t, struct err *err);
	const char *file;
};

static inline int stream_in_namespace(void *arg, struct err *err)
{
	struct stream_job *j = arg;
	_cleanup_fd_ int fd = open(j->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct tar_fd_sink s;
	tar_fd_sink_init(&s, fd);
	struct tar_out t = {.sink = &s.sink};
	int r = j->write(&t, err);
	if (!r)
		r = tar_end(&t, err);
	tar_release(&t);
	return r;
}

static inline void stream_entry(struct strbuf *out, struct archive *a, struct archive_entry *e)
{
	const char *link = archive_entry_symlink(e), *hard = archive_entry_hardlink(e), *key;
	const void *value;
	size_t n;
	_cleanup_strvec_ struct strvec attrs = STRVEC_INIT; /* libarchive's order differs between versions */
	strbuf_addf(out, "%06o %lld:%lld %lld", hard ? 0 : archive_entry_mode(e), (long long)archive_entry_uid(e),
		(long long)archive_entry_gid(e), (long long)archive_entry_mtime(e));
	if (archive_entry_size(e))
		strbuf_addf(out, " %lld", (long long)archive_entry_size(e));
	strbuf_addf(out, " %s", archive_entry_pathname(e));
	if (link)
		strbuf_addf(out, " -> %s", link);
	if (hard)
		strbuf_addf(out, " = %s", hard);
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &key, &value, &n) == ARCHIVE_OK)
		strvec_addf(&attrs, " %s[%zu]", key, n);
	strvec_sort(&attrs);
	for (size_t i = 0; i < attrs.n; i++)
		strbuf_adds(out, attrs.v[i]);
	strbuf_addc(out, '\n');
	if (archive_entry_size(e) && archive_entry_size(e) < 4096 && archive_entry_filetype(e) == AE_IFREG &&
		!str_ends(archive_entry_pathname(e), ".gz")) {
		char text[4096];
		la_ssize_t got = archive_read_data(a, text, sizeof text);
		strbuf_add(out, "    ", 4);
		for (la_ssize_t i = 0; i < got; i++)
			if (text[i] != '\n')
				strbuf_addc(out, text[i]);
		strbuf_addc(out, '\n');
	}
}

/* One line per member, small contents indented below, the SHA-256 of the whole last. The caller frees it. */
static inline char *stream_list(const char *file)
{
	struct strbuf out = STRBUF_INIT;
	struct err e = ERR_INIT;
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	char hex[HASH_HEX] = "";
	archive_read_support_format_tar(a);
	archive_read_open_filename(a, file, 1 << 16);
	for (int r; (r = archive_read_next_header(a, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN;)
		stream_entry(&out, a, entry);
	archive_read_free(a);
	(void)hash_file(file, hex, &e);
	strbuf_addf(&out, "sha256 %s\n", hex);
	return strbuf_steal(&out);
}

/* Against builder/tests/golden/NAME (tests run at the top of the source); KILN_UPDATE_GOLDEN writes it anew. */
static inline void stream_expect(const char *text, const char *name)
{
	struct err e = ERR_INIT;
	_cleanup_free_ char *path = path_join("builder/tests/golden", name);
	if (getenv("KILN_UPDATE_GOLDEN")) {
		assert_int_equal(path_mkdirs("builder/tests/golden", &e), 0);
		assert_int_equal(path_write(path, text, strlen(text), 0644, &e), 0);
	}
	_cleanup_free_ char *want = path_read(path, 1 << 20, NULL, &e);
	if (!want)
		fail_msg("%s", e.msg);
	assert_string_equal(text, want);
}

/* Write the stream into `file` (of the scratch directory), in the namespace. */
static inline int stream_make(int (*write)(struct tar_out *t, struct err *err), const char *file, struct err *err)
{
	return ns_call(stream_in_namespace, &(struct stream_job){.write = write, .file = file}, err);
}

/* The same, and compare its listing with the golden one. */
static inline void stream_golden(int (*write)(struct tar_out *t, struct err *err), const char *file, const char *name)
{
	_cleanup_err_ struct err e = ERR_INIT;
	if (stream_make(write, file, &e) < 0)
		fail_msg("%s", e.msg);
	_cleanup_free_ char *text = stream_list(file);
	stream_expect(text, name);
}
