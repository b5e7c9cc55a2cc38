/* What the drivers in this folder share. They read the primes of a test key, as raw bytes. */
#ifndef PAILLIER_TEST_INPUT_H
#define PAILLIER_TEST_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../secret.h"

enum { PRIME_BYTES = MODULUS_BITS_MAX / 16 };

typedef struct {
  int bits; /* of n */
  size_t prime, message, ciphertext;
  uint8_t p[PRIME_BYTES], q[PRIME_BYTES];
  uint8_t n[2 * PRIME_BYTES], hs[4 * PRIME_BYTES];
  uint8_t n_squared[4 * PRIME_BYTES];
} test_key;

/* Bytes that look like nothing: xorshift (Marsaglia, "Xorshift RNGs", 2003). */
static inline void fill(uint8_t *bytes, size_t count, uint64_t seed) {
  uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (size_t i = 0; i < count; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    bytes[i] = (uint8_t)(x >> 32);
  }
}

/* r = a b, big-endian, both of `bytes`: schoolbook, apart from the code under test. */
static inline void multiply_bytes(uint8_t *r, const uint8_t *a, const uint8_t *b, size_t bytes) {
  uint32_t sum = 0;
  uint64_t carry = 0;
  for (size_t k = 0; k < 2 * bytes; k++) {
    uint64_t column = carry;
    for (size_t i = k < bytes ? 0 : k - bytes + 1; i <= k && i < bytes; i++) {
      sum = (uint32_t)a[bytes - 1 - i] * b[bytes - 1 - (k - i)];
      column += sum;
    }
    r[2 * bytes - 1 - k] = (uint8_t)column;
    carry = column >> 8;
  }
}

/* Reads p and q of bits/16 bytes each; hs is 4, a unit. */
static inline void read_key(test_key *key, int bits) {
  memset(key, 0, sizeof *key);
  key->bits = bits;
  key->prime = (size_t)bits / 16;
  key->message = (size_t)bits / 8;
  key->ciphertext = (size_t)bits / 4;
  if (fread(key->p, 1, key->prime, stdin) != key->prime ||
      fread(key->q, 1, key->prime, stdin) != key->prime) {
    fprintf(stderr, "standard input is p and q\n");
    exit(2);
  }
  multiply_bytes(key->n, key->p, key->q, key->prime);
  multiply_bytes(key->n_squared, key->n, key->n, key->message);
  key->hs[key->ciphertext - 1] = 4;
}

/* `count` numbers below n^2. */
static inline uint8_t *ciphertexts_of(const test_key *key, size_t count, uint64_t seed) {
  uint8_t *const items = malloc(count * key->ciphertext);
  fill(items, count * key->ciphertext, seed);
  for (size_t i = 0; i < count; i++) items[i * key->ciphertext] &= 0x1f; /* n^2 >= 2^(2 bits - 2) */
  return items;
}

/* Not asked here: whether the machine has it; valgrind runs mulx without announcing it. */
static inline kernel_pair kernels_named(const char *name) {
  if (strcmp(name, "ifma") == 0) return (kernel_pair){&ifma_kernel, &mulx_kernel};
  if (strcmp(name, "mulx") == 0) return (kernel_pair){&mulx_kernel, &mulx_kernel};
  if (strcmp(name, "generic") == 0) return (kernel_pair){&generic_kernel, &generic_kernel};
  fprintf(stderr, "no kernel %s\n", name);
  exit(2);
}

#endif
