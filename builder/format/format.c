#include "format/format.h"
#include "base/mem.h"

const struct format *const formats[] = {&format_raw, &format_qcow2, NULL};

const struct format *format_find(const char *name, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	for (const struct format *const *f = formats; *f; f++) {
		if (str_eq((*f)->name, name))
			return *f;
		strvec_add(&names, (*f)->name);
	}
	_cleanup_free_ char *list = strvec_join(&names, ", ");
	err_set(err, ERR_CONFIG, "unknown output format \"%s\"", name);
	const char *near = str_nearest(name, (const char *const *)names.v);
	if (near)
		err_hint(err, "did you mean \"%s\"? There are: %s", near, list);
	else
		err_hint(err, "there are: %s", list);
	return NULL;
}
