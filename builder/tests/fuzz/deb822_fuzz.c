/* Control paragraphs of any bytes: parsed or refused. */
#include "base/mem.h"
#include "deb/control.h"
#include "deb/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err e = ERR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct strvec none = STRVEC_INIT;
	struct trigger_list t = {0};
	struct control_file f;

	if (control_parse((const char *)data, size, "input", &f, &e) == 0) {
		for (size_t i = 0; i < f.paras.n; i++) {
			const struct control *c = &f.paras.v[i];
			if (control_is_package(control_get(c, "package")))
				status_add(&out, c, "install ok unpacked", &none);
		}
		control_release(&f);
	}
	triggers_parse(text, &t);
	triggers_release(&t);
	return 0;
}
