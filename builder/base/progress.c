#include "base/progress.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct progress_step {
	struct progress_step *next;
	char *name, *what;
	uint64_t done, total;
	enum progress_unit unit;
	double begun;
};

static struct {
	pthread_mutex_t lock;
	struct progress_step *running;
	json_t *finished;
	unsigned lines; /* live lines on the terminal now */
	double drawn;	/* when they were drawn */
	int tty;	/* -1 unknown */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .tty = -1};

/*
 * A child that goes on in our code (tree/namespace.c) must not inherit a lock that another thread holds, and leaves the
 * live lines to its parent.
 */
static void before_fork(void)
{
	pthread_mutex_lock(&state.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&state.lock);
}

static void in_child(void)
{
	state.tty = 0;
	state.lines = 0;
	pthread_mutex_unlock(&state.lock);
}

static __attribute__((constructor)) void prepare_forks(void)
{
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool on_terminal(void)
{
	if (state.tty < 0) {
		const char *term = getenv("TERM");
		state.tty = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	}
	return state.tty && log_get() > LOG_QUIET;
}

static void hide(void)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (; state.lines; state.lines--)
		strbuf_adds(&b, "\033[1A\033[2K");
	if (b.len)
		(void)!write(STDERR_FILENO, b.s, b.len);
}

static void add_amount(struct strbuf *b, const struct progress_step *s)
{
	if (!s->done && !s->total)
		return;
	strbuf_adds(b, "  ");
	if (s->unit == PROGRESS_BYTES)
		strbuf_adds(b, str_bytes(s->done));
	else
		strbuf_addf(b, "%llu", (unsigned long long)s->done);
	if (!s->total)
		return;
	if (s->unit == PROGRESS_BYTES)
		strbuf_addf(b, " of %s", str_bytes(s->total));
	else
		strbuf_addf(b, " of %llu", (unsigned long long)s->total);
	strbuf_addf(b, " (%.0f %%)", 100.0 * (double)s->done / (double)s->total);
}

/* One line per running step, cut to the width, so that erasing by line count works. */
static void draw(double t)
{
	struct winsize w;
	size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col - 1u : 79;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	hide();
	for (struct progress_step *s = state.running; s; s = s->next) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		strbuf_addf(&b, "  %-10s %s", s->name, s->what);
		add_amount(&b, s);
		strbuf_addf(&b, "  %.0f s", t - s->begun);
		strbuf_add(&out, b.s, b.len < width ? b.len : width);
		strbuf_addc(&out, '\n');
		state.lines++;
	}
	if (out.len)
		(void)!write(STDERR_FILENO, out.s, out.len);
	state.drawn = t;
}

void progress_hide(void)
{
	pthread_mutex_lock(&state.lock);
	hide();
	pthread_mutex_unlock(&state.lock);
}

struct progress_step *progress_begin(const char *name, const char *what, uint64_t total, enum progress_unit unit)
{
	struct progress_step *s = xcalloc(1, sizeof *s);

	s->name = xstrdup(name);
	s->what = xstrdup(what);
	s->total = total;
	s->unit = unit;
	s->begun = now();
	pthread_mutex_lock(&state.lock);
	log_before_line(progress_hide);
	struct progress_step **end = &state.running;
	while (*end)
		end = &(*end)->next;
	*end = s;
	if (on_terminal())
		draw(s->begun);
	pthread_mutex_unlock(&state.lock);
	return s;
}

void progress_add(struct progress_step *s, uint64_t n)
{
	pthread_mutex_lock(&state.lock);
	s->done += n;
	double t = now();
	if (t - state.drawn > 0.1 && on_terminal())
		draw(t);
	pthread_mutex_unlock(&state.lock);
}

void progress_total(struct progress_step *s, uint64_t total)
{
	pthread_mutex_lock(&state.lock);
	s->total = total;
	pthread_mutex_unlock(&state.lock);
}

/* The line that stays. Steps taken from the cache are silent: nothing was done. */
static void say_ended(const struct progress_step *s, int ok, double seconds)
{
	if (log_get() == LOG_QUIET || (ok == 2 && log_get() < LOG_VERBOSE))
		return;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	strbuf_addf(&b, "  %-10s %s  %.1f s%s\n", s->name, s->what, seconds,
		ok == 0	  ? "  failed"
		: ok == 2 ? "  (cached)"
			  : "");
	(void)!write(STDERR_FILENO, b.s, b.len);
}

void progress_end(struct progress_step *s, int ok)
{
	pthread_mutex_lock(&state.lock);
	double t = now(), seconds = t - s->begun;
	struct progress_step **p = &state.running;
	while (*p && *p != s)
		p = &(*p)->next;
	if (*p)
		*p = s->next;
	if (!state.finished)
		state.finished = json_array();
	json_array_append_new(state.finished, json_pack("{s:s, s:s, s:f, s:b}", "step", s->name, "what", s->what,
						      "seconds", seconds, "cached", ok == 2));
	hide();
	say_ended(s, ok, seconds);
	if (on_terminal())
		draw(t);
	pthread_mutex_unlock(&state.lock);
	free(s->name);
	free(s->what);
	free(s);
}

json_t *progress_timings(void)
{
	pthread_mutex_lock(&state.lock);
	json_t *copy = state.finished ? json_deep_copy(state.finished) : json_array();
	pthread_mutex_unlock(&state.lock);
	return copy;
}
