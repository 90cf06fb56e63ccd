/* One download's life over several attempts: its file, its running hash, its curl handle. Internal to fetch/. */
#pragma once
#include "base/hash.h"
#include "fetch/aptconf.h"
#include "fetch/cache.h"
#include "fetch/download.h"
#include <curl/curl.h>

enum transfer_state { TRANSFER_DONE, TRANSFER_AGAIN, TRANSFER_FAILED };

struct transfer {
	const struct download *want;
	const struct download_opts *opts;
	struct cache *cache;
	CURL *easy;
	struct curl_slist *headers;
	char curl_error[CURL_ERROR_SIZE];
	char *path; /* CACHE/partial/HEX; a file in CACHE/tmp when another kiln has that one */
	int fd;
	bool may_resume;   /* the file is kept when kiln ends */
	struct hash *hash; /* of the file's first `have` bytes */
	uint64_t have;
	uint64_t seen;			  /* most bytes ever had: what progress was told */
	uint64_t new_bytes;		  /* to tell progress */
	uint64_t asked_from;		  /* this attempt's range */
	bool running;			  /* added to the multi handle */
	bool begun;			  /* this attempt's first bytes were looked at */
	bool rewound;			  /* bytes with a wrong hash were thrown away once */
	uint64_t range_from, range_total; /* of Content-Range */
	bool has_range;
	char *authorization;  /* what this attempt sends, or NULL */
	char *refused;	      /* what the server answered with 401 */
	char *etag;	      /* strong validator of what the file holds, or NULL */
	unsigned attempt;     /* 1-based */
	unsigned in_vain;     /* the latest of them: none but the first brought anything new */
	uint64_t seen_before; /* `seen` when the one before ended */
	uint64_t last_ms;     /* when bytes last arrived, or the attempt began; monotonic */
	uint64_t not_before;  /* of the next attempt; monotonic ms */
	struct err fail;      /* set by a callback that ended the transfer for good */
};

/* Open the file and hash what is there. Done already when it is complete. */
int transfer_open(struct transfer *t, struct err *err);
/* Ready t->easy for the next attempt. Fails when there is no authorization to be had. */
int transfer_prepare(struct transfer *t, const struct apt_conf *conf, struct err *err);
/* An attempt ended: what now? For AGAIN and FAILED `err` says why; *pause_ms is what the server asked for, or 0. */
enum transfer_state transfer_ended(struct transfer *t, CURLcode code, uint64_t *pause_ms, struct err *err);
/* Release; an unfinished file that may be resumed stays. */
void transfer_release(struct transfer *t);
