#include "config/yaml.h"
#include "base/path.h"
#include "base/str.h"
#include "base/vec.h"
#include <stdio.h>
#include <yaml.h>

#define YAML_MAX_FILE ((size_t)4 << 20)
#define YAML_MAX_DEPTH 48

struct reader {
	struct arena *arena;
	yaml_parser_t parser;
	const char *file;
	unsigned depth;
};

static const struct ynode *read_node(struct reader *r, yaml_event_t *ev, struct err *err);

static int at(const struct reader *r, yaml_mark_t mark, struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, "%s:%zu:%zu: %s", r->file, mark.line + 1, mark.column + 1, what);
}

static int next_event(struct reader *r, yaml_event_t *ev, struct err *err)
{
	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unreadable";
	/* A reader error (bad UTF-8) has an offset but no mark. */
	if (p->error == YAML_READER_ERROR)
		return err_set(err, ERR_CONFIG, "%s: byte %zu: not YAML: %s", r->file, p->problem_offset, problem);
	if (p->context && p->context_mark.line != p->problem_mark.line)
		return err_set(err, ERR_CONFIG, "%s:%zu:%zu: not YAML: %s %s of line %zu", r->file,
			p->problem_mark.line + 1, p->problem_mark.column + 1, problem, p->context,
			p->context_mark.line + 1);
	return err_set(err, ERR_CONFIG, "%s:%zu:%zu: not YAML: %s", r->file, p->problem_mark.line + 1,
		p->problem_mark.column + 1, problem);
}

static struct ynode *new_node(struct reader *r, enum ynode_kind kind, const yaml_event_t *ev)
{
	struct ynode *n = ARENA_NEW(r->arena, struct ynode);
	n->kind = kind;
	n->file = r->file;
	n->line = (unsigned)ev->start_mark.line + 1;
	n->column = (unsigned)ev->start_mark.column + 1;
	return n;
}

static const struct ynode *read_scalar(struct reader *r, const yaml_event_t *ev, struct err *err)
{
	struct ynode *n = new_node(r, Y_SCALAR, ev);
	size_t len = ev->data.scalar.length;
	if (memchr(ev->data.scalar.value, 0, len)) {
		at(r, ev->start_mark, err, "a NUL byte in a text");
		return NULL;
	}
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_strndup(r->arena, (const char *)ev->data.scalar.value, len);
	return n;
}

static const struct ynode *read_list(struct reader *r, const yaml_event_t *start, struct err *err)
{
	struct ynode *n = new_node(r, Y_LIST, start);
	VEC(const struct ynode *) items = {0};
	for (;;) {
		yaml_event_t ev;
		if (next_event(r, &ev, err) < 0)
			break;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			n->n = items.n;
			n->items = arena_alloc(r->arena, (items.n + 1) * sizeof *n->items);
			if (items.n)
				memcpy(n->items, items.v, items.n * sizeof *n->items);
			vec_release(&items);
			return n;
		}
		const struct ynode *item = read_node(r, &ev, err);
		yaml_event_delete(&ev);
		if (!item)
			break;
		vec_push(&items, item);
	}
	vec_release(&items);
	return NULL;
}

static int check_key(const struct ynode *key, const struct ypair *pairs, size_t n, struct err *err)
{
	if (key->kind != Y_SCALAR)
		return ynode_err(key, err, "a key must be a text, found %s", ynode_describe(key));
	for (size_t i = 0; i < n; i++)
		if (!strcmp(pairs[i].key->text, key->text))
			return ynode_err(
				key, err, "%s: written twice, first in line %u", key->text, pairs[i].key->line);
	return 0;
}

static const struct ynode *read_map(struct reader *r, const yaml_event_t *start, struct err *err)
{
	struct ynode *n = new_node(r, Y_MAP, start);
	VEC(struct ypair) pairs = {0};
	for (;;) {
		yaml_event_t ev;
		if (next_event(r, &ev, err) < 0)
			break;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			n->n = pairs.n;
			n->pairs = arena_alloc(r->arena, (pairs.n + 1) * sizeof *n->pairs);
			if (pairs.n)
				memcpy(n->pairs, pairs.v, pairs.n * sizeof *n->pairs);
			vec_release(&pairs);
			return n;
		}
		struct ypair pair = {0};
		pair.key = read_node(r, &ev, err);
		yaml_event_delete(&ev);
		if (!pair.key || check_key(pair.key, pairs.v, pairs.n, err) < 0 || next_event(r, &ev, err) < 0)
			break;
		pair.value = read_node(r, &ev, err);
		yaml_event_delete(&ev);
		if (!pair.value)
			break;
		vec_push(&pairs, pair);
	}
	vec_release(&pairs);
	return NULL;
}

