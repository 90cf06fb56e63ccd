/*
 * YAML of other programs as JSON, for test scripts, by kiln's own reader: what is plain becomes a number, a truth value
 * or null by its look, as such programs take it; what is in quotes stays a text. yamljson <TEXT
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/yaml.h"

static json_t *value(const struct ynode *n)
{
	json_t *j;

	if (n->kind == Y_LIST) {
		j = json_array();
		for (size_t i = 0; i < n->n; i++)
			json_array_append_new(j, value(n->items[i]));
		return j;
	}
	if (n->kind == Y_MAP) {
		j = json_object();
		for (size_t i = 0; i < n->n; i++)
			json_object_set_new(j, n->pairs[i].key->text, value(n->pairs[i].value));
		return j;
	}
	if (n->quoted)
		return json_string(n->text);
	if (ynode_is_null(n))
		return json_null();
	j = json_loads(n->text, JSON_DECODE_ANY, NULL);
	if (json_is_number(j) || json_is_boolean(j))
		return j;
	json_decref(j);
	return json_string(n->text);
}

int main(void)
{
	_cleanup_err_ struct err err = ERR_INIT;
	_cleanup_strbuf_ struct strbuf in = STRBUF_INIT;
	struct arena mem = {0};
	char buf[4096];
	size_t n;

	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		strbuf_add(&in, buf, n);
	const struct ynode *root = yaml_parse(&mem, in.s ? in.s : "", in.len, "input", &err);
	if (root) {
		_cleanup_json_ json_t *j = value(root);
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		fprintf(stderr, "%s\n", err.msg);
	}
	return !root;
}
