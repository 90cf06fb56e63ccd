#include "steps/spec.h"
#include "base/path.h"

int spec_hash_files(struct hash *h, const struct file_list *files, struct err *err)
{
	const struct file_spec *v = files->v;

	for (size_t i = 0; i < files->n; i++) {
		char hex[HASH_HEX] = "";
		if (v[i].source && hash_file(v[i].source, hex, err) < 0)
			return -1;
		hash_field(h, v[i].path);
		hash_field(h, v[i].source ? hex : v[i].text);
		hash_field(h, v[i].owner);
		hash_field(h, v[i].group);
		hash_field_u64(h, v[i].mode);
		/* With no mode given, the source's own decides. */
		hash_field_u64(h, v[i].source && !v[i].mode ? path_is_executable(v[i].source) : 0);
	}
	hash_field(h, NULL);
	return 0;
}

void spec_hash_list(struct hash *h, const struct str_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		hash_field(h, l->v[i]);
	hash_field(h, NULL);
}
