/* `secrets`: create what is missing, never replace. Runs at every boot, before anything that uses a secret. */
#include "target/agent/secrets.h"
#include "base/path.h"
#include "target/agent/ca.h"
#include "target/agent/given.h"
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static int random_bytes(void *buf, size_t n, struct err *err)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = getrandom((char *)buf + done, n - done, 0);
		if (r < 0 && errno != EINTR)
			return err_sys(err, errno, "random numbers");
		done += r > 0 ? (size_t)r : 0;
	}
	return 0;
}

/* Letters and digits: as many as carry the entropy of n bytes, each drawn without bias. */
static int random_alnum(size_t n, struct strbuf *out, struct err *err)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t want = (n * 8 * 100 + 594) / 595;
	while (out->len < want) {
		uint8_t b;
		if (random_bytes(&b, 1, err) < 0)
			return -1;
		if (b < 4 * 62)
			strbuf_addc(out, set[b % 62]);
	}
	return 0;
}

int secret_make(unsigned bytes, const char *encoding, struct strbuf *out, struct err *err)
{
	uint8_t raw[1024];
	if (bytes < 8 || bytes > sizeof raw)
		return err_set(err, ERR_CONFIG, "%u bytes: a secret has 8 to %zu", bytes, sizeof raw);
	if (str_eq(encoding, "alnum"))
		return random_alnum(bytes, out, err);
	bool hex = !encoding || str_eq(encoding, "hex");
	if (!hex && !str_eq(encoding, "base64"))
		return err_set(err, ERR_CONFIG, "unknown encoding \"%s\"", encoding);
	if (random_bytes(raw, bytes, err) < 0)
		return -1;
	if (hex) {
		for (unsigned i = 0; i < bytes; i++)
			strbuf_addf(out, "%02x", raw[i]);
	} else {
		char text[sizeof raw / 3 * 4 + 8];
		int n = EVP_EncodeBlock((unsigned char *)text, raw, (int)bytes);
		strbuf_add(out, text, (size_t)n);
		explicit_bzero(text, sizeof text);
	}
	explicit_bzero(raw, sizeof raw);
	return 0;
}

static int ensure(const struct agent *a, const struct secret *s, struct err *err)
{
	if (!agent_id_ok(s->id))
		return err_set(err, ERR_CONFIG, "not usable as an id");
	if (s->certificate)
		return ca_leaf_ensure(a, s, err) < 0 ? -1 : 0;
	if (s->given)
		return given_ensure(a, s, err);
	_cleanup_free_ char *path = xasprintf("%s/secrets/%s", a->state, s->id);
	struct stat st;
	/* Written by rename after a sync, so never half there; an empty file can only be foreign. */
	if (stat(path, &st) == 0 && st.st_size > 0)
		return 0;
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
	if (secret_make(s->bytes, s->encoding, &value, err) < 0)
		return -1;
	int r = agent_write(path, value.s, value.len, 0600, err);
	explicit_bzero(value.s, value.len);
	return r;
}

int cmd_secrets(struct agent *a, int argc, char **argv, struct err *err)
{
	(void)argc, (void)argv;
	if (agent_private_dirs(a, err) < 0 || ca_ensure(a, err) < 0)
		return -1;
	for (size_t i = 0; i < a->m.n_secrets; i++)
		if (ensure(a, &a->m.secrets[i], err) < 0)
			return err_wrap(err, "secret %s", a->m.secrets[i].id);
	return 0;
}
