#include "oci/platform.h"
#include "base/mem.h"
#include "base/str.h"

static const struct platform platforms[] = {
	{"amd64", "amd64", NULL},
	{"arm64", "arm64", "v8"},
	{"armhf", "arm", "v7"},
	{"armel", "arm", "v5"},
	{"i386", "386", NULL},
	{"ppc64el", "ppc64le", NULL},
	{"riscv64", "riscv64", NULL},
	{"s390x", "s390x", NULL},
};

const struct platform *platform_of(const char *debian)
{
	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
		if (str_eq(platforms[i].debian, debian))
			return &platforms[i];
	return NULL;
}
