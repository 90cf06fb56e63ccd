/* `backup` and `restore`. */
#include "target/agent/backup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/vec.h"
#include "target/agent/text.h"
#include "target/agent/unit.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int backup_lock(const struct agent *a, struct err *err)
{
	_cleanup_free_ char *path = path_join(a->run, "backup.lock");
	if (path_mkdirs(a->run, err) < 0)
		return -1;
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_set(err, ERR_IO, "another backup or restore is running")
					    : err_sys(err, errno, "%s", path);
	return steal_fd(&fd);
}

json_t *backup_options(const struct agent *a, struct err *err)
{
	if (a->m.backup)
		return text_resolve_json(a, a->m.backup, NULL, err);
	err_set(err, ERR_CONFIG, "this appliance makes no backups");
	err_hint(err, "a service that offers them has to be among the services of its profile");
	return NULL;
}

int backup_items(const struct agent *a, char *const *names, const struct backup_item ***ret, size_t *n, struct err *err)
{
	VEC(const struct backup_item *) all = {0};
	for (size_t i = 0; i < a->m.n_saved && !*names; i++)
		vec_push(&all, &a->m.saved[i]);
	for (; *names; names++) {
		size_t before = all.n;
		for (size_t i = 0; i < a->m.n_saved; i++)
			if (str_eq(*names, a->m.saved[i].service) || str_eq(*names, a->m.saved[i].id))
				vec_push(&all, &a->m.saved[i]);
		if (all.n > before)
			continue;
		vec_release(&all);
		return err_set(err, ERR_USAGE, "no backups are made of \"%s\"", *names);
	}
	*ret = all.v;
	*n = all.n;
	return 0;
}

static uint64_t option(const json_t *options, const char *key, uint64_t otherwise)
{
	uint64_t n;
	const char *text = json_string_value(json_object_get(options, key));
	return text && str_to_u64(text, &n) ? n : otherwise;
}

/* Old ones go only when a new one is there; what is damaged is left for people to look at. */
static int prune(struct vault *v, const char *item, const json_t *options, struct err *err)
{
	_cleanup_backups_ struct backup_list l = {0};
	struct keep keep = {
		option(options, "keep_last", 7), option(options, "keep_daily", 0), option(options, "keep_weekly", 0)};
	if (vault_backups(v, item, &l, err) < 0)
		return -1;
	_cleanup_free_ int64_t *times = xcalloc(l.n + 1, sizeof *times);
	_cleanup_free_ bool *kept = xcalloc(l.n + 1, sizeof *kept);
	for (size_t i = 0; i < l.n; i++)
		times[i] = l.v[i].time;
	keep_mark(times, l.n, &keep, kept);
	for (size_t i = 0; i < l.n; i++) {
		char time[BACKUP_TIME];
		backup_time_format(l.v[i].time, time);
		if (!kept[i] && v->kind->remove(v, item, time, err) < 0)
			return err_wrap(err, "remove the backup of %s", backup_time_text(l.v[i].time));
	}
	return 0;
}

/* A clock may have gone back: a new backup is always the newest. */
static int new_time(const struct agent *a, struct vault *v, const char *item, int64_t *ret, struct err *err)
{
	_cleanup_backups_ struct backup_list l = {0};
	if (vault_backups(v, item, &l, err) < 0)
		return -1;
	*ret = (int64_t)agent_time(a);
	if (l.n && l.v[0].time >= *ret)
		*ret = l.v[0].time + 1;
	return 0;
}

static int save_one(
	const struct agent *a, const struct backup_item *b, struct vault *v, const json_t *options, struct err *err)
{
	_cleanup_manifest_ struct manifest m = {.appliance = xstrdup(a->m.name ? a->m.name : ""),
		.version = xstrdup(a->m.version ? a->m.version : ""),
		.item = xstrdup(b->id)};
	uint64_t begun = agent_ms();
	if (new_time(a, v, b->id, &m.time, err) < 0 || stream_save(a, b, v, &m, err) < 0)
		return -1;
	if (backup_note(a, b->id, &m, v->where, NULL, err) < 0)
		return -1;
	printf("%s: %s, %s in %.1f s, on %s\n", b->id, backup_time_text(m.time), str_bytes(m.size),
		(double)(agent_ms() - begun) / 1000, v->where);
	fflush(stdout);
	return prune(v, b->id, options, err);
}

