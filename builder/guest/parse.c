/* The texts that are found in an image. None is trusted. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "guest/guest.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static json_t *text(const char *s, size_t n)
{
	json_t *j = json_stringn(s, n);

	return j ? j : json_string("(not UTF-8)");
}

json_t *guest_parse_os_release(const char *s)
{
	json_t *os = json_object();

	while (*s) {
		size_t n = strcspn(s, "\n"), key = strcspn(s, "=\n");
		if (key && key < n && isupper((unsigned char)*s)) {
			_cleanup_free_ char *name = xstrndup(s, key);
			const char *value = s + key + 1;
			size_t len = n - key - 1;
			if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
				value++;
				len -= 2;
			}
			for (char *c = name; *c; c++)
				*c = (char)tolower((unsigned char)*c);
			json_object_set_new(os, name, text(value, len));
		}
		s += n;
		s += *s == '\n';
	}
	return os;
}

/* The value of "Field:" in the line, or NULL. */
static const char *field(const char *line, size_t n, const char *name, size_t *len)
{
	size_t k = strlen(name);

	if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':')
		return NULL;
	for (k++; k < n && line[k] == ' ';)
		k++;
	*len = n - k;
	return line + k;
}

json_t *guest_parse_dpkg_status(const char *s)
{
	static const char *const names[] = {"Package", "Version", "Architecture", "Status"};
	static const char *const keys[] = {"name", "version", "arch"};
	json_t *packages = json_array();

	while (*s) {
		const char *value[4] = {0};
		size_t len[4] = {0};
		while (*s && *s != '\n') { /* to the empty line that ends a paragraph */
			size_t n = strcspn(s, "\n");
			for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
				const char *v = field(s, n, names[i], &len[i]);
				value[i] = v ? v : value[i];
			}
			s += n;
			s += *s == '\n';
		}
		s += strspn(s, "\n");
		if (!value[0] || !value[3] || len[3] < 9 || strncmp(value[3] + len[3] - 9, "installed", 9) != 0 ||
			(len[3] > 9 && value[3][len[3] - 10] != ' '))
			continue;
		json_t *p = json_object();
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			json_object_set_new(p, keys[i], value[i] ? text(value[i], len[i]) : json_null());
		json_array_append_new(packages, p);
	}
	return packages;
}

json_t *guest_parse_images(const char *s, size_t len, struct err *err)
{
	_cleanup_json_ json_t *images = json_parse(s, len, "images.json", err), *list = json_array();
	json_t *image, *name;
	size_t i, k;

	if (!images)
		return NULL;
	json_array_foreach(images, i, image)
	{
		json_t *id = json_object_get(image, "id");
		json_array_foreach(json_object_get(image, "names"), k, name)
		{
			json_array_append_new(list, json_pack("{s:O, s:O?}", "name", name, "id", id));
		}
	}
	return steal(list);
}

const char *guest_format(int fd, const char *image, struct err *err)
{
	uint8_t h[80] = {0};

	ssize_t n = pread(fd, h, sizeof h, 0);
	if (n < 0) {
		err_sys(err, errno, "read %s", image);
		return NULL;
	}
	if (memcmp(h, "QFI\xfb", 4) != 0)
		return "raw";
	/* Version 3, incompatible feature bit 2: an external data file. Bytes 8..15: offset of a backing file's name.
	 */
	bool backing = false;
	for (size_t i = 8; i < 16; i++)
		backing |= h[i] != 0;
	if (backing || (h[7] >= 3 && h[79] & 4)) {
		err_set(err, ERR_VERIFY, "%s: this qcow2 image names another file that holds its data", image);
		err_hint(err, "`qemu-img convert` makes it one file, if you trust where it came from");
		return NULL;
	}
	return "qcow2";
}
