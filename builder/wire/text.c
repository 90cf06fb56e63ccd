#include "wire/text.h"
#include "base/mem.h"

/* One byte inside double quotes; `$` and `%` doubled, so that systemd takes them as they are. */
static void quoted_byte(struct strbuf *b, unsigned char c)
{
	if (c == '"' || c == '\\')
		strbuf_addf(b, "\\%c", c);
	else if (c == '\n')
		strbuf_adds(b, "\\n");
	else if (c == '\t')
		strbuf_adds(b, "\\t");
	else if (c < 0x20 || c == 0x7f)
		strbuf_addf(b, "\\x%02x", c);
	else if (c == '$' || c == '%')
		strbuf_addf(b, "%c%c", c, c);
	else
		strbuf_addc(b, (char)c);
}

static bool needs_quotes(const char *word)
{
	for (const char *p = word; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("\"'\\#;", *p))
			return true;
	return false;
}

static int check_word(const char *word, struct err *err)
{
	if (!*word)
		return err_set(err, ERR_CONFIG, "an empty argument cannot be passed to a container's command");
	if (str_eq(word, ";"))
		return err_set(err, ERR_CONFIG, "a lone \";\" cannot be passed to a container's command");
	return 0;
}

int unit_word(struct strbuf *b, const char *word, struct err *err)
{
	if (check_word(word, err) < 0)
		return -1;
	bool quote = needs_quotes(word);
	if (quote)
		strbuf_addc(b, '"');
	for (const char *p = word; *p; p++)
		quoted_byte(b, (unsigned char)*p);
	if (quote)
		strbuf_addc(b, '"');
	return 0;
}

static void variable_of(struct strbuf *b, const char *prefix, const char *container)
{
	strbuf_adds(b, prefix);
	for (const char *p = container; *p; p++)
		strbuf_addc(b, *p == '-' ? '_' : *p);
}

void unit_address(struct strbuf *b, const char *container)
{
	variable_of(b, "KILN_IP_", container);
}

void unit_gpus(struct strbuf *b, const char *container)
{
	variable_of(b, "KILN_GPU_", container);
}

/* `ref` is what stands between the braces. */
static int variable(struct strbuf *b, const char *ref, struct err *err)
{
	if (strchr(ref, '|'))
		return err_set(err, ERR_CONFIG, "${%s}: a filter cannot be used in a command line", ref);
	strbuf_adds(b, "${");
	if (str_starts(ref, "address:"))
		unit_address(b, ref + strlen("address:"));
	else if (str_eq(ref, "fact:domain"))
		strbuf_adds(b, "KILN_DOMAIN");
	else if (str_eq(ref, "fact:hostname"))
		strbuf_adds(b, "KILN_HOSTNAME");
	else
		return err_set(err, ERR_CONFIG, "${%s} cannot be used in a command line", ref);
	strbuf_addc(b, '}');
	return 0;
}

int unit_rt_word(struct strbuf *b, const char *text, struct err *err)
{
	if (check_word(text, err) < 0)
		return -1;
	bool quote = needs_quotes(text);
	if (quote)
		strbuf_addc(b, '"');
	for (const char *p = text; *p; p++) {
		const char *end = str_starts(p, "${") ? strchr(p, '}') : NULL;
		if (str_starts(p, "$${")) {
			quoted_byte(b, '$');
			p++;
			quoted_byte(b, '{');
			p++;
		} else if (end) {
			_cleanup_free_ char *ref = xstrndup(p + 2, (size_t)(end - p - 2));
			if (variable(b, ref, err) < 0)
				return -1;
			p = end;
		} else {
			quoted_byte(b, (unsigned char)*p);
		}
	}
	if (quote)
		strbuf_addc(b, '"');
	return 0;
}

static int one_line(struct strbuf *b, const char *value, const char *doubled, struct err *err)
{
	size_t n = strlen(value);
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(err, ERR_CONFIG, "\"%s\" has a control character", value);
	if (n && value[n - 1] == '\\')
		return err_set(err, ERR_CONFIG, "\"%s\" ends in a backslash", value);
	for (const char *p = value; *p; p++) {
		if (strchr(doubled, *p))
			strbuf_addc(b, *p);
		strbuf_addc(b, *p);
	}
	return 0;
}

int unit_value(struct strbuf *b, const char *value, struct err *err)
{
	return one_line(b, value, "$%", err);
}

int unit_text(struct strbuf *b, const char *text, struct err *err)
{
	return one_line(b, text, "%", err);
}
