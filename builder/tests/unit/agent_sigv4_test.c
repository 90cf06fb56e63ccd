/* Signature Version 4: the signatures that botocore 1.43 makes of the same requests, keys and time. */
#include "agentfix.h"
#include "target/agent/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
	struct sigv4_request request;
	const char *region, *body_hash, *signature;
} cases[] = {
	{{"PUT", "10.213.0.20:7070", "/files", NULL, 0, NULL}, "us-east-1", EMPTY,
		"5d91189d88fab39e0cb2b6a8546fece5fea30a3c2d5769a21335d74647ade8f2"},
	{{"PUT", "10.213.0.20:7070", "/files?versioning",
		 "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 0, NULL},
		"us-east-1", "dd6f6f21cc8680cc5c32bba98d4297e37552279d7e326a35df847ed2713f2d6a",
		"736ff8779cffe9d26ab9ba973604afea68a641482281860b52b38b016042df42"},
	{{"PATCH", "10.213.0.20:7071", "/change-bucket-owner?owner=probe.files&bucket=files", NULL, 0, NULL},
		"us-east-1", EMPTY, "53f4277ad7bba424b7f0c07793e2a2c60c6a545c9ce5d687329f7567d92d21c2"},
	{{"GET", "10.213.0.20:8080", "/a%20b/c?z=1&a=%2F&list-type=2", NULL, 0, NULL}, "eu-1", EMPTY,
		"c3949fdbcb2059aff0393e3ead449425a4c25362de605079ee863468109dde12"},
};

static void signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct sigv4 keys = {.access_key = "probe.files",
			.secret_key = "0123456789abcdef0123456789abcdef0123456789abcdef",
			.region = cases[i].region,
			.service = "s3"};
		struct sigv4_request r = cases[i].request;
		r.at = 1795941914; /* 2026-11-29 08:45:14 UTC */
		_cleanup_strvec_ struct strvec got = STRVEC_INIT;
		sigv4_sign(&keys, &r, &got);
		_cleanup_free_ char *all = strvec_join(&got, "\n");
		_cleanup_free_ char *want =
			xasprintf("Host: %s\nX-Amz-Content-Sha256: %s\nX-Amz-Date: 20261129T084514Z\nAuthorization: "
				  "AWS4-HMAC-SHA256 Credential=probe.files/20261129/%s/s3/aws4_request, "
				  "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%s",
				r.host, cases[i].body_hash, cases[i].region, cases[i].signature);
		assert_string_equal(all, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(signatures)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
