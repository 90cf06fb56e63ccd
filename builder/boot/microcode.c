#include "boot/microcode.h"
#include "base/mem.h"
#include "base/path.h"
#include "tree/tools.h"

#define FILE_MAX (64U << 20)

static int join(const char *const *lowers, const char *pattern, struct strbuf *out, struct err *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_free_ char *dir = path_dir(pattern + 1);

	if (tree_names(lowers, dir, path_base(pattern), &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		size_t len;
		_cleanup_free_ char *path = path_join(dir, names.v[i]), *file = tree_file(lowers, path, err);
		_cleanup_free_ char *data = file ? path_read(file, FILE_MAX, &len, err) : NULL;
		if (!data)
			return -1;
		strbuf_add(out, data, len);
	}
	if (!out->len)
		return err_set(err, ERR_CONFIG, "the OS tree has no %s", pattern);
	return 0;
}

int microcode_archive(struct cpio *c, const char *const *os_lowers, const struct kv_list *wanted, struct err *err)
{
	static const char *const dirs[] = {"kernel", "kernel/x86", "kernel/x86/microcode"};

	for (size_t i = 0; wanted->n && i < ARRAY_SIZE(dirs); i++)
		cpio_add(c, dirs[i], S_IFDIR | 0755, NULL, 0);
	for (size_t i = 0; i < wanted->n; i++) {
		_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
		_cleanup_free_ char *name = xasprintf("kernel/x86/microcode/%s.bin", wanted->v[i].key);
		if (join(os_lowers, wanted->v[i].value, &all, err) < 0)
			return err_wrap(err, "microcode %s", wanted->v[i].key);
		cpio_add(c, name, S_IFREG | 0644, all.s, all.len);
	}
	if (wanted->n)
		cpio_end(c);
	return 0;
}
