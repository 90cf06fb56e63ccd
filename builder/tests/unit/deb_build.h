/* Binary packages made by the tests, well-formed or hostile. */
#pragma once
#include "base/mem.h"
#include "base/str.h"
#include <archive.h>
#include <archive_entry.h>

/* One member of a tar archive. */
struct deb_entry {
	const char *path;
	mode_t type;	  /* AE_IFREG, AE_IFDIR, AE_IFLNK, AE_IFCHR...; 0: a hard link */
	const char *text; /* content, or where a link points to */
	unsigned mode, uid, gid;
	uint64_t size; /* claimed by the header when it is not that of `text` */
};

static la_ssize_t deb_collect(struct archive *a, void *to, const void *data, size_t n)
{
	(void)a;
	strbuf_add(to, data, n);
	return (la_ssize_t)n;
}

static inline void deb_tar(struct strbuf *out, const char *suffix, const struct deb_entry *e, size_t n)
{
	struct archive *a = archive_write_new();

	archive_write_set_format_pax_restricted(a);
	if (strcmp(suffix, ".gz") == 0)
		archive_write_add_filter_gzip(a);
	else if (strcmp(suffix, ".xz") == 0)
		archive_write_add_filter_xz(a);
	else if (strcmp(suffix, ".zst") == 0)
		archive_write_add_filter_zstd(a);
	archive_write_set_bytes_in_last_block(a, 1);
	archive_write_open(a, out, NULL, deb_collect, NULL);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *ae = archive_entry_new();
		size_t len = e[i].type == AE_IFREG && e[i].text ? strlen(e[i].text) : 0;
		archive_entry_set_pathname(ae, e[i].path);
		archive_entry_set_mtime(ae, 1600000000, 0);
		archive_entry_set_uid(ae, e[i].uid);
		archive_entry_set_gid(ae, e[i].gid);
		archive_entry_set_filetype(ae, e[i].type ? e[i].type : AE_IFREG);
		archive_entry_set_perm(ae, (mode_t)(e[i].mode ? e[i].mode : e[i].type == AE_IFDIR ? 0755 : 0644));
		archive_entry_set_size(ae, (la_int64_t)(e[i].size ? e[i].size : len));
		if (!e[i].type)
			archive_entry_set_hardlink(ae, e[i].text);
		else if (e[i].type == AE_IFLNK)
			archive_entry_set_symlink(ae, e[i].text);
		archive_write_header(a, ae);
		if (len)
			archive_write_data(a, e[i].text, len);
		archive_entry_free(ae);
	}
	archive_write_close(a);
	archive_write_free(a);
}

/* `size` in the header, `data` behind it. */
static inline void deb_member_sized(struct strbuf *out, const char *name, const struct strbuf *data, uint64_t size)
{
	strbuf_addf(
		out, "%-16s%-12d%-6d%-6d%-8s%-10llu`\n", name, 1600000000, 0, 0, "100644", (unsigned long long)size);
	strbuf_add(out, strbuf_cstr(data), data->len);
	if (data->len & 1)
		strbuf_addc(out, '\n');
}

static inline void deb_member(struct strbuf *out, const char *name, const struct strbuf *data)
{
	deb_member_sized(out, name, data, data->len);
}

static inline void deb_begin(struct strbuf *out, const char *version)
{
	_cleanup_strbuf_ struct strbuf v = STRBUF_INIT;

	strbuf_adds(out, "!<arch>\n");
	strbuf_adds(&v, version);
	deb_member(out, "debian-binary", &v);
}

static inline void deb_add_tar(struct strbuf *out, const char *name, const struct deb_entry *e, size_t n)
{
	_cleanup_strbuf_ struct strbuf t = STRBUF_INIT;
	const char *suffix = strstr(name, ".tar");

	deb_tar(&t, suffix ? suffix + 4 : "", e, n);
	deb_member(out, name, &t);
}

/* A whole package of the given control text and files. */
static inline void deb_make(struct strbuf *out, const char *control, const struct deb_entry *e, size_t n)
{
	const struct deb_entry c[] = {
		{.path = "./", .type = AE_IFDIR}, {.path = "./control", .type = AE_IFREG, .text = control}};

	deb_begin(out, "2.0\n");
	deb_add_tar(out, "control.tar.gz", c, ARRAY_SIZE(c));
	deb_add_tar(out, "data.tar.xz", e, n);
}
