/* Layers and images that somebody else made, for tests: tars written member by member, blobs in files of a directory.
 */
#pragma once
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "oci/store.h"
#include "outside.h"
#include "tree/tar.h"
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

static char *up_dir;

static inline int up_setup(void **state)
{
	(void)state;
	up_dir = outside_begin("kiln-upstream-");
	return up_dir ? 0 : -1;
}

static inline int up_teardown(void **state)
{
	(void)state;
	return outside_end(path_remove);
}

static inline void up_member(struct strbuf *tar, const struct tar_member *m, const void *data)
{
	static const char zeros[512];
	tar_header(tar, m);
	strbuf_add(tar, data, m->size);
	strbuf_add(tar, zeros, tar_padding(m->size));
}

/* "TYPE NAME[ -> LINK | =TEXT]", one per line; TYPE is f d l(symbolic) h(hard) c b (device 8:1) or p. CANARY and
 * CANARIES are replaced (outside_text). */
static inline void up_lines(struct strbuf *tar, const char *lines)
{
	_cleanup_free_ char *copy = outside_text(lines);
	for (char *line = copy, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *name = line + 2, *link = strstr(name, " -> "), *text = strchr(name, '=');
		static const char from[] = "fdlhcbp", to[] = "0521346";
		struct tar_member m = {.name = name, .type = to[strchr(from, *line) - from], .mode = 0644};
		if (link) {
			*link = '\0';
			m.link = link + 4;
		} else if (text && m.type == '0') {
			*text = '\0';
			m.size = strlen(text + 1);
		}
		if (m.type == '3' || m.type == '4')
			m.major = 8, m.minor = 1;
		if (m.type == '5')
			m.mode = 0755;
		up_member(tar, &m, m.size ? text + 1 : "");
	}
}

static inline void up_end(struct strbuf *tar)
{
	static const char zeros[TAR_END];
	strbuf_add(tar, zeros, sizeof zeros);
}

/* ARCHIVE_FILTER_NONE, _GZIP or _ZSTD. */
static inline void up_pack(struct strbuf *out, const void *data, size_t n, int filter)
{
	size_t room = n + 65536, used = 0;
	_cleanup_free_ char *buf = xmalloc(room);
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	archive_write_set_format_raw(a);
	archive_write_add_filter(a, filter);
	if (filter == ARCHIVE_FILTER_GZIP)
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	archive_write_set_bytes_in_last_block(a, 1);
	archive_entry_set_filetype(e, AE_IFREG);
	if (archive_write_open_memory(a, buf, room, &used) != ARCHIVE_OK || archive_write_header(a, e) != ARCHIVE_OK ||
		archive_write_data(a, data, n) != (la_ssize_t)n || archive_write_close(a) != ARCHIVE_OK)
		fprintf(stderr, "%s\n", archive_error_string(a));
	archive_entry_free(e);
	archive_write_free(a);
	strbuf_add(out, buf, used);
}

/* Everything a layer's strings point to. */
struct up_layer {
	struct upstream_layer l;
	char digest[HASH_HEX], diff_id[HASH_HEX], *path, *index;
};
/* A blob in a file, of that content and with the diff id of `tar`. */
static inline void up_blob(struct up_layer *u, const struct strbuf *blob, const struct strbuf *tar)
{
	struct err e = ERR_INIT;
	hash_bytes(strbuf_cstr(blob), blob->len, u->digest);
	hash_bytes(strbuf_cstr(tar), tar->len, u->diff_id);
	u->path = path_join(up_dir, u->digest);
	u->index = xasprintf("%s/index-%s", up_dir, u->digest);
	u->l = (struct upstream_layer){.path = u->path,
		.digest = u->digest,
		.size = blob->len,
		.media_type = "application/vnd.oci.image.layer.v1.tar",
		.diff_id = u->diff_id,
		.index = u->index};
	if (path_write(u->path, strbuf_cstr(blob), blob->len, 0644, &e))
		fprintf(stderr, "%s\n", e.msg);
}
static inline void up_layer_release(struct up_layer *u)
{
	free(u->path);
	free(u->index);
}

/* An image of them; texts live until up_image_release. */
struct up_image {
	struct upstream_image i;
	struct upstream_layer layers[8];
	char *manifest, *config, *index, digests[3][HASH_HEX];
};
static inline void up_document(struct upstream_blob *b, char *text, char digest[HASH_HEX])
{
	hash_bytes(text, strlen(text), digest);
	*b = (struct upstream_blob){.digest = digest, .data = text, .len = strlen(text)};
}
static inline void up_image(
	struct up_image *u, const char *reference, struct up_layer *const *layers, size_t n, const char *more)
{
	struct strbuf diffs = STRBUF_INIT, descs = STRBUF_INIT;
	for (size_t k = 0; k < n; k++) {
		u->layers[k] = layers[k]->l;
		strbuf_addf(&diffs, "%s\"sha256:%s\"", k ? "," : "", layers[k]->diff_id);
		strbuf_addf(&descs, "%s{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%llu}", k ? "," : "",
			layers[k]->l.media_type, layers[k]->digest, (unsigned long long)layers[k]->l.size);
	}
	u->config = xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",%s\"config\":{},"
			      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		more, strbuf_cstr(&diffs));
	up_document(&u->i.config, u->config, u->digests[0]);
	u->manifest = xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:%s\","
		"\"size\":%zu},\"layers\":[%s]}",
		u->digests[0], strlen(u->config), strbuf_cstr(&descs));
	up_document(&u->i.manifest, u->manifest, u->digests[1]);
	u->index = xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{"
		"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:%s\",\"size\":%zu,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
		u->digests[1], strlen(u->manifest));
	up_document(&u->i.index, u->index, u->digests[2]);
	u->i.reference = reference;
	u->i.arch = "amd64";
	u->i.layers = u->layers;
	u->i.n_layers = n;
	strbuf_release(&diffs);
	strbuf_release(&descs);
}
static inline void up_image_release(struct up_image *u)
{
	free(u->manifest);
	free(u->config);
	free(u->index);
}
