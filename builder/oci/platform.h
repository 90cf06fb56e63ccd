/* Debian's architectures by the names of the OCI image specification (Go's GOARCH). */
#pragma once

struct platform {
	const char *debian, *oci;
	const char *variant; /* or NULL */
};
/* NULL for an unknown one. */
const struct platform *platform_of(const char *debian);
