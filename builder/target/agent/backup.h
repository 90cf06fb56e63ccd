/*
 * Backups (docs/backup.md): what a service saves goes as one compressed stream, with a manifest beside it, into a
 * vault, FOLDER/ITEM/TIME/. Vaults are a disk and an S3 bucket. Nothing here knows what the streams hold.
 */
#pragma once
#include "base/hash.h"
#include "target/agent/agent.h"

enum { BACKUP_TIME = 17 }; /* "20261129T084512Z" and the NUL */
/* The name of a backup: its time, in UTC. Parsing takes nothing but what formatting gives. */
void backup_time_format(int64_t t, char out[BACKUP_TIME]);
bool backup_time_parse(const char *name, int64_t *ret);
/* "2026-11-29 08:45:12 UTC", in a static ring of four. */
const char *backup_time_text(int64_t t);

#define MANIFEST_MAX (64u << 10)
struct manifest {
	char *appliance, *version, *item;
	int64_t time;
	uint64_t size; /* of the compressed stream */
	char sha256[HASH_HEX];
};
char *manifest_text(const struct manifest *m) __attribute__((returns_nonnull)); /* canonical JSON */
/* Text from outside. ERR_VERIFY when it is not such a manifest, in any way. `name` is what errors call it. */
int manifest_parse(const char *text, size_t len, const char *name, struct manifest *ret, struct err *err);
void manifest_release(struct manifest *m);
#define _cleanup_manifest_ __attribute__((cleanup(manifest_release)))

/* How many stay: the newest `last`, and the newest of each of the last `daily` days and `weekly` weeks that have one.
 */
struct keep {
	uint64_t last, daily, weekly;
};
/* `times` newest first. The newest stays whatever is said. Days and weeks (from Monday) are those of UTC. */
void keep_mark(const int64_t *times, size_t n, const struct keep *k, bool *kept);

struct vault;
typedef int (*vault_sink)(void *arg, const void *data, size_t n, struct err *err);
struct vault_kind {
	const char *name;
	int (*open)(struct vault *v, const struct agent *a, const json_t *options, struct err *err);
	/* Names of all backups of an item that have a manifest; unsorted. */
	int (*list)(struct vault *v, const char *item, struct strvec *times, struct err *err);
	/* A new backup; it appears whole with `commit`, or never. `abandon` after anything else. */
	int (*begin)(struct vault *v, const char *item, const char *time, struct err *err);
	int (*write)(struct vault *v, const void *data, size_t n, struct err *err);
	int (*commit)(struct vault *v, const char *manifest, struct err *err);
	void (*abandon)(struct vault *v);
	int (*manifest)(struct vault *v, const char *item, const char *time, struct strbuf *out, struct err *err);
	int (*read)(struct vault *v, const char *item, const char *time, vault_sink sink, void *arg, struct err *err);
	int (*remove)(struct vault *v, const char *item, const char *time, struct err *err);
	void (*close)(struct vault *v);
};
struct vault {
	const struct vault_kind *kind;
	const char *folder;
	char *where; /* for people: "the disk kiln-backup" */
	void *own;   /* the kind's */
};
extern const struct vault_kind vault_disk, vault_s3;
/* By the machine's options; `options` (resolved) must outlive the vault. vault_close also after an error. */
int vault_open(struct vault *v, const struct agent *a, const json_t *options, struct err *err);
void vault_close(struct vault *v);
#define _cleanup_vault_ __attribute__((cleanup(vault_close)))
/* All whole backups of an item, newest first; what has no good manifest is counted in *damaged. */
struct backup_list {
	struct manifest *v;
	size_t n, damaged;
};
int vault_backups(struct vault *v, const char *item, struct backup_list *ret, struct err *err);
void backup_list_release(struct backup_list *l);
#define _cleanup_backups_ __attribute__((cleanup(backup_list_release)))

/* Only one backup or restore at a time: a descriptor that holds the lock, or -1. */
int backup_lock(const struct agent *a, struct err *err);
/* The options with their references resolved, or NULL: none are made here. */
json_t *backup_options(const struct agent *a, struct err *err);
/* Items by the names of services or of items; all when there are none. ERR_USAGE: unknown. The caller frees *ret. */
int backup_items(
	const struct agent *a, char *const *names, const struct backup_item ***ret, size_t *n, struct err *err);

/* Between a container's program and the vault, through the compressor. */
int stream_save(
	const struct agent *a, const struct backup_item *b, struct vault *v, struct manifest *m, struct err *err);
/* What lies there is what the manifest says. ERR_VERIFY. */
int stream_verify(struct vault *v, const struct manifest *m, struct err *err);
int stream_load(
	const struct agent *a, const struct backup_item *b, struct vault *v, const struct manifest *m, struct err *err);

/* Those who are started again after a restore of these items: units, each once. Unknown containers are left out. */
void backup_restarts(const struct agent *a, const struct backup_item *const *items, size_t n, struct strvec *units);

/* STATE/backup.json: the last success and the last failure of each item. */
int backup_note(const struct agent *a, const char *item, const struct manifest *done, const char *where,
	const char *error, struct err *err);
/* For the status: NULL when no backups are made. Failures are appended to `problems`. */
json_t *backup_status(const struct agent *a, json_t *problems);
/* Adds when the timer runs next. */
void backup_next(const struct agent *a, json_t *backup);