static const struct ynode *read_collection(struct reader *r, const yaml_event_t *ev, struct err *err)
{
	if (r->depth == YAML_MAX_DEPTH) {
		at(r, ev->start_mark, err, "nested too deeply");
		return NULL;
	}
	r->depth++;
	const struct ynode *n = ev->type == YAML_MAPPING_START_EVENT ? read_map(r, ev, err) : read_list(r, ev, err);
	r->depth--;
	return n;
}

/* The caller deletes the event. */
static const struct ynode *read_node(struct reader *r, yaml_event_t *ev, struct err *err)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		at(r, ev->start_mark, err, "aliases are not supported: write the value out");
		return NULL;
	default:
		at(r, ev->start_mark, err, "not YAML: a value is missing");
		return NULL;
	}
	if (anchor || tag) {
		at(r, ev->start_mark, err, anchor ? "anchors are not supported" : "tags are not supported");
		return NULL;
	}
	return ev->type == YAML_SCALAR_EVENT ? read_scalar(r, ev, err) : read_collection(r, ev, err);
}

/* The events around the one node: stream start, document start, NODE, document end, stream end. */
static const struct ynode *read_document(struct reader *r, struct err *err)
{
	const struct ynode *root = NULL;
	for (;;) {
		yaml_event_t ev;
		if (next_event(r, &ev, err) < 0)
			return NULL;
		yaml_event_type_t type = ev.type;
		if (type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&ev);
			if (!root)
				err_set(err, ERR_CONFIG, "%s:1:1: the file is empty", r->file);
			return root;
		}
		if (type == YAML_DOCUMENT_START_EVENT && root) {
			at(r, ev.start_mark, err, "a second document: one file holds one");
			yaml_event_delete(&ev);
			return NULL;
		}
		if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
			type != YAML_DOCUMENT_END_EVENT) {
			root = read_node(r, &ev, err);
			if (!root) {
				yaml_event_delete(&ev);
				return NULL;
			}
		}
		yaml_event_delete(&ev);
	}
}

/* UTF-8 and nothing else. Some editors begin a file with a mark of that, which libyaml takes for text when told. */
static void set_input(yaml_parser_t *parser, const char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skip = len >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;

	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text + skip, len - skip);
}

const struct ynode *yaml_parse(struct arena *arena, const char *text, size_t len, const char *name, struct err *err)
{
	struct reader r = {.arena = arena, .file = arena_strdup(arena, name)};
	if (!yaml_parser_initialize(&r.parser)) {
		err_set(err, ERR_IO, "%s: out of memory", name);
		return NULL;
	}
	set_input(&r.parser, text, len);
	const struct ynode *root = read_document(&r, err);
	yaml_parser_delete(&r.parser);
	return root;
}

const struct ynode *yaml_load(struct arena *arena, const char *path, const char *name, struct err *err)
{
	size_t len;
	_cleanup_free_ char *text = path_read(path, YAML_MAX_FILE, &len, err);
	return text ? yaml_parse(arena, text, len, name, err) : NULL;
}

int yaml_check(const char *text, size_t len, unsigned *ret_line, unsigned *ret_column, const char **ret_problem)
{
	yaml_parser_t parser;
	bool end = false;
	if (!yaml_parser_initialize(&parser)) {
		*ret_line = *ret_column = 1;
		*ret_problem = "out of memory";
		return -1;
	}
	set_input(&parser, text, len);
	while (!end) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&parser, &ev)) {
			*ret_line = (unsigned)parser.problem_mark.line + 1;
			*ret_column = (unsigned)parser.problem_mark.column + 1;
			*ret_problem = parser.problem ? parser.problem : "unreadable";
			break;
		}
		end = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
	return end ? 0 : -1;
}

const struct ynode *ynode_get(const struct ynode *map, const char *key)
{
	if (!map || map->kind != Y_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (!strcmp(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	return NULL;
}

bool ynode_is_null(const struct ynode *n)
{
	return n->kind == Y_SCALAR && !n->quoted && (!*n->text || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

const char *ynode_describe(const struct ynode *n)
{
	static _Thread_local char ring[4][64];
	static _Thread_local unsigned turn;
	if (n->kind != Y_SCALAR)
		return n->kind == Y_LIST ? "a list" : "a mapping";
	if (ynode_is_null(n))
		return "nothing";
	char *s = ring[turn++ % 4];
	size_t line = strcspn(n->text, "\n");
	if (line <= 40 && !n->text[line])
		snprintf(s, sizeof ring[0], "'%s'", n->text);
	else
		snprintf(s, sizeof ring[0], "'%.*s...'", (int)(line < 40 ? line : 40), n->text);
	return s;
}

int ynode_err(const struct ynode *n, struct err *err, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_CONFIG, "%s:%u:%u: %s", n->file, n->line, n->column, strbuf_cstr(&b));
}
