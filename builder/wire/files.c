/* Files of a wiring, as its parts add them. */
#include "base/str.h"
#include "plan/rt.h"
#include "wire/parts.h"

struct wire_file *wire_add(struct wire_files *w, const char *path)
{
	vec_push(&w->list, (struct wire_file){.path = arena_strdup(&w->arena, path)});
	return &w->list.v[w->list.n - 1];
}

void wire_add_text(struct wire_files *w, const char *path, unsigned mode, const char *text)
{
	struct wire_file *f = wire_add(w, path);
	f->data = arena_strdup(&w->arena, text);
	f->len = strlen(text);
	f->mode = mode;
}

void wire_add_link(struct wire_files *w, const char *path, const char *target)
{
	wire_add(w, path)->target = arena_strdup(&w->arena, target);
}

bool wire_file_is_rendered(const struct file_spec *f)
{
	return f->text && (f->runtime || f->secret);
}

bool wire_env_is_rendered(const struct kv *e)
{
	return e->secret || rtext_has_reference(e->value);
}
