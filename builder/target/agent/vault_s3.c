/*
 * A bucket: FOLDER/ITEM/TIME/data.zst comes in parts, since nobody knows its size; manifest.json follows when all of it
 * is there, and only with it is it a backup. What the server says is outside data.
 */
#include "target/agent/backup.h"
#include "target/agent/s3.h"

#define PART (16u << 20) /* the first 2000 parts; a server takes 10,000 */
enum { PARTS_MAX = 10000, PARTS_OF_A_SIZE = 2000 };

struct bucket {
	struct s3 *s3;
	char *key, *manifest_key, *upload; /* of the new backup; NULL: none. upload: encoded */
	struct strbuf part;
	struct strvec etags;
};

static void call_release(struct s3_call *c)
{
	strbuf_release(&c->text);
}
#define _cleanup_call_ __attribute__((cleanup(call_release)))

/* Every key below a prefix. */
static int each_key(struct vault *v, const char *prefix, struct strvec *keys, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_free_ char *encoded = s3_encode(prefix), *token = NULL;
	for (;;) {
		_cleanup_free_ char *query = xasprintf("%s%s%slist-type=2&prefix=%s",
			token ? "continuation-token=" : "", token ? token : "", token ? "&" : "", encoded);
		_cleanup_call_ struct s3_call c = {.method = "GET", .query = query};
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (s3_do(b->s3, &c, err) < 0)
			return -1;
		const char *at = strbuf_cstr(&c.text), *more = at, *next = at;
		while (s3_xml(&at, "Key", &text))
			strvec_add(keys, text.s);
		if (!s3_xml(&more, "IsTruncated", &text) || !str_eq(text.s, "true") ||
			!s3_xml(&next, "NextContinuationToken", &text) || !text.len)
			return 0;
		if (keys->n > 1000000)
			return err_set(err, ERR_VERIFY, "%s: more than a million objects", v->where);
		free(token);
		token = s3_encode(text.s);
	}
}

/* The time in "PREFIX TIME/NAME"; NULL when it is anything else. The caller frees it. */
static char *time_in(const char *key, const char *prefix, const char *name)
{
	int64_t t;
	if (!str_starts(key, prefix))
		return NULL;
	const char *from = key + strlen(prefix), *slash = strchr(from, '/');
	_cleanup_free_ char *time = slash && str_eq(slash + 1, name) ? xstrndup(from, (size_t)(slash - from)) : NULL;
	return time && backup_time_parse(time, &t) ? steal(time) : NULL;
}