static void note_failure(const struct agent *a, const char *item, const char *why)
{
	_cleanup_err_ struct err err = ERR_INIT;
	if (backup_note(a, item, NULL, NULL, why, &err) < 0)
		log_warn("%s", err.msg);
}

static int save_all(const struct agent *a, const struct backup_item *const *items, size_t n, struct err *err)
{
	size_t failed = 0;
	_cleanup_json_ json_t *options = backup_options(a, err);
	_cleanup_vault_ struct vault v = {0};
	if (!options)
		return -1;
	if (vault_open(&v, a, options, err) < 0) {
		for (size_t i = 0; i < n; i++)
			note_failure(a, items[i]->id, err->msg);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		_cleanup_err_ struct err why = ERR_INIT;
		if (save_one(a, items[i], &v, options, &why) == 0)
			continue;
		note_failure(a, items[i]->id, why.msg);
		err_wrap(&why, "%s", items[i]->id);
		if (failed++)
			log_warn("%s", why.msg);
		else
			err_move(err, &why);
	}
	return failed > 1 ? err_wrap(err, "%zu of %zu backups failed; the first", failed, n) : failed ? -1 : 0;
}

static int list_all(const struct agent *a, const struct backup_item *const *items, size_t n, struct err *err)
{
	_cleanup_json_ json_t *options = backup_options(a, err);
	_cleanup_vault_ struct vault v = {0};
	if (!options || vault_open(&v, a, options, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_backups_ struct backup_list l = {0};
		if (vault_backups(&v, items[i]->id, &l, err) < 0)
			return -1;
		for (size_t k = 0; k < l.n; k++) {
			char time[BACKUP_TIME];
			backup_time_format(l.v[k].time, time);
			printf("%-24s %s  %10s  %s %s\n", items[i]->id, time, str_bytes(l.v[k].size), l.v[k].appliance,
				l.v[k].version);
		}
		if (l.damaged)
			printf("%-24s %zu damaged\n", items[i]->id, l.damaged);
	}
	return fflush(stdout) ? err_set(err, ERR_IO, "standard output") : 0;
}

int cmd_backup(struct agent *a, int argc, char **argv, struct err *err)
{
	bool list = argc > 1 && str_eq(argv[1], "--list");
	_cleanup_free_ const struct backup_item **items = NULL;
	size_t n = 0;
	char **names = argv + 1 + list;
	if (*names && **names == '-')
		return err_set(err, ERR_USAGE, "backup [--list] [SERVICE...]: unknown option %s", *names);
	if (backup_items(a, names, &items, &n, err) < 0)
		return -1;
	_cleanup_fd_ int lock = backup_lock(a, err);
	if (lock < 0)
		return -1;
	return list ? list_all(a, items, n, err) : save_all(a, items, n, err);
}

struct choice {
	const struct backup_item *item;
	struct manifest *from;
	struct backup_list all;
};

/* The newest, or the newest that is not after `at`. */
static int choose(struct vault *v, struct choice *c, int64_t at, struct err *err)
{
	if (vault_backups(v, c->item->id, &c->all, err) < 0)
		return -1;
	for (size_t i = 0; i < c->all.n && !c->from; i++)
		if (at < 0 || c->all.v[i].time <= at)
			c->from = &c->all.v[i];
	if (c->from)
		return 0;
	return at < 0 ? err_set(err, ERR_RESOLVE, "%s: no backup on %s", c->item->id, v->where)
		      : err_set(err, ERR_RESOLVE, "%s: no backup of %s or before on %s", c->item->id,
				backup_time_text(at), v->where);
}

static int confirmed(bool yes, struct err *err)
{
	char line[16];
	if (yes)
		return 0;
	if (!isatty(0)) {
		err_set(err, ERR_USAGE, "nothing was restored: nobody is there to confirm it");
		return err_hint(err, "--yes restores without asking");
	}
	fputs("Everything that these services hold now is replaced. Type yes to go on: ", stdout);
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) && str_eq(line, "yes\n"))
		return 0;
	return err_set(err, ERR_USAGE, "nothing was restored");
}

