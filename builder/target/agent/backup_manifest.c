/* Names, manifests, and which backups stay: no input or output here. */
#include "base/json.h"
#include "target/agent/backup.h"
#include <time.h>

enum { DAY = 86400 };

void backup_time_format(int64_t t, char out[BACKUP_TIME])
{
	struct tm tm;
	time_t when = (time_t)t;
	gmtime_r(&when, &tm);
	if (!strftime(out, BACKUP_TIME, "%Y%m%dT%H%M%SZ", &tm))
		out[0] = 0;
}

bool backup_time_parse(const char *name, int64_t *ret)
{
	struct tm tm = {0};
	char again[BACKUP_TIME];
	const char *end = strlen(name) == BACKUP_TIME - 1 ? strptime(name, "%Y%m%dT%H%M%SZ", &tm) : NULL;
	if (!end || *end)
		return false;
	int64_t t = (int64_t)timegm(&tm);
	backup_time_format(t, again);
	if (t < 0 || !str_eq(again, name))
		return false;
	*ret = t;
	return true;
}

const char *backup_time_text(int64_t t)
{
	static char ring[4][40];
	static unsigned next;
	char *out = ring[next++ % ARRAY_SIZE(ring)];
	struct tm tm;
	time_t when = (time_t)t;
	gmtime_r(&when, &tm);
	if (!strftime(out, sizeof ring[0], "%Y-%m-%d %H:%M:%S UTC", &tm))
		out[0] = 0;
	return out;
}

char *manifest_text(const struct manifest *m)
{
	char time[BACKUP_TIME];
	backup_time_format(m->time, time);
	_cleanup_json_ json_t *j = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "kiln", 1, "appliance",
		m->appliance, "version", m->version, "item", m->item, "time", time, "compression", "zstd", "size",
		(json_int_t)m->size, "sha256", m->sha256);
	return json_canonical(j);
}

static bool is_hex(const char *s)
{
	return strlen(s) == HASH_HEX - 1 && strspn(s, "0123456789abcdef") == HASH_HEX - 1;
}

static int fill(const json_t *j, struct manifest *m, struct err *err)
{
	static const char *const keys[] = {
		"kiln", "appliance", "version", "item", "time", "compression", "size", "sha256", NULL};
	uint64_t format;
	if (!json_is_object(j))
		return err_set(err, ERR_VERIFY, "expected an object");
	if (json_need_u64(j, "kiln", &format, err) < 0)
		return -1;
	if (format != 1)
		return err_set(err, ERR_VERIFY, "format %llu, this program reads 1", (unsigned long long)format);
	if (json_only_keys(j, keys, err) < 0)
		return -1;
	const char *appliance = json_need_str(j, "appliance", err);
	const char *version = appliance ? json_need_str(j, "version", err) : NULL;
	const char *item = version ? json_need_str(j, "item", err) : NULL;
	const char *time = item ? json_need_str(j, "time", err) : NULL;
	const char *compression = time ? json_need_str(j, "compression", err) : NULL;
	const char *sha256 = compression ? json_need_str(j, "sha256", err) : NULL;
	if (!sha256 || json_need_u64(j, "size", &m->size, err) < 0)
		return -1;
	if (!backup_time_parse(time, &m->time))
		return err_set(err, ERR_VERIFY, "time: expected YYYYMMDDTHHMMSSZ");
	if (!str_eq(compression, "zstd"))
		return err_set(err, ERR_VERIFY, "compression: expected zstd");
	if (!is_hex(sha256))
		return err_set(err, ERR_VERIFY, "sha256: expected 64 hexadecimal digits");
	memcpy(m->sha256, sha256, HASH_HEX);
	m->appliance = xstrdup(appliance);
	m->version = xstrdup(version);
	m->item = xstrdup(item);
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *name, struct manifest *ret, struct err *err)
{
	*ret = (struct manifest){0};
	_cleanup_json_ json_t *j = json_parse_shallow(text, len, name, 4, err);
	if (j && fill(j, ret, err) == 0)
		return 0;
	if (j)
		err_wrap(err, "%s", name);
	err->kind = ERR_VERIFY;
	return -1;
}

void manifest_release(struct manifest *m)
{
	free(m->appliance);
	free(m->version);
	free(m->item);
	*m = (struct manifest){0};
}

static int64_t period(int64_t t, bool weeks)
{
	int64_t day = t / DAY;
	return weeks ? (day + 3) / 7 : day; /* the epoch was a Thursday */
}

/* The newest of each of the last `count` days or weeks that have any. */
static void mark_periods(const int64_t *times, size_t n, uint64_t count, bool weeks, bool *kept)
{
	for (size_t i = 0; i < n && count; i++)
		if (i == 0 || period(times[i], weeks) != period(times[i - 1], weeks)) {
			kept[i] = true;
			count--;
		}
}

void keep_mark(const int64_t *times, size_t n, const struct keep *k, bool *kept)
{
	for (size_t i = 0; i < n; i++)
		kept[i] = i == 0 || i < k->last;
	mark_periods(times, n, k->daily, false, kept);
	mark_periods(times, n, k->weekly, true, kept);
}