static int times(struct vault *v, const char *item, const char *name, struct strvec *out, struct err *err)
{
	_cleanup_free_ char *prefix = xasprintf("%s/%s/", v->folder, item);
	_cleanup_strvec_ struct strvec keys = STRVEC_INIT;
	if (each_key(v, prefix, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.n; i++) {
		char *time = time_in(keys.v[i], prefix, name);
		if (time)
			strvec_take(out, time);
	}
	return 0;
}

static int bucket_open(struct vault *v, const struct agent *a, const json_t *options, struct err *err)
{
	struct s3 *s3 = s3_new(a, options, err);
	if (!s3)
		return -1;
	struct bucket *b = v->own = xcalloc(1, sizeof *b);
	b->s3 = s3;
	v->where = xasprintf("the bucket %s", s3_bucket(s3));
	return 0;
}

static int bucket_list(struct vault *v, const char *item, struct strvec *out, struct err *err)
{
	return times(v, item, "manifest.json", out, err);
}

static int delete (struct vault *v, const char *item, const char *time, const char *name, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_free_ char *key = xasprintf("%s/%s/%s/%s", v->folder, item, time, name);
	_cleanup_call_ struct s3_call c = {.method = "DELETE", .key = key};
	_cleanup_err_ struct err why = ERR_INIT;
	if (s3_do(b->s3, &c, &why) == 0 || c.status == 404)
		return 0;
	err_move(err, &why);
	return -1;
}

static int bucket_remove(struct vault *v, const char *item, const char *time, struct err *err)
{
	return delete (v, item, time, "manifest.json", err) < 0 ? -1 : delete (v, item, time, "data.zst", err);
}

/* What a run that was cut left: a stream without a manifest, and an upload that nobody goes on with. */
static int tidy(struct vault *v, const char *item, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_strvec_ struct strvec whole = STRVEC_INIT, all = STRVEC_INIT;
	if (times(v, item, "manifest.json", &whole, err) < 0 || times(v, item, "data.zst", &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (!strvec_has(&whole, all.v[i]) && delete (v, item, all.v[i], "data.zst", err) < 0)
			return -1;
	_cleanup_free_ char *prefix = xasprintf("%s/%s/", v->folder, item), *encoded = s3_encode(prefix),
			    *query = xasprintf("prefix=%s&uploads=", encoded);
	_cleanup_call_ struct s3_call c = {.method = "GET", .query = query};
	_cleanup_strbuf_ struct strbuf key = STRBUF_INIT, id = STRBUF_INIT;
	_cleanup_err_ struct err ignored = ERR_INIT;
	if (s3_do(b->s3, &c, &ignored) < 0)
		return 0; /* not every key may look */
	for (const char *at = strbuf_cstr(&c.text); s3_xml(&at, "Key", &key) && s3_xml(&at, "UploadId", &id);) {
		_cleanup_free_ char *time = time_in(key.s, prefix, "data.zst"), *upload = s3_encode(id.s),
				    *which = xasprintf("uploadId=%s", upload);
		_cleanup_call_ struct s3_call end = {.method = "DELETE", .key = key.s, .query = which};
		_cleanup_err_ struct err gone = ERR_INIT;
		if (time)
			(void)!s3_do(b->s3, &end, &gone);
	}
	return 0;
}

static void end_new(struct bucket *b)
{
	free(steal(b->key));
	free(steal(b->manifest_key));
	free(steal(b->upload));
	strbuf_release(&b->part);
	strvec_release(&b->etags);
}

static int bucket_begin(struct vault *v, const char *item, const char *time, struct err *err)
{
	struct bucket *b = v->own;
	if (tidy(v, item, err) < 0)
		return -1;
	b->key = xasprintf("%s/%s/%s/data.zst", v->folder, item, time);
	b->manifest_key = xasprintf("%s/%s/%s/manifest.json", v->folder, item, time);
	_cleanup_call_ struct s3_call c = {.method = "POST", .key = b->key, .query = "uploads="};
	_cleanup_strbuf_ struct strbuf id = STRBUF_INIT;
	if (s3_do(b->s3, &c, err) < 0)
		return -1;
	const char *at = strbuf_cstr(&c.text);
	if (!s3_xml(&at, "UploadId", &id) || !id.len)
		return err_set(err, ERR_NETWORK, "%s: the server begins no upload", v->where);
	b->upload = s3_encode(id.s);
	return 0;
}

static int send_part(struct vault *v, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_free_ char *query = xasprintf("partNumber=%zu&uploadId=%s", b->etags.n + 1, b->upload);
	_cleanup_call_ struct s3_call c = {
		.method = "PUT", .key = b->key, .query = query, .body = strbuf_cstr(&b->part), .len = b->part.len};
	if (b->etags.n == PARTS_MAX)
		return err_set(err, ERR_IO, "%s: the backup has more than %d parts", v->where, PARTS_MAX);
	if (s3_do(b->s3, &c, err) < 0)
		return -1;
	if (!*c.etag)
		return err_set(err, ERR_NETWORK, "%s: the server takes no parts", v->where);
	strvec_add(&b->etags, c.etag);
	strbuf_reset(&b->part);
	return 0;
}

static int bucket_write(struct vault *v, const void *data, size_t n, struct err *err)
{
	struct bucket *b = v->own;
	strbuf_add(&b->part, data, n);
	return b->part.len >= (size_t)PART << (b->etags.n / PARTS_OF_A_SIZE) ? send_part(v, err) : 0;
}

static void add_escaped(struct strbuf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '&' || *text == '<' || *text == '>')
			strbuf_addf(b, "&#%d;", *text);
		else
			strbuf_addc(b, *text);
	}
}

static int complete(struct vault *v, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	_cleanup_free_ char *query = xasprintf("uploadId=%s", b->upload);
	strbuf_adds(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < b->etags.n; i++) {
		strbuf_addf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
		add_escaped(&body, b->etags.v[i]);
		strbuf_adds(&body, "</ETag></Part>");
	}
	strbuf_adds(&body, "</CompleteMultipartUpload>");
	_cleanup_call_ struct s3_call c = {
		.method = "POST", .key = b->key, .query = query, .body = body.s, .len = body.len};
	if (s3_do(b->s3, &c, err) < 0)
		return -1;
	/* The server may say 200 first and change its mind. */
	if (strstr(strbuf_cstr(&c.text), "<Error>"))
		return err_set(err, ERR_NETWORK, "%s: the server could not put the parts together", v->where);
	return 0;
}

static int bucket_commit(struct vault *v, const char *manifest, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_call_ struct s3_call c = {
		.method = "PUT", .key = b->manifest_key, .body = manifest, .len = strlen(manifest)};
	if (send_part(v, err) < 0 || complete(v, err) < 0 || s3_do(b->s3, &c, err) < 0)
		return -1;
	end_new(b);
	return 0;
}

static void bucket_abandon(struct vault *v)
{
	struct bucket *b = v->own;
	if (b->upload) {
		_cleanup_err_ struct err ignored = ERR_INIT;
		_cleanup_free_ char *query = xasprintf("uploadId=%s", b->upload);
		_cleanup_call_ struct s3_call c = {.method = "DELETE", .key = b->key, .query = query};
		(void)!s3_do(b->s3, &c, &ignored);
	}
	end_new(b);
}

static int bucket_read(struct vault *v, const char *item, const char *time, vault_sink sink, void *arg, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_free_ char *key = xasprintf("%s/%s/%s/data.zst", v->folder, item, time);
	_cleanup_call_ struct s3_call c = {.method = "GET", .key = key, .sink = sink, .arg = arg};
	return s3_do(b->s3, &c, err);
}

static int bucket_manifest(struct vault *v, const char *item, const char *time, struct strbuf *out, struct err *err)
{
	struct bucket *b = v->own;
	_cleanup_free_ char *key = xasprintf("%s/%s/%s/manifest.json", v->folder, item, time);
	_cleanup_call_ struct s3_call c = {.method = "GET", .key = key};
	if (s3_do(b->s3, &c, err) < 0)
		return -1;
	if (c.text.len > MANIFEST_MAX)
		return err_set(err, ERR_VERIFY, "the manifest is too large");
	strbuf_add(out, strbuf_cstr(&c.text), c.text.len);
	return 0;
}

static void bucket_close(struct vault *v)
{
	struct bucket *b = v->own;
	end_new(b);
	s3_free(b->s3);
	free(b);
	v->own = NULL;
}

const struct vault_kind vault_s3 = {"s3", bucket_open, bucket_list, bucket_begin, bucket_write, bucket_commit,
	bucket_abandon, bucket_manifest, bucket_read, bucket_remove, bucket_close};
