#include "lock/lock.h"
#include <string.h>

int lock_fetch(const struct lock *l, struct cache *c, const struct download_opts *opts, struct err *err)
{
	struct download_opts o = opts ? *opts : (struct download_opts){0};
	_cleanup_free_ struct download *d = xcalloc(l->packages.n + 1, sizeof *d);
	struct arena texts = {0};

	if (!o.gone_hint)
		o.gone_hint = "a mirror keeps only the newest version of a package: \"kiln lock\" pins what it has now";
	for (size_t i = 0; i < l->packages.n; i++) {
		const struct lock_package *p = &l->packages.v[i];
		_cleanup_free_ char *uri = lock_uri(l, p);
		d[i] = (struct download){
			.uri = arena_strdup(&texts, uri),
			.sha256 = p->sha256,
			.size = p->size,
			.what = arena_printf(&texts, "package %s %s", p->name, p->version),
		};
	}
	int done = download_all(c, d, l->packages.n, &o, err);
	arena_release(&texts);
	return done;
}
