#include "target/agent/backup.h"
static int s3_open(struct vault *v, const struct agent *a, const json_t *options, struct err *err)
{
	(void)v, (void)a, (void)options;
	return err_set(err, ERR_CONFIG, "not yet");
}
const struct vault_kind vault_s3 = {.name = "s3", .open = s3_open};
