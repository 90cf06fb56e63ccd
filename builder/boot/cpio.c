#include "boot/cpio.h"
#include <string.h>

static void pad(struct strbuf *b, size_t to)
{
	while (b->len % to)
		strbuf_addc(b, '\0');
}

static void entry(struct cpio *c, const char *name, uint32_t inode, unsigned mode, const void *data, size_t len,
	unsigned major, unsigned minor)
{
	size_t name_len = strlen(name) + 1;

	strbuf_addf(&c->b, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", inode, mode, 0U, 0U,
		S_ISDIR(mode) ? 2U : 1U, 0U, len, 0U, 0U, major, minor, name_len, 0U);
	strbuf_add(&c->b, name, name_len);
	pad(&c->b, 4);
	if (len)
		strbuf_add(&c->b, data, len);
	pad(&c->b, 4);
}

void cpio_add(struct cpio *c, const char *name, unsigned mode, const void *data, size_t len)
{
	entry(c, name, ++c->inode, mode, data, len, 0, 0);
}

void cpio_add_device(struct cpio *c, const char *name, unsigned mode, unsigned major, unsigned minor)
{
	entry(c, name, ++c->inode, mode, NULL, 0, major, minor);
}

void cpio_end(struct cpio *c)
{
	entry(c, "TRAILER!!!", 0, 0, NULL, 0, 0, 0);
	pad(&c->b, 512);
}

void cpio_release(struct cpio *c)
{
	strbuf_release(&c->b);
}
