/* In what a lock and a profile differ, for people. The lock has a hash of what was asked; what can be seen without it
 * is named. */
#include "base/str.h"
#include "lock/lock.h"
#include <string.h>

static char *differ_trees(const struct lock *l, const struct appliance *a)
{
	for (size_t i = 0; i < a->trees.n; i++)
		if (!lock_set(l, a->trees.v[i].id))
			return xasprintf("it has nothing for %s", a->trees.v[i].id);
	for (size_t i = 0; i < l->sets.n; i++) {
		bool found = false;
		for (size_t k = 0; k < a->trees.n; k++)
			found = found || str_eq(a->trees.v[k].id, l->sets.v[i].id);
		if (!found)
			return xasprintf("it has packages for %s, which the profile does not have", l->sets.v[i].id);
	}
	return NULL;
}

static char *differ_images(const struct lock *l, const struct appliance *a)
{
	for (size_t i = 0; i < a->containers.n; i++) {
		const struct container *c = &a->containers.v[i];
		const struct lock_image *found = NULL;
		if (!c->source)
			continue;
		for (size_t k = 0; k < l->images.n; k++)
			if (str_eq(l->images.v[k].name, c->upstream))
				found = &l->images.v[k];
		if (!found)
			return xasprintf("it has no image %s", c->upstream);
		if (!str_eq(found->source, c->source))
			return xasprintf("its image %s is from %s, the profile's from %s", c->upstream, found->source,
				c->source);
	}
	for (size_t k = 0; k < l->images.n; k++) {
		bool found = false;
		for (size_t i = 0; i < a->containers.n; i++)
			found = found ||
				(a->containers.v[i].source && str_eq(a->containers.v[i].upstream, l->images.v[k].name));
		if (!found)
			return xasprintf("it has the image %s, which the profile does not have", l->images.v[k].name);
	}
	return NULL;
}

static char *differ_models(const struct lock *l, const struct appliance *a)
{
	for (size_t i = 0; i < a->models.n; i++) {
		const struct model *m = &a->models.v[i];
		const struct lock_model *found = lock_model(l, m->name);
		if (!found)
			return xasprintf("it has no model %s", m->show);
		if (!str_eq(found->source, m->source))
			return xasprintf(
				"its model %s is from %s, the profile's from %s", m->show, found->source, m->source);
	}
	for (size_t k = 0; k < l->models.n; k++) {
		bool found = false;
		for (size_t i = 0; i < a->models.n; i++)
			found = found || str_eq(a->models.v[i].name, l->models.v[k].name);
		if (!found)
			return xasprintf("it has the model %s, which the profile does not have", l->models.v[k].name);
	}
	return NULL;
}

static bool has_package(const struct lock *l, const char *name)
{
	for (size_t i = 0; i < l->packages.n; i++)
		if (str_eq(l->packages.v[i].name, name))
			return true;
	return false;
}

static char *differ_packages(const struct lock *l, const struct appliance *a)
{
	for (size_t i = 0; i < a->trees.n; i++) {
		const struct str_list *list = &a->trees.v[i].packages;
		for (size_t k = 0; k < list->n; k++)
			if (!has_package(l, list->v[k]))
				return xasprintf(
					"it has no package %s, which %s asks for", list->v[k], a->trees.v[i].id);
	}
	return NULL;
}

char *lock_difference(const struct lock *l, const struct appliance *a)
{
	char *text;

	if (lock_fits(l, a))
		return NULL;
	if (!str_eq(l->arch, a->arch))
		return xasprintf("it is for %s, the profile for %s", l->arch, a->arch);
	if (!str_eq(l->suite, a->suite))
		return xasprintf("it is of %s, the profile of %s", l->suite, a->suite);
	if ((text = differ_trees(l, a)) || (text = differ_images(l, a)) || (text = differ_models(l, a)) ||
		(text = differ_packages(l, a)))
		return text;
	return xstrdup("the packages that are asked for, the components, the mirror or texts of models are others now");
}
