#include "base/hash.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

struct hash {
	EVP_MD_CTX *ctx;
};

struct hash *hash_new(void)
{
	struct hash *h = xmalloc(sizeof *h);

	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		abort();
	return h;
}

void hash_add(struct hash *h, const void *data, size_t n)
{
	if (EVP_DigestUpdate(h->ctx, data, n) != 1)
		abort();
}

void hash_field_u64(struct hash *h, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	hash_add(h, b, sizeof b);
}

void hash_field(struct hash *h, const char *s)
{
	hash_field_u64(h, s ? strlen(s) : UINT64_MAX);
	if (s)
		hash_add(h, s, strlen(s));
}

void hash_end_raw(struct hash *h, uint8_t raw[32])
{
	if (EVP_DigestFinal_ex(h->ctx, raw, NULL) != 1)
		abort();
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hash_hex(const uint8_t raw[32], char hex[HASH_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[64] = 0;
}

void hash_end(struct hash *h, char hex[HASH_HEX])
{
	uint8_t raw[32];

	hash_end_raw(h, raw);
	hash_hex(raw, hex);
}

void hash_bytes(const void *data, size_t n, char hex[HASH_HEX])
{
	struct hash *h = hash_new();

	hash_add(h, data, n);
	hash_end(h, hex);
}

int hash_fd(int fd, char hex[HASH_HEX], struct err *err)
{
	struct hash *h = hash_new();
	_cleanup_free_ char *buf = xmalloc(1 << 18);

	for (;;) {
		ssize_t n = read(fd, buf, 1 << 18);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int e = errno;
			hash_end(h, hex);
			return n < 0 ? err_sys(err, e, "read for hashing") : 0;
		}
		hash_add(h, buf, (size_t)n);
	}
}

int hash_file(const char *path, char hex[HASH_HEX], struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	return hash_fd(fd, hex, err) < 0 ? err_wrap(err, "%s", path) : 0;
}
