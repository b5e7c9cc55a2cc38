/*
 * Z/n^2 under one kernel: the modulus in the kernel's limbs and the constants that conversions need.
 * A dual number x is *plain* when it stands for x, and *in Montgomery form* when it stands for x R.
 */
#ifndef PAILLIER_RING_H
#define PAILLIER_RING_H

#include "kernel.h"

/* One allocation that hands out aligned pieces and is wiped before it is freed. */
typedef struct {
  uint64_t *memory;
  size_t words;
  size_t used;
} arena;

/* Zero when there is no memory. */
int arena_open(arena *a, size_t words);
uint64_t *arena_take(arena *a, size_t words);
void arena_close(arena *a);

/* Fills with zeros, however little is done with `memory` afterwards. */
void wipe(void *memory, size_t bytes);

enum { R_POWERS = 6 };

typedef struct {
  const kernel *k;
  int bits;  /* of n */
  modulus m;
  size_t number; /* words of a number in all lanes; twice as many in a dual number */
  uint64_t *r[R_POWERS]; /* plain R^i, dual; r[0] = 1 and r[1] is 1 in Montgomery form */
  arena memory;
} ring;

/* n little-endian, odd, of exactly `bits`. Constant time. Zero when there is no memory. */
int ring_open(ring *out, const kernel *k, const uint8_t *n, int bits);
void ring_close(ring *r);

/* Plain R^exponent, for any exponent >= 1. */
void ring_r_power(const ring *g, uint64_t *r, unsigned exponent, uint64_t *scratch);

/*
 * x^e for every lane, in Montgomery form; `digits` are the window digits of e, most significant
 * first, `lanes` of them for each of `count` windows. Reads its table in full for each: constant
 * time for x and e. Needs ring_power_words().
 */
void ring_power(const ring *g, uint64_t *x, int window_bits, int count, const uint32_t *digits,
                uint64_t *memory, uint64_t *scratch);
size_t ring_power_words(const ring *g, int window_bits);

/* The dual number x, plain, to c = a + n b in rows of bits/4 bytes, big-endian. Overwrites x. */
void ring_store(const ring *g, uint8_t *const rows[], uint64_t *x, uint64_t *scratch);

/* Digit `index` (from the least significant) of a big-endian number; beyond its end, zero. */
uint32_t digit_of(const uint8_t *number, size_t bytes, int window_bits, int index);

static inline size_t ring_scratch_words(const ring *g) {
  return kernel_scratch_words(g->k, g->m.limbs);
}

#endif
