/*
 * A public key as this library keeps it: shared by all threads and engines of the process, counted,
 * with the tables of its fixed base.
 */
#ifndef PAILLIER_KEY_H
#define PAILLIER_KEY_H

#include <pthread.h>
#include <stdatomic.h>

#include "ring.h"

/* How a call ends. BASE_NOT_A_UNIT: hs has no inverse mod n, so that it is no key's base. */
enum { DONE = 1, NO_MEMORY = 0, NOT_A_UNIT = -1, BASE_NOT_A_UNIT = -2 };

/*
 * Powers hs^(d 2^(w i)) = T (1 + n u) for each window i and digit d: T and u, bits/8 bytes each,
 * little-endian, one after the other. A step of an encryption multiplies by T < n and adds u, as
 * (1 + n u)(1 + n v) = 1 + n (u + v) mod n^2.
 */
typedef struct {
  int window_bits;
  int windows;
  size_t bytes;
  uint8_t *entries;
} table;

/*
 * The table for exponents of `exponent_bits`, with `base` (big-endian, twice the bytes of n) in Z*_n^2
 * and its inverse mod n (little-endian). NULL when there is no memory.
 */
table *table_build(const ring *narrow, const ring *wide, const uint8_t *base,
                   const uint8_t *inverse, int exponent_bits, int window_bits);
void table_free(table *t);

/*
 * x <- x T / R and lifts <- lifts + u for the entry of every window, by exponents of `bytes` each,
 * big-endian: x is divided by R as often as there are windows. The entries that are read show the
 * exponent to whoever shares the processor's caches. Needs two numbers.
 */
void walk_table(const ring *g, const table *t, const uint8_t *const exponents[], size_t bytes,
                uint64_t *x, uint64_t *lifts, uint64_t *numbers, uint64_t *scratch);

/* Bits of the number of factors that a correction table covers by one entry each. */
enum { CORRECTION_BITS = 4, FACTORS_BITS_MAX = 17 };

/* A ring with what products need. */
typedef struct {
  ring g;
  arena memory;
  uint64_t *low;  /* plain R^(2 i + 1), for i < 2^CORRECTION_BITS */
  uint64_t *high; /* plain R^(2 2^j + 1), for j = CORRECTION_BITS ... FACTORS_BITS_MAX - 1 */
} product_ring;

/* Which kernels work for a key: any for batches, one of one lane for what comes alone. */
typedef struct {
  const kernel *wide;
  const kernel *narrow;
} kernel_pair;

typedef struct public_key {
  struct public_key *next;
  int references;
  int bits;
  kernel_pair kernels;
  uint8_t *n;  /* little-endian, bits/8 bytes */
  uint8_t *hs; /* big-endian, bits/4 */
  uint8_t *n2; /* n^2, big-endian, bits/4; from key_prepare on, as what follows */
  product_ring wide;
  product_ring narrow;
  pthread_mutex_t lock; /* whoever has it prepares the key, or builds its table */
  _Atomic int is_prepared;
  _Atomic(table *) table; /* the widest so far; grows, is never taken back while the key lives */
  table *narrower;        /* the one before it, which another thread may still read */
} public_key;

/*
 * The key with this modulus and base (big-endian), from those that are open or new: copies bytes
 * and computes nothing. NULL when there is no memory.
 */
public_key *key_open(const uint8_t *n, const uint8_t *hs, int bits, kernel_pair kernels);
public_key *key_retain(public_key *key);
void key_release(public_key *key);

/* What every other use of the key needs, made by the first call alone. DONE or NO_MEMORY. */
int key_prepare(public_key *key);

/* How often a key, public or secret, was prepared in this process: for tests. */
extern atomic_uint keys_prepared;

/* Builds the table unless there is one at least as wide. DONE, NO_MEMORY or BASE_NOT_A_UNIT. */
int key_build_table(public_key *key, int window_bits);

/* From so many items on eight lanes are faster than one after the other, though most stay empty. */
enum { WIDE_ITEMS_MIN = 2 };

/* The ring for `count` items. */
const product_ring *key_ring(const public_key *key, size_t count);

#endif