void backup_restarts(const struct agent *a, const struct backup_item *const *items, size_t n, struct strvec *units)
{
	for (size_t i = 0; i < n; i++)
		for (const char *const *name = items[i]->restart; *name; name++) {
			const struct container *c = machine_container(&a->m, *name);
			if (c && !strvec_has(units, c->unit))
				strvec_add(units, c->unit);
		}
}

/* What keeps in memory what it read before shall not go on with that: not after a restore that failed half-way either.
 */
static int restart_readers(const struct agent *a, const struct backup_item *const *items, size_t n, struct err *err)
{
	_cleanup_strvec_ struct strvec units = STRVEC_INIT;
	size_t failed = 0;
	backup_restarts(a, items, n, &units);
	for (size_t i = 0; i < units.n; i++) {
		_cleanup_err_ struct err why = ERR_INIT;
		if (!unit_running(units.v[i]))
			continue;
		if (unit_queue("restart", units.v[i], &why) < 0) {
			log_warn("%s", why.msg);
			failed++;
		} else {
			printf("%s: is started again, to read what is there now\n", units.v[i]);
		}
	}
	fflush(stdout);
	return failed ? err_set(err, ERR_TOOL, "%zu of %zu that read the old content could not be started again",
				failed, units.n)
		      : 0;
}

/* Everything is looked at before anything is touched. */
static int restore(
	const struct agent *a, struct vault *v, struct choice *c, size_t n, bool yes, bool *touched, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		printf("%s: from %s, %s, of %s %s\n", c[i].item->id, backup_time_text(c[i].from->time),
			str_bytes(c[i].from->size), c[i].from->appliance, c[i].from->version);
	fflush(stdout);
	for (size_t i = 0; i < n; i++)
		if (stream_verify(v, c[i].from, err) < 0)
			return err->kind == ERR_VERIFY
				       ? err_hint(err, "nothing was changed; --at takes an older one of backup "
						       "--list")
				       : -1;
	if (confirmed(yes, err) < 0)
		return -1;
	*touched = true;
	for (size_t i = 0; i < n; i++) {
		uint64_t begun = agent_ms();
		if (stream_load(a, c[i].item, v, c[i].from, err) < 0)
			return err_wrap(err, "restore %s", c[i].item->id);
		printf("%s: restored in %.1f s\n", c[i].item->id, (double)(agent_ms() - begun) / 1000);
		fflush(stdout);
	}
	return 0;
}

static int restore_items(
	const struct agent *a, const struct backup_item *const *items, size_t n, int64_t at, bool yes, struct err *err)
{
	_cleanup_json_ json_t *options = backup_options(a, err);
	_cleanup_vault_ struct vault v = {0};
	if (!options || vault_open(&v, a, options, err) < 0)
		return -1;
	struct choice *c = xcalloc(n + 1, sizeof *c);
	bool touched = false;
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		c[i].item = items[i];
		r = choose(&v, &c[i], at, err);
	}
	if (r == 0)
		r = restore(a, &v, c, n, yes, &touched, err);
	if (touched) {
		_cleanup_err_ struct err second = ERR_INIT;
		if (restart_readers(a, items, n, r < 0 ? &second : err) < 0)
			r = -1;
	}
	for (size_t i = 0; i < n; i++)
		backup_list_release(&c[i].all);
	free(c);
	return r;
}

int cmd_restore(struct agent *a, int argc, char **argv, struct err *err)
{
	static const char usage[] = "restore [--at TIME] [--yes] SERVICE...";
	_cleanup_free_ const struct backup_item **items = NULL;
	size_t n = 0;
	int64_t at = -1;
	bool yes = false;
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (str_eq(argv[i], "--yes"))
			yes = true;
		else if (!str_eq(argv[i], "--at") || i + 1 >= argc)
			return err_set(err, ERR_USAGE, "%s: unknown option %s", usage, argv[i]);
		else if (!backup_time_parse(argv[++i], &at))
			return err_set(err, ERR_USAGE, "--at %s: expected a time as backup --list shows it", argv[i]);
	}
	if (i == argc)
		return err_set(err, ERR_USAGE, "%s: say which services", usage);
	if (backup_items(a, argv + i, &items, &n, err) < 0)
		return -1;
	_cleanup_fd_ int lock = backup_lock(a, err);
	return lock < 0 ? -1 : restore_items(a, items, n, at, yes, err);
}
