#include "base/filter.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>

/* What it hashes are generated passwords, which nobody can guess: rounds add little, and every start pays for them. */
#define PBKDF2_ROUNDS 10000
#define PBKDF2_SALT 32 /* characters */

const char *const filter_names[] = {
	"json", "yaml", "sh", "url", "upper", "b64", "glob", "bcrypt", "sha512crypt", "pbkdf2", NULL};

bool filter_known(const char *name)
{
	for (size_t i = 0; filter_names[i]; i++)
		if (str_eq(filter_names[i], name))
			return true;
	return false;
}

static char *quote_json(const char *value)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addc(&b, '"');
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		if (*p == '"' || *p == '\\')
			strbuf_addf(&b, "\\%c", *p);
		else if (*p == '\n')
			strbuf_adds(&b, "\\n");
		else if (*p < 0x20 || *p == 0x7f)
			strbuf_addf(&b, "\\u%04x", *p);
		else
			strbuf_addc(&b, (char)*p);
	}
	strbuf_addc(&b, '"');
	return strbuf_steal(&b);
}

static char *quote_sh(const char *value)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addc(&b, '\'');
	for (const char *p = value; *p; p++) {
		if (*p == '\'')
			strbuf_adds(&b, "'\\''");
		else
			strbuf_addc(&b, *p);
	}
	strbuf_addc(&b, '\'');
	return strbuf_steal(&b);
}

static char *quote_url(const char *value)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "");
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		bool plain = (*p < 0x80 && isalnum(*p)) || strchr("-._~", *p);
		if (plain)
			strbuf_addc(&b, (char)*p);
		else
			strbuf_addf(&b, "%%%02X", *p);
	}
	return strbuf_steal(&b);
}

static char *upper(const char *value)
{
	char *s = xstrdup(value);
	for (char *p = s; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return s;
}

/* What is neither a letter nor a digit is written by its number: it means nothing to the reader, in whatever quotes. */
static char *glob(const char *value)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_addc(&b, '^');
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		if (*p == '*')
			strbuf_adds(&b, ".*");
		else if (isalnum(*p) || strchr("/-_", *p) || *p >= 0x80)
			strbuf_addc(&b, (char)*p);
		else
			strbuf_addf(&b, "\\x%02x", *p);
	}
	strbuf_addc(&b, '$');
	return strbuf_steal(&b);
}

static char *base64(const char *value)
{
	size_t n = strlen(value);
	char *out = xmalloc(n / 3 * 4 + 5);
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)value, (int)n);
	return out;
}

bool filter_hashes(const char *name)
{
	return str_eq(name, "bcrypt") || str_eq(name, "sha512crypt") || str_eq(name, "pbkdf2");
}

/* 32 bytes that follow from the value, its reference and the method. */
static void derived_salt(const char *method, const char *value, const char *salt_id, uint8_t raw[32])
{
	struct hash *h = hash_new();
	hash_field(h, "kiln crypt salt");
	hash_field(h, method);
	hash_field(h, salt_id);
	hash_field(h, value);
	hash_end_raw(h, raw);
}

static int crypted(const char *prefix, const char *value, const char *salt_id, char **ret, struct err *err)
{
	uint8_t raw[32];
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	derived_salt(prefix, value, salt_id, raw);
	if (!crypt_gensalt_rn(prefix, 0, (const char *)raw, 16, setting, sizeof setting))
		return err_sys(err, errno, "crypt method %s", prefix);
	_cleanup_free_ struct crypt_data *data = xcalloc(1, sizeof *data);
	const char *out = crypt_r(value, setting, data);
	if (!out || out[0] == '*')
		return err_sys(err, errno, "crypt method %s", prefix);
	*ret = xstrdup(out);
	explicit_bzero(data, sizeof *data);
	return 0;
}

/* "KEY,SALT,ROUNDS": the key in hex; the salt is that text itself, not what its hex digits mean. */
static int pbkdf2(const char *value, const char *salt_id, char **ret, struct err *err)
{
	uint8_t raw[32], key[32];
	char salt[HASH_HEX], key_hex[HASH_HEX];
	derived_salt("pbkdf2", value, salt_id, raw);
	hash_hex(raw, salt);
	salt[PBKDF2_SALT] = 0;
	if (!PKCS5_PBKDF2_HMAC(value, (int)strlen(value), (const unsigned char *)salt, PBKDF2_SALT, PBKDF2_ROUNDS,
		    EVP_sha256(), sizeof key, key))
		return err_set(err, ERR_IO, "libcrypto: PBKDF2 failed");
	hash_hex(key, key_hex);
	*ret = xasprintf("%s,%s,%d", key_hex, salt, PBKDF2_ROUNDS);
	return 0;
}

int filter_apply(const char *name, const char *value, const char *salt_id, char **ret, struct err *err)
{
	if (str_eq(name, "json") || str_eq(name, "yaml"))
		return *ret = quote_json(value), 0;
	if (str_eq(name, "sh"))
		return *ret = quote_sh(value), 0;
	if (str_eq(name, "url"))
		return *ret = quote_url(value), 0;
	if (str_eq(name, "upper"))
		return *ret = upper(value), 0;
	if (str_eq(name, "b64"))
		return *ret = base64(value), 0;
	if (str_eq(name, "glob"))
		return *ret = glob(value), 0;
	if (str_eq(name, "bcrypt"))
		return crypted("$2b$", value, salt_id, ret, err);
	if (str_eq(name, "sha512crypt"))
		return crypted("$6$", value, salt_id, ret, err);
	if (str_eq(name, "pbkdf2"))
		return pbkdf2(value, salt_id, ret, err);
	const char *near = str_nearest(name, filter_names);
	err_set(err, ERR_CONFIG, "unknown filter \"%s\"", name);
	return near ? err_hint(err, "did you mean \"%s\"?", near) : -1;
}
