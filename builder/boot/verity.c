#include "boot/verity.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK 4096

/* Salt and UUID come from the image's key: the same image has the same root hash. */
static void derive(const char *key, const char *what, char salt[HASH_HEX], char uuid[37])
{
	struct hash *h = hash_new();

	hash_field(h, "kiln verity");
	hash_field(h, key);
	hash_field(h, what);
	hash_end(h, salt);
	char id[HASH_HEX];
	hash_bytes(salt, strlen(salt), id);
	id[12] = '8'; /* a version 8 UUID (RFC 9562) */
	id[16] = 'a';
	snprintf(uuid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
}

static int read_root_hash(const char *dir, char root_hash[65], struct err *err)
{
	_cleanup_free_ char *file = path_join(dir, "root-hash");
	_cleanup_free_ char *text = path_read(file, 4096, NULL, err);

	if (!text)
		return -1;
	if (strspn(text, "0123456789abcdef") != 64)
		return err_set(err, ERR_TOOL, "veritysetup gave no root hash");
	memcpy(root_hash, text, 64);
	root_hash[64] = '\0';
	return 0;
}

int verity_format(const struct tools *t, const char *data, const char *key, const char *what, const char *out,
	char root_hash[65], struct err *err)
{
	char salt[HASH_HEX], uuid[37];
	struct stat st;

	if (stat(data, &st) < 0)
		return err_sys(err, errno, "verity: %s", data);
	if (st.st_size == 0 || st.st_size % BLOCK)
		return err_set(err, ERR_IO, "verity: %s is not a multiple of %d bytes", data, BLOCK);
	_cleanup_workdir_ char *dir = tools_workdir(out, err);
	if (!dir)
		return -1;
	derive(key, what, salt, uuid);
	_cleanup_free_ char *salt_arg = xasprintf("--salt=%s", salt), *uuid_arg = xasprintf("--uuid=%s", uuid);
	const struct ns_bind binds[] = {{.from = data, .to = "/kiln/data", .read_only = true}, {0}};
	const char *argv[] = {"veritysetup", "format", "--format=1", "--hash=sha256", "--data-block-size=4096",
		"--hash-block-size=4096", salt_arg, uuid_arg, "--root-hash-file=root-hash", "/kiln/data", "tree", NULL};
	if (tools_run_with(t, dir, binds, argv, NULL, err) < 0)
		return err_wrap(err, "verity of the %s", what);
	if (read_root_hash(dir, root_hash, err) < 0)
		return err_wrap(err, "verity of the %s", what);
	return tools_publish(dir, "tree", out, err);
}
