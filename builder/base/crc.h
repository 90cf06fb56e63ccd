/* Cyclic redundancy checks that file formats ask for; never a defence against anybody. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* CRC-32 of gzip, GPT and zlib (polynomial 0xEDB88320 reflected). Begin with 0, feed the result back in to go on. */
uint32_t crc32_ieee(uint32_t crc, const void *data, size_t n);
/* CRC-64 of ISO 3309 (polynomial 0xD800000000000000 reflected), as Go's hash/crc64 has it. The same way. */
uint64_t crc64_iso(uint64_t crc, const void *data, size_t n);
