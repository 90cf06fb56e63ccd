#include "base/crc.h"
#include <endian.h>
#include <pthread.h>
#include <string.h>

/* table[k][b]: what byte b does to the remainder from k bytes further on; eight bytes are then one step. */
static uint64_t table64[8][256];
static uint32_t table32[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint64_t c64 = b;
		uint32_t c32 = b;
		for (int bit = 0; bit < 8; bit++) {
			c64 = c64 & 1 ? c64 >> 1 ^ 0xD800000000000000ULL : c64 >> 1;
			c32 = c32 & 1 ? c32 >> 1 ^ 0xEDB88320U : c32 >> 1;
		}
		table64[0][b] = c64;
		table32[0][b] = c32;
	}
	for (unsigned k = 1; k < 8; k++)
		for (unsigned b = 0; b < 256; b++) {
			table64[k][b] = table64[0][table64[k - 1][b] & 255] ^ table64[k - 1][b] >> 8;
			table32[k][b] = table32[0][table32[k - 1][b] & 255] ^ table32[k - 1][b] >> 8;
		}
}

uint32_t crc32_ieee(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		w = le64toh(w) ^ crc;
		crc = 0;
		for (unsigned k = 0; k < 8; k++)
			crc ^= table32[7 - k][w >> 8 * k & 255];
	}
	while (n--)
		crc = table32[0][(crc ^ *p++) & 255] ^ crc >> 8;
	return ~crc;
}

uint64_t crc64_iso(uint64_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		crc ^= le64toh(w);
		w = 0;
		for (unsigned k = 0; k < 8; k++)
			w ^= table64[7 - k][crc >> 8 * k & 255];
		crc = w;
	}
	while (n--)
		crc = table64[0][(crc ^ *p++) & 255] ^ crc >> 8;
	return ~crc;
}
