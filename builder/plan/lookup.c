/* Finding things in an appliance, for its makers and its readers. */
#include "base/str.h"
#include "plan/appliance.h"

const struct container *appliance_container(const struct appliance *a, const char *name)
{
	for (size_t i = 0; i < a->containers.n; i++)
		if (!strcmp(a->containers.v[i].name, name))
			return &a->containers.v[i];
	return NULL;
}
