/*
 * The binary extended Euclidean algorithm for an odd modulus (Handbook of Applied Cryptography,
 * 14.61): u = a x and v = a y (mod n) hold throughout, and v ends as the greatest common divisor.
 */
#include "inverse.h"

#include <string.h>

#include "kernel.h"

enum { WORDS_MAX = MODULUS_BITS_MAX / 64 };

static int is_zero(const uint64_t *x, int words) {
  uint64_t bits = 0;
  for (int i = 0; i < words; i++) bits |= x[i];
  return bits == 0;
}

static int compare(const uint64_t *x, const uint64_t *y, int words) {
  for (int i = words - 1; i >= 0; i--) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

/* x += y; returns the carry. */
static uint64_t add(uint64_t *x, const uint64_t *y, int words) {
  uint64_t carry = 0;
  for (int i = 0; i < words; i++) {
    const uint64_t sum = x[i] + y[i];
    const uint64_t next = sum < x[i];
    x[i] = sum + carry;
    carry = next | (x[i] < sum);
  }
  return carry;
}

static void subtract(uint64_t *x, const uint64_t *y, int words) {
  uint64_t borrow = 0;
  for (int i = 0; i < words; i++) {
    const uint64_t difference = x[i] - y[i];
    const uint64_t next = x[i] < y[i];
    x[i] = difference - borrow;
    borrow = next | (difference < borrow);
  }
}

/* x = x / 2, with `top` shifted in. */
static void halve(uint64_t *x, uint64_t top, int words) {
  for (int i = words - 1; i >= 0; i--) {
    const uint64_t low = x[i] & 1;
    x[i] = (x[i] >> 1) | (top << 63);
    top = low;
  }
}

/* x = x - y mod n. */
static void subtract_modulo(uint64_t *x, const uint64_t *y, const uint64_t *n, int words) {
  if (compare(x, y, words) < 0) (void)add(x, n, words); /* a carry is lost again below */
  subtract(x, y, words);
}

/* While u is even: u / 2, x / 2 mod n. */
static void strip(uint64_t *u, uint64_t *x, const uint64_t *n, int words) {
  while (!(u[0] & 1)) {
    halve(u, 0, words);
    halve(x, x[0] & 1 ? add(x, n, words) : 0, words);
  }
}

int inverse_modulo(uint8_t *r, const uint8_t *a, const uint8_t *n, int bytes) {
  const int words = bytes / 8;
  uint64_t u[WORDS_MAX] = {0}, v[WORDS_MAX] = {0}, modulus[WORDS_MAX] = {0};
  uint64_t x[WORDS_MAX] = {1}, y[WORDS_MAX] = {0};
  for (int i = 0; i < bytes; i++) {
    u[i / 8] |= (uint64_t)a[i] << (8 * (i % 8));
    modulus[i / 8] |= (uint64_t)n[i] << (8 * (i % 8));
  }
  memcpy(v, modulus, sizeof v);
  if (is_zero(u, words)) return 0;
  strip(u, x, modulus, words);
  for (;;) { /* both are odd */
    const int order = compare(u, v, words);
    if (order == 0) break;
    if (order > 0) {
      subtract(u, v, words);
      subtract_modulo(x, y, modulus, words);
      strip(u, x, modulus, words);
    } else {
      subtract(v, u, words);
      subtract_modulo(y, x, modulus, words);
      strip(v, y, modulus, words);
    }
  }
  v[0] ^= 1;
  if (!is_zero(v, words)) return 0;
  for (int i = 0; i < bytes; i++) r[i] = (uint8_t)(x[i / 8] >> (8 * (i % 8)));
  return 1;
}
