/*
 * What the files of the kernel `ifma` share. A vector has one word of each of eight numbers, and a
 * word is a limb of 52 bits, or a sum that nobody has carried yet.
 */
#ifndef PAILLIER_IFMA_H
#define PAILLIER_IFMA_H

#if defined(__x86_64__)

#include <immintrin.h>

#include "kernel.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

enum { LANES = 8, LIMB_BITS = 52 };

typedef __m512i vec;

INLINE vec low_mask(void) { return _mm512_set1_epi64((1LL << LIMB_BITS) - 1); }
INLINE vec read(const uint64_t *x, int i) { return _mm512_load_si512(x + (ptrdiff_t)LANES * i); }
INLINE void write(uint64_t *x, int i, vec v) { _mm512_store_si512(x + (ptrdiff_t)LANES * i, v); }

/* The kernel's `load` and `store`. */
void ifma_load(uint64_t *r, int limbs, const uint8_t *const rows[], int bytes, int big_endian,
               uint64_t *scratch);
void ifma_store(uint8_t *const rows[], int bytes, int big_endian, const uint64_t *x, int limbs,
                uint64_t *scratch);

#endif

#endif
