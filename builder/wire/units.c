/*
 * Start order of the provision graphs: kiln-provision@.service (overlays/base/os) is one unit for all, a drop-in per
 * graph says after what it runs.
 */
#include "base/str.h"
#include "wire/parts.h"

static void provision(const struct provision *p, struct wire_files *w)
{
	_cleanup_strvec_ struct strvec after = STRVEC_INIT;
	for (size_t i = 0; i < p->containers.n; i++)
		strvec_addf(&after, "%s.service", p->containers.v[i]);
	for (size_t i = 0; i < p->after.n; i++)
		strvec_addf(&after, "kiln-provision@%s.service", p->after.v[i]);
	_cleanup_free_ char *list = strvec_join(&after, " ");
	_cleanup_free_ char *order = after.n ? xasprintf("[Unit]\nWants=%s\nAfter=%s\n", list, list) : NULL;
	_cleanup_free_ char *dropin = xasprintf(WIRE_UNITS "/kiln-provision@%s.service.d/order.conf", p->id);
	_cleanup_free_ char *link = xasprintf(WIRE_UNITS "/multi-user.target.wants/kiln-provision@%s.service", p->id);
	if (order)
		wire_add_text(w, dropin, 0644, order);
	wire_add_link(w, link, "../kiln-provision@.service");
}

int wire_units(const struct appliance *a, struct wire_files *w, struct err *err)
{
	for (size_t i = 0; i < a->provisions.n; i++) {
		const char *id = a->provisions.v[i].id;
		for (const char *p = id; *p; p++)
			if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
				    strchr("-_.", *p)))
				return err_set(err, ERR_CONFIG, "provision \"%s\" cannot be the name of a unit", id);
		provision(&a->provisions.v[i], w);
	}
	if (a->gpu)
		wire_add_link(w, WIRE_UNITS "/kiln-prepared.target.wants/kiln-gpu.service", "../kiln-gpu.service");
	return 0;
}
